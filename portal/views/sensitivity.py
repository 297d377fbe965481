"""What stays private: what others do not get unless she chose it, why, and her own word on it."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import stepup
from consent import sensitivity as consent_sensitivity
from portal import looking, pages, sensitivity, sources
from records import labels

PAGE = 30
_VERDICTS = {"sensitive": True, "ordinary": False, "automatic": None}


@require_safe
@pages.of_person
def listing(request: HttpRequest) -> HttpResponse:
    """By kind, newest first; ``kind`` picks one and ``page`` goes on."""
    with looking.at_records(request, interaction="search") as look:
        sorts = sensitivity.sorts(look.records.counts())
        chosen = next((one for one in sorts if one.label == request.GET.get("kind")), sorts[0] if sorts else None)
        page = _number(request.GET.get("page", ""))
        entries = []
        if chosen:
            bits = labels.bits([chosen.label])
            entries = look.records.labelled(bits, count=PAGE + 1, skip=PAGE * (page - 1))
        shown = entries[:PAGE]
        look.saw(shown)
        called = sources.names(entry.source_id for entry in shown)
        return render(
            request,
            "portal/sensitivity.html",
            {
                "sorts": sorts,
                "chosen": chosen,
                "records": [sensitivity.held(one, source=called.get(one.source_id, "")) for one in shown],
                "page": page,
                "before": page - 1 if page > 1 else None,
                "next": page + 1 if len(entries) > PAGE else None,
            },
        )


@require_POST
@pages.of_person
def mark(request: HttpRequest, resource_type: str, logical_id: str) -> HttpResponse:
    """Her word on one record; binding for every reader at once. What may let somebody see it wants a proof."""
    answer = _marked if request.POST.get("verdict") == "sensitive" else stepup.required(_marked)
    return answer(request, resource_type, logical_id)


def _marked(request: HttpRequest, resource_type: str, logical_id: str) -> HttpResponse:
    said = request.POST.get("verdict", "")
    done = said in _VERDICTS and consent_sensitivity.mark(
        pages.person(request),
        (resource_type, logical_id),
        sensitive=_VERDICTS[said],
        at=timezone.now(),
        origin=request.META.get("REMOTE_ADDR", ""),
    )
    if not done:
        raise Http404
    messages.success(request, _("Noted. It counts from now on, and when your hospitals send the record again."))
    return redirect("portal:record", resource_type=resource_type, logical_id=logical_id)


def _number(said: str) -> int:
    return int(said) if said.isascii() and said.isdecimal() and 0 < len(said) < 6 and int(said) else 1
