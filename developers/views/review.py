"""``/developers/review/``: the staff's queue of apps that want to meet people."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from developers import checks, pages, reviews
from developers.models import Review

SHOWN = 50


@require_safe
@pages.of_staff
def queue(request: HttpRequest) -> HttpResponse:
    context = {"waiting": reviews.queue()[:SHOWN], "others": reviews.decided()[:SHOWN]}
    return render(request, "developers/review_queue.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_staff
def one(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    review = get_object_or_404(
        Review.objects.select_related("application__user", "application__logo"), application__uid=uid
    )
    orders = [order for order, (_state, allowed) in reviews.LEADS.items() if review.state in allowed]
    if request.method == "POST":
        return _decide(request, review, request.POST.get("order", ""))
    context = {"review": review, "app": review.application, "checks": checks.of(review.application), "orders": orders}
    return render(request, "developers/review.html", context)


def _decide(request: HttpRequest, review: Review, order: str) -> HttpResponse:
    note = request.POST.get("note", "").strip()[:1000]
    try:
        if order not in reviews.LEADS:
            raise reviews.OutOfTurn(order)
        if order != "approve" and not note:
            messages.error(request, _("Tell the developer why."))
            return redirect("developers:review", review.application.uid)
        reviews.decide(review.application, order, by=pages.person(request), note=note, at=timezone.now())
        messages.success(request, _("Decided."))
    except reviews.OutOfTurn:
        messages.error(request, _("This cannot be decided now; somebody else may have decided meanwhile."))
    return redirect("developers:review_queue")
