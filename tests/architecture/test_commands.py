"""The commands that the pages for operators name are there, and every command of ours is named to them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.management import get_commands, load_command_class

PAGES = sorted([*Path(settings.BASE_DIR, "docs").rglob("*.md"), Path(settings.BASE_DIR, "README.md")])
# What stands in one line of code after the command, up to its end.
NAMED = re.compile(r"manage\.py ([a-z_]+)([^`|\n]*)")
OPTION = re.compile(r"(?<!\S)--[a-z][a-z-]*")
ROOMS = {path.parent.name for path in Path(settings.BASE_DIR).glob("*/__init__.py")}


@cache
def named() -> list[tuple[str, str, frozenset[str]]]:
    """Page, command, and the options given to it there."""
    found = [(page, NAMED.findall(page.read_text())) for page in PAGES]
    return [(page.name, name, frozenset(OPTION.findall(rest))) for page, each in found for name, rest in each]


def test_every_command_of_the_pages_is_there_with_its_options():
    assert len(named()) > 20
    commands = get_commands()

    for page, name, options in named():
        assert name in commands, f"{page} names {name}"
        app = commands[name]
        parser = load_command_class(app, name).create_parser("manage.py", name)
        known = {option for action in parser._actions for option in action.option_strings}
        assert options <= known, f"{page}: {name} has no {options - known}"


def test_every_command_of_ours_is_in_the_runbook():
    ours = {name for name, app in get_commands().items() if isinstance(app, str) and app in ROOMS}
    assert {"backup", "rotate_signing_key", "hospital_load"} <= ours

    assert ours - {name for page, name, _ in named() if page == "runbook.md"} == set()
