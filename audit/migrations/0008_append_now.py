"""An event that is a transaction of its own holds up no other one of its chain while it goes to the disk (ADR 26)."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
-- The first transaction commits without waiting for the disk, and so lets go of the chain; the second writes nothing but
-- waits until all before it is there, as the session's synchronous_commit says: on standbys too, where it names them.
CREATE PROCEDURE audit_append_now(
    p_owner integer, p_action text, p_interaction text, p_outcome text, p_agent_kind text, p_agent text,
    p_agent_name text, p_consent bigint, p_origin text, p_detail jsonb
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
    PERFORM public.audit_append(p_owner, p_action, p_interaction, p_outcome, p_agent_kind, p_agent, p_agent_name,
        p_consent, p_origin, p_detail);
    COMMIT;
    PERFORM pg_catalog.pg_logical_emit_message(true, 'audit', '');
END $$;
"""

BACKWARD = """
DROP PROCEDURE audit_append_now(integer, text, text, text, text, text, text, bigint, text, jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0007_know_delegates")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
