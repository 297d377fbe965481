"""Her visits, who takes care of her, and what it cost: each from all sources, each leading to what they said."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal import care_team, costs, looking, pages, visits
from records.query import InvalidSearch, Query
from records.sameness import gathering
from records.sameness.kinds import Kind


@require_safe
@pages.of_person
def visit_list(request: HttpRequest, uid: UUID | None = None) -> HttpResponse:
    """What is to come, and a page of what was; ``after`` goes on where a page ended."""
    with looking.at_records(request, interaction="search", uid=uid) as look:
        after = request.GET.get("after") or None
        try:
            page = look.records.search(Query.of("Encounter").page(visits.PAGE, after=after))
        except InvalidSearch:
            return redirect(request.path)
        coming = [] if after else visits.coming(look.records, at=timezone.now())
        look.saw([*coming, *page.entries])
        return render(
            request,
            "portal/visits.html",
            {
                "acting": look.acting,
                "coming": visits.appointments(coming, look.owner, look.acting),
                "visits": visits.past(look.records, page.entries, look.owner, look.acting),
                "kind": Kind.VISITS,
                "next": page.next,
                "further": bool(after),
            },
        )


@require_safe
@pages.of_person
def team(request: HttpRequest, uid: UUID | None = None) -> HttpResponse:
    with looking.at_records(request, interaction="search", uid=uid) as look:
        circle, called, shown = care_team.of(look.records, look.owner, look.acting)
        look.saw(shown)
        return render(
            request,
            "portal/care_team.html",
            {
                "acting": look.acting,
                "circle": circle,
                "teams": [(each, called.get(each.source_id)) for each in circle.teams],
                "clinicians": Kind.CLINICIANS,
                "organizations": Kind.ORGANIZATIONS,
                "most": gathering.MOST,
            },
        )


@require_safe
@pages.of_person
def cost_list(request: HttpRequest, uid: UUID | None = None) -> HttpResponse:
    with looking.at_records(request, interaction="search", uid=uid) as look:
        coverages, (claims, whole) = costs.coverages(look.records), costs.claims(look.records)
        look.saw([*coverages, *claims])
        return render(
            request,
            "portal/costs.html",
            {
                "acting": look.acting,
                "coverages": costs.covered(coverages, look.owner, look.acting),
                "years": costs.years(claims, look.owner, look.acting),
                "whole": whole,
                "most": costs.CLAIMS_MAX,
            },
        )
