"""A simulated hospital says what it is, and is not taken for Tributary."""

from __future__ import annotations

import pytest

from sandbox import populating

pytestmark = pytest.mark.django_db


def test_home_says_that_nothing_here_is_real(hospital, client):
    page = client.get("/").content.decode()

    assert "Lakeside Clinic is a simulated hospital. Everybody in it is made up." in page
    assert "http://hospital.example/fhir/r4" in page


def test_sign_in_page_carries_the_strip_and_the_colours_of_the_hospital(hospital, client):
    page = client.get("/accounts/login/").content.decode()

    assert "hospital-notice" in page
    assert "sandbox/hospital.css" in page


def test_person_site_carries_neither(client):
    page = client.get("/accounts/login/").content.decode()

    assert "hospital-notice" not in page
    assert "sandbox/hospital.css" not in page


def test_clinician_signs_in_and_finds_the_patients(hospital, client):
    clinician = populating.ensure_clinician()

    response = client.post("/accounts/login/", {"login": clinician.email, "password": clinician.password})

    assert (response.status_code, response["Location"]) == (302, "/")
    assert 'href="/patients/"' in client.get("/").content.decode()
