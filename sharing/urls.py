"""What links lead to. The segment after ``shl/`` is 43 characters: 256 bits."""

from __future__ import annotations

from django.urls import path

from sharing import views

app_name = "sharing"
urlpatterns = [
    path("shl/<str:token>", views.link, name="link"),
    path("shl/<str:token>/<str:ticket>", views.file, name="file"),
    path("view/", views.viewer, name="viewer"),
]
