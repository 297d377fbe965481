"""``python -m benchmarks.connecting NUMBER PORT``: so many people, each connected to a hospital, all rung for.

With ``--await SECONDS PORT`` it waits until every run has ended, and prints what became of them as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter

import django


def connect(number: int, port: int) -> None:
    from django.utils import timezone

    from accounts.models import Person
    from benchmarks import runs
    from sync import connections, hospitals
    from sync.tokens import Tokens

    entered = [
        hospitals.register(
            f"http://127.0.0.1:{port}/h{each}/fhir",
            name=f"Hospital {each}",
            client_id="bench",
            vendor=runs.SLOW_VENDOR if each == 0 else "",
        )
        for each in range(runs.HOSPITALS)
    ]
    for each in range(number):
        at = timezone.now()
        connections.connect(
            Person.objects.create_user(f"bench{each}@example.org"),
            hospital=entered[each % len(entered)],
            patient=f"p{each}",
            tokens_given=Tokens("bench", None, None, ""),
            token_endpoint="http://127.0.0.1:1/token",  # noqa: S106 - nobody asks there
            at=at,
        )


def wait(seconds: float, port: int) -> dict[str, object]:
    from django.db.models import Sum

    from benchmarks import hospitals
    from sync import vendors
    from sync.models import Run, RunStep

    until = time.monotonic() + seconds
    while Run.objects.unfinished().exists():
        if time.monotonic() > until:
            raise SystemExit(f"{Run.objects.unfinished().count()} runs have not ended")
        time.sleep(0.5)
    told = hospitals.told(port)
    busiest: dict[str, int] = {}
    for key, count in told["minutes"].items():
        slow = key.startswith("h0 ")
        vendor = vendors.of("meditech" if slow else "")
        name = f"which allows {vendor.requests_a_minute}"
        busiest[name] = max(busiest.get(name, 0), count)
    return {
        "resources": RunStep.objects.aggregate(arrived=Sum("new"))["arrived"],
        "ended": dict(Counter(Run.objects.values_list("state", flat=True))),
        "most_of_one": told["most"],
        "busiest": dict(sorted(busiest.items())),
    }


if __name__ == "__main__":
    django.setup()
    if sys.argv[1] == "--await":
        sys.stdout.write(json.dumps(wait(float(sys.argv[2]), int(sys.argv[3]))) + "\n")
    else:
        connect(int(sys.argv[1]), int(sys.argv[2]))
