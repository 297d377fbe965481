"""What makers of devices hand over by themselves, and how it is found whose it is.

Rows are kept to their owner, and who hands over signs nobody in: the function takes accounts at one maker and gives the
connections that bring their readings into a record; what is handed over is then kept as hers (docs/adr/0024, 0032).
"""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION account_connections(maker bigint, accounts text[])
RETURNS TABLE (account text, owner_id integer, connection_id bigint) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.patient::text, c.owner_id::integer, c.id::bigint FROM public.sync_connection c
    JOIN public.accounts_person p ON p.id = c.owner_id
    WHERE c.hospital_id = maker AND c.patient = ANY (accounts) AND c.state IN ('active', 'needs_reauth')
      AND c.removal IS NULL AND p.is_active
$$;
REVOKE ALL ON FUNCTION account_connections(bigint, text[]) FROM PUBLIC;
"""

BACKWARD = "DROP FUNCTION account_connections(bigint, text[]);"


class Migration(migrations.Migration):
    dependencies = [("sync", "0010_device_orders"), ("accounts", "0005_asking")]

    operations = [
        migrations.AddField("hospital", "sealed_signing", models.BinaryField(null=True)),
        migrations.CreateModel(
            name="Piece",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=32)),
                ("digest", models.BinaryField()),
                ("day", models.DateField(null=True)),
                ("sealed", models.BinaryField()),
                ("waiting", models.BooleanField(default=True)),
                ("stamp", models.UUIDField()),
                ("received", models.DateTimeField()),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pieces",
                        to="sync.connection",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["connection", "kind", "day"], name="piece_of_a_day"),
                    models.Index(
                        condition=models.Q(("waiting", True)),
                        fields=["connection", "kind", "-day"],
                        name="piece_waiting",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("connection", "digest", "day"), name="piece_once_a_day", nulls_distinct=False
                    )
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
