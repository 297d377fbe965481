"""What lies beside ``export.xml`` in the zip that the phone makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from records import sources
from records.models import Source
from sync.archives import Member
from sync.sources.upload.accounts import Reason

_ROUTE: Final = re.compile(rb"<gpx[\s>]")
_SAME_AS_CDA: Final = re.compile(rb"<ClinicalDocument[\s>]")


def sort(member: Member, heads: Mapping[int, bytes]) -> Member:
    """Routes say where she was, which is no matter of health, and the CDA says over again what the export says.

    Electrocardiograms (CSV) and the records of her hospitals (FHIR) stay: they are read as any such file.
    """
    head = heads[member.position]
    if member.refused is None and _ROUTE.search(head):
        return replace(member, refused=Reason.WHEREABOUTS)
    if member.refused is None and _SAME_AS_CDA.search(head):
        return replace(member, refused=Reason.SAME_ELSEWHERE)
    return member


def are_of(found: Source | None) -> bool:
    """Whether a file is such a zip: each hospital in it has a Patient of its own, all of whom are whose phone it is."""
    return found is not None and found.url == sources.PHONE_URL


def space(found: Source, subject: str) -> str:
    """In which the ids of one hospital's records are told apart from those of another that counts as it does."""
    return f"{found.url}/{subject}"
