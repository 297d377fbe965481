"""What the schemas measure: the name of each, its value and the units it takes, and what it is in LOINC.

Open mHealth: https://w3id.org/openmhealth/schemas/omh; IEEE 1752.1: https://w3id.org/ieee/ieee-1752-schema. A schema of
several values (a night, an exercise) has no ``field``: each of its values is told by its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

LOINC: Final = "http://loinc.org"
SYSTEM: Final = "https://w3id.org/openmhealth/schemas/omh"
NAMESPACES: Final = frozenset({"omh", "ieee"})

# The schemas' units in UCUM.
UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "%": "%",
        "beats/min": "/min",
        "breaths/min": "/min",
        "mmHg": "mm[Hg]",
        "mg/dL": "mg/dL",
        "mmol/L": "mmol/L",
        "kg/m^2": "kg/m2",
        "ug": "ug",
        "mg": "mg",
        "g": "g",
        "kg": "kg",
        "oz": "[oz_av]",
        "lb": "[lb_av]",
        "mm": "mm",
        "cm": "cm",
        "m": "m",
        "km": "km",
        "in": "[in_i]",
        "ft": "[ft_i]",
        "yd": "[yd_i]",
        "mi": "[mi_i]",
        "K": "K",
        "C": "Cel",
        "F": "[degF]",
        "kcal": "kcal",
        "ms": "ms",
        "sec": "s",
        "min": "min",
        "h": "h",
        "d": "d",
        "wk": "wk",
        "steps": "{steps}",
        "laps": "{laps}",
        "skips": "{skips}",
        "movements": "{movements}",
        "strokes": "{strokes}",
        "steps/min": "{steps}/min",
        "strokes/min": "{strokes}/min",
        "m/s": "m/s",
        "km/h": "km/h",
        "mi/h": "[mi_i]/h",
        "events/h": "{events}/h",
        "L/min": "L/min",
        "mL/min": "mL/min",
        "L": "L",
        "mL": "mL",
    }
)
_MASS: Final = ("ug", "mg", "g", "kg", "oz", "lb")
_LENGTH: Final = ("mm", "cm", "m", "km", "in", "ft", "yd", "mi")
_DURATION: Final = ("ms", "sec", "min", "h", "d", "wk")


@dataclass(frozen=True, slots=True)
class Schema:
    """``field``: the member of the body that is the value, in one of ``units``; ``code``: LOINC, or empty."""

    name: str
    display: str
    category: str
    code: str = ""
    field: str = ""
    units: tuple[str, ...] = ()

    @property
    def lasts(self) -> bool:
        """Whether it is of a stretch of time, and so cannot be of an instant."""
        return self.category == "activity" and self.name not in ("physical-activity", "minutes-moderate-activity")


_VITAL, _ACTIVITY, _LAB = "vital-signs", "activity", "laboratory"

SCHEMAS: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        each.name: each
        for each in (
            Schema(
                "blood-glucose", "Glucose [Mass/volume] in Blood", _LAB, "2339-0", "blood_glucose", ("mg/dL", "mmol/L")
            ),
            Schema("blood-pressure", "Blood pressure panel with all children optional", _VITAL, "85354-9"),
            Schema("heart-rate", "Heart rate", _VITAL, "8867-4", "heart_rate", ("beats/min",)),
            Schema("respiratory-rate", "Respiratory rate", _VITAL, "9279-1", "respiratory_rate", ("breaths/min",)),
            Schema(
                "oxygen-saturation",
                "Oxygen saturation in Arterial blood by Pulse oximetry",
                _VITAL,
                "59408-5",
                "oxygen_saturation",
                ("%",),
            ),
            Schema("body-temperature", "Body temperature", _VITAL, "8310-5", "body_temperature", ("C", "F", "K")),
            Schema("body-weight", "Body weight", _VITAL, "29463-7", "body_weight", _MASS),
            Schema("body-height", "Body height", _VITAL, "8302-2", "body_height", _LENGTH),
            Schema(
                "body-mass-index", "Body mass index (BMI) [Ratio]", _VITAL, "39156-5", "body_mass_index", ("kg/m^2",)
            ),
            Schema(
                "body-fat-percentage",
                "Percentage of body fat Measured",
                _VITAL,
                "41982-0",
                "body_fat_percentage",
                ("%",),
            ),
            Schema(
                "step-count",
                "Number of steps in unspecified time Pedometer",
                _ACTIVITY,
                "55423-8",
                "step_count",
                ("steps",),
            ),
            Schema("calories-burned", "Calories burned", _ACTIVITY, "41981-2", "kcal_burned", ("kcal",)),
            Schema(
                "minutes-moderate-activity",
                "Minutes of moderate activity",
                _ACTIVITY,
                "",
                "minutes_moderate_activity",
                ("min",),
            ),
            Schema("rr-interval", "R-R interval", _VITAL, "", "rr_interval", ("ms",)),
            Schema("minute-volume", "Minute volume", _VITAL, "", "minute_volume", ("L/min", "mL/min")),
            Schema("physical-activity", "Exercise activity", _ACTIVITY, "73985-4"),
            Schema("sleep-duration", "Sleep duration", _ACTIVITY, "93832-4", "sleep_duration", _DURATION),
            Schema("total-sleep-time", "Sleep duration", _ACTIVITY, "93832-4", "total_sleep_time", _DURATION),
            Schema("sleep-episode", "Sleep episode", _ACTIVITY),
            Schema("time-in-bed", "Time in bed", _ACTIVITY, "", "time_in_bed", _DURATION),
            Schema("deep-sleep", "Deep sleep duration", _ACTIVITY, "93831-6", "deep_sleep_duration", _DURATION),
            Schema("light-sleep", "Light sleep duration", _ACTIVITY, "93830-8", "light_sleep_duration", _DURATION),
            Schema(
                "wake-after-sleep-onset", "Wake after sleep onset", _ACTIVITY, "", "wake_after_sleep_onset", _DURATION
            ),
            Schema("sleep-onset-latency", "Sleep onset latency", _ACTIVITY, "", "latency_to_sleep_onset", _DURATION),
            Schema("apnea-hypopnea-index", "Apnea hypopnea index", _VITAL, "", "apnea_hypopnea_index", ("events/h",)),
        )
    }
)

# Members that mean the same in every schema, as parts of an Observation.
PARTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "systolic_blood_pressure": ("8480-6", "Systolic blood pressure"),
        "diastolic_blood_pressure": ("8462-4", "Diastolic blood pressure"),
        "total_sleep_time": ("93832-4", "Sleep duration"),
        "light_sleep_duration": ("93830-8", "Light sleep duration"),
        "deep_sleep_duration": ("93831-6", "Deep sleep duration"),
        "rem_sleep_duration": ("93829-0", "REM sleep duration"),
        "distance": ("55430-3", "Walking distance unspecified time Pedometer"),
        "kcal_burned": ("41981-2", "Calories burned"),
        "duration": ("55411-3", "Exercise duration"),
    }
)
REQUIRED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "blood-pressure": ("systolic_blood_pressure", "diastolic_blood_pressure"),
        "physical-activity": ("activity_name",),
    }
)
PART_UNITS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "systolic_blood_pressure": ("mmHg",),
        "diastolic_blood_pressure": ("mmHg",),
        "kcal_burned": ("kcal",),
        "distance": _LENGTH,
    }
)
# Of the glucose of which specimen; any other is blood without a word of where from.
GLUCOSE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "capillary blood": ("41653-7", "Glucose [Mass/volume] in Capillary blood by Glucometer"),
        "interstitial fluid": ("99504-3", "Glucose [Mass/volume] in Interstitial fluid"),
    }
)
# http://terminology.hl7.org/CodeSystem/observation-statistics
STATISTICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "average": "average",
        "count": "count",
        "maximum": "maximum",
        "median": "median",
        "minimum": "minimum",
        "standard deviation": "std-dev",
        "sum": "sum",
        "variance": "variance",
        "20th percentile": "20-percent",
        "80th percentile": "80-percent",
        "lower quartile": "4-lower",
        "upper quartile": "4-upper",
        "quartile deviation": "4-dev",
        "1st quintile": "5-1",
        "2nd quintile": "5-2",
        "3rd quintile": "5-3",
        "4th quintile": "5-4",
    }
)
