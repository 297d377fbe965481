"""Below ``/organizations/``: pages of an organisation's staff."""

from __future__ import annotations

from django.urls import path

from clinic import questionnaire_views
from clinic import staff_views as views

app_name = "organizations"

urlpatterns = [
    path("", views.mine, name="mine"),
    path("<slug:slug>/", views.organization, name="one"),
    path("<slug:slug>/rules/", views.rules, name="rules"),
    path("<slug:slug>/questionnaires/", questionnaire_views.listing, name="questionnaires"),
    path("<slug:slug>/questionnaires/<uuid:uid>/", questionnaire_views.one, name="questionnaire"),
    path("<slug:slug>/ehrs/new/", views.new_ehr, name="new_ehr"),
    path("<slug:slug>/ehrs/<slug:ehr_slug>/", views.ehr, name="ehr"),
    path("<slug:slug>/clinicians/<uuid:uid>/", views.switch_clinician, name="switch_clinician"),
]
