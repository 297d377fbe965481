"""What every test has: real servers (tests/settings.py starts them), and no network beyond this machine."""

from __future__ import annotations

import pytest

from tests import network
from tests.browser import chromium, open_page

network.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="also the tests that take thousands of cases (make fuzz)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--thorough"):
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


# One browser for all rooms: a run can drive only one.
__all__ = ["chromium", "open_page"]
