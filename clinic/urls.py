"""Below ``/ehr/<uuid:uid>/``: the pages of one visit."""

from __future__ import annotations

from django.urls import path

from clinic import follow_up_views, message_views, views

app_name = "clinic"

urlpatterns = [
    path("", views.panel, name="panel"),
    path("readings/", views.home_and_clinic, name="readings"),
    path("results/", views.results, name="results"),
    path("search/", views.search, name="search"),
    path("record/<str:resource_type>/<str:logical_id>/", views.record, name="record"),
    path("messages/", message_views.thread, name="messages"),
    path("send/", views.send, name="send"),
    path("questionnaires/", follow_up_views.listing, name="follow_ups"),
    path("questionnaires/<uuid:follow_up>/", follow_up_views.one, name="follow_up"),
    path("emergency/", views.emergency, name="emergency"),
    path("ask/", views.ask, name="ask"),
    path("still", views.still, name="still"),
    path("end/", views.end, name="end"),
]
