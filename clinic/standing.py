"""What the pages of a visit stand on, in one word: where the word changes, an open page is asked for anew.

static/js/standing.js compares it every second, so that what she takes back is gone from the screen, not only from the
next page.
"""

from __future__ import annotations

import hashlib

from django.utils import timezone

from consent import gate
from smartlaunch import charts
from smartlaunch.visits import Open


def of(opened: Open) -> str:
    """The same as long as the same decision lets him read; one word wherever nothing is shared."""
    found = charts.reader(opened, at=timezone.now())
    return word(opened, found[1] if found else None)


def word(opened: Open, reader: charts.Reader | None) -> str:
    stands = reader.decision_id if isinstance(reader, gate.Holder) else reader.uid if reader else 0
    return hashlib.sha256(f"{opened.uid} {stands}".encode()).hexdigest()[:16]
