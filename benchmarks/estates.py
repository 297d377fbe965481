"""What a person has whose pages are walked: one thing of each sort that an address can be about."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from benchmarks import access, filling, owners
from consent import delegations, ledger
from consent.models import Relationship
from consent.terms import Terms
from gateway.models import Authorization
from portal import entries, kinds, questionnaires
from records.sameness.kinds import Kind
from sharing import links
from sharing.models import Content
from smartlaunch import correspondence
from sync import connections, conversations, hospitals, staging, uploads
from sync import entries as written
from sync.conversations import Clinician, Said
from sync.models import Connection
from sync.tokens import Tokens

READ = ledger.Reading("1", "en")
LASTS = timedelta(days=300)
NOTE = "note-walked"


@dataclass(frozen=True)
class Estate:
    """A person who is signed in, and what stands in addresses: by the name of a page, or for all pages of a room.

    The room of her own pages is "", the one of a clinician's visit "clinic".
    """

    browser: Client
    delegate: Client
    clinician: Client
    values: Mapping[str, Mapping[str, tuple[Any, ...]]]

    def browser_for(self, name: str) -> Client:
        if name.startswith("clinic:"):
            return self.clinician
        return self.delegate if name.startswith("for_") else self.browser


def of(person: Person, delegate: Person, *, record: tuple[str, str], measured: str) -> Estate:
    """``delegate`` acts for her. ``record``: type and id; ``measured``: of a number."""
    at = timezone.now()
    delegation, _ = _invite(person, delegate.email, at)
    delegations.accept(delegation, delegate, at=at)
    _, invitation = _invite(person, access.sign_up().email, at)
    visit, cookie = access.open_chart(person)
    every = tuple(kind.value for kind in Kind)
    told = {"resource_type": (record[0],), "logical_id": (record[1],)}
    conversation = {"organization": (_wrote(person, at),)}
    _report(person)
    report = {"resource_type": ("DiagnosticReport",), "logical_id": (NOTE,), "number": (0,)}
    answers = {"entry": (_answered(person, at),)}
    hers = {"entry": (written.add(person, _said(), at=at),)}
    link = {"uid": (_link(person, at),)}
    file = {"uid": (_file(person, at),), "number": (1,)}
    values: dict[str, dict[str, tuple[Any, ...]]] = {
        "": {
            **told,
            "kind": tuple(each.slug for each in kinds.KINDS),
            "connection_id": (_connection(person, at).pk,),
            "authorization_id": tuple(Authorization.objects.filter(person=person).values_list("pk", flat=True)[:1]),
            "day": ("2019-05-01",),
            "uid": (delegation.uid,),
            "sort": tuple(each.slug for each in entries.SORTS),
            "name": (questionnaires.OURS,),
            "token": (invitation,),
        },
        "clinic": {**told, "visit": (visit,)},
        "document": report,
        "for_document": {**report, "uid": (delegation.uid,)},
        "choose_same": {"resource_type": ("Condition",), "logical_id": ("con-walked",)},
    }
    values |= dict.fromkeys(("conversation", "for_conversation"), conversation)
    values |= {name: {"kind": every} for name in ("same_kind", "for_same_kind")}
    values |= {name: {"logical_id": (measured,)} for name in ("trend", "for_trend")}
    values |= dict.fromkeys(("own_correct", "own_take_back"), hers)
    values |= dict.fromkeys(("own_answer_correct", "own_answer_take_back"), answers)
    values |= dict.fromkeys(("show_link", "stop_link", "renew_link"), link)
    values |= dict.fromkeys(("file", "take_back_file", "answer_file"), file)
    return Estate(browser_of(person), browser_of(delegate), Client(headers={"cookie": cookie}), values)


def browser_of(person: Person) -> Client:
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = owners.signed_in(person)
    return browser


def _invite(person: Person, email: str, at: datetime) -> tuple[delegations.Delegation, str]:
    offer = delegations.Offer(
        name="Walker",
        email=email,
        relationship=Relationship.SPOUSE,
        guardian=False,
        granted=("patient/*.rs",),
        terms=Terms(labels=frozenset({"MSG"})),
        ends=at + LASTS,
    )
    return delegations.invite(person, offer, read=READ, at=at)


def _wrote(person: Person, at: datetime) -> UUID:
    """With the clinic whose chart of her is open: a message from each side, one of them not opened."""
    (whom,) = correspondence.everybody(person, at=at)
    assert whom.holder is not None
    for said, by in (("May I run again?", None), ("Yes, slowly.", Clinician(uuid4(), "Dr. Bench"))):
        conversations.write(person, whom.partner, Said(said), holder=whom.holder, once=uuid4().hex, by=by, at=at)
    return whom.partner.uid


def _connection(person: Person, at: datetime) -> Connection:
    hospital = hospitals.register(
        f"https://walked-{person.pk}.example/fhir", name=f"Walked hospital {person.pk}", client_id="walked"
    )
    return connections.connect(
        person,
        hospital=hospital,
        patient=f"p{person.pk}",
        tokens_given=Tokens("walked", None, None, ""),
        token_endpoint="https://walked.example/token",  # noqa: S106 - nobody asks there
        at=at,
    )


def _report(person: Person) -> None:
    """A laboratory's report with its page, and a diagnosis."""
    subject = {"reference": f"Patient/{person.patient_id}"}
    page = base64.b64encode(b"<h1>Blood count</h1><p>All within their limits.</p>").decode()
    report = {
        "resourceType": "DiagnosticReport",
        "id": NOTE,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "58410-2", "display": "Blood count"}]},
        "subject": subject,
        "effectiveDateTime": "2020-01-01",
        "presentedForm": [{"contentType": "text/html", "data": page, "title": "Blood count"}],
    }
    condition = {
        "resourceType": "Condition",
        "id": "con-walked",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "195967001", "display": "Asthma"}]},
        "subject": subject,
    }
    filling.fill(person, [[report, condition]])


def _said() -> dict[str, Any]:
    return {
        "code": {"coding": [{"system": entries.LOINC, "code": "51855-5", "display": "Patient Note"}]},
        "effectiveDateTime": "2020-01-01T12:00:00Z",
        "valueString": "Slept well.",
    }


def _answered(person: Person, at: datetime) -> str:
    said = {
        "questionnaire": questionnaires.ours().canonical,
        "item": [{"linkId": "reason", "answer": [{"valueString": "A cough."}]}],
    }
    return written.add(person, said, at=at, kind=written.ANSWERS)


def _link(person: Person, at: datetime) -> Any:
    wish = links.Wish("Walked", "", Content.SUMMARY, True, "", ("patient/*.rs",), Terms(), at + timedelta(days=30))
    return links.make(person, wish, read=READ, at=at).uid


def _file(person: Person, at: datetime) -> Any:
    staged = staging.Writer(person.pk)
    staged.write(b"{}")
    staged.close()
    return uploads.receive(person, staged, name="walked.json", at=at).upload.uid
