"""A document of a record as an answer of its own: shown in a frame that may do nothing, or downloaded as it is."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from portal import documents, looking, pages, readable
from portal.documents import Paper
from portal.looking import Look
from portal.readable import Form
from records import reading
from standards import sniffing


@require_safe
@pages.of_person
def content(
    request: HttpRequest, resource_type: str, logical_id: str, number: int, uid: UUID | None = None
) -> HttpResponse:
    """``download``: the bytes as they were received. ``version``: of an earlier version of the record.

    ``uid``: the delegation she looks under.
    """
    asked = request.GET.get("version", "")
    with looking.at_records(request, interaction="vread" if asked else "read", uid=uid) as look:
        stored = _held(look.records, resource_type, logical_id, asked)
        if stored is None or stored.deleted:
            raise Http404
        paper = next((each for each in documents.of(stored.resource) if each.number == number), None)
        if paper is None:
            raise Http404
        answer = _answer(look, stored, paper, whole="download" in request.GET)
    return _locked_in(answer)


def _held(records: reading.RecordSet, resource_type: str, logical_id: str, version: str) -> reading.Stored | None:
    if not version:
        return records.read(resource_type, logical_id)
    if not (version.isascii() and version.isdigit() and len(version) < 9):
        return None
    return records.read_version(resource_type, logical_id, int(version))


def _answer(look: Look, stored: reading.Stored, paper: Paper, *, whole: bool) -> HttpResponse:
    if stored.resource_type == documents.COMPOSITION:
        look.saw([stored])
        return HttpResponse(readable.of_composition(stored.resource))
    found = documents.content(look.records, paper)
    if found is None:
        raise Http404
    data, opened = found
    look.saw([stored, *opened])
    if whole:
        return _file(data, paper)
    if paper.form is Form.PAGE and (page := readable.page(data, paper.media_type)):
        return HttpResponse(page)
    kind = sniffing.sniff(data).media_type
    # A picture is what its bytes are, never what its sender calls it.
    return HttpResponse(data, content_type=kind) if kind in readable.PICTURES else _file(data, paper)


def _file(data: bytes, paper: Paper) -> HttpResponse:
    answer = HttpResponse(data, content_type=sniffing.sniff(data).media_type or "application/octet-stream")
    disposition = content_disposition_header(True, paper.file_name)
    if disposition:
        answer["Content-Disposition"] = disposition
    return answer


def _locked_in(answer: HttpResponse) -> HttpResponse:
    answer["Content-Security-Policy"] = readable.POLICY
    answer["X-Frame-Options"] = "SAMEORIGIN"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
