"""Visits and appointments, who takes care of her, and what it cost: from all sources, each told once."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from benchmarks import walk
from local import seeding
from portal import costs
from portal.costs import Amount, Share
from records import marks
from tests.architecture import possessions
from tests.portal import people

pytestmark = pytest.mark.django_db
PATIENT = {"reference": "Patient/p"}
ADJUDICATION = "http://terminology.hl7.org/CodeSystem/adjudication"
CLAIMS = seeding.SHARED_DATA / "fhir-claims"
recorded = pytest.mark.skipif(not CLAIMS.exists(), reason="the public data sets do not lie beside the checkout")


def page(client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def visit(logical_id: str, start: str, **more) -> dict:
    return {
        "resourceType": "Encounter", "id": logical_id, "status": "finished", "subject": PATIENT,
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [{"text": "Check-up"}], "period": {"start": start, "end": start.replace("T10", "T11")},
        "serviceProvider": {"reference": "Organization/o", "display": "Riverside Heart Centre"},
        "participant": [{"individual": {"reference": "Practitioner/v", "display": "Dr. Iris Vale"}}],
        "reasonCode": [{"text": "Palpitations"}], **more,
    }  # fmt: skip


def appointment(logical_id: str, start, status: str = "booked") -> dict:
    return {
        "resourceType": "Appointment", "id": logical_id, "status": status, "start": start.isoformat(),
        "end": (start + timedelta(minutes=20)).isoformat(), "description": "Follow-up",
        "serviceType": [{"text": "Cardiology"}], "patientInstruction": "Bring your readings.",
        "participant": [{"actor": {"reference": "Practitioner/v", "display": "Dr. Iris Vale"}, "status": "accepted"},
                        {"actor": {"reference": "Location/l", "display": "Room 4"}, "status": "accepted"}],
    }  # fmt: skip


def explained(logical_id: str, start: str = "2024-02-03", numbers: tuple[str, ...] = (), **more) -> dict:
    return {
        "resourceType": "ExplanationOfBenefit", "id": logical_id, "status": "active", "use": "claim",
        "patient": PATIENT,
        "type": {"coding": [{"code": "professional", "display": "Professional"}]}, "outcome": "complete",
        "billablePeriod": {"start": start, "end": start}, "created": start, "insurer": {"display": "Harbor Health"},
        "provider": {"display": "Riverside Heart Centre"}, "insurance": [{"focal": True, "coverage": {"display": "x"}}],
        "identifier": [{"system": "https://plan.example/claim", "value": each} for each in numbers], **more,
    }  # fmt: skip


def total(code: str, value: str, currency: str = "USD", system: str = ADJUDICATION) -> dict:
    coding = [{"system": system, "code": code}]
    return {"category": {"coding": coding}, "amount": {"value": Decimal(value), "currency": currency}}


def cms(general: str, variable: str, value: str) -> dict:
    said = total(general, value)
    code = f"https://bluebutton.cms.gov/resources/variables/{variable}"
    said["category"]["coding"].append(
        {"system": "https://bluebutton.cms.gov/resources/codesystem/adjudication", "code": code}
    )
    return said


def test_a_visit_that_two_sources_tell_is_one_line_with_where_who_and_why():
    person = people.sign_up()
    people.store_records(person, [visit("a", "2024-05-06T10:00:00Z"), visit("older", "2020-01-02T10:00:00Z")])
    people.store_records(person, [visit("b", "2024-05-06T10:00:00Z")], hospital="Cedar")

    text = page(people.browser_of(person), "/visits/")

    assert text.count('<details class="told">') == 2
    for words in (
        "Check-up",
        "Riverside Heart Centre",
        "Dr. Iris Vale",
        "Palpitations",
        "Cedar",
        "/record/Encounter/b/",
    ):
        assert words in text
    assert text.index("/record/Encounter/a/") < text.index("/record/Encounter/older/")


def test_appointments_to_come_stand_first_and_those_called_off_do_not():
    person, soon = people.sign_up(), timezone.now() + timedelta(days=3)
    people.store_records(
        person,
        [
            appointment("later", soon + timedelta(days=9)),
            appointment("soon", soon),
            appointment("off", soon, "cancelled"),
            appointment("gone", timezone.now() - timedelta(days=9)),
        ],
    )

    text = page(people.browser_of(person), "/visits/")

    assert re.findall(r'href="/record/Appointment/(\w+)/"', text) == ["soon", "later"]
    for words in ("Bring your readings.", "Dr. Iris Vale", "Room 4", "Riverside"):
        assert words in text


def test_visits_are_paged_and_queries_do_not_grow():
    asked = []
    for number in (2, 35):
        person = people.sign_up()
        people.store_records(person, [visit(f"v{each}", f"20{each + 10}-01-02T10:00:00Z") for each in range(number)])
        client = people.browser_of(person)
        client.get("/visits/")
        with walk.counted() as queries:
            text = page(client, "/visits/")
        asked.append(queries())

    assert asked[0] == asked[1] <= 60
    older = re.search(r'rel="next" href="([^"]+)"', text)[1]
    assert "/record/Encounter/v0/" in page(client, f"/visits/{older}".replace("&amp;", "&"))


def test_the_care_team_is_everybody_across_organizations_last_seen_first():
    person = people.sign_up()
    vale = {"resourceType": "Practitioner", "id": "v", "name": [{"given": ["Iris"], "family": "Vale"}],
            "telecom": [{"system": "phone", "value": "555-0101"}]}  # fmt: skip
    moss = {"resourceType": "Practitioner", "id": "m", "name": [{"given": ["Omar"], "family": "Moss"}]}
    role = {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "Practitioner/v"},
            "specialty": [{"text": "Cardiology"}], "organization": {"display": "Riverside Heart Centre"}}  # fmt: skip
    team = {"resourceType": "CareTeam", "id": "t", "name": "Heart team", "status": "active", "subject": PATIENT,
            "participant": [{"member": {"display": "Iris Vale"}, "role": [{"text": "Cardiologist"}]}]}  # fmt: skip
    people.store_records(person, [vale, role, team, visit("a", "2024-05-06T10:00:00Z")])
    people.store_records(person, [moss], hospital="Cedar")

    text = page(people.browser_of(person), "/care-team/")

    for words in ("Heart team", "Iris Vale, Cardiologist", "Cardiology, Riverside Heart Centre", "555-0101", "Cedar"):
        assert words in text
    assert "last visit May 6, 2024" in text
    assert text.index("/record/Practitioner/v/") < text.index("/record/Practitioner/m/")


def test_costs_are_told_in_words_by_year_and_once_for_a_claim_that_two_sources_tell():
    person = people.sign_up()
    amounts = [total("submitted", "200.50"), total("benefit", "150"), total("copay", "20"), total("deductible", "5.25")]
    people.store_records(
        person,
        [
            explained("a", numbers=("1",), total=amounts),
            explained("c", total=[total("submitted", "100")]),
            explained("old", start="2022-05-05", status="cancelled", total=[total("submitted", "9000")]),
            explained("asked", use="preauthorization", total=[total("submitted", "7000")]),
        ],
        hospital="Harbor Health",
    )
    people.store_records(person, [explained("b", numbers=("1",), total=amounts)], hospital="Aggregator")

    text = page(people.browser_of(person), "/costs/")

    assert "300.50 USD was billed (claims that say so: 2 of 2)." in text
    assert "Your plan paid 150.00 USD (claims that say so: 1 of 2)." in text
    assert "Your share was 25.25 USD (claims that say so: 1 of 2)." in text
    assert "another of your sources tells of the same claim" in text
    assert "asked beforehand" in text
    assert "the plan no longer counts it" in text
    assert "9,000.00 USD was billed" not in text


@pytest.mark.parametrize(
    ("said", "amounts"),
    [
        ({}, {}),
        ({"total": [total("submitted", "1"), total("submitted", "2", "EUR")]}, {}),
        # CMS's own variable counts, not the general code beside it.
        ({"total": [cms("priorpayerpaid", "clm_tot_chrg_amt", "60.70")]}, {Share.BILLED: "60.70"}),
        ({"item": [{"adjudication": [cms("submitted", "rev_cntr_rate_amt", "5")]}]}, {}),
        (
            {"item": [{"adjudication": [cms("deductible", "line_bene_ptb_ddctbl_amt", "5")]},
                      {"adjudication": [cms("coinsurance", "line_coinsrnc_amt", "2.5")]}]},
            {Share.HERS: "7.5"},
        ),
        # What was paid out counts before what was promised.
        ({"payment": {"amount": {"value": Decimal(80), "currency": "USD"}}, "total": [total("benefit", "90")]},
         {Share.PLAN: "80"}),
        ({"total": [total("memberliability", "30"), total("copay", "20"), total("deductible", "10")]},
         {Share.HERS: "30"}),
    ],
)  # fmt: skip
def test_one_amount_is_chosen_for_each_share(said, amounts):
    assert costs.amounts(said) == {share: Amount(Decimal(value), "USD") for share, value in amounts.items()}


@recorded
def test_claims_of_blue_button_are_read():
    """Amounts worked out by hand from the recorded answers of CMS."""
    carrier = json.loads((CLAIMS / "cms-bfd-responses" / "v2__eobReadCarrier.json").read_text(), parse_float=Decimal)
    inpatient = json.loads(
        (CLAIMS / "cms-bfd-responses" / "v2__eobReadInpatient.json").read_text(), parse_float=Decimal
    )
    line = {
        each["category"]["coding"][-1]["code"].rpartition("/")[2]: each["amount"]["value"]
        for each in carrier["item"][0]["adjudication"]
        if "amount" in each
    }

    read, stay = costs.amounts(carrier), costs.amounts(inpatient)

    assert read[Share.PLAN].value == Decimal("199.99")
    assert read[Share.HERS].value == line["line_bene_ptb_ddctbl_amt"] + line["line_coinsrnc_amt"]
    assert (stay[Share.BILLED].value, stay[Share.PLAN].value) == (Decimal("84999.37"), Decimal("7699.48"))


@recorded
def test_a_page_of_blue_button_claims_is_shown():
    person = people.sign_up()
    bundle = json.loads((CLAIMS / "cms-bluebutton-sample-dataset" / "eobData.json").read_text(), parse_float=Decimal)
    coverage = json.loads(
        (CLAIMS / "cms-bfd-responses" / "v2__coverageSearchByPatientId.json").read_text(), parse_float=Decimal
    )
    resources = [each["resource"] for each in (*bundle["entry"], *coverage["entry"])]
    people.store_records(person, resources, hospital="Medicare")

    text = page(people.browser_of(person), "/costs/")

    assert text.count('href="/record/ExplanationOfBenefit/') == len(bundle["entry"])
    assert "Medicare, Part B" in text
    assert "Your plan paid" in text


@pytest.mark.parametrize("address", ["visits/", "care-team/", "costs/"])
def test_a_delegate_sees_what_she_may_and_is_led_to_the_owners_records_under_her_own_address(address):
    person, helper = people.sign_up(), people.sign_up()
    shown = {
        "visits/": visit("seen", "2024-05-06T10:00:00Z"),
        "care-team/": {"resourceType": "Practitioner", "id": "seen", "name": [{"family": "Vale", "given": ["Iris"]}]},
        "costs/": explained("seen"),
    }[address]
    people.store_records(person, [shown, {**shown, "id": "withheld", "meta": {}}])
    for name, sensitive in (("seen", False), ("withheld", True)):
        marks.mark(person.pk, (shown["resourceType"], name), sensitive=sensitive, actor=person, at=timezone.now())
    uid = possessions.delegate(person, helper).uid

    own, theirs = (
        page(people.browser_of(person), f"/{address}"),
        page(people.browser_of(helper), f"/for/{uid}/{address}"),
    )

    assert f"/record/{shown['resourceType']}/withheld/" in own
    assert f"/for/{uid}/record/{shown['resourceType']}/seen/" in theirs
    assert "withheld" not in theirs
    assert '<a href="/share/" aria-current="page">' in theirs
    assert people.browser_of(helper).get(f"/for/{possessions.UID}/{address}").status_code == 404
