"""Whom else a decision may be told, asked by a function: only of a row that is not the owner's own (docs/adr/0024).

As tests inside the policy they were made ready for every statement on decisions, which cost more than the statement.
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
-- Whether the session is about the service that a decision names, or about who acts by the delegation it names.
CREATE FUNCTION decision_names(kind text, grantee text) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF kind = 'app' THEN
        RETURN grantee = (SELECT b.client_id FROM public.accounts_boundservice b);
    END IF;
    -- Of an app that she let in, the grantee is the delegation and the app (delegations.grantee_of_app).
    RETURN kind IN ('person', 'delegate-app') AND EXISTS (
        SELECT FROM public.accounts_boundperson b JOIN public.consent_delegation d ON d.delegate_id = b.person_id
        WHERE d.uid::text = split_part(grantee, ':', 1));
END $$;
REVOKE ALL ON FUNCTION decision_names(text, text) FROM PUBLIC;
-- What `manage.py secure_rows` laid before, and no longer names.
DROP POLICY IF EXISTS told_to_the_service_it_names ON consent_decision;
DROP POLICY IF EXISTS told_to_the_delegate ON consent_decision;
"""

BACKWARD = """
DROP POLICY IF EXISTS told_to_whom_it_names ON consent_decision;
DROP FUNCTION decision_names(text, text);
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0008_find_owner_of_invitation"), ("accounts", "0004_binding")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
