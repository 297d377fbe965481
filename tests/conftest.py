"""What every test has: real servers (tests/settings.py starts them), and no network beyond this machine."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.dispatch import receiver
from django.test.signals import setting_changed
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker
from xdist.scheduler import LoadScopeScheduling

from fhirapi import capability
from tests import cookies, emptying, network
from tests.browser import chromium, open_page

JOURNEYS = "tests/journeys/"
# What takes longest, longest first: it begins early, so that at the end no process is alone with it.
LONG = (
    JOURNEYS,
    "tests/architecture/test_accessibility.py",
    "tests/architecture/test_other_peoples_ids.py",
    "tests/sync/test_outages.py",
    "tests/fhirapi/test_exports_worker.py",
    "tests/architecture/test_attacks.py",
    "tests/portal/test_costs_of_pages.py",
    "tests/conformance/test_past_leaks.py",
    "tests/sync/test_killed.py",
    "tests/sync/test_shipments.py",
    "tests/local/test_demo.py",
    "tests/consent/test_gate.py",
)

# How fast a machine makes examples says nothing of what is tested, and this one may be busy.
settings.register_profile("busy", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("busy")
network.close()
cookies.keep_secrets()
emptying.delete_rows()


@receiver(setting_changed)
def _say_anew_what_is_served(**_: Any) -> None:
    """The statement is made once: only tests change what it tells of."""
    capability.document.cache_clear()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="also the tests that take thousands of cases (make fuzz)")


class _Companies(LoadScopeScheduling):
    """Tests of one company go to one process: xdist 3.8 cannot write its groups into the ids of pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return _company(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _Companies(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    place = {company: number for number, company in enumerate(LONG)}
    items.sort(key=lambda item: place.get(_company(item.nodeid), len(LONG)))
    if config.getoption("--thorough"):
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _company(nodeid: str) -> str:
    """What goes to one process: a file, whose fixtures are dear; all journeys, which share one demo."""
    file = nodeid.partition("::")[0]
    return JOURNEYS if file.startswith(JOURNEYS) else file


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    """No test is refused for what the tests before it asked within a minute."""
    cache.clear()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database as a deployment leaves it: with policies, and with what the web role needs."""
    with django_db_blocker.unblock():
        call_command("secure_rows", stdout=io.StringIO())
    yield
    # A page that is still open keeps its thread of the server, and with it a session, until the browser ends.
    # Our own may have been ended by a test of outages that was the last to use it.
    with django_db_blocker.unblock():
        connection.close()
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


# One browser for all rooms: a run can drive only one.
__all__ = ["chromium", "open_page"]
