"""npm ``kill-the-clipboard`` under Node opens a health link of ours and believes a health card of ours."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from django.utils import timezone

from sharing import cards, links
from tests.sharing import makers
from tests.sharing.makers import CODE

pytestmark = pytest.mark.django_db(transaction=True)
PROGRAM = Path(__file__).parent / "links.mjs"


@pytest.mark.spec("SMART Health Links", "manifest", "kill-the-clipboard opens our link and believes our card")
def test_link_and_card_are_good_for_the_code_of_others(node_modules, live_server, settings):
    settings.PUBLIC_URL = live_server.url
    owner, at = makers.owner(), timezone.now()
    made = makers.make(owner)
    (card,) = cards.issue(owner, cards.shots(owner, at=at), at=at)
    surroundings = {
        "PACKAGES": str(node_modules), "LINK": links.address(made).text, "PASSCODE": CODE, "CARD": card,
    }  # fmt: skip

    done = subprocess.run(
        ["node", str(PROGRAM)], env=os.environ | surroundings, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["label"], told["flag"]) == ("For Dr. Example", "LP")
    assert told["embedded"] == told["located"] == [["document", told["embedded"][0][1]]]
    assert told["embedded"][0][1] > 4
    assert told["guessed"] == "SHLInvalidPasscodeError"
    assert told["shots"] == ["", "140"]
    assert told["forged"] != "believed"
