"""A record's past cannot be altered, a record's row cannot vanish, and record numbers come from one sequence."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE SEQUENCE records_record_number;

CREATE TRIGGER records_version_append_only BEFORE UPDATE OR DELETE ON records_recordversion
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE TRIGGER records_record_never_removed BEFORE DELETE ON records_record
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

ALTER TABLE records_record ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE records_recordversion ALTER COLUMN body SET STORAGE EXTERNAL;
"""

BACKWARD = """
DROP TRIGGER records_record_never_removed ON records_record;
DROP TRIGGER records_version_append_only ON records_recordversion;
DROP SEQUENCE records_record_number;
"""


class Migration(migrations.Migration):
    dependencies = [("records", "0001_initial"), ("audit", "0002_append_and_protect")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
