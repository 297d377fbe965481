from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("smartlaunch", "0002_let_ehrs_open_us")]

    operations = [
        migrations.AddField("visit", "sealed_token", models.BinaryField(null=True)),
        migrations.AlterField("visit", "sealed", models.BinaryField()),
    ]
