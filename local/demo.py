"""The demo: embedded servers, two hospitals, our web server, worker and beat, started and stopped as one.

``python -m local.demo up [--detach]`` and ``… down``. Starting again after a stop, a crash or a kill finds everything
where it was: the servers recover their data, the processes are started afresh at the same addresses.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from local import broker, options, places, postgres, processes, seeding, sites, visitor, wearables

READY_SECONDS = 60
FAILURES = (
    postgres.PostgresFailed,
    broker.BrokerFailed,
    processes.ProcessFailed,
    places.PlaceRefused,
    sites.PortTaken,
    sites.PortMoved,
    seeding.SeedFailed,
    visitor.Lost,
)


def up(place: Path) -> list[sites.Site]:
    """Start everything under ``place`` and return the sites, the person's first, as soon as all of them answer.

    Processes of an earlier start are ended first, so that what runs is the code as it is now.
    """
    with places.held(place / "run"), processes.Doors() as doors:
        processes.stop_all(place=place)
        everyone = _lay_out(place, doors)
        _prepare(everyone)
        maker = wearables.lay_out(place, everyone[0])
        account = seeding.kept(everyone, place)
        if account is None:
            seeding.fill(everyone, place, maker)
        started = [*(program for site in everyone for program in programs(site, doors)), wearables.program(maker)]
        for program in started:
            processes.start(program, place=place)
        doors.close()
        for program in started:
            if program.ready:
                processes.await_ready(program, place=place, seconds=READY_SECONDS)
        account = account or seeding.drive(everyone, place, maker)
        places.write_private(
            place / "demo.json", json.dumps(seeding.describe(everyone, place, account, maker), indent=2)
        )
    return everyone


def down(place: Path) -> list[str]:
    """End what was started under ``place``, processes first, then the servers they use; the names of what ran."""
    if not place.exists():
        return []
    with places.held(place / "run"):
        ended = processes.stop_all(place=place)
        ended += ["broker"] if broker.stop(place / "broker") else []
        ended += ["postgres"] if postgres.stop(place / "postgres") else []
    return ended


def watch(place: Path) -> None:
    """Until interrupted, say which process ended by itself."""
    lived = set(processes.names(place=place))
    while True:
        for name in sorted(lived):
            if processes.running(name, place=place) is None:
                lived.remove(name)
                print(f"\n{name} has ended; `make demo` starts all again.\n{processes.last_words(name, place=place)}")
        time.sleep(1)


def _lay_out(place: Path, doors: processes.Doors) -> list[sites.Site]:
    """Servers, databases and configuration of every site, each made if it is not there."""
    given = options.given("DATABASE_URL")
    roles = {name: url for name in sites.ROLE_URLS if (url := options.given(name))}
    if given:
        databases = {sites.PERSON: given}
        databases |= {slug: postgres.create_beside(given, _hospital_database(slug, given)) for slug in sites.HOSPITALS}
    else:
        server = postgres.ensure(place / "postgres")
        databases = {sites.PERSON: postgres.create_database(server, "tributary")}
        databases |= {slug: postgres.create_database(server, f"hospital_{slug}") for slug in sites.HOSPITALS}
        named = zip(sites.ROLE_URLS, (postgres.WEB_ROLE, postgres.WORKER_ROLE), strict=True)
        roles = {name: server.url_of("tributary", role=role) for name, role in named}
    everyone = sites.describe(place, _servers(place), databases, roles, doors=doors)
    for site in everyone:
        sites.write(site)
    return everyone


def _hospital_database(slug: str, given: str) -> str:
    """On a server that others use, a hospital's database carries the name of ours."""
    return f"{urlsplit(given).path.lstrip('/')}_hospital_{slug}"


def _servers(place: Path) -> sites.Servers:
    given = options.given("BROKER_URL")
    if given:
        return sites.Servers(broker=given, cache=options.given("CACHE_URL") or "")
    server = broker.ensure(place / "broker")
    return sites.Servers(broker=server.broker_url, cache=server.cache_url)


def _prepare(everyone: Sequence[sites.Site]) -> None:
    """Bring every database to the code's schema and gather the static files, all at the same time."""
    orders = [(site, ("migrate", "--no-input", "--verbosity=0")) for site in everyone]
    _carry_out([*orders, (everyone[0], ("collectstatic", "--no-input", "--verbosity=0"))])
    # The tables are there: now each role gets what it needs of them.
    _carry_out([(everyone[0], ("secure_rows",))])


def _carry_out(orders: Sequence[tuple[sites.Site, Sequence[str]]]) -> None:
    begun = [(site, order, _begin(site, order)) for site, order in orders]
    outcomes = [(site, order, process.communicate()[0], process.returncode) for site, order, process in begun]
    for site, order, said, code in outcomes:
        if code != 0:
            raise processes.ProcessFailed(f"manage.py {order[0]} failed for {site.slug}:\n{said}")


def _begin(site: sites.Site, order: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "manage.py", *order],
        cwd=options.ROOT,
        env=site.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def programs(site: sites.Site, doors: processes.Doors) -> list[processes.Program]:
    """The processes of one site; its port is open in ``doors``."""
    door = doors.number(site.port)
    if not site.is_person:
        return [_web(site, name=f"hospital-{site.slug}", workers=1, door=door)]
    return [_web(site, name="web", workers=2, door=door), worker(site), _background(site, "beat", "--pidfile=")]


def worker(site: sites.Site) -> processes.Program:
    return _background(site, "worker", "--concurrency=2", "--without-gossip", "--without-mingle")


def _web(site: sites.Site, *, name: str, workers: int, door: int) -> processes.Program:
    gunicorn = (
        "gunicorn",
        "config.wsgi:application",
        "--worker-class=gthread",
        "--threads=4",
        "--preload",  # the code is read once and shared by the workers, which start sooner and need less memory
        "--no-control-socket",
    )
    return processes.Program(
        name=name,
        argv=(sys.executable, "-m", *gunicorn, f"--workers={workers}", f"--bind=fd://{door}"),
        environment=processes.FRUGAL | site.environment(),
        cwd=options.ROOT,
        ready=f"http://127.0.0.1:{site.port}/readyz",
        door=door,
    )


def _background(site: sites.Site, role: str, *words: str) -> processes.Program:
    return processes.Program(
        name=role,
        argv=(sys.executable, "-m", "celery", "--app=config", role, "--loglevel=INFO", *words),
        environment=site.environment() | {"DATABASE_ROLE": "worker"},
        cwd=options.ROOT,
    )


def _report(everyone: Sequence[sites.Site], place: Path) -> None:
    """Addresses, and what to sign in with; all of it stands in demo.json too."""
    demo = json.loads((place / "demo.json").read_text())
    patient = demo["people"][0]
    print(f"\n  Tributary   {demo['portal']}\n    sign in as {patient['email']}  {patient['password']}")
    for hospital in demo["hospitals"]:
        login = hospital["login"]
        print(f"\n  {hospital['name']}   {hospital['iss'].removesuffix('/fhir/r4')}")
        print(f"    patient {login['email']}  {login['password']}")
        print(f"    clinician {hospital['clinician']['email']}  {hospital['clinician']['password']}")
    print(f"\n  more people, apps and their secrets: {place / 'demo.json'}")
    print(f"  logs: {place / 'log'}; `make stop` ends everything", flush=True)


def _run(place: Path, *, detach: bool) -> None:
    try:
        _report(up(place), place)
        if not detach:
            watch(place)
    except FAILURES as failure:
        down(place)
        raise SystemExit(str(failure)) from failure
    except KeyboardInterrupt:
        print("\nstopping …", flush=True)
        down(place)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.demo", description="Start or stop the demo.")
    orders = parser.add_subparsers(dest="order", required=True)
    start = orders.add_parser("up")
    start.add_argument("--detach", action="store_true", default=options.flag("DETACH"))
    orders.add_parser("down")
    asked = parser.parse_args()
    place = options.var_dir()
    if asked.order == "down":
        ended = down(place)
        print(f"ended: {', '.join(ended)}" if ended else "nothing was running")
        return
    # SIGINT too: who starts it in the background of a shell would have it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    _run(place, detach=asked.detach)


if __name__ == "__main__":
    main()
