"""What may never be removed may be removed once its owner's key is destroyed, and then only hers.

The rows of the audit chain, the ledger, the records and their versions are kept by triggers. Those go on refusing
every change; a removal they refuse for every owner who is not in ``records_destroyedkey``, which itself can only grow.
"""

from __future__ import annotations

from django.db import migrations

TABLES = {
    "audit_event": "audit_event_append_only",
    "consent_decision": "consent_decision_append_only",
    "records_recordversion": "records_version_append_only",
    "records_labelmark": "records_labelmark_append_only",
    "records_record": "records_record_never_removed",
    "audit_head": "audit_head_stays",
}
# These may change, as far as other triggers let them; only a removal is refused.
ONLY_REMOVAL = {"records_record", "audit_head"}

FUNCTION = """
CREATE FUNCTION removed_only_when_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM records_destroyedkey d WHERE d.owner_id = OLD.owner_id) THEN
        RAISE EXCEPTION '% is append-only: DELETE refused', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END $$;
"""


def _forward(table: str, trigger: str) -> str:
    kept = (
        ""
        if table in ONLY_REMOVAL
        else (f"CREATE TRIGGER {trigger} BEFORE UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION append_only();")
    )
    return (
        f"DROP TRIGGER {trigger} ON {table};{kept}"
        f"CREATE TRIGGER {table}_removed_only_when_erased BEFORE DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION removed_only_when_erased();"
    )


def _backward(table: str, trigger: str) -> str:
    kept = "" if table in ONLY_REMOVAL else f"DROP TRIGGER {trigger} ON {table};"
    events = "DELETE" if table in ONLY_REMOVAL else "UPDATE OR DELETE"
    return (
        f"DROP TRIGGER {table}_removed_only_when_erased ON {table};{kept}"
        f"CREATE TRIGGER {trigger} BEFORE {events} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION append_only();"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("custody", "0001_erasures"),
        ("audit", "0006_know_the_unknown"),
        ("consent", "0004_decide_by_every_axis"),
        ("records", "0007_destroyed_keys"),
    ]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION removed_only_when_erased();"),
        *(migrations.RunSQL(_forward(*pair), _backward(*pair)) for pair in TABLES.items()),
    ]
