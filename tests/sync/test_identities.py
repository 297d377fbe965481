"""The identity guard: who fits, who does not, and who cannot be told."""

from __future__ import annotations

import pytest

from sync import identities
from sync.identities import Verdict

KNOWN = {"name": [{"family": "Núñez Ruiz", "given": ["María", "José"]}], "birthDate": "1970-05-01"}


def verdict(said, known=KNOWN):
    return identities.compare(identities.of_patient(known), identities.of_patient(said))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"name": [{"family": "NUNEZ", "given": ["Maria"]}], "birthDate": "1970-05-01"}, Verdict.FITS),
        ({"name": [{"family": "Nunez-Ruiz", "given": ["M."]}], "birthDate": "1970"}, Verdict.FITS),
        ({"name": [{"text": "María Ruiz"}]}, Verdict.FITS),
        ({"name": [{"family": "Miller", "given": ["Maria"]}], "birthDate": "1970-05-01"}, Verdict.FITS),
        ({"name": [{"family": "Miller", "given": ["Maria"]}], "birthDate": "1970"}, Verdict.NAME_DIFFERS),
        ({"name": [{"family": "Nunez", "given": ["Pedro"]}], "birthDate": "1970-05-01"}, Verdict.NAME_DIFFERS),
        ({"name": [{"family": "Nunez", "given": ["Maria"]}], "birthDate": "1970-05-02"}, Verdict.BIRTH_DATE_DIFFERS),
        ({"birthDate": "1970-05-01"}, Verdict.FITS),
        ({}, Verdict.UNNAMED),
        ({"name": "Maria", "birthDate": 1970}, Verdict.UNNAMED),
    ],
)
def test_verdict_on_what_a_document_says(said, expected):
    assert verdict(said) is expected


def test_nothing_known_is_not_taken_for_a_fit():
    assert verdict({"name": [{"family": "Nunez", "given": ["Maria"]}]}, {}) is Verdict.UNKNOWN


def test_one_word_in_common_is_no_fit():
    assert (
        verdict({"name": [{"family": "Other", "given": ["Maria"]}]}, {"name": [{"text": "Maria"}]})
        is Verdict.NAME_DIFFERS
    )
    assert verdict({"name": [{"text": "Maria"}]}, {"name": [{"text": "maria"}]}) is Verdict.FITS


def test_names_in_other_scripts_are_compared_too():
    known = {"name": [{"family": "山田", "given": ["太郎"]}]}

    assert verdict({"name": [{"family": "山田", "given": ["太郎"]}]}, known) is Verdict.FITS
    assert verdict({"name": [{"family": "佐藤", "given": ["太郎"]}]}, known) is Verdict.NAME_DIFFERS
