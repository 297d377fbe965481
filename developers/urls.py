"""The developers' pages, and the registration endpoint (RFC 7591, RFC 7592)."""

from __future__ import annotations

from django.urls import path

from developers.views import apps, dynamic, faults, flow, home, people, reference, review, scopes, webhooks

app_name = "developers"
urlpatterns = [
    path("oauth/register", dynamic.register, name="registrations"),
    path("oauth/register/<slug:client_id>", dynamic.registration, name="registration"),
    path("developers/", home.home, name="home"),
    path("developers/join/", home.join, name="join"),
    path("developers/initial-token/", dynamic.initial_token, name="initial_token"),
    path("developers/apps/new/", apps.register, name="register_app"),
    path("developers/apps/<uuid:uid>/", apps.one, name="app"),
    path("developers/apps/<uuid:uid>/change/", apps.change, name="change_app"),
    path("developers/apps/<uuid:uid>/secret/", apps.renew_secret, name="renew_secret"),
    path("developers/apps/<uuid:uid>/keys/", apps.renew_keys, name="renew_keys"),
    path("developers/apps/<uuid:uid>/submit/", apps.submit, name="submit_app"),
    path("developers/apps/<uuid:uid>/usage/", apps.usage, name="usage"),
    path("developers/apps/<uuid:uid>/faults/", faults.switches, name="faults"),
    path("developers/apps/<uuid:uid>/webhooks/", webhooks.listing, name="webhooks"),
    path("developers/webhooks/<uuid:uid>/end/", webhooks.end, name="end_webhook"),
    path("developers/deliveries/<uuid:uid>/replay/", webhooks.replay, name="replay"),
    path("developers/people/", people.listing, name="people"),
    path("developers/people/<int:person_id>/password/", people.renew_password, name="renew_password"),
    path("developers/scopes/", scopes.builder, name="scopes"),
    path("developers/try/", flow.start, name="flow"),
    path("developers/try/back", flow.back, name="flow_back"),
    path("developers/reference/", reference.page, name="reference"),
    path("developers/openapi.json", reference.openapi, name="openapi"),
    path("developers/review/", review.queue, name="review_queue"),
    path("developers/review/<uuid:uid>/", review.one, name="review"),
]
