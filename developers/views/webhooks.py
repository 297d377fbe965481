"""An app's webhooks: made, ended, looked through, sent again."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import stepup
from developers import complaints, pages, registrations, tasks, webhooks
from developers.forms import WebhookForm
from developers.models import Delivery, Subscription
from gateway.errors import InvalidRegistration

SHOWN = 50


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_developer
@stepup.required_to_send
@sensitive_variables("secret")
def listing(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """By POST another one; its secret is on this one answer only."""
    application = get_object_or_404(registrations.of(pages.person(request)), uid=uid)
    form, secret = WebhookForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            said = form.cleaned_data
            _made, secret = webhooks.subscribe(application, said["url"], said["events"], at=timezone.now())
            form = WebhookForm()
        except InvalidRegistration as error:
            form.add_error("url", complaints.told(error))
    shown = [(one, webhooks.log(one)[:SHOWN]) for one in webhooks.of(application)]
    context = {"app": application, "form": form, "secret": secret, "subscriptions": shown}
    return render(request, "developers/webhooks.html", context, status=400 if form.errors else 200)


@require_POST
@pages.of_developer
def end(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    subscription = get_object_or_404(_own(request), uid=uid)
    webhooks.end(subscription, at=timezone.now())
    messages.success(request, _("The webhook has ended."))
    return redirect("developers:webhooks", subscription.application.uid)


@require_POST
@pages.of_developer
def replay(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    mine = Delivery.objects.filter(subscription__application__user=pages.person(request))
    delivery = get_object_or_404(mine.select_related("subscription__application"), uid=uid)
    webhooks.replay(delivery, at=timezone.now())
    tasks.deliver.delay(delivery.pk)
    messages.success(request, _("It is sent again."))
    return redirect("developers:webhooks", delivery.subscription.application.uid)


def _own(request: HttpRequest) -> QuerySet[Subscription]:
    found = Subscription.objects.filter(application__user=pages.person(request), ended__isnull=True)
    return found.select_related("application")
