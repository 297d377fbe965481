"""``python -m sandbox.wearables --place DIR --port N``: run the simulated maker until it is ended.

``DIR/maker.json`` says its name, our client there and its people: ``{"name", "clients": [{"client_id", "secret",
"redirect_uri"}], "people": [{"email", "password"}]}``.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from sandbox.wearables.accounts import Accounts
from sandbox.wearables.answers import Answers
from sandbox.wearables.handover import Handover
from sandbox.wearables.server import Maker

EVERY_SECONDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.wearables")
    parser.add_argument("--place", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--recorded", type=Path, help="a folder with recorded answers to serve in place of made-up ones"
    )
    parser.add_argument(
        "--hand-over-to", default="", help="be a maker that hands over by itself, to this address, what was ordered"
    )
    asked = parser.parse_args()
    told = json.loads((asked.place / "maker.json").read_text())
    accounts = Accounts(asked.place / "accounts.json")
    for client in told["clients"]:
        accounts.add_client(client["client_id"], client["secret"], client["redirect_uri"])
    for person in told["people"]:
        accounts.add_person(person["email"], person["password"])
    answers = Answers(lambda: datetime.now(UTC).date(), asked.recorded)
    if asked.hand_over_to:
        _hand_over(Handover(asked.port, name=told["name"], accounts=accounts, answers=answers, to=asked.hand_over_to))
    else:
        Maker(asked.port, name=told["name"], accounts=accounts, answers=answers).serve_forever()


def _hand_over(maker: Handover) -> None:
    """What is not taken is sent again later, as it would be."""
    threading.Thread(target=maker.serve_forever, daemon=True).start()
    while True:
        orders = list(maker.orders)
        try:
            maker.send_ordered()
        except OSError:
            maker.orders += orders
        time.sleep(EVERY_SECONDS)


if __name__ == "__main__":
    main()
