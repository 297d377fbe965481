"""How far labels are made, and the owner's own word on a record, which cannot be altered."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.manager
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_synthetic_people"),
        ("records", "0003_counters_hold_the_foreign_keys"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Labelling",
            fields=[
                (
                    "owner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("version", models.CharField(max_length=24)),
                ("reached", models.BigIntegerField(default=0)),
                ("marked", models.BooleanField(default=False)),
            ],
            managers=[
                ("unguarded", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="LabelMark",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "owner_id",
                        "resource_type",
                        "logical_id",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "actor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("resource_type", models.SmallIntegerField()),
                ("logical_id", models.CharField(max_length=64)),
                ("number", models.IntegerField()),
                (
                    "verdict",
                    models.SmallIntegerField(
                        choices=[
                            (0, "as the rules say"),
                            (1, "sensitive, whatever the rules say"),
                            (2, "not sensitive in the ways the rules said then"),
                        ]
                    ),
                ),
                ("released", models.IntegerField(default=0)),
                ("marked", models.DateTimeField()),
            ],
            managers=[
                ("unguarded", django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(
                condition=models.Q(models.Q(("labels", 0), _negated=True), ("deleted", False)),
                fields=["owner", "occurred", "id"],
                name="record_labelled",
            ),
        ),
        migrations.RunSQL(
            "CREATE TRIGGER records_labelmark_append_only BEFORE UPDATE OR DELETE ON records_labelmark"
            " FOR EACH STATEMENT EXECUTE FUNCTION append_only()",
            "DROP TRIGGER records_labelmark_append_only ON records_labelmark",
        ),
    ]
