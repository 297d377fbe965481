"""The yardstick's site: the same settings and server, no apps, no middleware, bare views only."""

from __future__ import annotations

from config.settings import *  # noqa: F403 - the same settings on purpose

ROOT_URLCONF = "benchmarks.yardstick"
INSTALLED_APPS: list[str] = []
MIDDLEWARE: list[str] = []
