"""What the security pages of docs/ say can be looked up: every file they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", ["hipaa.md", "threat-model.md"])
def test_every_file_a_page_names_is_there(page):
    named = re.findall(r"`((?:tests|docs|[a-z]+)/[\w./-]+\.(?:py|md|toml))`", (ROOT / "docs" / page).read_text())

    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []
