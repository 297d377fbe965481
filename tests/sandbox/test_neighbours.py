"""Orders given at the person's site reach the hospital they name, in a process and a database of its own."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from sandbox import neighbours
from sandbox.models import Fault


@pytest.fixture
def lakeside(settings, tmp_path):
    """The configuration of a hospital beside this site; its database is this run's, so that we see what it does."""
    place = tmp_path / "hospitals" / "lakeside"
    place.mkdir(parents=True)
    database = connection.settings_dict
    host, port = quote(database["HOST"], safe=""), database["PORT"] or "5432"
    user, password = database["USER"], quote(database["PASSWORD"], safe="")
    values = {
        "SITE": "hospital",
        "SITE_NAME": "Lakeside Clinic",
        "PUBLIC_URL": "http://127.0.0.1:8002",
        "SANDBOX": "yes",
        "SECRET_KEY": "of a hospital in a test",
        "BROKER_URL": "memory://",
        "DATABASE_URL": f"postgresql://{user}:{password}@/{database['NAME']}?host={host}&port={port}",
    }
    (place / "lakeside.env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    settings.VAR_DIR = tmp_path
    return place


def test_hospital_is_found_by_name_or_slug_in_any_case(lakeside):
    [known] = neighbours.everyone()

    assert known.address == "http://127.0.0.1:8002/fhir/r4"
    assert neighbours.find("LAKESIDE") == neighbours.find("lakeside clinic") == known
    with pytest.raises(CommandError, match="there are: Lakeside Clinic"):
        neighbours.find("Elsewhere")


@pytest.mark.django_db(transaction=True)
def test_fault_and_data_ordered_here_arrive_there(lakeside, tmp_path, capfd):
    file = tmp_path / "patient.json"
    file.write_text(
        json.dumps({"resourceType": "Patient", "id": "p1", "name": [{"family": "Mock", "given": ["Test"]}]})
    )

    call_command("hospital_fault", "lakeside", "throttled", times=3, seconds=9)
    call_command("hospital_load", "lakeside", str(file), password="amber-birch-1234")

    fault = Fault.objects.get()
    assert (fault.kind, fault.remaining, fault.seconds) == ("throttled", 3, 9)
    assert "test.mock.p1@lakeside-clinic.example amber-birch-1234" in capfd.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_failing_order_is_told(lakeside, capfd):
    with pytest.raises(CommandError, match="hospital_enlist failed at Lakeside Clinic"):
        neighbours.run(neighbours.find("lakeside"), "hospital_enlist")
