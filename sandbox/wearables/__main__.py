"""``python -m sandbox.wearables --place DIR --port N``: run the simulated maker until it is ended.

``DIR/maker.json`` says its name, our client there and its people: ``{"name", "clients": [{"client_id", "secret",
"redirect_uri"}], "people": [{"email", "password"}]}``.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from sandbox.wearables.accounts import Accounts
from sandbox.wearables.answers import Answers
from sandbox.wearables.server import Maker


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.wearables")
    parser.add_argument("--place", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--recorded", type=Path, help="a folder with recorded answers to serve in place of made-up ones"
    )
    asked = parser.parse_args()
    told = json.loads((asked.place / "maker.json").read_text())
    accounts = Accounts(asked.place / "accounts.json")
    for client in told["clients"]:
        accounts.add_client(client["client_id"], client["secret"], client["redirect_uri"])
    for person in told["people"]:
        accounts.add_person(person["email"], person["password"])
    answers = Answers(lambda: datetime.now(UTC).date(), asked.recorded)
    Maker(asked.port, name=told["name"], accounts=accounts, answers=answers).serve_forever()


if __name__ == "__main__":
    main()
