"""The rules of the house that no linter knows (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = sorted(
    path.name
    for path in ROOT.iterdir()
    if (path / "__init__.py").exists() and path.name not in ("tests", "benchmarks", "local")
)
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def words(path: Path) -> set[str]:
    """Every name and attribute that the code of a file says; strings and comments do not count."""
    tree = ast.parse(path.read_text())
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }


def test_the_rooms_are_found():
    assert {"records", "consent", "sync", "gateway", "fhirapi", "portal", "standards"} <= set(ROOMS)


def test_only_the_store_its_feeder_and_the_gate_read_records_unguarded():
    saying = {relative(path) for path in SOURCES if "unguarded" in words(path)}

    assert "records/store.py" in saying
    assert {path for path in saying if not path.startswith(("records/", "sync/"))} <= {"consent/gate.py"}


def test_the_environment_is_read_in_one_place():
    # The entry points name the settings module before any setting can be read.
    entries = {"config/celery.py", "config/wsgi.py", "config/env.py"}

    assert {relative(path) for path in SOURCES if "environ" in words(path)} == entries


def test_nothing_happens_by_signal():
    imports = re.compile(r"^\s*(from|import) (django\.dispatch|django\.db\.models\.signals)", re.MULTILINE)

    assert [relative(path) for path in SOURCES if imports.search(path.read_text())] == []


def test_every_module_defers_its_annotations():
    bare = [
        relative(path)
        for path in SOURCES
        if re.search(r"^\s*(def|class) ", path.read_text(), re.MULTILINE)
        and "from __future__ import annotations" not in path.read_text()
        and not re.search(r"/migrations/\d{4}_", relative(path))
    ]

    assert bare == []


def test_every_setting_of_the_environment_is_documented():
    read = re.compile(r"env\.read_\w+\(\s*\"([A-Z_]+)\"")
    names = {name for path in SOURCES for name in read.findall(path.read_text())} | {"VAR_DIR", "ENV_FILE"}
    documented = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs" / "configuration.md").read_text()))

    assert len(names) > 15
    assert names - documented == set()


@pytest.mark.parametrize(
    "folder", sorted(path for room in ROOMS if (path := ROOT / room / "migrations").is_dir()), ids=relative
)
def test_migrations_are_one_line_whose_end_is_written_down(folder):
    numbered = sorted(path.stem for path in folder.glob("[0-9]*.py"))

    assert [name[:4] for name in numbered] == [f"{number:04}" for number in range(1, len(numbered) + 1)]
    assert (folder / "max_migration.txt").read_text().strip() == numbered[-1]


def test_no_module_is_a_drawer():
    drawers = {"utils", "util", "helpers", "helper", "common", "services", "misc"}

    assert [relative(path) for path in SOURCES if path.stem in drawers] == []


def test_templates_hold_no_script_or_style_of_their_own():
    inline = re.compile(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", re.IGNORECASE)
    pages = sorted((ROOT / "templates").rglob("*.html"))

    assert len(pages) > 20
    assert [relative(page) for page in pages if inline.search(page.read_text())] == []


def test_every_written_decision_has_a_number_of_its_own():
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))

    assert [path.name[:4] for path in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    for path in decisions:
        assert path.read_text().startswith(f"# {int(path.name[:4])}. "), path.name
