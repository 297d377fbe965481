"""``make imports``: every document of the public sets read as an upload reads it, and docs/imports.md written.

Per set: how many documents import, what became of their entries, how many resources break FHIR's models, time and
memory. The sets lie beside the checkout (local.seeding.SHARED_DATA) and are no part of it.
"""

from __future__ import annotations

import io
import json
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import django

from benchmarks import exports
from local import options, seeding

REPORT = options.ROOT / "docs" / "imports.md"
RECEIVED = "2026-01-02T03:04:05.000Z"
SETS = (
    ("C-CDA: documents of EHR vendors", "ccda/vendor-samples", "*.xml"),
    ("C-CDA: ONC certification", "ccda/onc-cures-test-data", "*.xml"),
    ("C-CDA: Epic-style examples", "ccda/mere-medical-ccda", "*.xml"),
    ("C-CDA: HL7's approved fragments", "ccda/hl7-ccda-examples", "*.xml"),
    ("HL7 v2: Microsoft's converter samples", "hl7v2/msft-converter", "*.hl7"),
    ("HL7 v2: CDC's pairs", "hl7v2/cdc-reportstream-pairs", "*.hl7"),
    ("SMART Health Cards: examples", "smart-health-cards/shc-shl-spec-examples", "example-*-[def]-*"),
    ("SMART Health Cards: made to be refused", "smart-health-cards/health-cards-dev-tools", "test-example-00-[def]-*"),
    ("FHIR: International Patient Summaries", "fhir-ips/ips-connectathon", "*.json"),
)
# The fragments are sections and entries, and not stand-alone XML: they are read inside of a document of ours.
_WHOLE = b"<ClinicalDocument"
_BEFORE = (
    b'<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc"'
    b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><recordTarget><patientRole/></recordTarget>'
    b"<component><structuredBody><component>%s</component></structuredBody></component></ClinicalDocument>"
)
_PROLOG = re.compile(rb"<\?xml[^>]*\?>|<!--.*?-->", re.DOTALL)


@dataclass
class Tally:
    """What became of one set."""

    documents: int = 0
    imported: int = 0
    resources: Counter[str] = field(default_factory=Counter)
    flagged: int = 0
    lines: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def fate(self, fate: str) -> int:
        return sum(count for (each, reason, _), count in self.lines.items() if each == fate and reason != "kept")


def documents(folder: str, pattern: str) -> Iterator[tuple[Path, bytes]]:
    for path in sorted((seeding.SHARED_DATA / folder).rglob(pattern)):
        data = path.read_bytes()
        yield path, data if not folder.endswith("ccda-examples") or _WHOLE in data else wrapped(data)


def wrapped(data: bytes) -> bytes:
    """A fragment in the place of a document it is of."""
    inner = _PROLOG.sub(b"", data).strip()
    if not re.match(rb"<section\b", inner):
        code = _section_of(inner)
        inner = b'<section><code code="%s" codeSystem="2.16.840.1.113883.6.1"/>%s</section>' % (code, _entry(inner))
    return _BEFORE % inner


def _entry(inner: bytes) -> bytes:
    return inner if re.match(rb"<(?:entry|component|text|title|code)\b", inner) else b"<entry>%s</entry>" % inner


def _section_of(inner: bytes) -> bytes:
    """The section an entry stands in, by its template."""
    by_template = {
        b"22.4.7": b"48765-2",
        b"22.4.30": b"48765-2",
        b"22.4.3": b"11450-4",
        b"22.4.4": b"11450-4",
        b"22.4.16": b"10160-0",
        b"22.4.52": b"11369-6",
        b"22.4.1": b"30954-2",
        b"22.4.2": b"30954-2",
        b"22.4.26": b"8716-3",
        b"22.4.27": b"8716-3",
        b"22.4.38": b"29762-2",
        b"22.4.78": b"29762-2",
        b"22.4.14": b"47519-4",
        b"22.4.49": b"46240-8",
        b"22.4.121": b"61146-7",
    }
    for root in re.findall(rb'templateId[^>]*root="2\.16\.840\.1\.113883\.10\.20\.([0-9.]+)"', inner):
        if root in by_template:
            return by_template[root]
    return b"55107-7"


def tally(folder: str, pattern: str) -> Tally:
    """Nobody is asked meanwhile: what cannot be checked without the network is told as not verified."""
    from sync.sources.cards import client

    with patch.object(client, "keys", _unavailable):
        return _tally(folder, pattern)


def _tally(folder: str, pattern: str) -> Tally:
    from standards.fhir import validation
    from sync.sources.upload import source
    from sync.sources.upload.readings import Refused

    found = Tally()
    for path, data in documents(folder, pattern):
        found.documents += 1
        began = time.process_time()
        try:
            reading = source.read(source.Document(data, path.name, RECEIVED))
        except Refused as refused:
            found.refused[f"{refused.reason.value} {refused.what}".strip()] += 1
            continue
        finally:
            found.seconds += time.process_time() - began
        found.imported += 1
        for each in reading.resources:
            found.resources[each["resourceType"]] += 1
            found.flagged += any(problem.severity == "error" for problem in validation.problems(each))
        for (fate, reason, what), count in reading.account.lines.items():
            found.lines[fate.value, reason.value, what.rpartition(": ")[2]] += count
    return found


# What the expected Bundles say that a person's record keeps; the rest tells of the sending of the message.
COMPARED = ("Patient", "Observation", "DiagnosticReport", "ServiceRequest", "Specimen", "Encounter", "Practitioner")
# Theirs makes one for each field that names her; we know the same one again.
SAID_ONCE = frozenset({"Practitioner"})
_UNCOMPARED = frozenset(
    {"id", "meta", "extension", "modifierExtension", "text", "contained", "reference", "resourceType"}
)


@dataclass
class Closeness:
    """Elements (path and value) of the expected Bundles, of ours, and of both."""

    expected: Counter[str] = field(default_factory=Counter)
    ours: Counter[str] = field(default_factory=Counter)
    both: Counter[str] = field(default_factory=Counter)


def closeness() -> tuple[int, Closeness]:
    """How many pairs there are, and how close we come to them by type."""
    from sync.sources.hl7v2 import mapping

    found, pairs = Closeness(), 0
    for path, data in documents("hl7v2/cdc-reportstream-pairs", "*.hl7"):
        twin = path.with_suffix(".fhir")
        if not twin.exists():
            continue
        pairs += 1
        wanted = [entry["resource"] for entry in json.loads(twin.read_bytes())["entry"]]
        got = mapping.read(data, title="", received=RECEIVED).resources
        for kind in COMPARED:
            expected, ours = (_elements(each, kind) for each in (wanted, got))
            if kind in SAID_ONCE:
                expected, ours = Counter(set(expected)), Counter(set(ours))
            found.expected[kind] += expected.total()
            found.ours[kind] += ours.total()
            found.both[kind] += (expected & ours).total()
    return pairs, found


def _elements(resources: Iterable[Any], kind: str) -> Counter[tuple[str, str]]:
    return Counter(leaf for each in resources if each["resourceType"] == kind for leaf in _leaves(each, ""))


def _leaves(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in _UNCOMPARED and not key.startswith("_"):
                yield from _leaves(value, f"{path}.{key}")
    elif isinstance(node, list):
        for each in node:
            yield from _leaves(each, path)
    elif isinstance(node, int | float | Decimal) and not isinstance(node, bool):
        yield path, str(Decimal(str(node)).normalize())
    else:
        yield path, str(node)


APPLE = "wearables/apple-health-export"
MEGABYTES = 200


def apple() -> Tally:
    """The published exports of Apple Health, and what becomes of their readings."""
    from standards.fhir import validation
    from sync.sources.apple_health import source
    from sync.sources.upload.accounts import Account

    found = Tally()
    for _, data in documents(APPLE, "*.xml"):
        rows: list[bytes] = []
        account = Account()
        began = time.process_time()
        setting = source.read(io.BytesIO(data), rows.append, pulse=lambda: None)
        resources = [each for page in source.pages(setting, sorted(rows), account) for each in page]
        source.tell(setting, account)
        found.seconds += time.process_time() - began
        found.documents += 1
        found.imported += 1
        found.resources.update(each["resourceType"] for each in resources)
        found.flagged += sum(
            any(problem.severity == "error" for problem in validation.problems(each)) for each in resources
        )
        for (fate, reason, what), count in account.lines.items():
            found.lines[fate.value, reason.value, what] += count
    return found


def apple_report(one: exports.Figures) -> str:
    peak, idle = one.peak_memory / 1e6, one.idle_memory / 1e6
    return "\n".join(
        [
            "## Apple Health: a large export",
            "",
            f"A made-up export of {one.bytes / 1e6:.0f} MB (two devices that count the same steps, a pulse every five",
            "minutes, energy, nights in stages, a weight a day), given as a person gives it and read by a worker into",
            "a real database with every commit on the disk: packed by day, validated, labelled, sealed and indexed.",
            "",
            "| samples | resources in the record | seconds | samples/s | samples for each second of a worker core"
            " | peak memory of the worker | before |",
            "|---|---|---|---|---|---|---|",
            f"| {one.samples:,} | {one.records:,} | {one.seconds:.0f} | {one.samples / one.seconds:,.0f}"
            f" | {one.samples / one.processor_seconds:,.0f} | {peak:.0f} MB | {idle:.0f} MB |",
            "",
        ]
    )


def _unavailable(issuer: str) -> dict[str, Any]:
    from sync.sources.cards import client

    raise client.Unavailable(issuer)


def main() -> int:
    if not seeding.SHARED_DATA.exists():
        sys.stderr.write("the public data sets do not lie beside the checkout\n")
        return 1
    django.setup()
    found = {name: tally(folder, pattern) for name, folder, pattern in SETS}
    found["Apple Health: public samples"] = apple()
    sections = (report(found), pairs_report(*closeness()), apple_report(exports.run(MEGABYTES)))
    REPORT.write_text("\n".join(sections))
    return 0


def report(found: dict[str, Tally]) -> str:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = [
        "# Imports",
        "",
        "What becomes of public documents when they are uploaded; written by `make imports`. A resource in the record,",
        "a part kept as text, and a part left out are lines of the account that its owner reads.",
        "",
        "| set | documents | import | resources | flagged | as text | left out | ms each |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        each = 1000 * one.seconds / max(one.documents, 1)
        lines.append(
            f"| {name} | {one.documents} | {one.imported} | {one.resources.total()} | {one.flagged}"
            f" | {one.fate('warning')} | {one.fate('error')} | {each:.0f} |"
        )
    lines += [
        "",
        f"Flagged: breaks FHIR's models and is kept as it came. Peak memory of the whole run: {peak:.0f} MB.",
        "",
        "Sections of a C-CDA document that are words alone are text of its Composition; an assessment is a",
        "ClinicalImpression as well, goals are a Goal and a plan is a CarePlan in these words. Of interventions each",
        "part is the Procedure, order, medicine or visit that it is; a handoff, an instruction and what has no code",
        "stay text.",
        "",
    ]
    for name, one in found.items():
        lines += [f"## {name}", "", *_details(one), ""]
    return "\n".join(lines)


def pairs_report(pairs: int, close: Closeness) -> str:
    lines = [
        "## HL7 v2: how close to the expected Bundles",
        "",
        f"Of {pairs} messages CDC publishes the Bundle its own converter makes. Compared are all elements by path and",
        "value, without extensions, ids and references. Theirs takes a time without a zone for UTC and makes a URI of",
        "every name of a code system; we tell such a time as its day and leave out a system that has no URI.",
        "A clinician whom several fields name is one here and as many there: of Practitioners a value counts once.",
        "",
        "| type | expected elements | ours | in both | recall | precision |",
        "|---|---|---|---|---|---|",
    ]
    for kind in COMPARED:
        expected, ours, both = close.expected[kind], close.ours[kind], close.both[kind]
        recall, precision = both / max(expected, 1), both / max(ours, 1)
        lines.append(f"| {kind} | {expected} | {ours} | {both} | {recall:.0%} | {precision:.0%} |")
    return "\n".join([*lines, ""])


def _details(one: Tally) -> Iterator[str]:
    kinds = ", ".join(f"{kind} {count}" for kind, count in one.resources.most_common())
    yield f"In the record: {kinds or 'nothing'}."
    if one.refused:
        yield f"Refused: {', '.join(f'{why} ({count})' for why, count in one.refused.most_common())}."
    for fate, word in (("warning", "Kept as text"), ("error", "Left out")):
        told = Counter[str]()
        for (each, reason, what), count in one.lines.items():
            if each == fate:
                told[f"{reason} {what}".strip()] += count
        if told:
            yield f"{word}: {', '.join(f'{what} ({count})' for what, count in told.most_common(12))}."


if __name__ == "__main__":
    import os

    for name, value in {
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "unused",
        "DATABASE_URL": "postgresql:///unused",
        "BROKER_URL": "memory://",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }.items():
        os.environ.setdefault(name, value)
    sys.exit(main())
