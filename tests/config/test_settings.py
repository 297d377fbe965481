"""What settings make of what they are given."""

from __future__ import annotations

import runpy
import warnings

import pytest
from django.conf import settings
from django.core.cache.backends.base import BaseCache


@pytest.mark.parametrize("name", ["Tributary", "Lakeside Clinic", "Clínica del Río"])
def test_keys_of_the_cache_are_good_whatever_the_site_is_called(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SITE_NAME", name)
    monkeypatch.setenv("CACHE_URL", "redis://cache")
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody@database/tributary")
    monkeypatch.setenv("BROKER_URL", "redis://broker")

    given = runpy.run_path(str(settings.BASE_DIR / "config" / "settings.py"))["CACHES"]["default"]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        key = BaseCache({"KEY_PREFIX": given["KEY_PREFIX"]}).make_and_validate_key("limit")
    assert given["KEY_PREFIX"]
    assert key.startswith(given["KEY_PREFIX"])
