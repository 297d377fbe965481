"""The texts she reads when she decides: versioned files that never change once a decision names them (DESIGN D7).

``texts/<version>/<language>.txt``; the first line is the title, paragraphs follow. A decision carries the version and
the SHA-256 of the file she saw; ``texts/SHA256SUMS`` holds the hashes of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

SHARING: Final = "2026-11"
"""The text of today's consent page, and of a renewal."""
HIDING: Final = "hide-2026-11"
"""The text beside the button that hides one record."""
DELEGATING: Final = "delegate-2026-11-2"
"""The text she reads when she asks somebody to act for her, and when that is renewed."""
SHARING_FOR_ANOTHER: Final = "sharing-for-another-2026-11"
"""The text of the consent page where a delegate lets an app into the record of whom she acts for."""
LINKING: Final = "link-2026-11"
"""The text she reads when she makes a link, and when she renews one."""
CLINIC: Final = "clinic-2026-11"
"""The text she reads when a clinician asks to see her record in his EHR, and she answers."""
EMERGENCY: Final = "emergency-2026-11"
"""The text she reads when she forbids that her record is opened in an emergency, and when she lets it be again."""

FOLDER: Final = Path(__file__).parent / "texts"
_FALLBACK: Final = "en"


@dataclass(frozen=True, slots=True)
class Text:
    """One version in one language, as it was shown."""

    version: str
    language: str
    title: str
    paragraphs: tuple[str, ...]
    digest: str


@cache
def read(version: str, language: str) -> Text:
    """The text in this language, in English where there is no other. Raises FileNotFoundError for no such version."""
    path = _path(version, language)
    if not path.exists():
        language, path = _FALLBACK, _path(version, _FALLBACK)
    raw = path.read_bytes()
    title, *paragraphs = raw.decode().strip().split("\n\n")
    return Text(version, language, title, tuple(paragraphs), sha256(raw).hexdigest())


def raw(version: str, language: str) -> bytes:
    """The file itself. Raises FileNotFoundError."""
    return _path(version, read(version, language).language).read_bytes()


def digest(version: str, language: str) -> str:
    """The hash of the text as it is kept now; empty when this version is not kept at all."""
    path = _path(version, language)
    return read(version, language).digest if path.parent.is_dir() else ""


def _path(version: str, language: str) -> Path:
    return FOLDER / Path(version).name / f"{Path(language).name}.txt"
