"""``/organizations/``: where an organisation's staff looks after its EHRs, its rules and who came in."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from clinic import staff
from clinic.forms import EhrForm, RulesForm, rules_of
from smartlaunch import clinicians, diagnosis, ehrs, organizations, shared, visits
from smartlaunch.models import ClinicRole, Ehr, Organization, Visit

SHOWN: Final = 100
_SLUG_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"


@require_safe
@login_required
@cache_control(private=True, no_store=True)
def mine(request: HttpRequest) -> HttpResponse:
    found = staff.organizations(staff.person_of(request))
    return render(request, "clinic/organizations.html", {"organizations": found})


@require_safe
@staff.of_organization
def organization(request: HttpRequest, organization: Organization) -> HttpResponse:
    context = {
        "organization": organization,
        "ehrs": organization.ehrs.all(),
        "clinicians": organization.clinicians.order_by("-last_seen")[:SHOWN],
        "rules": organization.rules.all(),
        "visits": _visits(organization),
        "at": timezone.now(),
    }
    return render(request, "clinic/organization.html", context)


def _visits(organization: Organization) -> list[tuple[Visit, str]]:
    """Each with the Patient at the EHR whose chart it was."""
    found = Visit.objects.filter(ehr__organization=organization).select_related("clinician", "ehr")
    return [(visit, visits.opened_context(visit).patient) for visit in found.order_by("-began")[:SHOWN]]


@require_http_methods(["GET", "HEAD", "POST"])
@staff.of_organization
def new_ehr(request: HttpRequest, organization: Organization) -> HttpResponse:
    form = EhrForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        # It stands in the redirect address, so it is nothing that another EHR's staff could choose.
        ehr = form.enter(organization, slug=f"{organization.slug[:50]}-{get_random_string(8, _SLUG_LETTERS)}")
        staff.note(request, organization, "enter-ehr", ehr=ehr.slug)
        messages.success(request, _("Entered. It may open us once whoever runs this site has let it."))
        return redirect("organizations:ehr", organization.slug, ehr.slug)
    context = {"organization": organization, "form": form, "ehr": None, "launch_uri": ehrs.launch_uri()}
    return render(request, "clinic/ehr.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@staff.of_organization
def ehr(request: HttpRequest, organization: Organization, ehr_slug: str) -> HttpResponse:
    """What is registered, what the EHR says now (``order=check``), and how its last launches went."""
    known = get_object_or_404(Ehr, organization=organization, slug=ehr_slug)
    order = request.POST.get("order", "") if request.method == "POST" else ""
    form = EhrForm(request.POST if order == "save" else None, known=known, initial=EhrForm.of(known))
    if order == "save" and form.is_valid():
        form.enter(organization, slug=known.slug)
        staff.note(request, organization, "change-ehr", ehr=known.slug)
        messages.success(request, _("Saved."))
        return redirect("organizations:ehr", organization.slug, known.slug)
    if order in _SWITCHES:
        return _switch(request, organization, known, active=_SWITCHES[order])
    context = {
        "organization": organization,
        "ehr": known,
        "form": form,
        "launch_uri": ehrs.launch_uri(),
        "redirect_uri": ehrs.redirect_uri(known),
        "found": diagnosis.check(known) if order == "check" else None,
        "launches": diagnosis.launches(known),
        "may_switch": staff.person_of(request).is_staff,
    }
    return render(request, "clinic/ehr.html", context, status=400 if form.errors else 200)


_SWITCHES: Final = {"let": True, "stop": False}


def _switch(request: HttpRequest, organization: Organization, ehr: Ehr, *, active: bool) -> HttpResponse:
    """Anybody of the staff may stop it; to let it open us is for who runs this site, who knows whose address it is."""
    if active and not staff.person_of(request).is_staff:
        messages.error(request, _("Only who runs this site can let an EHR open us."))
    else:
        Ehr.objects.filter(pk=ehr.pk).update(active=active)
        shared.end_tokens(organization)
        staff.note(request, organization, "let-ehr" if active else "stop-ehr", ehr=ehr.slug)
    return redirect("organizations:ehr", organization.slug, ehr.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@staff.of_organization
def rules(request: HttpRequest, organization: Organization) -> HttpResponse:
    form = RulesForm(request.POST or None, initial=rules_of(organization))
    if request.method == "POST" and form.is_valid():
        given = [(one["claim"], one["value"], ClinicRole(one["role"])) for one in form.cleaned_data if one.get("claim")]
        organizations.set_rules(organization, given, at=timezone.now())
        staff.note(request, organization, "set-rules")
        messages.success(request, _("Saved. Everybody who had a chart open opens it again, under the new rules."))
        return redirect("organizations:one", organization.slug)
    context = {"organization": organization, "form": form}
    return render(request, "clinic/rules.html", context, status=400 if form.is_bound else 200)


@require_POST
@staff.of_organization
def switch_clinician(request: HttpRequest, organization: Organization, uid: UUID) -> HttpResponse:
    """``order=shut`` puts him out at once, ``order=let`` lets him in again."""
    clinician = get_object_or_404(organization.clinicians, uid=uid)
    if request.POST.get("order") == "let":
        clinicians.reactivate(clinician)
        staff.note(request, organization, "let-clinician", clinician=str(uid))
        messages.success(request, _("May come in again."))
    elif request.POST.get("order") == "shut":
        clinicians.deactivate(clinician, at=timezone.now())
        staff.note(request, organization, "shut-clinician", clinician=str(uid))
        messages.success(request, _("Shut out. Every open view is locked."))
    return redirect("organizations:one", organization.slug)
