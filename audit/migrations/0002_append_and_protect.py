"""The chain of events is written by one SQL function and can be changed by nobody.

``audit_append`` takes the lock of the owner's chain, so writers for different owners never wait for each other; the
lock ends with the transaction, which is when the event is durable.
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE FUNCTION audit_hash(previous bytea, VARIADIC parts jsonb[]) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256(previous || convert_to(to_jsonb(parts)::text, 'UTF8'))
$$;

CREATE FUNCTION audit_event_hash(e audit_event) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT audit_hash(
        e.previous_hash, to_jsonb(e.owner_id), to_jsonb(e.sequence),
        to_jsonb((extract(epoch FROM e.recorded) * 1000000)::bigint), to_jsonb(e.action), to_jsonb(e.interaction),
        to_jsonb(e.outcome), to_jsonb(e.agent_kind), to_jsonb(e.agent), to_jsonb(e.agent_name),
        coalesce(to_jsonb(e.consent_id), 'null'::jsonb), to_jsonb(e.origin), e.detail)
$$;

CREATE FUNCTION audit_append(
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

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
"""

BACKWARD = """
DROP TRIGGER audit_event_append_only ON audit_event;
DROP FUNCTION append_only();
DROP FUNCTION audit_append(integer, text, text, text, text, text, text, bigint, text, jsonb);
DROP FUNCTION audit_event_hash(audit_event);
DROP FUNCTION audit_hash(bytea, jsonb[]);
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
