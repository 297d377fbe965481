"""Below ``/ehr/<uuid:uid>/``: the pages of one visit."""

from __future__ import annotations

from django.urls import path

from clinic import views

app_name = "clinic"

urlpatterns = [
    path("", views.panel, name="panel"),
    path("still", views.still, name="still"),
    path("end/", views.end, name="end"),
]
