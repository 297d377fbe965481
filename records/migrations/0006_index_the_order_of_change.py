"""The history of a type reads the last changed records first: by range, however many there are."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0005_index_what_never_ends"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            "record",
            models.Index(fields=["owner", "resource_type", "last_updated", "id"], name="record_order_of_change"),
        ),
    ]
