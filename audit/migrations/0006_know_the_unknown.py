from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_move_the_heads")]
    operations = [
        migrations.AlterField(
            model_name="event",
            name="agent_kind",
            field=models.CharField(
                choices=[
                    ("owner", "the owner herself"),
                    ("app", "an app she let in"),
                    ("source", "a source that feeds her record"),
                    ("staff", "a clinician of the hospital that holds it"),
                    ("system", "Tributary itself"),
                    ("unknown", "somebody who did not say who, or said it wrongly"),
                ],
                max_length=8,
            ),
        ),
    ]
