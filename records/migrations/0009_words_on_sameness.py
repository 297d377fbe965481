from __future__ import annotations

import django.db.models.deletion
import django.db.models.manager
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0008_name_longer_master_keys"),
        ("custody", "0002_rows_go_with_their_key"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SamenessWord",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "owner_id", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.IntegerField()),
                ("one_type", models.SmallIntegerField()),
                ("one", models.CharField(max_length=64)),
                ("other_type", models.SmallIntegerField()),
                ("other", models.CharField(max_length=64)),
                (
                    "verdict",
                    models.SmallIntegerField(
                        choices=[
                            (0, "as the rules say"),
                            (1, "the same, whatever the rules say"),
                            (2, "not the same, whatever the rules say"),
                        ]
                    ),
                ),
                ("said", models.DateTimeField()),
                (
                    "actor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
            ],
            managers=[("unguarded", django.db.models.manager.Manager())],
        ),
        migrations.RunSQL(
            "CREATE TRIGGER records_samenessword_append_only BEFORE UPDATE ON records_samenessword"
            " FOR EACH STATEMENT EXECUTE FUNCTION append_only();"
            "CREATE TRIGGER records_samenessword_removed_only_when_erased BEFORE DELETE ON records_samenessword"
            " FOR EACH ROW EXECUTE FUNCTION removed_only_when_erased();",
            "DROP TRIGGER records_samenessword_append_only ON records_samenessword;"
            "DROP TRIGGER records_samenessword_removed_only_when_erased ON records_samenessword;",
        ),
    ]
