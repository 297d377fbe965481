from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0008_append_now"),
    ]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="agent_kind",
            field=models.CharField(
                choices=[
                    ("owner", "the owner herself"),
                    ("delegate", "a person who acts for the owner"),
                    ("app", "an app she let in"),
                    ("source", "a source that feeds her record"),
                    ("link", "whoever holds a link she made"),
                    ("staff", "a clinician of the hospital that holds it"),
                    ("system", "Tributary itself"),
                    ("unknown", "somebody who did not say who, or said it wrongly"),
                ],
                max_length=8,
            ),
        ),
    ]
