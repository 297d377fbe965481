"""Every event moves the head of its owner's chain, in the same statement; heads and checkpoints only go forward.

Appending reads the end of the chain from the head, one row by its key, and no longer from the events themselves.
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
-- Heads are updated in place: room for the next version on the same page keeps their one index untouched.
ALTER TABLE audit_head SET (fillfactor = 50);

INSERT INTO audit_head (owner_id, sequence, hash, sealed, told)
    SELECT DISTINCT ON (owner_id) owner_id, sequence, hash, 0, 0
    FROM audit_event ORDER BY owner_id, sequence DESC;

CREATE OR REPLACE FUNCTION audit_append(
    p_owner integer, p_action text, p_interaction text, p_outcome text, p_agent_kind text, p_agent text,
    p_agent_name text, p_consent bigint, p_origin text, p_detail jsonb
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    e audit_event;
BEGIN
    PERFORM pg_advisory_xact_lock(1, p_owner);
    SELECT sequence + 1, hash INTO e.sequence, e.previous_hash FROM audit_head WHERE owner_id = p_owner;
    e.owner_id := p_owner;
    e.sequence := coalesce(e.sequence, 1);
    e.previous_hash := coalesce(e.previous_hash, ''::bytea);
    e.recorded := clock_timestamp();
    e.action := p_action;
    e.interaction := p_interaction;
    e.outcome := p_outcome;
    e.agent_kind := p_agent_kind;
    e.agent := p_agent;
    e.agent_name := p_agent_name;
    e.consent_id := p_consent;
    e.origin := p_origin;
    e.detail := p_detail;
    e.hash := audit_event_hash(e);
    INSERT INTO audit_event (owner_id, sequence, recorded, action, interaction, outcome, agent_kind, agent, agent_name,
        consent_id, origin, detail, previous_hash, hash)
    VALUES (e.owner_id, e.sequence, e.recorded, e.action, e.interaction, e.outcome, e.agent_kind, e.agent,
        e.agent_name, e.consent_id, e.origin, e.detail, e.previous_hash, e.hash);
    IF e.sequence = 1 THEN
        INSERT INTO audit_head (owner_id, sequence, hash, sealed, told) VALUES (p_owner, 1, e.hash, 0, 0);
    ELSE
        UPDATE audit_head SET sequence = e.sequence, hash = e.hash WHERE owner_id = p_owner;
    END IF;
    RETURN e.sequence;
END $$;

CREATE TRIGGER audit_head_goes_forward BEFORE UPDATE ON audit_head FOR EACH ROW
    WHEN (NEW.owner_id <> OLD.owner_id OR NEW.sequence NOT IN (OLD.sequence, OLD.sequence + 1)
        OR (NEW.sequence = OLD.sequence AND NEW.hash <> OLD.hash)
        OR NEW.sealed < OLD.sealed OR NEW.told < OLD.told)
    EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_checkpoint_append_only BEFORE UPDATE OR DELETE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
"""

BACKWARD = """
DROP TRIGGER audit_checkpoint_append_only ON audit_checkpoint;
DROP TRIGGER audit_head_stays ON audit_head;
DROP TRIGGER audit_head_goes_forward ON audit_head;

CREATE OR REPLACE FUNCTION audit_append(
    p_owner integer, p_action text, p_interaction text, p_outcome text, p_agent_kind text, p_agent text,
    p_agent_name text, p_consent bigint, p_origin text, p_detail jsonb
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    e audit_event;
BEGIN
    PERFORM pg_advisory_xact_lock(1, p_owner);
    SELECT sequence + 1, hash INTO e.sequence, e.previous_hash
        FROM audit_event WHERE owner_id = p_owner ORDER BY sequence DESC LIMIT 1;
    e.owner_id := p_owner;
    e.sequence := coalesce(e.sequence, 1);
    e.previous_hash := coalesce(e.previous_hash, ''::bytea);
    e.recorded := clock_timestamp();
    e.action := p_action;
    e.interaction := p_interaction;
    e.outcome := p_outcome;
    e.agent_kind := p_agent_kind;
    e.agent := p_agent;
    e.agent_name := p_agent_name;
    e.consent_id := p_consent;
    e.origin := p_origin;
    e.detail := p_detail;
    e.hash := audit_event_hash(e);
    INSERT INTO audit_event (owner_id, sequence, recorded, action, interaction, outcome, agent_kind, agent, agent_name,
        consent_id, origin, detail, previous_hash, hash)
    VALUES (e.owner_id, e.sequence, e.recorded, e.action, e.interaction, e.outcome, e.agent_kind, e.agent,
        e.agent_name, e.consent_id, e.origin, e.detail, e.previous_hash, e.hash);
    RETURN e.sequence;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_anchor_the_chains")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
