"""Below ``/ehr/``: opened by an EHR, and coming back from it. The pages of a visit are the room clinic's."""

from __future__ import annotations

from django.urls import path

from smartlaunch import ehr_views

app_name = "ehr"

urlpatterns = [
    path("launch", ehr_views.launch, name="launch"),
    path("token", ehr_views.token, name="token"),
    path("callback/<slug:slug>", ehr_views.callback, name="callback"),
    path("<uuid:uid>/style.css", ehr_views.style, name="style"),
    path("<uuid:uid>/go", ehr_views.go, name="go"),
]
