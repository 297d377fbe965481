"""The demo's simulated maker of watches and scales: a process of its own, with one made-up person in it."""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import options, places, processes, sites

SLUG = "cadence"
NAME = "Cadence Watches and Scales (sandbox)"
EMAIL = "wearer@cadence.example"
AUTHORIZE = "/oauth2_user/authorize2"
CREDENTIALS = "credentials.json"


@dataclass(frozen=True)
class Maker:
    place: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def told(self) -> dict[str, Any]:
        """What its process is told: its name, our client there, its people."""
        found: dict[str, Any] = json.loads((self.place / "maker.json").read_text())
        return found

    @property
    def is_enlisted(self) -> bool:
        """A demo that was made before there were wearables has none in its directory."""
        return (self.place / CREDENTIALS).exists()


def lay_out(place: Path, person: sites.Site) -> Maker:
    """Its directory, its port (as the last time, else a free one) and what it is told, made once."""
    own = places.make_private(place / "wearables" / SLUG)
    memory = own / "port"
    port = int(memory.read_text()) if memory.exists() else processes.free_port()
    if not processes.is_free(port):
        raise sites.PortTaken(f"port {port} of {SLUG} is used by another program: end that, or remove {memory}")
    places.write_private(memory, str(port))
    maker = Maker(own, port)
    if not (own / "maker.json").exists():
        client = {
            "client_id": "tributary",
            "secret": secrets.token_urlsafe(24),
            "redirect_uri": f"{person.url}/connect/{SLUG}/callback",
        }
        people = [{"email": EMAIL, "password": secrets.token_urlsafe(12)}]
        places.write_private(own / "maker.json", json.dumps({"name": NAME, "clients": [client], "people": people}))
    return maker


def program(maker: Maker) -> processes.Program:
    return processes.Program(
        name=f"wearable-{SLUG}",
        argv=(sys.executable, "-m", "sandbox.wearables", f"--place={maker.place}", f"--port={maker.port}"),
        environment=options.surroundings(),
        cwd=options.ROOT,
        ready=f"{maker.url}/readyz",
    )


def enlisting(maker: Maker) -> tuple[str, ...]:
    """The order to ``manage.py`` that enters it in the directory."""
    (client,) = maker.told["clients"]
    places.write_private(
        maker.place / CREDENTIALS, json.dumps({name: client[name] for name in ("client_id", "secret")})
    )
    return (
        "hospital_enter",
        f"{maker.url}/",
        f"--name={NAME}",
        f"--slug={SLUG}",
        "--place=Sandbox",
        "--vendor=withings",
        f"--credentials={maker.place / CREDENTIALS}",
    )


def describe(maker: Maker) -> list[dict[str, Any]]:
    """Its part of demo.json."""
    if not maker.is_enlisted:
        return []
    login = maker.told["people"][0]
    return [{"name": NAME, "authorize": f"{maker.url}{AUTHORIZE}", "login": login}]
