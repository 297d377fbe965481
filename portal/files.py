"""Her files in words: what became of each document, what was not taken over and why, and what she is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import Person
from portal import names, questions, when
from standards.fhir import types
from sync import uploads
from sync.models import DocumentState, Upload, UploadedDocument, UploadState
from sync.sources.upload import accounts
from sync.sources.upload.accounts import Fate, Reason
from sync.sources.upload.readings import Format

SHOWN_MAX: Final = 100

_STATES: Final[dict[str, tuple[str | Promise, str]]] = {
    UploadState.QUEUED: (gettext_lazy("about to start"), ""),
    UploadState.RUNNING: (gettext_lazy("being read"), ""),
    UploadState.ASKING: (gettext_lazy("needs your answer"), "mark-care"),
    UploadState.DONE: (gettext_lazy("in your record"), "mark-good"),
    UploadState.FAILED: (gettext_lazy("not read"), "mark-bad"),
    UploadState.REMOVED: (gettext_lazy("taken back"), ""),
}
_FORMATS: Final[dict[str, str | Promise]] = {
    Format.FHIR: gettext_lazy("FHIR records"),
    Format.CDA: gettext_lazy("doctor's document (C-CDA)"),
    Format.HL7V2: gettext_lazy("message between hospitals (HL7 v2)"),
    Format.APPLE_HEALTH: gettext_lazy("Apple Health export"),
    Format.CARD: gettext_lazy("health card (SMART)"),
    Format.PDF: gettext_lazy("PDF document"),
    Format.IMAGE: gettext_lazy("picture"),
    Format.TEXT: gettext_lazy("text"),
    Format.UNKNOWN: "",
}
_WHY: Final = MappingProxyType(
    {
        Reason.UNNAMED: gettext_lazy("It does not say whose it is in a way we can read, so we took your word."),
        Reason.FLAGGED: gettext_lazy("Some records are not quite as the standard says. They are kept and marked."),
        Reason.REPAIRED: gettext_lazy("Some of it was written carelessly and was read as it was most likely meant."),
        Reason.VERIFIED: gettext_lazy("The signature was checked: it is that of the address named here."),
        Reason.UNVERIFIED: gettext_lazy("The signature could not be checked. What it says is kept and marked so."),
        Reason.FORGED: gettext_lazy("The signature is wrong or was withdrawn: only the file is kept."),
        Reason.EXPORTED: gettext_lazy("The export was made at this time."),
        Reason.READINGS: gettext_lazy("Readings of this kind. Those of a day and device stand together."),
        Reason.REPEATED: gettext_lazy("Said more than once in the file, and counted once."),
        Reason.IN_OTHER_FILES: gettext_lazy("They stand in other files of the zip, which are read by themselves."),
        Reason.NEWER_STANDS: gettext_lazy("Records as a later export has them already: those were left as they are."),
        Reason.UNKNOWN_KIND: gettext_lazy("Kinds of readings, or units, that we do not know yet."),
        Reason.WHEREABOUTS: gettext_lazy("It says where you were, which is no part of your health record."),
        Reason.NOT_MAPPED: gettext_lazy("It has no place in your record yet."),
        Reason.SAME_ELSEWHERE: gettext_lazy("It says again what the export itself says, which is read."),
        Reason.WHOLE: gettext_lazy("It is kept whole, as you gave it to us. Nothing in it can be searched or charted."),
        Reason.NARRATIVE: gettext_lazy("Sections that we do not read entry by entry: read them in the document."),
        Reason.UNCODED: gettext_lazy("Entries without a code that we know. Their words are kept."),
        Reason.NOT_STATED: gettext_lazy("Entries that do not say what they are about."),
        Reason.NO_PLACE: gettext_lazy("Parts that have no place in your record: read them in the document."),
        Reason.FHIR_XML: gettext_lazy("It is FHIR written as XML. Ask for it as JSON."),
        Reason.NOT_CDA: gettext_lazy("It is XML, but not a medical document that we know."),
        Reason.DOCTYPE: gettext_lazy("It carries definitions of its own (DOCTYPE), which harmful files use."),
        Reason.NO_RESOURCE: gettext_lazy("Entries without any record in them."),
        Reason.UNKNOWN_TYPE: gettext_lazy("Records of a kind that FHIR R4 does not know."),
        Reason.NOT_CLINICAL: gettext_lazy("Entries that are not part of a person's health record."),
        Reason.ANOTHER_PERSON: gettext_lazy("Records about somebody else."),
        Reason.UNREADABLE_PART: gettext_lazy("A part that could not be read."),
        Reason.DELETED: gettext_lazy("Entries that only say that something was deleted."),
        Reason.EMPTY: gettext_lazy("There is nothing in this file."),
        Reason.UNKNOWN_FORMAT: gettext_lazy("This is no kind of file we can read."),
        Reason.DAMAGED: gettext_lazy("The file is damaged or cut off. Download it again where you got it."),
        Reason.TOO_LARGE: gettext_lazy("It is larger than we can take."),
        Reason.TOO_MANY: gettext_lazy("There are more files in it than we can take at once."),
        Reason.UNSAFE_NAME: gettext_lazy("Its name in the zip file leads outside of it, as harmful files do."),
        Reason.ENCRYPTED: gettext_lazy("It is locked with a password. Unlock it and give it to us again."),
        Reason.BOMB: gettext_lazy("It would unpack into far more than it says, as harmful files do."),
        Reason.NESTED: gettext_lazy("It is a zip file inside another. Unpack the outer one and give us what is in it."),
        Reason.NOT_FHIR: gettext_lazy("It is JSON, but it holds no FHIR records."),
        Reason.OLD_FHIR: gettext_lazy("It is written in an older FHIR and would be misread here. Ask for FHIR R4."),
        Reason.SEVERAL_PEOPLE: gettext_lazy("It is about several people, and we cannot tell which of them is you."),
        Reason.NOTHING_IN_IT: gettext_lazy("There are no health records in it."),
        Reason.LINK_OVER: gettext_lazy("The link leads nowhere any more. Ask whoever gave it to you for a new one."),
        Reason.WRONG_PASSCODE: gettext_lazy("The link wants a passcode: it was missing or wrong. Give us both again."),
        Reason.UNREACHABLE: gettext_lazy("The link could not be followed. Take it back and try again later."),
        Reason.LOST: gettext_lazy("Reading it failed again and again. We left it aside."),
    }
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One line of an account: ``what`` it is about, how often, and why, in words."""

    what: str
    count: int
    why: str


@dataclass(frozen=True)
class Document:
    number: int
    name: str
    format: str
    waiting: bool
    discarded: bool
    refused: bool
    question: questions.Question | None
    kept: tuple[Line, ...]
    as_text: tuple[Line, ...]
    dropped: tuple[Line, ...]
    notes: tuple[Line, ...]


@dataclass(frozen=True)
class File:
    """``records``: how many are in her record from it; ``problem``: why it could not be read at all.
    ``beside``: the names of her other files that these records came from as well.
    """

    uid: UUID
    name: str
    received: str
    state: str
    mark: str
    under_way: bool
    removed: bool
    records: int
    summary: str
    problem: str
    beside: tuple[str, ...] = ()


def of(person: Person) -> list[File]:
    """Newest first."""
    return [file(upload) for upload in uploads.of(person).select_related("source")[:SHOWN_MAX]]


def file(upload: Upload) -> File:
    label, mark = _STATES[upload.state]
    records = sum(uploads.holds(upload).values())
    if upload.state == UploadState.DONE and not records:
        label, mark = _("nothing kept"), "mark-bad"
    return File(
        uid=upload.uid,
        name=uploads.name(upload) or _("File without a name"),
        received=when.moment(upload.received),
        state=str(label),
        mark=mark,
        under_way=upload.state in (UploadState.QUEUED, UploadState.RUNNING),
        removed=upload.state == UploadState.REMOVED,
        records=records,
        summary=ngettext("%(count)s record", "%(count)s records", records) % {"count": records} if records else "",
        problem=str(_WHY[Reason(upload.problem)]) if upload.problem else "",
        beside=tuple(uploads.name(each) or _("File without a name") for each in uploads.beside(upload)),
    )


def documents(upload: Upload) -> list[Document]:
    return [_document(each) for each in upload.documents.order_by("number")]


def _document(document: UploadedDocument) -> Document:
    outcome = uploads.account(document)
    told = list(accounts.lines(outcome)) if outcome else []
    return Document(
        number=document.number,
        name=uploads.document_name(document),
        format=str(_FORMATS[document.format]),
        waiting=document.state == DocumentState.WAITING,
        discarded=document.state == DocumentState.DISCARDED,
        refused=document.state == DocumentState.REFUSED,
        question=_question(document),
        kept=tuple(_lines(told, Fate.MAPPED, kept=True)),
        as_text=tuple(_lines(told, Fate.AS_TEXT)),
        dropped=tuple(_lines(told, Fate.DROPPED)),
        notes=tuple(_lines(told, Fate.MAPPED)),
    )


def _lines(told: list[accounts.Line], fate: Fate, *, kept: bool = False) -> Iterator[Line]:
    for line in told:
        if line.fate is fate and (line.reason is Reason.KEPT) is kept:
            what = str(names.type_name(line.what)) if line.what in types.RESOURCE_TYPES else line.what
            yield Line(what, line.count, "" if kept else str(_WHY[line.reason]))


def _question(document: UploadedDocument) -> questions.Question | None:
    told = uploads.subject(document)
    return None if told is None else questions.of(told)
