"""Messages between a person and an organisation she shares with: FHIR Communications of her record (docs/adr/0037).

Each organisation has a source of its own, so a conversation is told by where it came from, and all that is written into
it carries the label MSG, by which it is withheld from everybody else unless she chose it. She writes and a clinician
writes; nobody corrects or unsays anything. Each message brings its Provenance and its line in her access log.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import gate
from records import labels, patient, sources, store, writer
from records.query import Query
from records.reading import RecordSet, Stored
from standards.fhir import dates, validation
from sync.models import Message
from sync.sources.upload import adoption

KIND: Final = "Communication"
CATEGORIES: Final = "urn:tributary:communication-category"
MESSAGE: Final = "message"
_CALLED: Final = {MESSAGE: "Message"}
TEXT_MAX: Final = 5000
TOPIC_MAX: Final = 120
DAY: Final = timedelta(days=1)
HERS_DAILY: Final = 20
THEIRS_DAILY: Final = 50
"""Messages of all clinicians of one organisation to one person within 24 hours."""
TAG: Final = {"system": labels.OF_OURS, "code": "MSG", "display": "Messages with clinics"}
_CLINICIAN: Final = "clinician"
_CLINIC: Final = "clinic"
_ROLE: Final = "role"
_OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
# What no text may hold: control characters but tab and line ends, and halves of characters.
_UNSAYABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Malformed(Exception):
    """Nothing to say, too long, or no plain text; the message says which and repeats nothing of it."""


class TooMany(Exception):
    """This side has written as much as it may within a day."""


@dataclass(frozen=True, slots=True)
class Partner:
    """The organisation at the other end."""

    uid: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Clinician:
    """Who writes for it."""

    uid: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Said:
    """``category``: a code of CATEGORIES. ``payload``: Communication.payload beyond the text. ``beside``: resources
    that come along into the conversation, with their ids. ``answers``: the id of the message it answers; without one,
    the last of the other side.
    """

    text: str
    topic: str = ""
    category: str = MESSAGE
    answers: str = ""
    payload: tuple[Mapping[str, Any], ...] = ()
    beside: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """One message as it is shown. ``who``: clinician and organisation, "" where she wrote it. ``seen``: when the
    other side first opened it.
    """

    stored: Stored
    from_her: bool
    who: str
    topic: str
    text: str
    sent: datetime | None
    seen: datetime | None


@dataclass(frozen=True, slots=True)
class Thread:
    """Part of a conversation, the newest last. ``earlier``: where to go on towards the past, None at its beginning."""

    letters: tuple[Letter, ...]
    earlier: str | None


@transaction.atomic
def write(
    owner: Person,
    partner: Partner,
    said: Said,
    *,
    holder: gate.Holder,
    once: str,
    at: datetime,
    by: Clinician | None = None,
    origin: str = "",
) -> str:
    """Sends a message and gives its id; a form (``once``) that was sent before sends nothing and gives the same id.

    ``holder``: as whom the organisation reads, by her decision about it or one visit of it. ``by``: who writes for
    it, None where she writes. Raises gate.ConsentMissing where that decision does not stand, Malformed, TooMany.
    """
    text, topic = plain(said.text, TEXT_MAX), plain(said.topic, TOPIC_MAX)
    if not text:
        raise Malformed("nothing to say")
    writer.take_turn(owner.pk)
    gate.conversation(owner_id=owner.pk, reader=holder, organization=partner.uid, at=at)
    form = _form(partner, by, once)
    if before := Message.objects.filter(owner=owner, once=form).first():
        return before.logical_id
    source = sources.of_conversation(partner.uid, partner.name)
    mine = Message.objects.filter(owner=owner, source=source, from_her=by is None)
    if mine.filter(sent__gt=at - DAY).count() >= (HERS_DAILY if by is None else THEIRS_DAILY):
        raise TooMany(f"source {source.pk}")
    logical_id = str(uuid.uuid4())
    resource = {
        "resourceType": KIND,
        "id": logical_id,
        **_between(owner, partner, by),
        **_answered(owner, source.pk, said.answers, from_her=by is None),
        "status": "completed",
        "category": [{"coding": [_category(said.category)]}],
        **({"topic": {"text": topic}} if topic else {}),
        "sent": dates.instant(at),
        "payload": [{"contentString": text}, *said.payload],
    }
    keep(owner, partner, [resource, *said.beside], by=by, at=at)
    Message.objects.create(owner=owner, source=source, logical_id=logical_id, from_her=by is None, once=form, sent=at)
    _note(owner, partner, holder, by, Action.CREATE, resource, origin)
    return logical_id


def keep(
    owner: Person,
    partner: Partner,
    resources: Sequence[Mapping[str, Any]],
    *,
    at: datetime,
    by: Clinician | None = None,
    version: int = 1,
) -> None:
    """Writes resources with their ids into the conversation, labelled, with a Provenance, in the caller's transaction.

    Whoever may not see them is told of no Provenance either (docs/adr/0009).

    ``version`` is the one they become. Whether it may be written is the caller's to ask (gate.conversation), and the
    event his to append. Raises Malformed for what is no valid FHIR; the message names paths only.
    """
    patient.ensure(owner.pk, at=at)
    labelled = [{**each, "meta": _meta(each)} for each in resources]
    wrong = [problem.path for each in labelled for problem in validation.problems(each) if problem.severity == "error"]
    if wrong:
        raise Malformed(", ".join(wrong[:10]))
    source = sources.of_conversation(partner.uid, partner.name)
    told = _provenance(owner, partner, labelled, version, by, at)
    outcome = store.put_page(owner_id=owner.pk, source_id=source.pk, resources=[*labelled, told], at=at)
    if outcome.refused:
        raise Malformed(", ".join(each["resourceType"] for each in labelled))


def thread(records: RecordSet, *, count: int, after: str | None = None) -> Thread:
    """``records``: of one conversation (gate.conversation). Raises query.InvalidSearch for a place that is none."""
    page = records.search(Query.of(KIND).page(count, after=after))
    opened = _opened(records.owner_id, [each.logical_id for each in page.entries])
    return Thread(tuple(_letter(each, opened.get(each.logical_id)) for each in reversed(page.entries)), page.next)


def mark_seen(owner_id: int, letters: Iterable[Letter], *, by_her: bool, at: datetime) -> int:
    """Those of the other side that were not opened before; how many."""
    shown = [each.stored.logical_id for each in letters if each.from_her is not by_her and each.seen is None]
    if not shown:
        return 0
    new = Message.objects.filter(owner_id=owner_id, logical_id__in=shown, from_her=not by_her, seen__isnull=True)
    return new.update(seen=at)


def open_one(owner_id: int, logical_id: str, *, by_her: bool, at: datetime) -> None:
    """One message of the other side, opened where it is shown by itself."""
    Message.objects.filter(owner_id=owner_id, logical_id=logical_id, from_her=not by_her, seen=None).update(seen=at)


def unread(owner_id: int) -> dict[int, int]:
    """How many messages of clinics she has not opened, by source. One statement, by index."""
    new = Message.objects.filter(owner_id=owner_id, from_her=False, seen__isnull=True)
    return dict(new.values_list("source_id").annotate(Count("id")).order_by())


def unread_there(owner_id: int, organization: UUID) -> int:
    """How many messages of hers nobody of this organisation has opened."""
    url = sources.conversation_url(organization)
    return Message.objects.filter(owner_id=owner_id, source__url=url, from_her=True, seen__isnull=True).count()


def newest(owner_id: int) -> dict[int, datetime]:
    """When the last message of each of her conversations was sent, by source, the newest first."""
    each = Message.objects.filter(owner_id=owner_id).order_by("source_id", "-sent").distinct("source_id")
    return dict(sorted(each.values_list("source_id", "sent"), key=lambda found: found[1], reverse=True))


def plain(text: str, longest: int) -> str:
    """With line ends as one sign, and nothing around it. Raises Malformed."""
    kept = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if _UNSAYABLE.search(kept):
        raise Malformed("no plain text")
    if len(kept) > longest:
        raise Malformed(f"more than {longest} characters")
    return kept


def _form(partner: Partner, by: Clinician | None, once: str) -> str:
    return hashlib.sha256(f"{partner.uid} {by.uid if by else ''} {once}".encode()).hexdigest()


def _between(owner: Person, partner: Partner, by: Clinician | None) -> dict[str, Any]:
    """Who writes to whom. The organisation and its clinician are contained: this is all that she knows of them."""
    her = {"reference": f"Patient/{owner.patient_id}"}
    clinic = {
        "resourceType": "Organization",
        "id": _CLINIC,
        "identifier": [_urn(partner.uid)],
        "name": partner.name,
    }
    there = {"reference": f"#{_CLINIC}", "display": partner.name}
    if by is None:
        return {"contained": [clinic], "subject": her, "recipient": [there], "sender": her}
    clinician = {
        "resourceType": "Practitioner",
        "id": _CLINICIAN,
        "identifier": [_urn(by.uid)],
        "name": [{"text": by.name}],
    }
    role = {
        "resourceType": "PractitionerRole",
        "id": _ROLE,
        "practitioner": {"reference": f"#{_CLINICIAN}", "display": by.name},
        "organization": there,
    }
    sender = {"reference": f"#{_ROLE}", "display": called(partner, by)}
    return {"contained": [clinic, clinician, role], "subject": her, "recipient": [her], "sender": sender}


def called(partner: Partner, by: Clinician) -> str:
    return f"{by.name}, {partner.name}"


def _category(code: str) -> dict[str, str]:
    return {"system": CATEGORIES, "code": code, **({"display": _CALLED[code]} if code in _CALLED else {})}


def _urn(uid: UUID) -> dict[str, str]:
    return {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uid}"}


def _answered(owner: Person, source_id: int, named: str, *, from_her: bool) -> dict[str, Any]:
    theirs = Message.objects.filter(owner=owner, source_id=source_id, from_her=not from_her)
    found = theirs.filter(logical_id=named) if named else theirs.order_by("-sent", "-id")
    answered = found.first()
    return {} if answered is None else {"inResponseTo": [{"reference": f"{KIND}/{answered.logical_id}"}]}


def _meta(resource: Mapping[str, Any]) -> dict[str, Any]:
    meta = resource.get("meta") or {}
    others = [tag for tag in meta.get("security", ()) if tag.get("system") != labels.OF_OURS]
    return {**meta, "security": [*others, dict(TAG)]}


def _provenance(
    owner: Person,
    partner: Partner,
    resources: Sequence[Mapping[str, Any]],
    version: int,
    by: Clinician | None,
    at: datetime,
) -> dict[str, Any]:
    who = {"reference": f"Patient/{owner.patient_id}"} if by is None else {"display": called(partner, by)}
    activity = {"system": _OPERATION, "code": "CREATE" if version == 1 else "UPDATE"}
    return {
        "resourceType": "Provenance",
        "id": str(uuid.uuid4()),
        "target": [{"reference": f"{each['resourceType']}/{each['id']}/_history/{version}"} for each in resources],
        "recorded": dates.instant(at),
        "activity": {"coding": [activity]},
        "agent": [adoption.agent("author", who)],
    }


def _opened(owner_id: int, shown: Sequence[str]) -> dict[str, datetime | None]:
    if not shown:
        return {}
    return dict(Message.objects.filter(owner_id=owner_id, logical_id__in=shown).values_list("logical_id", "seen"))


def _letter(stored: Stored, seen: datetime | None) -> Letter:
    resource = stored.resource
    sender = resource.get("sender") or {}
    from_her = str(sender.get("reference", "")).startswith("Patient/")
    texts = [part["contentString"] for part in resource.get("payload", ()) if "contentString" in part]
    return Letter(
        stored=stored,
        from_her=from_her,
        who="" if from_her else str(sender.get("display", "")),
        topic=str((resource.get("topic") or {}).get("text", "")),
        text="\n\n".join(texts),
        sent=datetime.fromisoformat(resource["sent"]) if "sent" in resource else None,
        seen=seen,
    )


def _note(
    owner: Person,
    partner: Partner,
    holder: gate.Holder,
    by: Clinician | None,
    action: Action,
    resource: Mapping[str, Any],
    origin: str,
) -> None:
    kind = str(resource["resourceType"])
    events.append(
        owner_id=owner.pk,
        action=action,
        interaction=gate.WRITE_MESSAGE,
        agent_kind=Agent.OWNER if by is None else Agent.STAFF,
        agent=str(owner.subject if by is None else by.uid),
        agent_name=owner.name if by is None else called(partner, by),
        consent_id=holder.decision_id,
        origin=origin,
        detail={"organization": partner.name, "types": {kind: 1}, "record": f"{kind}/{resource['id']}"},
    )
