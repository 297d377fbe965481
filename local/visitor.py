"""A person at a browser without scripts: opens pages, fills in forms, follows where she is sent.

The demo uses her to drive the real flows, so that what it shows has been through every check a patient goes through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

TIMEOUT_SECONDS = 30
HOPS_MAX = 10


class Lost(Exception):
    """The page is not what a person would expect there; the message names the address, never what was filled in."""


@dataclass
class Form:
    """A form as it stands on the page: what it would send if nothing were touched, and its boxes and buttons."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    boxes: list[tuple[str, str, bool]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def filled(self, values: Mapping[str, str], ticked: Iterable[str] | None) -> list[tuple[str, str]]:
        """What is sent: ``values`` by field name; ``ticked``: values of the boxes to tick, None as they stand."""
        wanted = None if ticked is None else set(ticked)
        sent = [(name, value) for name, value in self.fields if name not in values]
        sent += [(name, value) for name, value, on in self.boxes if (on if wanted is None else value in wanted)]
        return [*sent, *values.items()]


@dataclass
class Page:
    url: str
    status: int
    text: str
    forms: list[Form]

    def form(self, *names: str) -> Form:
        """The form that has these fields, boxes or buttons. Raises Lost."""
        for form in self.forms:
            if form.names.issuperset(names):
                return form
        raise Lost(f"{self.url} ({self.status}) has no form with {', '.join(names)}")


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.forms: list[Form] = []
        self.select: str | None = None
        self.open = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attributes}
        if tag == "form":
            action = urljoin(self.url, said.get("action") or self.url)
            self.forms.append(Form(action, said.get("method", "get").lower()))
            self.open = True
        elif self.open:
            self._control(tag, said)

    def _control(self, tag: str, said: dict[str, str]) -> None:
        form, name = self.forms[-1], said.get("name", "")
        if tag == "select":
            self.select = name
        elif tag == "option" and self.select and ("selected" in said or self.select not in dict(form.fields)):
            form.fields = [pair for pair in form.fields if pair[0] != self.select]
            form.fields.append((self.select, said.get("value", "")))
        if tag not in ("input", "select", "textarea", "button") or not name:
            return
        form.names.add(name)
        kind = said.get("type", "submit" if tag == "button" else "text")
        if kind in ("checkbox", "radio"):
            form.boxes.append((name, said.get("value", "on"), "checked" in said))
        elif tag == "button" or kind == "submit":
            form.buttons.append((name, said.get("value", "")))
        elif tag == "input":
            form.fields.append((name, said.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = False
        elif tag == "select":
            self.select = None


class Visitor:
    """One browser. ``stop_at``: an address that is not opened but remembered, like an app's own redirect."""

    def __init__(self, *, stop_at: str | None = None) -> None:
        self._session = requests.Session()
        # Nothing of the machine's own settings (proxies, stored passwords) belongs to this person.
        self._session.trust_env = False
        self.stop_at = stop_at
        self.stopped: str | None = None

    def open(self, url: str) -> Page:
        return self._follow(self._session.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False))

    def send(
        self,
        form: Form,
        values: Mapping[str, str] | None = None,
        *,
        ticked: Iterable[str] | None = None,
        press: tuple[str, str] | None = None,
    ) -> Page:
        """Submits a form; ``press`` names the button."""
        data = [*form.filled(values or {}, ticked), *([press] if press else [])]
        # A browser says where a form was sent from; Django checks it on https.
        answer = self._session.request(
            form.method, form.action, data=data, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
        return self._follow(answer)

    def _follow(self, answer: requests.Response) -> Page:
        for _ in range(HOPS_MAX):
            target = answer.headers.get("Location") or _refresh(answer)
            if not target:
                break
            target = urljoin(answer.url, target)
            if self.stop_at and target.startswith(self.stop_at):
                self.stopped = target
                break
            answer = self._session.get(target, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        else:
            raise Lost(f"sent around in circles at {answer.url.partition('?')[0]}")
        reader = _Reader(answer.url)
        reader.feed(answer.text)
        return Page(answer.url, answer.status_code, answer.text, reader.forms)


def _refresh(answer: requests.Response) -> str | None:
    """Where a page that goes on by itself at once goes; one that merely renews itself is left alone."""
    found = re.fullmatch(r"0;\s*url=(.+)", answer.headers.get("Refresh", ""), re.IGNORECASE)
    return found[1] if found else None
