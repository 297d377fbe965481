"""A data point, or a data series, as FHIR R4 Observations; or everything that is wrong with it, each with its place.

Nothing is left out in silence: a member that has no element of its own is a component under its own name, and what
cannot be kept at all is refused. Values stay in the unit they were sent in, in UCUM.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from standards.fhir.validation import Problem
from standards.open_mhealth import schemas
from standards.open_mhealth.schemas import Schema

IDENTIFIER: Final = "https://w3id.org/openmhealth/schemas/omh/data-point"
"""The system of the ids of data points, which are their senders' own."""
SERIES_MAX: Final = 500
TEXT_MAX: Final = 1_000
MEMBERS_MAX: Final = 40
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_STATISTIC: Final = "http://terminology.hl7.org/CodeSystem/observation-statistics"
_UCUM: Final = "http://unitsofmeasure.org"
_ID: Final = re.compile(r"[A-Za-z0-9._:/-]{1,128}", re.ASCII)
_VERSION: Final = re.compile(r"\d{1,3}(?:\.(?:\d{1,3}|x))?", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DURATIONS: Final = {
    "ms": timedelta(milliseconds=1),
    "sec": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "wk": timedelta(weeks=1),
}
_DURATION_MAX: Final = timedelta(days=366)
_TAKEN: Final = frozenset({"effective_time_frame", "descriptive_statistic", "user_notes"})

Resource = dict[str, Any]


class Wrong(Exception):
    """It is no data point that can be kept. ``problems``: each with its place in it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


class UnknownSchema(Wrong):
    """It may be a good one, of a schema that is not read here."""


@dataclass(frozen=True, slots=True)
class Point:
    """``identifier``: its id at its sender; ``observations``: one, or those of a series, each with its identifier."""

    identifier: str
    observations: tuple[Resource, ...]


def read(said: Any, *, patient: str) -> Point:
    """``patient``: the reference to whom it is about. Raises Wrong."""
    reader = _Reader(patient)
    point = reader.point(said)
    if reader.problems:
        raise Wrong(reader.problems)
    assert point is not None
    return point


class _Reader:
    def __init__(self, patient: str) -> None:
        self.patient = patient
        self.problems: list[Problem] = []

    def wrong(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message, "error"))

    # --- the header

    def point(self, said: Any) -> Point | None:
        header, body = (said.get(name) if isinstance(said, dict) else None for name in ("header", "body"))
        if not isinstance(header, dict) or not isinstance(body, dict | list):
            self.wrong("header" if not isinstance(header, dict) else "body", "is required")
            return None
        schema = self.schema(header.get("schema_id"))
        identifier = self.identifier(header)
        shared = self.shared(header)
        bodies = body if isinstance(body, list) else [body]
        if not bodies or len(bodies) > SERIES_MAX:
            self.wrong("body", f"holds no more than {SERIES_MAX} measures, and at least one")
            return None
        found = []
        for index, each in enumerate(bodies):
            path = f"body[{index}]" if isinstance(body, list) else "body"
            if not isinstance(each, dict):
                self.wrong(path, "is an object")
                continue
            own = f"{identifier}/{index}" if isinstance(body, list) else identifier
            found.append({**self.head(own), **shared, **self.measure(schema, each, path)})
        return Point(identifier, tuple(found))

    def head(self, identifier: str) -> Resource:
        return {
            "resourceType": "Observation",
            "identifier": [{"system": IDENTIFIER, "value": identifier}],
            "status": "final",
            "subject": {"reference": self.patient},
        }

    def identifier(self, header: Mapping[str, Any]) -> str:
        name = "uuid" if "uuid" in header else "id"
        found = header.get(name)
        if isinstance(found, str) and _ID.fullmatch(found):
            return found
        self.wrong(f"header.{name}", "is required: letters, digits and ._:/- up to 128")
        return ""

    def schema(self, said: Any) -> Schema:
        """Raises UnknownSchema: nothing more can be told of it."""
        named = said if isinstance(said, dict) else {}
        if not all(isinstance(named.get(each), str) for each in ("namespace", "name", "version")):
            raise Wrong([Problem("header.schema_id", "needs namespace, name and version", "error")])
        if not _VERSION.fullmatch(named["version"]):
            raise Wrong([Problem("header.schema_id.version", "is no version", "error")])
        found = schemas.SCHEMAS.get(named["name"])
        if named["namespace"] not in schemas.NAMESPACES or found is None:
            raise UnknownSchema([Problem("header.schema_id", "data points of this schema are not read here", "error")])
        return found

    def shared(self, header: Mapping[str, Any]) -> Resource:
        """What the header says of when it was written down, by what, and whether she said it herself."""
        provenance = header.get("acquisition_provenance")
        provenance = provenance if isinstance(provenance, dict) else {}
        made: Resource = {}
        for name in ("creation_date_time", "source_creation_date_time"):
            if name in header and (at := self.instant(header[name], f"header.{name}")):
                made["issued"] = at
        if "issued" not in made and not self.problems:
            self.wrong("header.source_creation_date_time", "is required")
        modality = header.get("modality", provenance.get("modality", "sensed"))
        if modality not in ("sensed", "self-reported"):
            self.wrong("header.modality", "is sensed or self-reported")
        if modality == "self-reported":
            made["performer"] = [{"reference": self.patient}]
        return {**made, **self.device(header, provenance)}

    def device(self, header: Mapping[str, Any], provenance: Mapping[str, Any]) -> Resource:
        """Contained, since what a data point says of its device is a name and no more."""
        sheets = header.get("external_datasheets", [])
        listed = [each for each in sheets if isinstance(each, dict)] if isinstance(sheets, list) else []
        told = {str(each.get("datasheet_type", "")): each.get("datasheet_reference") for each in listed}
        maker = told.get("manufacturer")
        name = provenance.get("source_name") or next((each for each in told.values() if isinstance(each, str)), None)
        if not isinstance(name, str) or not name.strip():
            return {}
        device: Resource = {"resourceType": "Device", "id": "device"}
        if isinstance(maker, str):
            device["manufacturer"] = maker[:TEXT_MAX]
        device["deviceName"] = [{"name": name[:TEXT_MAX], "type": "user-friendly-name"}]
        return {"contained": [device], "device": {"reference": "#device", "display": name[:TEXT_MAX]}}

    # --- the body

    def measure(self, schema: Schema, body: Mapping[str, Any], path: str) -> Resource:
        if len(body) > MEMBERS_MAX:
            self.wrong(path, f"has more than {MEMBERS_MAX} members")
            return {}
        made: Resource = {
            "category": [{"coding": [{"system": _CATEGORY, "code": schema.category}]}],
            "code": _coded(schema, body),
            **self.effective(schema, body.get("effective_time_frame"), f"{path}.effective_time_frame"),
            **self.statistic(body.get("descriptive_statistic"), f"{path}.descriptive_statistic"),
        }
        for name in (*schemas.REQUIRED.get(schema.name, ()), *([schema.field] if schema.field else ())):
            if name not in body:
                self.wrong(f"{path}.{name}", "is required")
        if schema.field in body:
            said = body[schema.field]
            # Version 1 and 2 of step-count have a bare number.
            counted = isinstance(said, int) and len(schema.units) == 1
            value = {"value": said, "unit": schema.units[0]} if counted else said
            made["valueQuantity"] = self.quantity(value, f"{path}.{schema.field}", schema.units)
        if "user_notes" in body:
            made["note"] = [{"text": self.text(body["user_notes"], f"{path}.user_notes")}]
        components = list(self.components(schema, body, path))
        if components:
            made["component"] = components
        if "valueQuantity" not in made and not components:
            self.wrong(path, "says nothing")
        return made

    def components(self, schema: Schema, body: Mapping[str, Any], path: str) -> Iterator[Resource]:
        for name, said in body.items():
            if name in _TAKEN or name == schema.field:
                continue
            value = self.value(name, said, f"{path}.{name}")
            if value is not None:
                code, display = schemas.PARTS.get(name, ("", ""))
                coding = {"system": schemas.LOINC, "code": code, "display": display} if code else _own(name)
                yield {"code": {"coding": [coding]}, **value}

    def value(self, name: str, said: Any, path: str) -> Resource | None:
        """A member as the value of a component; None where it cannot be one, and that is told."""
        if isinstance(said, bool):
            return {"valueBoolean": said}
        if isinstance(said, int | Decimal):
            return {"valueQuantity": {"value": said}}
        if isinstance(said, str):
            return {"valueString": self.text(said, path)}
        if isinstance(said, dict) and set(said) <= {"value", "unit"}:
            return {"valueQuantity": self.quantity(said, path, schemas.PART_UNITS.get(name, tuple(schemas.UNITS)))}
        self.wrong(path, "is not taken")
        return None

    def quantity(self, said: Any, path: str, units: tuple[str, ...]) -> Resource:
        value, unit = (said.get(name) if isinstance(said, dict) else None for name in ("value", "unit"))
        if not isinstance(value, int | Decimal) or isinstance(value, bool):
            self.wrong(f"{path}.value", "is a number")
            return {}
        if unit not in units:
            self.wrong(f"{path}.unit", f"is one of {', '.join(units)}" if len(units) < 10 else "is no unit known here")
            return {}
        return {"value": value, "unit": unit, "system": _UCUM, "code": schemas.UNITS[unit]}

    def text(self, said: Any, path: str) -> str:
        if not isinstance(said, str) or not said.strip() or len(said) > TEXT_MAX:
            self.wrong(path, f"is a text of at most {TEXT_MAX} characters")
            return ""
        return said

    def statistic(self, said: Any, path: str) -> Resource:
        if said is None:
            return {}
        if said not in schemas.STATISTICS:
            self.wrong(path, "is no descriptive statistic")
            return {}
        coding = {"system": _STATISTIC, "code": schemas.STATISTICS[said]}
        return {"method": {"coding": [coding], "text": said}}

    # --- times

    def effective(self, schema: Schema, said: Any, path: str) -> Resource:
        told = set(said) & {"date_time", "time_interval"} if isinstance(said, dict) else set()
        if len(told) != 1 or (schema.lasts and "time_interval" not in told):
            self.wrong(path, f"is required: {'' if schema.lasts else 'a date_time or '}a time_interval")
            return {}
        if "date_time" in said:
            return {"effectiveDateTime": self.instant(said["date_time"], f"{path}.date_time")}
        return self.interval(said["time_interval"], f"{path}.time_interval")

    def interval(self, said: Any, path: str) -> Resource:
        told = said if isinstance(said, dict) else {}
        given = frozenset(told)
        if given == {"date", "part_of_day"}:
            return self.part_of_day(told, path)
        if given not in _INTERVALS:
            self.wrong(path, "needs two of start_date_time, end_date_time and duration, or date and part_of_day")
            return {}
        ends = {
            name: self.instant(told[name], f"{path}.{name}")
            for name in ("start_date_time", "end_date_time")
            if name in told
        }
        lasts = self.duration(told["duration"], f"{path}.duration") if "duration" in told else timedelta()
        if self.problems or lasts is None:
            return {}
        start, end = ends.get("start_date_time"), ends.get("end_date_time")
        try:
            start = start or _moved(end, -lasts)
            end = end or _moved(start, lasts)
        except OverflowError:
            self.wrong(path, "reaches beyond all dates")
            return {}
        if datetime.fromisoformat(end) < datetime.fromisoformat(start):
            self.wrong(path, "ends before it starts")
        return {"effectivePeriod": {"start": start, "end": end}}

    def part_of_day(self, said: Mapping[str, Any], path: str) -> Resource:
        """A day is as exact as FHIR can say it; which part is told in words."""
        if said["part_of_day"] not in ("morning", "afternoon", "evening", "night"):
            self.wrong(f"{path}.part_of_day", "is morning, afternoon, evening or night")
        try:
            day = date.fromisoformat(said["date"]) if _DAY.fullmatch(str(said["date"])) else None
        except ValueError:
            day = None
        if day is None:
            self.wrong(f"{path}.date", "is a date")
            return {}
        words = {"url": f"{schemas.SYSTEM}/part-of-day", "valueString": str(said["part_of_day"])}
        return {"effectiveDateTime": day.isoformat(), "_effectiveDateTime": {"extension": [words]}}

    def duration(self, said: Any, path: str) -> timedelta | None:
        value, unit = (said.get(name) if isinstance(said, dict) else None for name in ("value", "unit"))
        if not isinstance(value, int | Decimal) or isinstance(value, bool) or unit not in _DURATIONS:
            self.wrong(path, f"is a number of {', '.join(_DURATIONS)}")
            return None
        milliseconds = _DURATIONS[unit] // timedelta(milliseconds=1)
        if not 0 <= value <= _DURATION_MAX / _DURATIONS[unit]:
            self.wrong(path, "is no length of time")
            return None
        return timedelta(milliseconds=int(value * milliseconds))

    def instant(self, said: Any, path: str) -> str:
        """As it was written, with its offset (RFC 3339)."""
        if isinstance(said, str) and _INSTANT.fullmatch(said):
            try:
                return datetime.fromisoformat(said[:19]).isoformat() and said
            except ValueError:
                pass
        self.wrong(path, "is a date and time with its offset (RFC 3339)")
        return ""


_INTERVALS: Final = frozenset(
    {
        frozenset({"start_date_time", "end_date_time"}),
        frozenset({"start_date_time", "duration"}),
        frozenset({"end_date_time", "duration"}),
    }
)


def _moved(at: str | None, by: timedelta) -> str:
    assert at is not None
    moved = datetime.fromisoformat(at) + by
    return moved.isoformat(timespec="milliseconds" if moved.microsecond else "seconds")


def _coded(schema: Schema, body: Mapping[str, Any]) -> Resource:
    """LOINC where it has a code, and always the schema's own name."""
    code, display = schema.code, schema.display
    if schema.name == "blood-glucose":
        code, display = schemas.GLUCOSE.get(str(body.get("specimen_source")), (code, display))
    standard = [{"system": schemas.LOINC, "code": code, "display": display}] if code else []
    return {"coding": [*standard, {"system": schemas.SYSTEM, "code": schema.name, "display": schema.display}]}


def _own(name: str) -> Resource:
    return {"system": schemas.SYSTEM, "code": name[:100], "display": name[:100].replace("_", " ")}
