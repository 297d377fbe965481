"""The counters' foreign keys hold what is counted: docs/adr/0010-the-counters-hold-the-foreign-keys.md."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models
from django.db.models.deletion import PROTECT


def _unchecked(to: str) -> models.ForeignKey:
    return models.ForeignKey(to, PROTECT, related_name="+", db_index=False, db_constraint=False)


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0002_protect_versions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField("record", "owner", _unchecked(settings.AUTH_USER_MODEL)),
        migrations.AlterField("record", "source", _unchecked("records.source")),
        migrations.AlterField("searchrow", "owner", _unchecked(settings.AUTH_USER_MODEL)),
    ]
