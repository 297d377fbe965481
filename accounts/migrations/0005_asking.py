"""Who is about to sign in: only her passkeys and one-time codes can be reached then (docs/adr/0024)."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE VIEW accounts_boundasking WITH (security_barrier) AS
    SELECT pg_catalog.split_part(said, ' ', 2)::pg_catalog.int4 AS person_id FROM accounts_bound
    WHERE pg_catalog.starts_with(said, 'asking ');
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_binding")]
    operations = [migrations.RunSQL(FORWARD, "DROP VIEW accounts_boundasking;")]
