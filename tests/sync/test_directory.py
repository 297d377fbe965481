"""Finding a hospital among thousands of names, by the beginnings of words, whatever the accents."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from sync import directory, hospitals, listings
from sync.listings import Entry

pytestmark = pytest.mark.django_db


def enter(*names: str, place: str = "", portal: str = "") -> None:
    entries = [
        Entry(name, name, f"https://h{number}.example/{directory.fold(name).replace(' ', '-')}", place, portal)
        for number, name in enumerate(names)
    ]
    listings.keep(entries, listing=" ".join(names)[:100])


def names(text: str) -> list[str]:
    return [brand.name for brand in directory.found(text, limit=40)]


@pytest.mark.parametrize("text", ["clinica nunez", "Clínica Núñez", "NUNEZ clin", "  núñ  ", "nunez!"])
def test_accents_case_and_order_do_not_matter(text: str):
    enter("Clínica Núñez", "Clinic Newton")

    assert names(text) == ["Clínica Núñez"]


def test_a_hospital_is_found_by_name_place_and_portal():
    enter("Cedar Hospital", place="Des Moines, IA", portal="MyChart")

    assert names("ceda") == names("des moi") == names("mychart") == names("cedar mych") == ["Cedar Hospital"]
    assert names("cedar nowhere") == []


def test_the_beginning_of_the_name_comes_first_and_then_where_we_are_registered():
    enter("North River Clinic", "River Care", "River Bend")
    hospitals.register("https://riverside.example/fhir", name="Riverside", client_id="ours")

    assert names("river") == ["Riverside", "River Bend", "River Care", "North River Clinic"]


def test_without_words_only_where_we_are_registered():
    enter("River Care")
    hospitals.register("https://riverside.example/fhir", name="Riverside", client_id="ours")

    assert names("") == names(" *&|! ") == ["Riverside"]


def test_a_hospital_that_was_switched_off_is_not_found():
    hospital = hospitals.register("https://riverside.example/fhir", name="Riverside", client_id="ours")
    assert names("river") == ["Riverside"]
    type(hospital).objects.update(active=False)

    assert names("river") == []


@pytest.mark.parametrize("text", ["a:* | b", "'; drop", "\\", "((", "!!", "<->"])
def test_what_means_something_to_the_search_means_nothing_here(text: str):
    enter("River Care")

    assert names(text) == [] or not directory.fold(text)


def test_ten_thousand_names_are_answered_as_she_types():
    enter(*(f"Hospital {number} of Example Town {number % 97}" for number in range(10_000)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sync_brand")
    names("warm")

    began = time.perf_counter()
    found = names("hosp 12 exam")
    took = time.perf_counter() - began

    assert len(found) == 40
    assert took < 0.5  # some ten milliseconds on a quiet machine


def test_what_staff_enter_is_a_name_like_any_other(tmp_path: Path):
    credentials = tmp_path / "credentials.json"
    credentials.write_text('{"client_id": "ours", "secret": "a secret"}')

    for place in ("Sandbox", "Springfield"):
        call_command(
            "hospital_enter",
            "https://riverside.example/fhir/r4",
            name="Riverside General Hospital",
            place=place,
            slug="riverside",
            vendor="oracle",
            credentials=credentials,
        )

    (found,) = directory.found("springf riv", limit=5)
    assert (found.name, found.hospital.slug, found.hospital.vendor) == (
        "Riverside General Hospital",
        "riverside",
        "oracle",
    )
    assert names("sandbox") == []
