"""Who holds the token of an invitation may know whose it is, before anything was said: rows are kept to their owner.

The function takes the digest, which stands in rows of the owner alone, and gives her number; what she offers is read
as hers (docs/adr/0024).
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE FUNCTION delegation_owner(digest text) RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.owner_id FROM public.consent_delegation d WHERE d.invitation = digest AND digest <> ''
$$;
REVOKE ALL ON FUNCTION delegation_owner(text) FROM PUBLIC;
"""

BACKWARD = "DROP FUNCTION delegation_owner(text);"


class Migration(migrations.Migration):
    dependencies = [("consent", "0007_let_apps_in_for_her")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
