"""The rules of an International Patient Summary, checked by reading a finished document; none of the builder.

IPS 2.0.1: Bundle-uv-ips, Composition-uv-ips and R4 documents.html.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

REQUIRED = {"11450-4", "48765-2", "10160-0"}
ENTRIES = {
    "11450-4": {"Condition"},
    "48765-2": {"AllergyIntolerance"},
    "10160-0": {"MedicationStatement", "MedicationRequest", "MedicationAdministration", "MedicationDispense"},
    "11369-6": {"Immunization"},
    "30954-2": {"Observation", "DiagnosticReport"},
    "47519-4": {"Procedure"},
    "46264-8": {"DeviceUseStatement"},
    "42348-3": {"Consent"},
    "104605-1": {"Flag"},
    "47420-5": {"Condition", "ClinicalImpression"},
    "11348-0": {"Condition"},
    "10162-6": {"Observation"},
    "81338-6": set(),
    "18776-5": {"CarePlan", "ImmunizationRecommendation"},
    "29762-2": {"Observation"},
    "8716-3": {"Observation"},
}
XHTML = "{http://www.w3.org/1999/xhtml}"
HARMLESS = {f"{XHTML}{name}" for name in ("div", "p", "table", "caption", "thead", "tbody", "tr", "th", "td")}


def broken(bundle):
    """Every rule that the document breaks, in words."""
    return [text for rule in RULES for text in rule(bundle)]


def _resources(bundle):
    return [entry.get("resource", {}) for entry in bundle.get("entry", [])]


def _bundle(bundle):
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "document":
        yield "it is no document Bundle"
    if not bundle.get("identifier", {}).get("system") or not bundle.get("identifier", {}).get("value"):
        yield "the Bundle has no identifier"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", bundle.get("timestamp", "")):
        yield "the Bundle has no timestamp"
    urls = [entry.get("fullUrl") for entry in bundle.get("entry", [])]
    if None in urls or len(set(urls)) != len(urls):
        yield "an entry has no fullUrl of its own"
    if any({"search", "request", "response"} & entry.keys() for entry in bundle["entry"]):
        yield "an entry of a document was found or asked for"


def _kinds(bundle):
    kinds = [resource.get("resourceType") for resource in _resources(bundle)]
    if kinds[:1] != ["Composition"] or kinds.count("Composition") != 1:
        yield "the Composition is not first and alone"
    if kinds.count("Patient") != 1:
        yield "there is not one Patient"


def _composition(bundle):
    composition = bundle["entry"][0]["resource"]
    patient = next(entry["fullUrl"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient")
    if composition.get("status") != "final":
        yield "the Composition is not final"
    if {"system": "http://loinc.org", "code": "60591-5"}.items() > composition["type"]["coding"][0].items():
        yield "the Composition is no patient summary"
    if _resolved(composition["subject"]["reference"], bundle["entry"][0]["fullUrl"]) != patient:
        yield "the subject is not the Patient of the document"
    if not composition.get("date") or not composition.get("author") or not composition.get("title"):
        yield "the Composition lacks a date, an author or a title"


def _sections(bundle):
    sections = bundle["entry"][0]["resource"].get("section", [])
    codes = [section["code"]["coding"][0]["code"] for section in sections]
    for missing in REQUIRED - set(codes):
        yield f"section {missing} is missing"
    if len(set(codes)) != len(codes):
        yield "a section is there twice"
    for section, code in zip(sections, codes, strict=True):
        if section["code"]["coding"][0]["system"] != "http://loinc.org" or code not in ENTRIES:
            yield f"{code} is no section of a summary"
        if not section.get("title") or "section" in section:
            yield f"section {code} has no title, or has sections"
        if bool(section.get("entry")) == bool(section.get("emptyReason")):
            yield f"section {code} has neither entries nor a reason, or both"
        if not section.get("entry") and code not in REQUIRED:
            yield f"section {code} is empty and need not be there"
        reason = section.get("emptyReason", {"coding": [{"code": "unavailable"}]})["coding"][0]["code"]
        if reason not in ("unavailable", "notasked", "nilknown"):
            yield f"section {code} is empty for no reason that is known"


def _section_entries(bundle):
    kinds = {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in bundle["entry"]}
    for section in bundle["entry"][0]["resource"]["section"]:
        code = section["code"]["coding"][0]["code"]
        for entry in section.get("entry", []):
            kind = kinds.get(_resolved(entry["reference"], bundle["entry"][0]["fullUrl"]))
            if kind not in ENTRIES.get(code, set()):
                yield f"section {code} has an entry of type {kind}"


def _narratives(bundle):
    for section in bundle["entry"][0]["resource"]["section"]:
        code = section["code"]["coding"][0]["code"]
        text = section.get("text", {})
        if text.get("status") not in ("generated", "additional", "extensions") or not text.get("div"):
            yield f"section {code} has no text"
            continue
        root = ET.fromstring(text["div"])  # noqa: S314 - what we wrote ourselves
        if root.tag != f"{XHTML}div" or {node.tag for node in root.iter()} - HARMLESS:
            yield f"the text of section {code} is no plain XHTML"
        if len(section.get("entry", [])) > sum(node.tag == f"{XHTML}tr" for node in root.iter()):
            yield f"the text of section {code} does not tell of every entry"


def _references(bundle):
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    for entry in bundle["entry"]:
        for text in _texts(entry["resource"]):
            if not text.startswith("#") and _resolved(text, entry["fullUrl"]) not in urls:
                yield f"{entry['resource']['resourceType']} points at {text}, which is not in the document"


def _texts(node):
    if isinstance(node, list):
        for child in node:
            yield from _texts(child)
    elif isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for child in node.values():
            yield from _texts(child)


def _resolved(text, full_url):
    """R4 bundle.html#references: relative to the address of the entry it stands in."""
    if re.match(r"[a-z]+:", text):
        return text
    base = re.fullmatch(r"(https?://.+)/[A-Z][A-Za-z]+/[^/]+", full_url)
    return f"{base[1]}/{text}" if base else text


RULES = (_bundle, _kinds, _composition, _sections, _section_entries, _narratives, _references)
