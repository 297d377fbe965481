"""Small exports as a phone writes them, all made up."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

DOCTYPE = """<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 14 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary|ClinicalRecord)*)>
<!ATTLIST HealthData
  locale CDATA #REQUIRED
>
<!ELEMENT VisionPrescription (RightEye, LeftEye?)>
  dateIssued        CDATA #REQUIRED
  expirationDate    CDATA #IMPLIED
<!-- Apple's own has been as broken as the two lines above -->
]>
"""
WATCH = (
    "<<HKDevice: 0x282a45810>, name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,4, software:9.1>"
)


def element(tag: str, inner: str = "", **said: object) -> str:
    attributes = "".join(f" {name}={quoteattr(str(value))}" for name, value in said.items())
    return f"<{tag}{attributes}>{inner}</{tag}>" if inner else f"<{tag}{attributes}/>"


def metadata(**said: object) -> str:
    return "".join(element("MetadataEntry", key=key, value=value) for key, value in said.items())


def record(
    type_: str,
    value: object,
    unit: str = "",
    start: str = "2024-06-15 08:00:00 +0200",
    end: str = "",
    *,
    source: str = "Ana's Watch",
    device: str = WATCH,
    inner: str = "",
) -> str:
    said = {"type": type_, "sourceName": source, "device": device, "unit": unit, "value": value}
    said |= {"creationDate": end or start, "startDate": start, "endDate": end or start}
    return element("Record", inner, **{name: each for name, each in said.items() if each != ""})


def quantity(name: str, *given: object, **more: str) -> str:
    return record(f"HKQuantityTypeIdentifier{name}", *given, **more)


def category(name: str, *given: object, **more: str) -> str:
    return record(f"HKCategoryTypeIdentifier{name}", *given, **more)


def export(
    *elements: str, born: str = "1970-05-01", made: str = "2024-06-20 10:00:00 +0200", doctype: str = DOCTYPE
) -> bytes:
    me = {"HKCharacteristicTypeIdentifierDateOfBirth": born} if born else {}
    me |= {"HKCharacteristicTypeIdentifierBloodType": "HKBloodTypeAPositive"}
    me |= {"HKCharacteristicTypeIdentifierBiologicalSex": "HKBiologicalSexFemale"}
    head = element("ExportDate", value=made) + element("Me", **me)
    text = "\n".join([f'<HealthData locale="en_US">{head}', *elements, "</HealthData>"])
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{doctype}{text}'.encode()
