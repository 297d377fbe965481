"""Data points as phone apps send them, all made up."""

from __future__ import annotations

from typing import Any

PULSE = {"heart_rate": {"value": 61, "unit": "beats/min"}}
STEPS = {"step_count": {"value": 120, "unit": "steps"}}
AT = {"effective_time_frame": {"date_time": "2026-05-01T08:00:00+02:00"}}
DURING = {
    "effective_time_frame": {
        "time_interval": {
            "start_date_time": "2026-05-01T08:00:00+02:00",
            "end_date_time": "2026-05-01T08:05:00+02:00",
        }
    }
}


def point(
    identifier: str = "6f1f3c52-6c1b-4d5e-9a38-0d8b8f4b2c11", body: Any = None, name: str = "heart-rate", **header: Any
) -> dict[str, Any]:
    """A pulse by an IEEE 1752.1 header, unless told otherwise."""
    return {
        "header": {
            "uuid": identifier,
            "schema_id": {"namespace": "omh", "name": name, "version": "2.0"},
            "source_creation_date_time": "2026-05-01T08:01:00+02:00",
            "modality": "sensed",
            "external_datasheets": [{"datasheet_type": "manufacturer", "datasheet_reference": "Pulse Makers"}],
            **header,
        },
        "body": PULSE | AT if body is None else body,
    }
