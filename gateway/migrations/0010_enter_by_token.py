"""A token binds the session of the web role to the owner it speaks for, in the statement that looks it up.

The digests of tokens stand in a table that the web role reads; so the digest alone names nobody: whoever calls also
shows that he knows the key (accounts/database/proofs.py).
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE FUNCTION binding_enter(digest text, proof text) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
DECLARE
    found pg_catalog.int4;
    bound pg_catalog.text := '';
BEGIN
    IF public.binding_proof('token ' OPERATOR(pg_catalog.||) digest) OPERATOR(pg_catalog.=) proof THEN
        SELECT COALESCE(g.about_id, g.person_id) INTO found
            FROM public.gateway_accesstoken t JOIN public.gateway_authorization g
                ON g.id OPERATOR(pg_catalog.=) t.authorization_id
            WHERE t.token_checksum OPERATOR(pg_catalog.=) digest;
        IF found IS NOT NULL THEN
            bound := pg_catalog.concat(public.binding_proof(pg_catalog.concat('owner ', found)), ':owner ', found);
        END IF;
    END IF;
    PERFORM pg_catalog.set_config('tributary.about', bound, false);
    RETURN found;
END $$;
REVOKE ALL ON FUNCTION binding_enter(text, text) FROM PUBLIC;
"""

BACKWARD = "DROP FUNCTION binding_enter(text, text);"


class Migration(migrations.Migration):
    dependencies = [("gateway", "0009_let_apps_in_for_somebody"), ("accounts", "0004_binding")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
