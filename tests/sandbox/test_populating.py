"""The built-in people arrive once, and the logins that are told work."""

from __future__ import annotations

import stat
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Person, Role
from sandbox import keepsakes, populating, staff

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_populating_twice_loads_nobody_again(hospital):
    first, again = populating.populate(at=AT), populating.populate(at=AT)

    assert len(first.people) == 7
    assert sum(one.new for one in first.people) > 2_000
    assert again is None


def test_logins_open_the_accounts_they_name_and_are_ours_alone_to_read(hospital):
    call_command("hospital_populate", staff.LAKESIDE, stdout=None)

    path = hospital.VAR_DIR / "logins.json"
    logins = keepsakes.read(path)
    people = {one.email: one for one in Person.objects.all()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {one["patient"] for one in logins["patients"]} == {
        one.patient_id for one in people.values() if one.role == Role.PATIENT
    }
    assert all(people[one["email"]].check_password(one["password"]) for one in logins["patients"])
    assert people[logins["clinician"]["email"]].role == Role.CLINICIAN
    assert people[logins["clinician"]["email"]].check_password(logins["clinician"]["password"])


def test_order_for_another_hospital_is_refused(hospital):
    with pytest.raises(CommandError, match="this is Lakeside Clinic, not Elsewhere"):
        call_command("hospital_populate", "Elsewhere")
