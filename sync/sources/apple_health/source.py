"""An Apple Health export as a source: read once from its beginning to its end, then told day by day."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, Final

from sync.sources.apple_health import export, kinds
from sync.sources.apple_health.days import Days
from sync.sources.apple_health.rows import Setting, TooMany
from sync.sources.upload import adoption
from sync.sources.upload.accounts import Account, Reason
from sync.sources.upload.readings import Format, Refused
from sync.sources.wearables import observations

NAME: Final = "Apple Health"
PATIENT: Final = "me"
FORM: Final = Format.APPLE_HEALTH
_PAGE: Final = 200
_CHARACTERISTIC: Final = "HKCharacteristicTypeIdentifier"
_OF_HER: Final = ("DateOfBirth", "BiologicalSex")
_GENDERS: Final = {"HKBiologicalSexFemale": "female", "HKBiologicalSexMale": "male", "HKBiologicalSexOther": "other"}
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NAMELESS: Final = 2
_POINTING: Final = frozenset({"ClinicalRecord"})
_WHERE: Final = frozenset({"WorkoutRoute", "Location", "FileReference"})
_GROUPING: Final = frozenset({"Correlation"})

Resource = dict[str, Any]


def read(file: IO[bytes], keep: Callable[[bytes], None], *, pulse: Callable[[], None]) -> Setting:
    """Hands each reading's row to ``keep``, in the file's order. Raises Refused, and then nothing of it may be kept."""
    setting = Setting(keep)
    try:
        export.read(file, setting, pulse=pulse)
    except export.Damaged as damaged:
        raise Refused(Reason.DAMAGED, str(damaged), form=FORM) from damaged
    except export.Hostile as hostile:
        raise Refused(Reason.DOCTYPE if str(hostile) == "entities" else Reason.BOMB, form=FORM) from hostile
    except TooMany as error:
        raise Refused(Reason.TOO_MANY, form=FORM) from error
    if not setting.met:
        raise Refused(Reason.NOTHING_IN_IT, form=FORM)
    return setting


def person(setting: Setting) -> Resource:
    """Whom it is about, as far as it says: her day of birth and her sex."""
    born, sex = (setting.me.get(f"{_CHARACTERISTIC}{name}", "") for name in _OF_HER)
    said = {"birthDate": born if _DAY.fullmatch(born) else "", "gender": _GENDERS.get(sex, "")}
    return {"resourceType": "Patient", "id": PATIENT, **{name: value for name, value in said.items() if value}}


def pages(setting: Setting, rows: Iterable[bytes], account: Account) -> Iterator[list[Resource]]:
    """What it holds in FHIR, whole days together; ``rows`` are sorted."""
    days = Days(setting)
    patient = person(setting)
    page = [patient] if len(patient) > _NAMELESS else []
    devices: set[str] = set()
    for found in days.read(rows):
        page += _brought(observations.compose(found, patient=PATIENT, assembler=NAME), devices)
        if len(page) >= _PAGE:
            yield page
            page = []
    if page:
        yield page
    for what, count in days.repeated.items():
        account.note(Reason.REPEATED, what, count)


def _brought(resources: list[Resource], devices: set[str]) -> Iterator[Resource]:
    """Each device once; and that she gave it to us herself (R4 provenance.html)."""
    for each in resources:
        if each["resourceType"] == "Provenance":
            each["agent"].append(adoption.agent("enterer", {"reference": f"Patient/{PATIENT}"}))
        if each["resourceType"] != "Device" or each["id"] not in devices:
            yield each
        if each["resourceType"] == "Device":
            devices.add(each["id"])


def tell(setting: Setting, account: Account) -> None:
    """How many readings there were of each kind, and what of the file is in no record."""
    account.note(Reason.EXPORTED, setting.exported[:40], 1 if setting.exported else 0)
    for type_, count in setting.met.items():
        account.note(Reason.READINGS, kinds.words(type_), count)
    for (type_, unit), count in setting.unknown.items():
        account.drop(Reason.UNKNOWN_KIND, f"{kinds.words(type_)} ({unit})" if unit else kinds.words(type_), count)
    for type_, count in setting.unreadable.items():
        account.drop(Reason.UNREADABLE_PART, kinds.words(type_), count)
    for what, count in setting.inner.items():
        account.drop(Reason.WHEREABOUTS if what in _WHERE else Reason.NOT_MAPPED, kinds.words(what), count)
    for tag, count in setting.aside.items():
        if tag in _POINTING:
            account.note(Reason.IN_OTHER_FILES, tag, count)
        elif tag in _GROUPING:
            account.note(Reason.REPEATED, tag, count)
        else:
            account.drop(Reason.UNKNOWN_KIND, tag, count)
    for name, value in setting.me.items():
        if name.removeprefix(_CHARACTERISTIC) not in _OF_HER and value and not value.endswith("NotSet"):
            account.drop(Reason.NOT_MAPPED, kinds.words(name.removeprefix(_CHARACTERISTIC)))
