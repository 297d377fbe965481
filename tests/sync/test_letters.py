"""The text for the clinic: what failed and where, in her language, and nothing about her."""

from __future__ import annotations

import pytest
from django.utils import translation

from sync import hospitals, letters
from sync.models import Connection, Run
from sync.problems import WORDS, Problem
from sync.sources.fhir_rest import client as http
from tests.fakes.ehr import FakeEHR
from tests.sync.test_runs import observation, perform

# What she, or we, can mend.
NOT_THE_CLINICS = {
    Problem.BUSY,
    Problem.OUR_TURN,
    Problem.SIGNED_OUT,
    Problem.UNSUPPORTED,
    Problem.MISSING,
    Problem.STOPPED,
    Problem.STUCK,
    Problem.CONSENT_REFUSED,
    Problem.EXPIRED,
    Problem.MISMATCH,
    Problem.NOT_HERS,
}


def test_every_problem_has_words_and_is_somebodys_to_mend():
    assert set(WORDS) == set(Problem)
    assert set(letters.ASKS) == set(Problem) - NOT_THE_CLINICS


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("language", "sentence"), [("en", "error of its own"), ("es", "un error propio")])
def test_the_letter_tells_what_failed_and_nothing_about_her(
    ehr: FakeEHR, connection: Connection, monkeypatch: pytest.MonkeyPatch, language: str, sentence: str
):
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0)
    ehr.hold(observation(1))
    ehr.answer_with(r"/Observation\?", 500, times=99)
    perform(connection)

    with translation.override(language):
        letter = letters.to_clinic(connection)

    assert sentence in letter
    assert "Observation HTTP 500 " in letter
    assert ehr.base in letter
    for secret in ("p1", "Rivera", "ana@", "patient="):
        assert secret not in letter


@pytest.mark.django_db(transaction=True)
def test_no_letter_where_nothing_is_wrong_or_the_clinic_cannot_help(ehr: FakeEHR, connection: Connection):
    assert letters.to_clinic(connection) == ""  # not begun
    perform(connection)
    assert letters.to_clinic(connection) == ""
    Run.objects.update(problem=Problem.SIGNED_OUT)

    assert letters.to_clinic(connection) == ""


@pytest.mark.django_db
def test_a_failure_to_connect_has_a_letter_too_but_none_for_a_maker_of_devices():
    failure = letters.Failure("", Problem.NOT_SMART, None, letters.datetime.now(letters.UTC))
    plan = hospitals.register("https://fhir.example/r4", name="Plan", client_id="us", vendor="payer")
    maker = hospitals.register("https://wbsapi.withings.net/", name="Withings", client_id="us", vendor="withings")

    letter = letters.compose(plan, [failure])

    assert "https://fhir.example/r4" in letter
    assert "PKCE" in letter
    assert letters.compose(maker, [failure]) == ""
