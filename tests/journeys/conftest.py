from __future__ import annotations

import json
import os
import shutil

import pytest

from local import demo, options
from tests.journeys.stack import Stack

HELD_BACK = ("DATABASE_URL", "BROKER_URL", "CACHE_URL", "SECRET_KEY", "SANDBOX", "ENV_FILE", "DJANGO_SETTINGS_MODULE")


@pytest.fixture(scope="package")
def stack():
    """The demo as ``make demo`` makes it, with servers, databases and ports of its own, for all journeys of a run.

    It ends with them: the tests after them, in the same process, have the environment back.
    """
    place = options.var_dir() / "stack"
    shutil.rmtree(place, ignore_errors=True)
    # The stack's processes are no part of this test run: they find their own surroundings.
    ours = {name: os.environ.pop(name) for name in HELD_BACK if name in os.environ}
    # A lost run is to be taken over within seconds, not a minute: the kill test has ten of them.
    # And all of its people sign up from one address within a minute.
    ours_alone = {"SYNC_LEASE_SECONDS": "8", "SIGN_IN_LIMIT": "1000/m/ip", "SIGN_UP_LIMIT": "1000/m/ip"}
    os.environ.update(ours_alone)
    try:
        everyone = demo.up(place)
        yield Stack(place, everyone, json.loads((place / "demo.json").read_text()))
    finally:
        demo.down(place)
        for name in ours_alone:
            del os.environ[name]
        os.environ.update(ours)
