"""The makers of devices that a person can connect: a hospital of the directory whose vendor is one of these is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sync.sources.wearables.dexcom.facts import DEXCOM
from sync.sources.wearables.fitbit.facts import FITBIT
from sync.sources.wearables.garmin.facts import GARMIN
from sync.sources.wearables.maker import Maker
from sync.sources.wearables.oura.facts import OURA
from sync.sources.wearables.polar.facts import POLAR
from sync.sources.wearables.strava.facts import STRAVA
from sync.sources.wearables.withings.facts import WITHINGS

MAKERS: Final[Mapping[str, Maker]] = {
    "withings": WITHINGS,
    "fitbit": FITBIT,
    "oura": OURA,
    "dexcom": DEXCOM,
    "polar": POLAR,
    "strava": STRAVA,
    "garmin": GARMIN,
}


def of(vendor: str) -> Maker | None:
    """The maker of this name; None for a hospital's vendor."""
    return MAKERS.get(vendor)
