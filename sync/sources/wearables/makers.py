"""The makers of devices that a person can connect: a hospital of the directory whose vendor is one of these is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sync.sources.wearables.maker import Maker
from sync.sources.wearables.withings.facts import WITHINGS

MAKERS: Final[Mapping[str, Maker]] = {"withings": WITHINGS}


def of(vendor: str) -> Maker | None:
    """The maker of this name; None for a hospital's vendor."""
    return MAKERS.get(vendor)
