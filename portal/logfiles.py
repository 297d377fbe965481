"""The access log as a file to keep: a table (CSV), a Bundle of FHIR AuditEvents, or a document (PDF)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC
from itertools import islice
from typing import Final

import typst
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import Person
from audit import resources
from audit.models import Event, Outcome
from consent.models import Decision
from fhirapi import accesslogs
from portal import glances, when
from standards.fhir import json as fhir

AT_ONCE: Final = 500
PDF_LINES_MAX: Final = 2000
"""Beyond this a document is of no use to anybody; it says so, and where the rest is."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def table(person: Person, events: QuerySet[Event]) -> Iterator[bytes]:
    """One row for each event, oldest last; times in UTC."""
    row = csv.writer(out := io.StringIO())
    row.writerow(
        ["number", "time", "who", "kind of who", "did", "interaction", "outcome", "what", "consent", "place", "hash"]
    )
    yield _taken(out)
    for some in _in_parts(events):
        consents, called = _consents(person, some), glances.delegates(some, owner_id=person.pk)
        for event in some:
            row.writerow(
                [
                    event.sequence,
                    event.recorded.astimezone(UTC).isoformat(timespec="milliseconds"),
                    plain(glances.who(event, called)),
                    event.agent_kind,
                    glances.did(event),
                    event.interaction,
                    Outcome(event.outcome).label,
                    plain("; ".join(filter(None, (glances.object_of(event), *glances.amounts([event]))))),
                    consents.get(event.consent_id or 0, ""),
                    event.origin,
                    bytes(event.hash).hex(),
                ]
            )
        yield _taken(out)


def bundle(person: Person, events: QuerySet[Event]) -> Iterator[bytes]:
    """A Bundle of type collection, newest first."""
    yield b'{"resourceType":"Bundle","type":"collection","timestamp":"%s","entry":[' % (
        timezone.now().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z").encode()
    )
    comma = b""
    for some in _in_parts(events):
        consents = _consents(person, some)
        for event in some:
            told = resources.audit_event(
                event,
                logical_id=accesslogs.identity(event),
                patient_id=person.patient_id,
                server=settings.PUBLIC_URL,
                consents=consents,
            )
            entry = {"fullUrl": f"{settings.FHIR_BASE}/AuditEvent/{told['id']}", "resource": told}
            yield comma + fhir.dumps(entry)
            comma = b","
    yield b"]}"


def document(person: Person, events: QuerySet[Event]) -> Iterator[bytes]:
    """For reading and printing, readable by screen readers (PDF/UA-1)."""
    some = list(islice(events.iterator(chunk_size=AT_ONCE), PDF_LINES_MAX + 1))
    shown = glances.of(some[:PDF_LINES_MAX], owner_id=person.pk)
    told = {
        "language": translation.get_language() or "en",
        "title": _("Who looked"),
        "about": _("The access log of %(name)s, as of %(moment)s.")
        % {"name": person.name or person.email, "moment": when.moment(timezone.now())},
        "rest": _("Only the newest are in this document; the table (CSV) has all.")
        if len(some) > PDF_LINES_MAX
        else "",
        "heads": [_("When"), _("Who"), _("What"), _("From where")],
        "rows": [[each.moment, f"{each.who} {each.did}", _of_glance(each), each.place] for each in shown],
    }
    yield compiled((settings.BASE_DIR / "portal" / "access_log.typ").read_bytes(), json.dumps(told))


def compiled(source: bytes, told: str) -> bytes:
    """A PDF of this Typst source, ``told`` being its input: readable by screen readers where its fonts allow."""
    try:
        return typst.compile(source, sys_inputs={"told": told}, pdf_standards="ua-1")
    except typst.TypstError:
        # A name in a script that our fonts lack: an empty box in a document is better than no document.
        return typst.compile(source, sys_inputs={"told": told})


def _of_glance(glance: glances.Glance) -> str:
    refused = _("refused") if glance.refused else ""
    return "; ".join(filter(None, (refused, *glance.what, glance.permission)))


FORMS: Final[dict[str, tuple[str, Callable[[Person, QuerySet[Event]], Iterable[bytes]]]]] = {
    "csv": ("text/csv; charset=utf-8", table),
    "json": ("application/fhir+json", bundle),
    "pdf": ("application/pdf", document),
}


def _in_parts(events: QuerySet[Event]) -> Iterator[list[Event]]:
    found = events.iterator(chunk_size=AT_ONCE)
    while some := list(islice(found, AT_ONCE)):
        yield some


def _consents(person: Person, some: Iterable[Event]) -> dict[int, str]:
    """The ids, as FHIR Consent, of the decisions that these events relied on."""
    relied = {event.consent_id for event in some if event.consent_id}
    found = Decision.objects.filter(owner=person, pk__in=relied).values_list("pk", "uid")
    return {number: str(uid) for number, uid in found}


def plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: names are whatever an app calls itself."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _taken(out: io.StringIO) -> bytes:
    written = out.getvalue().encode()
    out.seek(0)
    out.truncate()
    return written
