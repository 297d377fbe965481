"""``manage.py hospital_load NAME PATH…``: put data of your own behind a sandbox hospital."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from sandbox import loading, neighbours
from sandbox.loading import Report

EXAMPLES = 10


class Command(BaseCommand):
    help = "Load FHIR Bundles, NDJSON and single resources (files or folders) into a sandbox hospital."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the hospital: its name, or the short one of its address")
        parser.add_argument("paths", nargs="+", type=Path, metavar="path")
        parser.add_argument("--password", help="for every patient; without it each new one gets a password of her own")

    def handle(self, *, name: str, paths: list[Path], password: str | None, **options: Any) -> None:
        if settings.SITE == "person":
            hospital = neighbours.find(name)
            more = [f"--password={password}"] if password else []
            return neighbours.run(
                hospital, "hospital_load", hospital.name, *(str(path.resolve()) for path in paths), *more
            )
        neighbours.check_here(name)
        return self._tell(loading.load_paths(paths, at=timezone.now(), password=password))

    def _tell(self, report: Report) -> None:
        for one in report.people:
            password = one.password or "(password as it was)"
            flagged = f", {one.invalid} break the models and are flagged" if one.invalid else ""
            counts = f"{one.new} new, {one.changed} changed, {one.unchanged} unchanged{flagged}"
            self.stdout.write(f"{one.name}: {one.email} {password}\n  Patient/{one.patient_id}: {counts}")
        self.stdout.write(f"written by type: {_counts(report.by_type)}")
        if report.repeated:
            self.stdout.write(f"said more than once, the last one counts: {report.repeated}")
        if report.strangers:
            self.stdout.write(f"not stored, about a Patient who is not here or about two: {_counts(report.strangers)}")
        if report.loose:
            self.stdout.write(f"not stored, no patient's record points there: {_counts(report.loose)}")
        for kind, number in report.unresolved.kinds.items():
            examples = ", ".join(report.unresolved.examples[kind])
            self.stdout.write(f"references kept as written, {kind}: {number}, such as {examples}")
        reasons = Counter(one.reason for one in report.refused)
        for reason, number in reasons.most_common(EXAMPLES):
            first = next(one.origin for one in report.refused if one.reason == reason)
            self.stdout.write(f"refused, {reason}: {number}, first {first}")


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{kind} {number}" for kind, number in sorted(counted.items())) or "nothing"
