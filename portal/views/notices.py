"""What she is told of and reminded of, and the telephone by which she can be."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import phones, stepup
from portal import pages, wishes
from portal.wishes import NoticesForm, PhoneForm


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
@stepup.required_to_send
def choose(request: HttpRequest) -> HttpResponse:
    person = pages.person(request)
    form = NoticesForm(request.POST or None, person=person)
    if request.method == "POST" and form.is_valid():
        form.save(origin=request.META.get("REMOTE_ADDR", ""))
        messages.success(request, _("Your changes are saved."))
        return redirect("portal:notices")
    return _page(request, form, PhoneForm())


@require_POST
@pages.of_person
@stepup.required
def give_phone(request: HttpRequest) -> HttpResponse:
    person, form = pages.person(request), PhoneForm(request.POST)
    if not phones.ways() or not form.is_valid():
        return _page(request, NoticesForm(person=person), form)
    if phones.ask(request.session, person, form.cleaned_data["number"]):
        messages.info(request, _("A code is on its way to that number. Type it in below."))
    else:
        messages.error(request, _("No code could be sent to that number. Try again tomorrow, or another number."))
    return redirect("portal:notices")


@require_POST
@pages.of_person
@stepup.required
def confirm_phone(request: HttpRequest) -> HttpResponse:
    if phones.confirm(request.session, pages.person(request), request.POST.get("code", "")):
        messages.success(request, _("This number is yours. You can now choose it for reminders."))
    else:
        messages.error(request, _("That was not the code."))
    return redirect("portal:notices")


@require_POST
@pages.of_person
def remove_phone(request: HttpRequest) -> HttpResponse:
    person = pages.person(request)
    person.phone = ""
    person.save(update_fields=["phone"])
    wishes.by_mail_again(person)
    messages.success(request, _("The number is removed. Reminders come by mail."))
    return redirect("portal:notices")


def _page(request: HttpRequest, form: NoticesForm, phone: PhoneForm) -> HttpResponse:
    person = pages.person(request)
    told = {
        "form": form,
        "phone": phone,
        "waiting": phones.asked_for(request.session),
        "reachable": bool(phones.ways()),
    }
    return render(request, "portal/notices.html", {**told, "number": person.phone, "email": person.email})
