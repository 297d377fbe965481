"""The first walk through the demo: its page and its pictures belong together."""

from __future__ import annotations

import re

from local import options, tour

PAGE = options.ROOT / "docs" / "tour.md"


def test_the_page_shows_what_the_command_takes_and_nothing_else():
    shown = re.findall(r"!\[[^\]]+\]\(images/tour/(\w+)\.png\)", PAGE.read_text())

    assert shown == [stop.name for stop in tour.STOPS]
    assert {path.stem for path in tour.PICTURES.glob("*.png")} == set(shown)


def test_pictures_are_small():
    sizes = {path.name: path.stat().st_size for path in tour.PICTURES.glob("*.png")}

    assert {name: size for name, size in sizes.items() if size > 150_000} == {}
