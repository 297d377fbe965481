"""``make pages``: what every page of the portal costs, for a small and a very long record; writes docs/pages.md.

``python -m benchmarks.pages --fill SIZE…`` is its second half, run where Django's settings find this run's servers.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from local import broker, options, places, postgres, processes

SIZES: Final = (300, 30_000, 300_000)
PLACE: Final = options.ROOT / "docs" / "pages.md"
# So many of a hundred records are no measurement of her body.
_OTHERS: Final = 3
_PAINTED: Final = ("home", "timeline", "trend", "record", "share", "make_link", "show_link", "emergency")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="records of each person")
    parser.add_argument("--fill", type=int, nargs="+", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.fill:
        print(json.dumps(_walk(chosen.fill)))
        return 0
    place = options.var_dir() / "bench-pages"
    _stop(place)
    shutil.rmtree(place, ignore_errors=True)
    places.make_private(place)
    try:
        measured = _measured(place, sorted(chosen.sizes))
    finally:
        _stop(place)
    PLACE.write_text(text(measured, sorted(chosen.sizes)))
    print(PLACE.read_text())
    return 0


def _stop(place: Path) -> None:
    processes.stop_all(place=place)
    postgres.stop(place / "postgres")
    broker.stop(place / "broker")


def _measured(place: Path, sizes: list[int]) -> dict[str, Any]:
    server, queue = postgres.ensure(place / "postgres"), broker.ensure(place / "broker")
    inherited = {
        name: value for name, value in options.surroundings().items() if not name.startswith(("DJANGO_", "ENV_FILE"))
    }
    environment = inherited | {
        "ENV_FILE": "/dev/null",
        "VAR_DIR": str(place),
        "SECRET_KEY": "measured, then thrown away",
        "DATABASE_URL": postgres.create_database(server, "pages"),
        "BROKER_URL": queue.broker_url,
        "CACHE_URL": queue.cache_url,
        "PUBLIC_URL": "http://testserver",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SANDBOX": "yes",
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(options.ROOT),
    }
    python = [sys.executable, "-W", "ignore"]
    for words in (("migrate", "--verbosity=0"), ("collectstatic", "--noinput", "--verbosity=0")):
        subprocess.run([*python, "manage.py", *words], env=environment, cwd=options.ROOT, check=True)
    said = subprocess.run(
        [*python, "-m", "benchmarks.pages", "--fill", *map(str, sizes)],
        env=environment,
        cwd=options.ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    told: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return told


def _walk(sizes: list[int]) -> dict[str, Any]:
    import django

    django.setup()
    from benchmarks import access, estates, filling, population

    people = []
    for size in sizes:
        person = access.sign_up()
        half = size * _OTHERS // 100 // 2
        for seed, hospital in enumerate(("hospital", "clinic"), start=2):
            others = population.others(person.patient_id, half, seed=seed)
            filling.fill(person, population.pages(others), hospital=hospital)
        filling.fill(person, population.pages(population.observations(person.patient_id, size - 2 * half)))
        people.append(person)
    filling.settle()
    # As config/wsgi.py leaves a process that serves.
    gc.collect()
    gc.freeze()
    held = []
    for person in people:
        access.let_in(person)
        held.append(estates.of(person, access.sign_up(), record=("Observation", "obs-1-1"), measured="obs-1-1"))
    return costs(held) | {"paints": _paints(held[-1])}


def costs(held: list[Any]) -> dict[str, Any]:
    """By address with a person's own numbers taken out: the cost for each of these people, who have such records."""
    from benchmarks import walk

    found: dict[str, list[Any]] = {}
    unwalked = []
    for name in walk.pages():
        of_each = [walk.addresses(one, name) for one in held]
        unwalked += [] if of_each[0] else [name]
        for together in zip(*of_each, strict=True):
            asked = [walk.cost(one.browser_for(name), address) for one, address in zip(held, together, strict=True)]
            if all(one.status != 405 for one in asked):  # a form is sent there, it is no page
                found[_told(together[0])] = [asdict(one) for one in asked]
    return {"pages": found, "unwalked": unwalked}


def _paints(estate: Any) -> list[dict[str, Any]]:
    """Of the person with the longest record, by a server of its own."""
    from django.urls import reverse

    from benchmarks import estates, paint, serving, walk

    place, port = options.var_dir(), processes.free_port()
    environment = options.surroundings() | {"PUBLIC_URL": f"http://127.0.0.1:{port}"}
    server = serving.web("web", "config.settings", port, environment)
    processes.start(server, place=place)
    processes.await_ready(server, place=place, seconds=60)
    cookies = {name: morsel.value for name, morsel in estate.browser.cookies.items()}
    addresses = [walk.addresses(estate, name)[0] for name in _PAINTED]
    addresses.append(reverse("portal:record", args=["DiagnosticReport", estates.NOTE]))  # with its document in it
    return [asdict(one) for one in paint.of(f"http://127.0.0.1:{port}", addresses, cookies)]


def _told(address: str) -> str:
    """The address as a reader of the table understands it."""
    parts = address.split("/")
    return "/".join("…" if len(part) >= 36 or part.isdigit() or part.startswith("obs-") else part for part in parts)


def text(measured: dict[str, Any], sizes: list[int]) -> str:
    columns = [f"{what}, {size:,}" for what in ("statements", "ms", "kB") for size in sizes]
    lines = [
        "# What every page costs",
        "",
        "Written by `make pages`: each page of the portal and of a clinician's visit (`/ehr/`), about a person with",
        "so many records (97 in a hundred of them Observations; one app, one link, one person who acts for her; two",
        "hospitals that both tell of problems, medicines, visits and procedures), in the process that serves it, with",
        "gate and access log. The number of statements is exact. Times are of one request after a first that is not",
        "counted, and tell of this machine and its other work. Bytes are of the page alone, as gzip leaves them. Once",
        "a minute a page also notes that its session is in use (four statements), and a process fetches her keys anew",
        "after 30 seconds (one): it is seen where a page took long.",
        "",
        f"Machine: {os.cpu_count()} cores.",
        "",
        f"| page | {' | '.join(columns)} |",
        "|---|" + "---:|" * len(columns),
    ]
    for page, costs in sorted(measured["pages"].items()):
        if all(cost["status"] == 200 for cost in costs):
            cells = [
                *(str(cost["queries"]) for cost in costs),
                *(f"{cost['milliseconds']:.0f}" for cost in costs),
                *(f"{cost['packed'] / 1000:.1f}" for cost in costs),
            ]
            lines.append(f"| `{page}` | {' | '.join(cells)} |")
    lines += _phone(measured["paints"], sizes[-1])
    others = {
        page: sorted({cost["status"] for cost in costs})
        for page, costs in sorted(measured["pages"].items())
        if any(cost["status"] != 200 for cost in costs)
    }
    lines += ["", "Addresses that answer otherwise, because they lead on or what they are about is not there:", ""]
    lines += [f"- `{page}`: {', '.join(map(str, statuses))}" for page, statuses in others.items()]
    if measured["unwalked"]:
        lines += ["", "Pages of one thing that these people do not have, which were not walked:", ""]
        lines += [f"- {', '.join(f'`{name}`' for name in measured['unwalked'])}"]
    return "\n".join([*lines, ""])


def _phone(paints: list[dict[str, Any]], size: int) -> list[str]:
    return [
        "",
        f"First paint on a slow phone, with {size:,} records: headless Chromium with nothing cached, 390 px wide, a",
        "processor four times slower than this one, and the line of Lighthouse's slow 4G (150 ms there and back for",
        "each request, 1.6 Mbit a second; opening a connection is not in it). Medians of three visits, ms after the",
        "address was asked for.",
        "",
        "| page | first byte | first paint | largest part |",
        "|---|---:|---:|---:|",
        *(
            f"| `{_told(each['address'])}` | {each['answered']:.0f} | {each['first']:.0f} | {each['largest']:.0f} |"
            for each in paints
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
