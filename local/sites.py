"""The sites of the demo: the person's own and two hospitals, all the same code with other surroundings.

A site's surroundings stand in a file that ``config/env.py`` reads: its processes are started with ``ENV_FILE`` naming
it, and ``manage.py`` finds the person's by itself, so that a command typed by hand meets the same servers.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from local import options, places, processes

PERSON = "person"
ROLE_URLS = ("DATABASE_URL_WEB", "DATABASE_URL_WORKER")
"""How the person's web server and worker reach her database, each under a role of its own."""
HOSPITALS = {"riverside": "Riverside General Hospital", "lakeside": "Lakeside Clinic"}
FIRST_PORT = 8000


class PortTaken(Exception):
    """A port that was asked for, or that the record already points at, belongs to another program."""


class PortMoved(Exception):
    """A hospital that records came from is asked to be at another port, and so at an address that they do not name."""


@dataclass(frozen=True)
class Servers:
    """Where the servers behind the sites are; ``cache`` is empty if the broker was given without one."""

    broker: str
    cache: str


@dataclass(frozen=True)
class Site:
    """One site: ``values`` is its whole configuration, by the names of docs/configuration.md."""

    slug: str
    port: int
    place: Path
    values: Mapping[str, str]

    @property
    def is_person(self) -> bool:
        return self.slug == PERSON

    @property
    def url(self) -> str:
        return self.values["PUBLIC_URL"]

    @property
    def database(self) -> str:
        return self.values["DATABASE_URL"]

    @property
    def file(self) -> Path:
        return self.place / f"{self.slug}.env"

    def environment(self) -> dict[str, str]:
        """What a process of this site is started with: ours, less what the site's file says better."""
        inherited = {name: value for name, value in options.surroundings().items() if name not in self.values}
        return inherited | {"ENV_FILE": str(self.file), "VAR_DIR": str(self.place)}


def describe(
    place: Path,
    servers: Servers,
    databases: Mapping[str, str],
    roles: Mapping[str, str] | None = None,
    *,
    doors: processes.Doors,
) -> list[Site]:
    """The sites under ``place``, the person's first; ``databases`` maps each slug to its database's URL.

    ``roles`` are those of ROLE_URLS that there are. The ports of the sites are open in ``doors`` afterwards.
    """
    ports = assign_ports(place, doors)
    return [
        _site(slug, place=place, port=port, servers=servers, database=databases[slug], roles=roles or {})
        for slug, port in ports.items()
    ]


def write(site: Site) -> None:
    """Put the site's configuration where its processes look for it."""
    places.make_private(site.place)
    places.write_private(site.file, "".join(f"{name}={value}\n" for name, value in site.values.items()))


def assign_ports(place: Path, doors: processes.Doors) -> dict[str, int]:
    """The port of each site: as ``PORT`` and ``HOSPITAL_PORTS`` say, else as the last time, else free ones.

    Each is open in ``doors`` then, so that another start at the same time finds others. They are remembered in
    ``place``, because a hospital's address is part of what the record says about its source.
    Raises PortTaken, PortMoved.
    """
    memory = place / "ports.json"
    remembered = json.loads(memory.read_text()) if memory.exists() else {}
    asked = dict(zip([PERSON], options.ports("PORT"), strict=False))
    asked |= dict(zip(HOSPITALS, options.ports("HOSPITAL_PORTS"), strict=False))
    chosen: dict[str, int] = {}
    for slug in (PERSON, *HOSPITALS):
        taken = {*asked.values(), *remembered.values(), *chosen.values()}
        port = asked.get(slug) or remembered.get(slug) or _free_port(doors, besides=taken)
        if slug != PERSON and port != remembered.get(slug, port):
            raise PortMoved(
                f"{slug} stands in the record at port {remembered[slug]}, not {port}: "
                "leave HOSPITAL_PORTS as it was, or set VAR_DIR to begin a record of its own"
            )
        if not doors.open(port):
            variable = "PORT" if slug == PERSON else "HOSPITAL_PORTS"
            raise PortTaken(f"port {port} of {slug} is used by another program: end that, or set {variable}")
        chosen[slug] = port
    places.make_private(place)
    places.write_private(memory, json.dumps(chosen))
    return chosen


def _site(slug: str, *, place: Path, port: int, servers: Servers, database: str, roles: Mapping[str, str]) -> Site:
    own_place = place if slug == PERSON else place / "hospitals" / slug
    shared = {
        "SECRET_KEY": _secret_key(own_place),
        "DATABASE_URL": database,
        "CACHE_URL": servers.cache,
        "STATIC_ROOT": str(place / "static"),
        "SANDBOX": "yes",
    }
    address = f"http://127.0.0.1:{port}"
    own = (
        {
            "SITE": "person",
            "PUBLIC_URL": options.given("PUBLIC_URL") or address,
            "BROKER_URL": servers.broker,
            **roles,
        }
        if slug == PERSON
        else {
            "SITE": "hospital",
            "SITE_NAME": HOSPITALS[slug],
            "PUBLIC_URL": address,
            # All sites are on one host, and a browser sends a cookie to every port of it.
            "SESSION_COOKIE_NAME": f"session_{slug}",
            # A hospital does nothing in the background: no message of its own may reach our worker.
            "BROKER_URL": "memory://",
        }
    )
    return Site(slug=slug, port=port, place=own_place, values=shared | own)


def _secret_key(place: Path) -> str:
    """The site's ``SECRET_KEY``, drawn at the first start: a new one each time would end everybody's session."""
    path = places.make_private(place) / "secret-key"
    if not path.exists():
        places.write_private(path, secrets.token_urlsafe(48))
    return path.read_text()


def _free_port(doors: processes.Doors, *, besides: Collection[int]) -> int:
    near = range(FIRST_PORT, FIRST_PORT + 100)
    return next((port for port in near if port not in besides and doors.open(port)), processes.free_port())
