"""The whole demo, running: what a journey starts from. Everything in it is real, nothing is a stand-in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg

from local import demo, options, pids, processes, seeding, sites
from local.visitor import Visitor
from standards.fhir import json

PASSWORD = "a good long password"


@dataclass(frozen=True)
class Stack:
    place: Path
    everyone: Sequence[sites.Site]
    demo: dict[str, Any]

    @property
    def person(self) -> sites.Site:
        return self.everyone[0]

    @property
    def hospitals(self) -> Sequence[sites.Site]:
        return self.everyone[1:]

    def hospital(self, slug: str) -> sites.Site:
        return next(site for site in self.hospitals if site.slug == slug)

    def people_at(self, site: sites.Site) -> list[dict[str, Any]]:
        return [json.loads(line) for line in holdings(site, "people")]

    def patients_at(self, site: sites.Site) -> list[dict[str, Any]]:
        """Everybody whom the demo put there, with the password of the demo."""
        built_in = next(one for one in self.demo["hospitals"] if one["name"] == site.values["SITE_NAME"])["patients"]
        passwords = {one["email"]: one["password"] for one in built_in}
        return [
            {**one, "password": passwords.get(one["email"], seeding.LOADED_PASSWORD)}
            for one in self.people_at(site)
            if one["role"] == "patient" and not one["email"].endswith("@journeys.example")
        ]

    def sign_up(self, email: str, *, name: str) -> Visitor:
        """``name``: as her hospital knows her; under another, she is asked whether the record there is hers."""
        visitor = Visitor()
        form = visitor.open(f"{self.person.url}/accounts/signup/").form("email", "password1")
        page = visitor.send(form, {"email": email, "password1": PASSWORD, "name": name})
        assert "/signup" not in page.url, page.text
        return visitor

    def connect(self, visitor: Visitor, hospital: sites.Site, login: dict[str, Any]) -> None:
        seeding.connect(visitor, self.person, hospital, login)

    def await_records(self, visitor: Visitor, *, seconds: int = 120) -> None:
        seeding.await_records(visitor, self.person, seconds=seconds)

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the person's own database."""
        with psycopg.connect(self.person.database) as connection:
            return connection.execute(statement, values).fetchall()

    def connection_page(self, visitor: Visitor, hospital: sites.Site) -> str:
        """The address of her connection to this hospital."""
        import re

        listing = visitor.open(f"{self.person.url}/hospitals/?{urlencode({'q': 'nothing is called so'})}").text
        paths = re.findall(r'href="(/hospitals/\d+/)"', listing)
        for path in paths:
            if hospital.values["SITE_NAME"] in visitor.open(f"{self.person.url}{path}").text:
                return f"{self.person.url}{path}"
        raise AssertionError(f"no connection to {hospital.values['SITE_NAME']}")


def holdings(site: sites.Site, *words: str) -> list[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.journeys.holdings", *words],
        cwd=options.ROOT,
        env=site.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.splitlines()


def bodies(site: sites.Site, *emails: str, source: str = "-") -> list[list[bytes]]:
    """The exact JSON of each record, person by person; ``source``: only what came from this FHIR base."""
    each: list[list[bytes]] = [[]]
    for line in holdings(site, "bodies", source, *emails):
        if line:
            each[-1].append(line)
        else:
            each.append([])
    assert each.pop() == []
    return each


def start_worker(stack: Stack) -> None:
    processes.start(demo.worker(stack.person), place=stack.place)


def kill_worker(stack: Stack) -> None:
    """SIGKILL to every process of the worker: nothing of it gets to say goodbye."""
    pid = processes.running("worker", place=stack.place)
    assert pid is not None
    os.killpg(pid, signal.SIGKILL)
    assert pids.await_end(pid, seconds=10)
