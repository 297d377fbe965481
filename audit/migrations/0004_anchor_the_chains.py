from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_know_clinicians")]
    operations = [
        migrations.CreateModel(
            name="Head",
            fields=[
                ("owner_id", models.IntegerField(primary_key=True, serialize=False)),
                ("sequence", models.BigIntegerField()),
                ("hash", models.BinaryField()),
                ("sealed", models.BigIntegerField(default=0)),
                ("told", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("sequence__gt", 0)), name="head_sequence_counts_from_one"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("owner_id", models.IntegerField()),
                ("sequence", models.BigIntegerField()),
                ("hash", models.BinaryField()),
                ("taken", models.DateTimeField()),
                ("previous_seal", models.BinaryField()),
                ("seal", models.BinaryField()),
            ],
            options={
                "indexes": [models.Index(fields=["owner_id", "sequence"], name="checkpoint_of_owner")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("number__gt", 0)), name="checkpoint_number_counts_from_one"
                    ),
                ],
            },
        ),
    ]
