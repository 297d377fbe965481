from __future__ import annotations

from django.apps import AppConfig


class SmartLaunchConfig(AppConfig):
    name = "smartlaunch"
