"""A chart being written: one patient's resources at one hospital, in the shape of US Core 6.1.

What goes into it is written by the modules of its kinds: visits, problems, vitals, medicines, documents and so on.
"""

from __future__ import annotations

import random
import uuid
from datetime import datetime
from typing import Any

from sandbox.staff import Hospital

Resource = dict[str, Any]


class Chart:
    """Resources of one patient, in the order they were written down; every id follows from the chart's name."""

    def __init__(self, hospital: Hospital, *, name: str, rng: random.Random) -> None:
        self.hospital = hospital
        self.rng = rng
        self.resources: list[Resource] = []
        self._namespace = uuid.uuid5(hospital.namespace, name)
        self._written = 0
        self.patient_id = str(uuid.uuid5(self._namespace, "Patient"))
        self.shown = name

    def write(self, resource_type: str, meta: dict[str, Any] | None, /, **elements: Any) -> Resource:
        """Add a resource; elements given as None are left out. ``class_`` stands for FHIR's ``class``."""
        self._written += 1
        resource: Resource = {
            "resourceType": resource_type,
            "id": str(uuid.uuid5(self._namespace, f"{resource_type} {self._written}")),
        }
        if meta:
            resource["meta"] = meta
        resource |= {key.rstrip("_"): value for key, value in elements.items() if value is not None}
        self.resources.append(resource)
        return resource

    def when(self, at: datetime) -> str:
        """An instant as this hospital writes it."""
        return self.hospital.clock(at)

    @property
    def subject(self) -> dict[str, str]:
        return {"reference": f"Patient/{self.patient_id}"}
