"""What links lead to, and the keys of our cards. The segment after ``shl/`` is 43 characters: 256 bits."""

from __future__ import annotations

from django.urls import path

from sharing import views

app_name = "sharing"
urlpatterns = [
    path("shl/<str:token>", views.link, name="link"),
    path("shl/<str:token>/<str:ticket>", views.file, name="file"),
    path("cards/.well-known/jwks.json", views.card_keys, name="card_keys"),
    path("cards/.well-known/crl/<str:kid>.json", views.cards_taken_back, name="cards_taken_back"),
    path("view/", views.viewer, name="viewer"),
]
