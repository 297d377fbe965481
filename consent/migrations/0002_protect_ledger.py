"""A decision is never edited or removed."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE TRIGGER consent_decision_append_only BEFORE UPDATE OR DELETE ON consent_decision
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
"""
BACKWARD = "DROP TRIGGER consent_decision_append_only ON consent_decision;"


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_initial"), ("audit", "0002_append_and_protect")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
