"""A small index of the records whose time has no beginning or no end (records.models.FAR): a date search asks it."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

FAR = 2**61


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0004_labels_and_marks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            "record",
            models.Index(
                fields=["owner", "resource_type", "occurred", "id"],
                name="record_endless",
                condition=Q(occurred_end=FAR) | Q(occurred=-FAR),
            ),
        ),
    ]
