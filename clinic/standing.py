"""What the pages of a visit stand on, in one word: where the word changes, an open page is asked for anew.

static/js/standing.js compares it every second, so that what she takes back is gone from the screen, not only from the
next page.
"""

from __future__ import annotations

import hashlib

from smartlaunch.visits import Open


def of(opened: Open) -> str:
    """The same as long as whose record it is stays the same."""
    return hashlib.sha256(f"{opened.uid} {opened.visit.person_id}".encode()).hexdigest()[:16]
