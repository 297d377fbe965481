"""Erasures: asked for, still to be called off for some days, then done for good (docs/adr/0019).

In this order, each step harmless when done twice: hospitals are asked to revoke our tokens while we can still read
those; her key is destroyed, and from then on nothing of her can be opened here or in a backup; what others received is
noted without her name; files and rows are removed; the certificate is issued and sent.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any, Final

import orjson
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.files.storage import storages
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.db.models import F, Func, Q, Value
from django.template.loader import render_to_string
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from accounts import sessions
from accounts.models import Person, new_patient_id
from audit import events
from audit.models import Action, Agent
from consent.models import Delegation
from custody import backups, certificates, downloads, traces
from custody.models import OPEN_STATES, Erasure, ErasureState
from developers.models import Delivery
from fhirapi.bulk import files as export_files
from fhirapi.models import Export, ExportPiece
from gateway import authorizations
from gateway.models import Authorization
from records import keys, sealing
from sync import connections, farewells, leases, uploads
from sync.models import Connection, Farewell

logger = logging.getLogger(__name__)

FAREWELL_TRIES: Final = 3
ADDRESS_LIFE: Final = timedelta(days=30)
AT_ONCE: Final = 20
_ATTACHMENTS: Final = """
SELECT attachment FROM records_record WHERE owner_id = %(owner)s AND attachment IS NOT NULL
UNION SELECT attachment FROM records_recordversion WHERE owner_id = %(owner)s AND attachment IS NOT NULL"""
# What others received: the accounting of disclosures (45 CFR 164.528), summed by recipient as its (b)(3) allows.
_DISCLOSED: Final = """
SELECT agent_kind, agent, agent_name, min(recorded), max(recorded), count(*) FROM audit_event
WHERE owner_id = %s AND agent_kind IN ('app', 'staff') AND outcome = '0' AND action IN ('R', 'E')
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
_KINDS: Final = """
SELECT agent_kind, agent, agent_name, kind.key, sum((kind.value #>> '{}')::bigint) FROM audit_event,
LATERAL jsonb_each(CASE WHEN jsonb_typeof(detail -> 'types') = 'object' THEN detail -> 'types' ELSE '{}' END) kind
WHERE owner_id = %s AND agent_kind IN ('app', 'staff') AND outcome = '0' AND action IN ('R', 'E')
  AND jsonb_typeof(kind.value) = 'number' GROUP BY 1, 2, 3, 4"""


def of(person: Person) -> Erasure | None:
    """The one under way."""
    return Erasure.objects.filter(person=person, state__in=OPEN_STATES).first()


@transaction.atomic
def ask(person: Person, *, at: datetime, now: bool = False) -> Erasure:
    """She asks; asking again changes nothing. ``now``: without the days to think it over, for an operator's command."""
    # Two tabs at once make one.
    person = Person.objects.select_for_update(no_key=True).get(pk=person.pk)
    erasure = of(person)
    if erasure is None:
        erasure = Erasure(person=person, asked=at, due=at + settings.ERASURE_COOLING)
        told = {"to": person.email, "language": person.language}
        erasure.sealed_address = sealing.seal_site_secret(_purpose(erasure), orjson.dumps(told))
        erasure.save()
        _note(person, "ask-erasure", erasure)
    if now:
        Erasure.objects.filter(pk=erasure.pk).update(due=at)
    return erasure


@transaction.atomic
def call_off(person: Person) -> bool:
    """She keeps her record; False where it is too late or nothing was asked."""
    waiting = Erasure.objects.select_for_update().filter(person=person, state=ErasureState.ASKED).first()
    if waiting is None:
        return False
    waiting.state, waiting.sealed_address, waiting.claim = ErasureState.CANCELLED, None, None
    waiting.save(update_fields=["state", "sealed_address", "claim"])
    _note(person, "call-off-erasure", waiting)
    return True


def erase_due(*, at: datetime) -> int:
    """Erase whom it is time to erase; how many."""
    due = Erasure.objects.claimable(at=at, lease=settings.SYNC_LEASE).order_by("due").values_list("pk", flat=True)
    return sum(perform(erasure_id, at=at) for erasure_id in list(due[:AT_ONCE]))


def perform(erasure_id: int, *, at: datetime) -> bool:
    """Do what is left of one erasure; False where another worker is on it, or it is not its time."""
    free = Erasure.objects.filter(pk=erasure_id).claimable(at=at, lease=settings.SYNC_LEASE)
    key = leases.take(free, at=at)
    if key is None:
        return False
    lease = leases.Lease(Erasure.objects.all(), erasure_id, key)
    erasure = Erasure.objects.select_related("person").get(pk=erasure_id)
    assert erasure.person is not None
    if erasure.begun is None:
        _take_leave(erasure.person, lease)
        _shut(erasure.person, lease)
    if settings.BACKUP_KEYS_DIR:
        backups.copy_keys()
    _remove_files(erasure.person, lease)
    _remove_rows(erasure.person, lease)
    send(Erasure.objects.get(pk=erasure_id))
    return True


def _take_leave(person: Person, lease: leases.Lease[Erasure]) -> None:
    """Every connection stopped, and its hospital asked to revoke our tokens; a silent one delays nothing."""
    for connected in connections.of(person):
        connections.stop(connected, at=timezone.now())
        for _attempt in range(FAREWELL_TRIES):
            lease.pulse()
            if farewells.say(connected.pk) != Farewell.WAITING:
                break


@transaction.atomic
def _shut(person: Person, lease: leases.Lease[Erasure]) -> None:
    """The moment after which nothing of her can be opened: sign-in, tokens and key end together."""
    erasure, at = lease.lock(), timezone.now()
    if erasure.state not in OPEN_STATES:
        raise leases.ClaimLost(f"erasure {erasure.pk}")
    Person.objects.filter(pk=person.pk).update(is_active=False)
    for authorization in Authorization.objects.filter(person=person) | Authorization.objects.filter(about=person):
        authorizations.revoke(authorization, at=at)
    told = Connection.objects.filter(owner=person).exclude(farewell="").values_list("farewell", flat=True)
    farewell = {"told": 0, "without_a_way_to_tell": 0, "did_not_answer": 0}
    for outcome in told:
        farewell[
            {Farewell.HEARD: "told", Farewell.NOT_OFFERED: "without_a_way_to_tell"}.get(outcome, "did_not_answer")  # type: ignore[call-overload]
        ] += 1
    keys.destroy(person.pk, at=at)
    lease.update(state=ErasureState.BEGUN, begun=at, farewells=farewell)


def _remove_files(person: Person, lease: leases.Lease[Erasure]) -> None:
    """Sealed files, which nobody can open any more; those of a row go before the row that names them."""
    names = _attachments(person)
    for name in names:
        storages["attachments"].delete(name)
        lease.pulse()
    for name in ExportPiece.objects.filter(part__owner=person).values_list("name", flat=True):
        export_files.remove(name)
    downloads.remove_all_files(person)
    uploads.remove_files(person)
    for export in _orders_naming(person):
        export_files.remove_all(export)
    keep = {"files": len(names)} if names else {}
    with transaction.atomic():
        erasure = lease.lock()
        lease.update(removed={**keep, **erasure.removed})


def _attachments(person: Person) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_ATTACHMENTS, {"owner": person.pk})
        return [str(name) for (name,) in cursor.fetchall()]


def _orders_naming(person: Person) -> list[Export]:
    """Orders of backend services that spell her patient id; the service may order again, without her."""
    spelt = Export.objects.extra(
        where=["position(%s in request || ' ' || array_to_string(filters, ' ')) > 0"], params=[person.patient_id]
    )
    return list(spelt)


@transaction.atomic
def _remove_rows(person: Person, lease: leases.Lease[Erasure]) -> None:
    """All of it or nothing: what is left of her after a crash is removed by the next worker."""
    erasure = lease.lock()
    removed = {**erasure.removed, **_clear(person, reference=str(erasure.uid))}
    _finish(person, {table: removed[table] for table in sorted(removed)}, erasure, lease)


@transaction.atomic
def erase_restored(owner_id: int, *, at: datetime) -> None:
    """Erase again who comes back with an archive that was made before she was erased."""
    person = Person.objects.get(pk=owner_id)
    keys.destroy(owner_id, at=at)
    for name in _attachments(person):
        storages["attachments"].delete(name)
    removed = _clear(person, reference="restored")
    _record({"owner": owner_id, "erasure": "restored", "removed": removed})


def _clear(person: Person, *, reference: str) -> dict[str, int]:
    """Every row that is hers; rows by table."""
    disclosed = _disclosures(person, reference=reference)
    _remove_sessions(person)
    for export in _orders_naming(person):
        export.delete()
    Export.objects.filter(people__contains=[person.pk]).update(
        people=Func(F("people"), Value(person.pk), function="array_remove")
    )
    Delivery.objects.filter(body__patient=person.patient_id).delete()
    _leave_those_she_acted_for(person)
    removed = traces.remove(person.pk)
    if traces.is_mentioned(person.pk):
        _blank(person)
    else:
        traces.remove_person(person.pk)
    traces.settle()
    # The chain of nobody last: two erasures wait for each other at rows, and whoever mistypes a password waits for it.
    for one in disclosed:
        events.append(owner_id=events.NOBODY, action=Action.READ, interaction="disclosed", **one)
    return removed


def _finish(person: Person, removed: dict[str, int], erasure: Erasure, lease: leases.Lease[Erasure]) -> None:
    at = timezone.now()
    erasure.removed = removed
    certificate = certificates.issue(erasure, at=at)
    _record(
        {
            "owner": person.pk,
            "erasure": str(erasure.uid),
            "sha256": certificates.digest(certificate),
            "removed": removed,
        }
    )
    lease.update(
        state=ErasureState.DONE, finished=at, person=None, removed=removed, certificate=certificate, claim=None
    )


def _record(detail: dict[str, Any]) -> None:
    events.append(
        owner_id=events.NOBODY,
        action=Action.DELETE,
        interaction=events.ERASE,
        agent_kind=Agent.SYSTEM,
        agent=settings.PUBLIC_URL,
        detail=detail,
    )


def _disclosures(person: Person, *, reference: str) -> list[dict[str, Any]]:
    """Who received how much and when, for nobody's chain: her own chain, with her name in it, is removed."""
    with connection.cursor() as cursor:
        cursor.execute(_KINDS, [person.pk])
        kinds: dict[tuple[str, ...], dict[str, int]] = {}
        for kind, agent, name, resource_type, total in cursor.fetchall():
            kinds.setdefault((kind, agent, name), {})[resource_type] = int(total)
        cursor.execute(_DISCLOSED, [person.pk])
        received = cursor.fetchall()
    return [
        {
            "agent_kind": kind,
            "agent": agent,
            "agent_name": name,
            "detail": {
                "erasure": reference,
                "first": first.isoformat(),
                "last": last.isoformat(),
                "times": times,
                "types": kinds.get((kind, agent, name), {}),
            },
        }
        for kind, agent, name, first, last, times in received
    ]


def _remove_sessions(person: Person) -> None:
    """Sessions say inside whose they are; only reading each tells."""
    for session in Session.objects.iterator(chunk_size=500):
        if sessions.told(session).get("_auth_user_id") == str(person.pk):
            session.delete()


def _leave_those_she_acted_for(person: Person) -> None:
    """Another's invitation to her stays the other's, but leads to nobody and names no address."""
    hers = Delegation.objects.filter(Q(delegate=person) | Q(email__iexact=person.email)).exclude(owner=person)
    hers.update(
        delegate=None, accepted=None, declined=timezone.now(), invitation="", name="", email="erased@erased.invalid"
    )


def _blank(person: Person) -> None:
    """What must stay, because somebody else's history names who acted, names nobody."""
    blank = Person(pk=person.pk, email=f"erased-{new_patient_id()}@erased.invalid", is_active=False)
    blank.set_unusable_password()
    blank.created = person.created
    blank.save(force_update=True)


def send(erasure: Erasure) -> bool:
    """Mail the certificate and forget the address; False where the mail did not leave: the beat tries again."""
    if erasure.sealed_address is None or erasure.state != ErasureState.DONE:
        return False
    told = orjson.loads(sealing.open_site_secret(_purpose(erasure), bytes(erasure.sealed_address)))
    with translation.override(told["language"]):
        body = render_to_string("custody/mail/erased.txt", {"number": str(erasure.uid)})
        mail = EmailMessage(_("Your record is erased"), body, None, [told["to"]])
    mail.attach(f"erasure-{erasure.uid}.jws", erasure.certificate.encode(), "application/jose")
    try:
        mail.send()
    except (OSError, SMTPException) as error:
        logger.warning("erasure %s: the certificate could not be mailed: %s", erasure.uid, type(error).__name__)
        return False
    Erasure.objects.filter(pk=erasure.pk).update(sealed_address=None)
    return True


def confirm(erasure: Erasure) -> None:
    """Tell her by mail what she asked for and until when she can call it off; somebody else may have asked."""
    person = erasure.person
    assert person is not None
    with translation.override(person.language), timezone.override(person.zone):
        day = formats.date_format(timezone.localtime(erasure.due), "DATETIME_FORMAT")
        body = render_to_string("custody/mail/asked.txt", {"day": day, "page": settings.PUBLIC_URL})
        mail = EmailMessage(_("Your record will be erased"), body, None, [person.email])
    try:
        mail.send()
    except (OSError, SMTPException) as error:
        logger.warning("erasure %s: the notice could not be mailed: %s", erasure.uid, type(error).__name__)


def _purpose(erasure: Erasure) -> str:
    return f"erasure|{erasure.uid}"


def _note(person: Person, interaction: str, erasure: Erasure) -> None:
    events.append(
        owner_id=person.pk,
        action=Action.EXECUTE,
        interaction=interaction,
        agent_kind=Agent.OWNER,
        agent=str(person.subject),
        agent_name=person.name,
        detail={"erasure": str(erasure.uid)},
    )


def forget_unsent(*, at: datetime) -> int:
    """Certificates whose mail did not leave, tried again; after a month the address is forgotten all the same."""
    waiting = Erasure.objects.filter(state=ErasureState.DONE, sealed_address__isnull=False)
    waiting.filter(finished__lt=at - ADDRESS_LIFE).update(sealed_address=None)
    return sum(send(erasure) for erasure in waiting.order_by("pk")[:AT_ONCE])
