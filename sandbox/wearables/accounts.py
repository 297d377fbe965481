"""Accounts, clients, codes and tokens of the simulated maker, kept in one file so that a restart forgets nothing."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any, Final

ACCESS_SECONDS: Final = 10_800
CODE_SECONDS: Final = 30


class Refused(Exception):
    """What was presented is not, or no longer, good."""


class Accounts:
    """``file`` holds ``clients``, ``people``, ``codes`` and ``tokens``; secrets only as their digests."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._kept: dict[str, dict[str, Any]] = {"clients": {}, "people": {}, "codes": {}, "access": {}, "refresh": {}}
        if file.exists():
            self._kept |= json.loads(file.read_text())

    def add_client(self, client_id: str, secret: str, redirect_uri: str) -> None:
        with self._lock:
            self._kept["clients"][client_id] = {"secret": _digest(secret), "redirect_uri": redirect_uri}
            self._save()

    def add_person(self, email: str, password: str) -> None:
        with self._lock:
            number = str(4000 + len(self._kept["people"]))
            self._kept["people"].setdefault(email, {"password": _digest(password), "userid": number})
            self._save()

    def redirect_uri(self, client_id: str) -> str | None:
        found = self._kept["clients"].get(client_id)
        return found["redirect_uri"] if found else None

    def code(self, email: str, password: str, client_id: str, scope: str, challenge: str) -> str:
        """A code that serves once and for half a minute. Raises Refused."""
        person = self._kept["people"].get(email)
        if person is None or not secrets.compare_digest(person["password"], _digest(password)):
            raise Refused
        code = secrets.token_urlsafe(24)
        granted = {"email": email, "client_id": client_id, "scope": scope, "challenge": challenge}
        with self._lock:
            self._kept["codes"][_digest(code)] = granted | {"ends": time.time() + CODE_SECONDS}
            self._save()
        return code

    def spend_code(self, code: str, client_id: str, secret: str, verifier: str) -> dict[str, Any]:
        """Tokens for a code. Raises Refused."""
        self._check(client_id, secret)
        with self._lock:
            granted = self._kept["codes"].pop(_digest(code), None)
            if granted is None or granted["client_id"] != client_id or granted["ends"] < time.time():
                raise Refused
            if granted["challenge"] and _challenge(verifier) != granted["challenge"]:
                raise Refused
            return self._issue(granted)

    def refresh(self, token: str, client_id: str, secret: str) -> dict[str, Any]:
        """Tokens for a refresh token, which serves once. Raises Refused."""
        self._check(client_id, secret)
        with self._lock:
            granted = self._kept["refresh"].pop(_digest(token), None)
            if granted is None or granted["client_id"] != client_id:
                raise Refused
            return self._issue(granted)

    def holder(self, access_token: str) -> str | None:
        """Whose token it is, by e-mail; None for one that has ended or never was."""
        granted = self._kept["access"].get(_digest(access_token))
        return granted["email"] if granted and granted["ends"] > time.time() else None

    def number(self, email: str) -> str:
        """What the maker calls somebody's account."""
        return str(self._kept["people"][email]["userid"])

    def end_access(self) -> None:
        """Every access token ends now; they can be renewed."""
        with self._lock:
            self._kept["access"].clear()
            self._save()

    def revoke(self) -> None:
        """What anybody allowed is taken back."""
        with self._lock:
            self._kept["access"].clear()
            self._kept["refresh"].clear()
            self._save()

    def _check(self, client_id: str, secret: str) -> None:
        client = self._kept["clients"].get(client_id)
        if client is None or not secrets.compare_digest(client["secret"], _digest(secret)):
            raise Refused

    def _issue(self, granted: dict[str, Any]) -> dict[str, Any]:
        access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        kept = {name: granted[name] for name in ("email", "client_id", "scope")}
        for name in ("access", "codes"):
            self._kept[name] = {key: one for key, one in self._kept[name].items() if one["ends"] > time.time()}
        self._kept["access"][_digest(access)] = kept | {"ends": time.time() + ACCESS_SECONDS}
        self._kept["refresh"][_digest(refresh)] = kept
        self._save()
        return {
            "userid": self._kept["people"][granted["email"]]["userid"],
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": ACCESS_SECONDS,
            "scope": granted["scope"],
            "token_type": "Bearer",
        }

    def _save(self) -> None:
        whole = self._file.with_suffix(".new")
        whole.touch(mode=0o600)
        whole.write_text(json.dumps(self._kept))
        whole.replace(self._file)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
