"""A document of a record as an answer of its own: shown in a frame that may do nothing, or downloaded as it is."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from portal import documents, looking, pages, readable
from portal.documents import Paper
from portal.looking import Look
from portal.pdf import reading as pdf
from portal.readable import Form
from records import reading
from standards import sniffing


@require_safe
@pages.of_person
def content(
    request: HttpRequest, resource_type: str, logical_id: str, number: int, uid: UUID | None = None
) -> HttpResponse:
    """``download``: the bytes as they were received. ``version``: of an earlier version of the record. ``page``: of a
    PDF, from 1.

    ``uid``: the delegation she looks under.
    """
    asked, sheet = request.GET.get("version", ""), _number(request.GET.get("page", "1"))
    with looking.at_records(request, interaction="vread" if asked else "read", uid=uid) as look:
        stored = _held(look.records, resource_type, logical_id, asked)
        if stored is None or stored.deleted or sheet is None:
            raise Http404
        paper = next((each for each in documents.of(stored.resource) if each.number == number), None)
        if paper is None:
            raise Http404
        data = _opened(look, stored, paper)
    if "download" in request.GET and stored.resource_type != documents.COMPOSITION:
        return _locked_in(_file(data, paper))
    if sniffing.sniff(data).form is sniffing.Form.PDF and paper.form is not Form.FILE:
        return _locked_in(_sheet(data, sheet, asked), readable.SHEETS_POLICY)
    return _locked_in(_shown(data, stored, paper))


def _number(written: str) -> int | None:
    """A number from 1 of few digits; None for anything else."""
    return int(written) or None if written.isascii() and written.isdigit() and len(written) < 9 else None


def _held(records: reading.RecordSet, resource_type: str, logical_id: str, version: str) -> reading.Stored | None:
    if not version:
        return records.read(resource_type, logical_id)
    number = _number(version)
    return records.read_version(resource_type, logical_id, number) if number else None


def _opened(look: Look, stored: reading.Stored, paper: Paper) -> bytes:
    """The bytes of a document; of a Composition, which is its own document, none."""
    if stored.resource_type == documents.COMPOSITION:
        look.saw([stored])
        return b""
    found = documents.content(look.records, paper)
    if found is None:
        raise Http404
    data, opened = found
    look.saw([stored, *opened])
    return data


def _sheet(data: bytes, number: int, version: str) -> HttpResponse:
    page = pdf.page(data, number, version=version)
    if page is None:
        raise Http404
    return HttpResponse(page)


def _shown(data: bytes, stored: reading.Stored, paper: Paper) -> HttpResponse:
    if stored.resource_type == documents.COMPOSITION:
        return HttpResponse(readable.of_composition(stored.resource))
    if paper.form is Form.PAGE and (page := readable.page(data, paper.media_type)):
        return HttpResponse(page)
    kind = sniffing.sniff(data).media_type
    # A picture is what its bytes are, never what its sender calls it.
    if kind in readable.PICTURES:
        return HttpResponse(data, content_type=kind)
    # In a frame a file would be an empty place.
    return HttpResponse(pdf.unshown()) if paper.form in (Form.PAGE, Form.SHEETS) else _file(data, paper)


def _file(data: bytes, paper: Paper) -> HttpResponse:
    answer = HttpResponse(data, content_type=sniffing.sniff(data).media_type or "application/octet-stream")
    disposition = content_disposition_header(True, paper.file_name)
    if disposition:
        answer["Content-Disposition"] = disposition
    return answer


def _locked_in(answer: HttpResponse, policy: str = readable.POLICY) -> HttpResponse:
    answer["Content-Security-Policy"] = policy
    answer["X-Frame-Options"] = "SAMEORIGIN"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
