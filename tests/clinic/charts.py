"""Charts open in an EHR, and what their patients share with those who have them open."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.models import Person
from consent import gate, ledger
from consent.models import Decision, Grantee
from consent.terms import Terms
from smartlaunch import asks
from smartlaunch.models import ChartLink, Clinician, Ehr, Organization, ShareRequest, Visit
from smartlaunch.visits import Context
from sync import conversations, hospitals
from sync.models import Connection
from tests.portal import people
from tests.smartlaunch import clinics

READ = ledger.Reading("clinic-2026-11", "en")
PATIENT = "at-the-ehr"


def link(person: Person, ehr: Ehr, patient: str = PATIENT) -> ChartLink:
    return ChartLink.objects.create(owner=person, ehr=ehr, patient=patient, confirmed=timezone.now())


def share(person: Person, organization: Organization, *scopes: str, **more: Any) -> Decision:
    """She lets everybody there see it for 90 days."""
    granted = scopes or ("patient/*.rs",)
    return ledger.grant(
        owner=person,
        actor=person,
        grantee_name=organization.name,
        asked=granted,
        granted=granted,
        purpose="",
        read=READ,
        **{
            "kind": Grantee.ORGANIZATION,
            "grantee": str(organization.uid),
            "terms": Terms(),
            "ends": timezone.now() + timedelta(days=90),
            "at": timezone.now(),
            **more,
        },
    )


def write(person: Person, organization: Organization, text: str, *, by: Clinician | None = None, **more: Any) -> str:
    """A message of hers, or of a clinician, under the decision that stands about the organisation."""
    decision = ledger.newest(person.pk, str(organization.uid), kind=Grantee.ORGANIZATION) or share(person, organization)
    holder = gate.Holder(decision.grantee_kind, decision.grantee, decision.pk)
    partner = conversations.Partner(organization.uid, organization.name)
    who = None if by is None else conversations.Clinician(by.uid, by.name)
    given = {"once": uuid.uuid4().hex, "at": timezone.now(), **more}
    return conversations.write(person, partner, conversations.Said(text), holder=holder, by=who, **given)


def opened(ehr: Ehr, patient: str = PATIENT, **told: Any) -> tuple[Visit, Client]:
    """A clinician has this chart open."""
    context = Context(patient, "", "ehr-access-token", ehr.scopes)
    return clinics.visit(clinics.clinician(ehr), at_ehr=ehr, context=context, **told)


def open_for(person: Person, *scopes: str, **told: Any) -> tuple[Visit, Client]:
    """A chart of hers, linked and shared."""
    ehr = clinics.ehr()
    link(person, ehr)
    share(person, ehr.organization, *scopes)
    return opened(ehr, **told)


def connect(person: Person, ehr: Ehr, patient: str = PATIENT, **changes: Any) -> Any:
    """Her own connection to that EHR."""
    hospital = hospitals.register(ehr.iss, name=ehr.name, client_id="tributary")
    connection = people.connect(person, hospital)
    Connection.objects.filter(pk=connection.pk).update(**{"patient": patient, "recognized": timezone.now(), **changes})
    return connection


def asked(person: Person, visit: Visit) -> ShareRequest:
    """She was asked out of this visit, and has not answered."""
    at = timezone.now()
    return ShareRequest.objects.create(
        uid=uuid.uuid4(),
        owner=person,
        organization=visit.ehr.organization,
        ehr=visit.ehr,
        visit=visit.uid,
        visit_ends=visit.ends,
        patient=PATIENT,
        clinician=visit.clinician.name,
        asked=at,
        lapses=at + asks.WAITS,
    )
