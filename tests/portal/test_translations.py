"""Every text exists in Spanish, and what is compiled is what is written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.utils.translation.template import templatize

CATALOGUE = Path(settings.BASE_DIR) / "locale" / "es" / "LC_MESSAGES" / "django.po"
ROOMS = (
    "accounts",
    "audit",
    "consent",
    "developers",
    "fhirapi",
    "gateway",
    "portal",
    "records",
    "sandbox",
    "sharing",
    "smartlaunch",
    "sync",
)
KEYWORDS = ("gettext_noop", "gettext_lazy", "ngettext_lazy:1,2", "pgettext:1c,2", "pgettext_lazy:1c,2")


def test_every_text_is_translated():
    catalogue = polib.pofile(str(CATALOGUE))

    lacking = [entry.msgid for entry in catalogue if not entry.obsolete and (entry.fuzzy or not entry.translated())]

    assert lacking == []


def test_translations_keep_the_places_of_values():
    catalogue = polib.pofile(str(CATALOGUE), check_for_duplicates=True)

    wrong = [
        entry.msgid
        for entry in catalogue
        for translated in (entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr])
        if _places(translated) != _places(entry.msgid)
    ]

    assert wrong == []


def test_compiled_catalogue_is_the_written_one():
    written = {_key(entry): _words(entry) for entry in polib.pofile(str(CATALOGUE))}
    compiled = {_key(entry): _words(entry) for entry in polib.mofile(str(CATALOGUE.with_suffix(".mo")))}

    assert compiled == written


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="gathering texts needs xgettext")
def test_every_text_is_in_the_catalogue(tmp_path):
    known = {_key(entry) for entry in polib.pofile(str(CATALOGUE))}

    assert {_key(entry) for entry in _gathered(tmp_path)} - known == set()


def _gathered(folder: Path) -> polib.POFile:
    root = Path(settings.BASE_DIR)
    files = [path for room in ROOMS for path in (root / room).rglob("*.py") if "migrations" not in path.parts]
    for number, template in enumerate(sorted((root / "templates").rglob("*.*"))):
        copy = folder / f"{number}.py"
        copy.write_text(templatize(template.read_text()))
        files.append(copy)
    keywords = [f"--keyword={keyword}" for keyword in KEYWORDS]
    command = ["xgettext", "--language=Python", "--from-code=UTF-8", *keywords, "--output=-", *map(str, files)]
    return polib.pofile(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _key(entry: polib.POEntry | polib.MOEntry) -> tuple[str | None, str]:
    return entry.msgctxt, entry.msgid


def _words(entry: polib.POEntry | polib.MOEntry) -> tuple[str, ...]:
    return tuple(entry.msgstr_plural.values()) if entry.msgid_plural else (entry.msgstr,)


def _places(text: str) -> set[str]:
    return {part.partition(")")[0] for part in text.split("%(")[1:]}
