from __future__ import annotations

import re
import unicodedata

from django.db import migrations


def name_hospitals(apps, schema_editor):
    """Hospitals from before there were brands are found by their own name and place."""
    brands = apps.get_model("sync", "Brand").objects
    for hospital in apps.get_model("sync", "Hospital").objects.all():
        plain = unicodedata.normalize("NFKD", f"{hospital.name} {hospital.place}")
        folded = "".join(each for each in plain if not unicodedata.combining(each)).casefold()
        brands.create(
            hospital=hospital,
            listing="entered here",
            key="",
            name=hospital.name,
            place=hospital.place,
            words=re.sub(r"[\W_]+", " ", folded).strip(),
        )


class Migration(migrations.Migration):
    dependencies = [("sync", "0005_find_by_any_name")]

    operations = [migrations.RunPython(name_hospitals, migrations.RunPython.noop)]
