from __future__ import annotations

from django.urls import path

from smartlaunch import news, views

app_name = "smartlaunch"

urlpatterns = [
    path("<slug:slug>", views.begin, name="begin"),
    path("<slug:slug>/callback", views.callback, name="callback"),
    path("<slug:slug>/notice/<slug:key>", news.notice, name="notice"),
]
