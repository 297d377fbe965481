"""What lies ahead in a record, and one reminder of it to whoever asked for that.

A reminder says that there is something and when, never what for or where: mail and telephones are read and heard by
others. It is in her access log, and how to stop it stands in every mail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from accounts import phones
from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import gate
from gateway import notices as mail
from portal import elements
from portal import follow_ups as listings
from portal.models import How, Occasion, Reminder, Wish
from records.query import Query
from records.reading import RecordSet
from smartlaunch import follow_ups
from standards.fhir import dates, json

EVERY: Final = timedelta(minutes=30)
AT_ONCE: Final = 500
APPOINTMENT_BEFORE: Final = timedelta(days=1)
RENEWAL_BEFORE: Final = timedelta(days=10)
ASKED_BEFORE: Final = timedelta(days=1)
BY_DAY: Final = range(9, 20)
MOST: Final = 20
PRESCRIPTIONS_MAX: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# UCUM units of a supply that are a number of days (SupplyDuration: http://hl7.org/fhir/ValueSet/duration-units).
_DAYS: Final = {"d": 1, "wk": 7}


@dataclass(frozen=True, slots=True)
class Ahead:
    """One thing to come. ``whole_day``: no time of day is known. ``page``: where she sees it, if not at its record."""

    resource_type: str
    logical_id: str
    moment: datetime
    whole_day: bool = False
    page: str = ""

    @property
    def path(self) -> str:
        return self.page or reverse("portal:record", args=[self.resource_type, self.logical_id])

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.resource_type}/{self.logical_id}@{self.moment.isoformat()}".encode()).hexdigest()


def remind(*, at: datetime) -> int:
    """One look for each wish that nobody looked after lately; how many reminders were sent."""
    waiting = Wish.objects.filter(_not_looked_after(at), owner__is_active=True).select_related("owner")
    return sum(_look(wish, at=at) for wish in waiting.order_by(F("looked").asc(nulls_first=True))[:AT_ONCE])


def _not_looked_after(at: datetime) -> Q:
    return Q(looked__isnull=True) | Q(looked__lte=at - EVERY)


def _look(wish: Wish, *, at: datetime) -> int:
    if not Wish.objects.filter(_not_looked_after(at), pk=wish.pk).update(looked=at):
        return 0
    owner = wish.owner
    if wish.occasion == Occasion.QUESTIONS:
        found = list(asked(owner, at=at))
    else:
        records = gate.readable(owner_id=owner.pk, reader=gate.Owner(owner.pk), interaction="search", at=at)
        found = coming(records, Occasion(wish.occasion), at=at)
    return sum(_tell(owner, wish, each, at=at) for each in found)


def asked(owner: Person, *, at: datetime) -> Iterator[Ahead]:
    """What a clinic wants an answer to tomorrow at the latest, by her days, as long as she shares with it.

    A day has no hour, so that nothing rings in the night: by day only.
    """
    now = timezone.localtime(at, owner.zone)
    if now.hour not in BY_DAY:
        return
    found = list(follow_ups.wanted(owner.pk, since=now.date(), until=now.date() + ASKED_BEFORE)[:MOST])
    sharing = listings.sharing(owner, at=at) if found else frozenset()
    for each in found:
        if each.wanted and each.organization.uid in sharing:
            moment = datetime.combine(each.wanted, time(), UTC)
            page = reverse("portal:asked", args=[each.pk])
            yield Ahead("Questionnaire", str(each.pk), moment, whole_day=True, page=page)


def coming(records: RecordSet, occasion: Occasion, *, at: datetime) -> list[Ahead]:
    """The next ones of this kind, soonest first."""
    found = _appointments(records, at) if occasion == Occasion.APPOINTMENT else _ends(records, at)
    return sorted(found, key=lambda each: each.moment)[:MOST]


def _appointments(records: RecordSet, at: datetime) -> Iterator[Ahead]:
    """Booked ones (R4 appointment.html: ``start`` is an instant)."""
    since, until = f"ge{dates.instant(at)}", f"le{dates.instant(at + APPOINTMENT_BEFORE)}"
    query = Query.of("Appointment").where("date", since).where("date", until).page(MOST)
    for stored in records.search(query).entries:
        resource = json.loads(stored.body)
        moment = _moment(elements.text(resource, "start"))
        if elements.text(resource, "status") == "booked" and moment and at < moment <= at + APPOINTMENT_BEFORE:
            yield Ahead("Appointment", stored.logical_id, moment)


def _ends(records: RecordSet, at: datetime) -> Iterator[Ahead]:
    """Active prescriptions whose last day is near, where the prescription says which that is."""
    query = Query.of("MedicationRequest").where("status", "active").page(PRESCRIPTIONS_MAX)
    for stored in records.search(query).entries:
        last = last_day(json.loads(stored.body))
        if last and at <= last <= at + RENEWAL_BEFORE:
            yield Ahead("MedicationRequest", stored.logical_id, last, whole_day=True)


def last_day(prescription: Any) -> datetime | None:
    """Until when it may be dispensed, or how long what may be dispensed lasts (R4 medicationrequest.html).

    ``dispenseRequest.validityPeriod.end``, or ``authoredOn`` with ``expectedSupplyDuration`` for the first fill and
    each repeat; None where it says neither, or in a unit that is no number of days.
    """
    request = elements.first(prescription, "dispenseRequest")
    if end := _day(elements.text(elements.first(request, "validityPeriod"), "end")):
        return end
    duration = elements.first(request, "expectedSupplyDuration")
    begun, days = _day(elements.text(prescription, "authoredOn")), _DAYS.get(elements.text(duration, "code"))
    amount, repeats = elements.first(duration, "value"), elements.first(request, "numberOfRepeatsAllowed") or 0
    if begun is None or days is None or amount is None or not isinstance(repeats, int):
        return None
    try:
        return begun + timedelta(days=float(amount) * days * (1 + repeats))
    except (OverflowError, TypeError, ValueError):
        return None


def _day(text: str) -> datetime | None:
    """The day as it was written there, whatever day it was in Greenwich."""
    return _moment(text[:10])


def _moment(text: str) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=dates.interval(text).low)
    except (dates.InvalidDate, OverflowError):
        return None


def _tell(owner: Person, wish: Wish, what: Ahead, *, at: datetime) -> bool:
    """Claimed and in her log before it leaves; what could not be sent gives its claim back for the next look."""
    with transaction.atomic():
        reminder, new = Reminder.objects.get_or_create(owner=owner, about=what.digest, defaults={"sent": at})
        if not new:
            return False
        events.append(
            owner_id=owner.pk,
            action=Action.READ,
            interaction=gate.REMIND_OF_QUESTIONS if what.page else "remind",
            agent_kind=Agent.SYSTEM,
            agent="reminders",
            detail={"types": {what.resource_type: 1}, "way": wish.how},
        )
    if _send(owner, How(wish.how), what):
        return True
    reminder.delete()
    return False


def _send(owner: Person, how: How, what: Ahead) -> bool:
    with translation.override(owner.language), timezone.override(owner.zone):
        words = _words(what)
        if how != How.MAIL:
            return bool(owner.phone) and phones.send(phones.Way(how.value), owner.phone, words)
        told = {
            "words": words,
            "record": settings.PUBLIC_URL + what.path,
            "settings": settings.PUBLIC_URL + reverse("portal:notices"),
        }
        return mail.send(words, render_to_string("portal/mail/ahead.txt", told), owner.email)


def _words(what: Ahead) -> str:
    if what.whole_day:
        day = formats.date_format(timezone.localtime(what.moment, UTC), "DATE_FORMAT")
        if what.resource_type == "Questionnaire":
            return _("An answer is wanted from you by %(day)s.") % {"day": day}
        return _("A prescription of yours runs out on %(day)s.") % {"day": day}
    moment = formats.date_format(timezone.localtime(what.moment), "DATETIME_FORMAT")
    return _("You have an appointment on %(moment)s.") % {"moment": moment}
