"""EHR launch: an EHR over real HTTP opens us, and what it must prove before a chart's page is there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from django.test import Client
from django.utils import timezone
from joserfc.jwk import ECKey, RSAKey

from accounts.models import Person
from smartlaunch import arrivals, clinicians, organizations, visits
from smartlaunch.models import Arrival, Clinician, ClinicRole, Ehr, Step, Visit
from tests.fakes.ehr import FakeEHR
from tests.smartlaunch import clinics

pytestmark = pytest.mark.django_db
CLIENT = "tributary"


@pytest.fixture
def fake() -> Iterator[FakeEHR]:
    with launching().running() as running:
        yield running


@pytest.fixture
def ehr(fake: FakeEHR) -> Ehr:
    return clinics.ehr("Cedar Hospital", iss=fake.base, slug="cedar")


def launching(**context: Any) -> FakeEHR:
    """An EHR in which Dr. Rivera has the chart of p1 open."""
    fake = FakeEHR()
    fake.token_extra = {"encounter": "e1", "need_patient_banner": False, "intent": "reconcile", **context}
    fake.claims_changes = {"sub": "rivera", "fhirUser": f"{fake.base}/Practitioner/dr-rivera"}
    name = [{"prefix": ["Dr."], "given": ["Ana"], "family": "Rivera"}]
    fake.hold({"resourceType": "Practitioner", "id": "dr-rivera", "name": name})
    return fake


def knock(browser: Client, ehr: Ehr, launch: str = "launch-1") -> Any:
    return browser.get("/ehr/launch", {"iss": ehr.iss, "launch": launch})


def leave(browser: Client, ehr: Ehr, launch: str = "launch-1") -> str:
    """The address at the EHR's authorization server that the frame is sent to."""
    answer = browser.get(knock(browser, ehr, launch)["Location"])
    assert answer.status_code == 302, answer.content
    return str(answer["Location"])


def approve(address: str, **changes: str | None) -> str:
    """The EHR signs him in silently; our callback, perhaps with something changed in it."""
    back = urlsplit(requests.get(address, allow_redirects=False, timeout=10).headers["Location"])
    given = dict(parse_qsl(back.query)) | changes
    return f"{back.path}?{urlencode({name: value for name, value in given.items() if value is not None})}"


def arrive(browser: Client, ehr: Ehr, launch: str = "launch-1") -> Any:
    return browser.get(approve(leave(browser, ehr, launch)))


def opened(answer: Any) -> str:
    """The address of the page of the visit."""
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def refused(answer: Any, code: str, *, visits: int = 0) -> None:
    assert answer.status_code in (400, 403)
    assert f"Code: {code}" in answer.content.decode()
    assert Visit.objects.count() == visits


# --- what is sent


def test_the_request_carries_launch_aud_pkce_state_and_nonce(ehr: Ehr, fake: FakeEHR):
    asked = dict(parse_qsl(urlsplit(leave(Client(), ehr)).query))

    assert asked.pop("state") != asked.pop("nonce")
    assert len(asked.pop("code_challenge")) == 43
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": "http://127.0.0.1:8000/ehr/callback/cedar",
        "scope": "launch openid fhirUser patient/Patient.rs user/Practitioner.rs",
        "aud": fake.base,
        "launch": "launch-1",
        "code_challenge_method": "S256",
    }


def test_nothing_of_a_launch_is_kept_in_clear(ehr: Ehr):
    asked = dict(parse_qsl(urlsplit(leave(Client(), ehr, "a-launch-value")).query))

    kept = b" ".join(bytes(value) for value in Arrival.objects.values_list("sealed", "state_hash").get())
    assert not any(asked[name].encode() in kept for name in ("state", "nonce", "launch"))


def test_the_cookie_is_for_frames_of_other_sites_and_for_the_embedded_area_alone(ehr: Ehr):
    answer = knock(Client(), ehr)

    [cookie] = answer.cookies.values()
    said = cookie.OutputString()
    assert all(each in said for each in ("Path=/ehr/;", "SameSite=None", "Secure", "HttpOnly", "Partitioned"))
    assert Arrival.objects.get().uid.hex in cookie.key


# --- a visit


def test_a_launch_opens_the_chart_for_who_the_ehr_signed_in(ehr: Ehr):
    browser = Client()
    page = browser.get(opened(arrive(browser, ehr)))

    visit = Visit.objects.select_related("clinician").get()
    assert page.status_code == 200
    assert "Dr. Ana Rivera" in page.content.decode()
    assert (visit.clinician.subject, visit.clinician.fhir_user) == ("rivera", "Practitioner/dr-rivera")
    assert visit.clinician.role == ClinicRole.CLINICIAN
    assert (visit.need_patient_banner, visit.intent, visit.person_id) == (False, "reconcile", None)
    assert 3500 < (visit.ends - timezone.now()).total_seconds() <= 3600
    assert Arrival.objects.get().reached == Step.COMPLETE


def test_a_banner_is_needed_unless_the_ehr_says_otherwise(ehr: Ehr, fake: FakeEHR):
    fake.token_extra = {}
    browser = Client()
    opened(arrive(browser, ehr))

    assert Visit.objects.get().need_patient_banner


def test_what_an_ehr_says_that_is_no_text_is_left_out(ehr: Ehr, fake: FakeEHR):
    fake.token_extra |= {"intent": "\ud800", "smart_style_url": "https://ehr.example/\x00"}
    fake.claims_changes |= {"name": "Dr.\x00 Ana\n Rivera"}

    opened(arrive(Client(), ehr))

    visit = Visit.objects.select_related("clinician").get()
    assert (visit.intent, visit.smart_style_url, visit.clinician.name) == ("", "", "Dr. Ana Rivera")


def test_the_visit_ends_with_the_ehrs_token(ehr: Ehr, fake: FakeEHR):
    fake.token_seconds = 1
    browser = Client()
    page = opened(arrive(browser, ehr))
    assert browser.get(page).status_code == 200

    time.sleep(1.1)

    assert browser.get(page).status_code == 403


def test_two_tabs_on_two_patients_never_mix(ehr: Ehr, fake: FakeEHR):
    """Two launches in one browser, answered the other way round."""
    browser = Client()
    first, second = leave(browser, ehr, "launch-1"), leave(browser, ehr, "launch-2")
    fake.patient = "p2"
    page_of_second = opened(browser.get(approve(second)))
    fake.patient = "p1"
    page_of_first = opened(browser.get(approve(first)))

    found = {visit: browser.get(f"{page}").status_code for visit, page in ((1, page_of_first), (2, page_of_second))}
    assert found == {1: 200, 2: 200}
    patients = []
    for page in (page_of_first, page_of_second):
        uid = page.split("/")[2]
        visit = Visit.objects.get(uid=uid)
        secret = browser.cookies[visits.cookie_name(visit.uid)].value
        patients.append(visits.find(visit.uid, secret, at=timezone.now()).context.patient)
    assert patients == ["p1", "p2"]
    # The cookie of one opens nothing of the other.
    only_first, name = Client(), f"visit_{page_of_first.split('/')[2].replace('-', '')}"
    only_first.cookies[name] = browser.cookies[name].value
    assert only_first.get(page_of_first).status_code == 200
    assert only_first.get(page_of_second).status_code == 403


def test_a_person_signed_in_here_is_nobody_inside_an_ehr(ehr: Ehr):
    browser = Client()
    browser.force_login(Person.objects.create_user("ana@example.org", "a long enough password", name="Ana Person"))
    page = browser.get(opened(arrive(browser, ehr))).content.decode()

    assert "Ana Person" not in page
    assert 'href="/records/' not in page
    assert "Dr. Ana Rivera" in page


def test_closing_locks_the_page_and_forgets_the_token(ehr: Ehr):
    browser = Client(enforce_csrf_checks=True)
    page = opened(arrive(browser, ehr))
    form = browser.get(page).content.decode().partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]

    assert browser.post(f"{page}end/").status_code == 403
    assert browser.get(page).status_code == 200
    assert browser.post(f"{page}end/", {"csrfmiddlewaretoken": form}).status_code == 200

    assert browser.get(page).status_code == 403
    assert Visit.objects.get().sealed_token is None


def test_a_form_of_one_visit_does_nothing_in_another(ehr: Ehr):
    browser = Client(enforce_csrf_checks=True)
    first, second = opened(arrive(browser, ehr, "1")), opened(arrive(browser, ehr, "2"))
    form = browser.get(first).content.decode().partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]

    assert browser.post(f"{second}end/", {"csrfmiddlewaretoken": form}).status_code == 403
    assert browser.get(second).status_code == 200


# --- who may hold it in a frame


def test_only_pages_of_registered_origins_may_hold_it(ehr: Ehr):
    browser = Client()
    page = browser.get(opened(arrive(browser, ehr)))

    assert "frame-ancestors https://chart.example;" in page["Content-Security-Policy"] + ";"
    assert "X-Frame-Options" not in page
    for path in ("/", "/accounts/login/", "/ehr/launch"):
        other = browser.get(path)
        assert "frame-ancestors 'none'" in other["Content-Security-Policy"]
        assert other["X-Frame-Options"] == "DENY"


def test_the_rest_of_the_policy_stays_as_strict_inside_a_frame(ehr: Ehr):
    browser = Client()
    policies = [browser.get(path)["Content-Security-Policy"] for path in ("/", opened(arrive(browser, ehr)))]

    outside, inside = ({part.strip() for part in policy.split(";")} for policy in policies)
    assert {part for part in outside if "frame-ancestors" not in part} == {
        part for part in inside if "frame-ancestors" not in part
    }


def test_without_the_cookie_a_window_of_its_own_is_offered_with_the_launch_unspent(ehr: Ehr, fake: FakeEHR):
    started = knock(Client(), ehr, "still-good")
    page = Client().get(started["Location"])

    assert page.status_code == 403
    assert fake.asked == []
    again = f"/ehr/launch?{urlencode({'iss': ehr.iss, 'launch': 'still-good'})}"
    assert f'href="{again.replace("&", "&amp;")}" target="_blank"' in page.content.decode()
    window = Client()
    assert (
        window.get(opened(window.get(approve(window.get(window.get(again)["Location"])["Location"])))).status_code
        == 200
    )


def test_who_only_knocks_is_forgotten_and_who_knocks_too_often_waits(ehr: Ehr, settings):
    for _ in range(3):
        knock(Client(), ehr)
    Arrival.objects.update(created=timezone.now() - 2 * arrivals.LIFETIME, expires=timezone.now() - arrivals.LIFETIME)
    knock(Client(), ehr)
    assert Arrival.objects.count() == 1

    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "address": 1}
    refused_ones = [answer for _ in range(5) if (answer := knock(Client(), ehr)).status_code == 429]

    assert refused_ones
    assert refused_ones[0]["Retry-After"]


# --- attacks


def test_an_iss_that_is_not_in_the_list_is_never_asked(ehr: Ehr, fake: FakeEHR):
    for iss in (
        f"{fake.base}/",
        fake.base.upper(),
        "https://evil.example/fhir",
        f"{fake.base}@evil.example",
        "",
        "\x00",
    ):
        refused(Client().get("/ehr/launch", {"iss": iss, "launch": "x"}), "unknown_ehr")
    ehr.active = False
    ehr.save()
    refused(knock(Client(), ehr), "unknown_ehr")
    assert fake.asked == []


def test_an_answer_counts_once(ehr: Ehr):
    browser = Client()
    back = approve(leave(browser, ehr))
    opened(browser.get(back))

    refused(browser.get(back), "mismatch", visits=1)


def test_an_answer_that_comes_too_late_is_none(ehr: Ehr):
    browser = Client()
    back = approve(leave(browser, ehr))
    Arrival.objects.update(created=timezone.now() - 2 * arrivals.LIFETIME, expires=timezone.now())

    refused(browser.get(back), "expired")


def test_a_stolen_state_is_of_no_use_in_another_browser_and_is_not_burnt(ehr: Ehr):
    browser = Client()
    back = approve(leave(browser, ehr))

    refused(Client().get(back), "mismatch")
    opened(browser.get(back))


def test_a_code_of_an_attacker_does_not_enter_the_browser_of_a_victim(ehr: Ehr):
    """Signing the victim in as somebody else: the attacker's own answer, opened where his cookie is not."""
    attacker = Client()
    back = approve(leave(attacker, ehr))
    victim = Client()
    leave(victim, ehr)

    refused(victim.get(back), "mismatch")


def test_an_answer_of_another_issuer_is_refused(ehr: Ehr):
    browser = Client()

    refused(browser.get(approve(leave(browser, ehr), iss="https://evil.example")), "wrong_issuer")


def test_an_answer_without_the_issuer_that_the_ehr_always_sends_is_refused(ehr: Ehr):
    browser = Client()

    refused(browser.get(approve(leave(browser, ehr), iss=None)), "wrong_issuer")


def test_the_answer_of_one_ehr_is_not_taken_for_anothers(ehr: Ehr):
    """Mix-up (RFC 9700 4.4): each EHR has a redirect address of its own."""
    with launching().running() as other:
        clinics.ehr("Elm Clinic", iss=other.base, slug="elm")
        browser = Client()
        back = approve(leave(browser, ehr))

        refused(browser.get(back.replace("/callback/cedar", "/callback/elm")), "mismatch")
        assert other.asked == []


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "another-client"}, "bad_identity"),
        ({"aud": ["tributary", "another-client"], "azp": "another-client"}, "bad_identity"),
        ({"iss": "https://evil.example"}, "bad_identity"),
        ({"nonce": "of another launch"}, "bad_identity"),
        ({"exp": 1_700_000_000}, "bad_identity"),
        ({"sub": ""}, "bad_identity"),
        ({"fhirUser": "https://evil.example/fhir/Practitioner/dr-rivera"}, "bad_user"),
        ({"fhirUser": None}, "bad_user"),
        ({"fhirUser": "Practitioner/../../x"}, "bad_user"),
        ({"fhirUser": "Patient/p1"}, "not_admitted"),
    ],
)
def test_an_id_token_that_proves_too_little_opens_nothing(ehr: Ehr, fake: FakeEHR, claims: dict[str, Any], code: str):
    fake.claims_changes |= claims
    browser = Client()

    refused(browser.get(approve(leave(browser, ehr))), code)
    assert Arrival.objects.get().problem == code


def test_an_id_token_signed_by_somebody_else_opens_nothing(ehr: Ehr, fake: FakeEHR):
    fake.signing_key = RSAKey.generate_key(2048, {"kid": "k1"})
    browser = Client()

    refused(browser.get(approve(leave(browser, ehr))), "bad_identity")


def test_an_ehr_that_signs_nobody_in_is_no_ehr_for_us(ehr: Ehr, fake: FakeEHR):
    fake.metadata_changes = {"issuer": None}
    browser = Client()

    refused(browser.get(knock(browser, ehr)["Location"]), "not_smart")


def test_no_pkce_no_launch(ehr: Ehr, fake: FakeEHR):
    fake.metadata_changes = {"code_challenge_methods_supported": ["plain"]}
    browser = Client()

    refused(browser.get(knock(browser, ehr)["Location"]), "not_smart")


def test_a_no_of_the_ehr_is_told_in_words(ehr: Ehr):
    browser = Client()
    state = dict(parse_qsl(urlsplit(leave(browser, ehr)).query))["state"]
    issuer = dict(parse_qsl(urlsplit(approve(leave(Client(), ehr))).query))["iss"]

    answer = browser.get("/ehr/callback/cedar", {"error": "access_denied", "state": state, "iss": issuer})

    refused(answer, "refused_there")
    assert "Your EHR did not let us in." in answer.content.decode()


def test_no_patient_no_visit(ehr: Ehr, fake: FakeEHR):
    fake.token_extra = {"patient": None}
    browser = Client()

    refused(browser.get(approve(leave(browser, ehr))), "no_patient")


# --- who may come in


def test_a_deactivated_clinician_is_out_at_the_next_request_and_not_in_again(ehr: Ehr):
    browser = Client()
    page = opened(arrive(browser, ehr))
    assert browser.get(page).status_code == 200

    Clinician.objects.update(active=False)

    assert browser.get(page).status_code == 403
    refused(arrive(browser, ehr), "deactivated", visits=1)
    clinicians.reactivate(Clinician.objects.get())
    opened(arrive(browser, ehr))


def test_deactivating_forgets_the_tokens(ehr: Ehr):
    opened(arrive(Client(), ehr))
    clinicians.deactivate(Clinician.objects.get(), at=timezone.now())

    assert Visit.objects.get().sealed_token is None
    assert not Visit.objects.open(at=timezone.now()).exists()


def test_rules_of_the_organization_decide_the_role_and_new_ones_at_once(ehr: Ehr, fake: FakeEHR):
    fake.claims_changes |= {"groups": ["cardiology", "night"]}
    organizations.set_rules(
        ehr.organization,
        [("groups", "night", ClinicRole.READER), ("fhirUser", "Practitioner", ClinicRole.CLINICIAN)],
        at=timezone.now(),
    )
    browser = Client()
    page = opened(arrive(browser, ehr))
    assert Clinician.objects.get().role == ClinicRole.READER

    organizations.set_rules(ehr.organization, [("groups", "day", ClinicRole.CLINICIAN)], at=timezone.now())

    assert browser.get(page).status_code == 403
    refused(arrive(browser, ehr), "not_admitted", visits=1)


def test_the_same_subject_at_another_organization_is_another_clinician(ehr: Ehr, fake: FakeEHR):
    opened(arrive(Client(), ehr))
    with launching().running() as other:
        elm = clinics.ehr("Elm Clinic", iss=other.base, slug="elm")
        opened(arrive(Client(), elm))

    assert Clinician.objects.values("issuer", "subject").distinct().count() == 2


# --- who we are at the EHR


def test_a_secret_is_sent_as_basic_and_a_key_signs(ehr: Ehr, fake: FakeEHR):
    seen: list[Any] = []
    fake.before = lambda asked: seen.append(asked) if asked.target == "/auth/token" else None
    clinics.ehr("Cedar Hospital", iss=fake.base, slug="cedar", secret="s3cret")
    opened(arrive(Client(), ehr))
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    clinics.ehr("Cedar Hospital", iss=fake.base, slug="cedar", private_jwk=json.dumps(key.as_dict(private=True)))
    opened(arrive(Client(), ehr))

    basic, signed = seen
    assert basic.authorization.startswith("Basic ")
    assert signed.authorization == ""
