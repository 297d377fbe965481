"""Registering apps for the sandbox: Tributary at a hospital, and third-party apps at Tributary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from django.db import transaction
from joserfc.jwk import RSAKey

from gateway import clients, secrets
from gateway.models import Application, AuthMethod, Deletion, Resale, Retention
from sandbox import keepsakes

HANDOVER: Final = "client.json"
"""In a hospital's ``VAR_DIR``: the credentials it gave us."""
APPS_FILE: Final = "apps.json"
"""In our ``VAR_DIR``: the credentials of the demo's third-party apps."""
TRIBUTARY: Final = "tributary"
SCOPE: Final = "launch/patient openid fhirUser offline_access patient/*.rs"
BACKEND_SCOPE: Final = f"{SCOPE} system/*.rs"
"""A backend service asks people for the patient scopes and fetches by itself with the system ones."""
REDIRECT_URI: Final = "http://127.0.0.1:8765/callback"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A registered app, as demo.json tells it; ``secret`` or ``jwk`` (a private key) by its type."""

    name: str
    client_id: str
    type: str
    redirect_uri: str
    scope: str
    secret: str = ""
    jwk: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class DemoApp:
    """A third-party app of the demo."""

    client_id: str
    name: str
    type: str
    description: str
    promised: tuple[Retention, Resale, Deletion] = (Retention.UNSAID, Resale.UNSAID, Deletion.UNSAID)
    """Its privacy label."""

    @property
    def signs(self) -> bool:
        return self.type in ("asymmetric", "backend")


APPS: Final = (
    DemoApp(
        "demo-lab-lens",
        "Lab Lens",
        "public",
        "Draws your laboratory results as lines over time.",
        (Retention.SESSION, Resale.NEVER, Deletion.ITSELF),
    ),
    DemoApp(
        "demo-care-notes",
        "Care Notes",
        "symmetric",
        "Puts your record in order before a visit.",
        (Retention.CONNECTED, Resale.NEVER, Deletion.ITSELF),
    ),
    DemoApp(
        "demo-study-bridge",
        "Study Bridge",
        "asymmetric",
        "Brings your record to a study that you chose.",
        (Retention.LONGER, Resale.NAMELESS, Deletion.ASKED),
    ),
    DemoApp(
        "demo-heart-cohort",
        "Heart Cohort",
        "backend",
        "Follows the hearts of many people over years.",
        (Retention.YEAR, Resale.NAMELESS, Deletion.NEVER),
    ),
)
_METHODS: Final = {
    "public": AuthMethod.NONE,
    "symmetric": AuthMethod.BASIC,
    "asymmetric": AuthMethod.PRIVATE_KEY_JWT,
    "backend": AuthMethod.PRIVATE_KEY_JWT,
}


@transaction.atomic
def register_tributary(redirect_uri: str, *, known: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """Tributary as a confidential client of this hospital: its client_id and secret.

    ``known`` is what was handed over the last time: a secret that is still good stays.
    """
    wanted = DemoApp(TRIBUTARY, "Tributary", "symmetric", "Your own record, from every hospital you choose.")
    credentials = _ensure(wanted, redirect_uri, SCOPE, known or {})
    return credentials.client_id, credentials.secret


def hand_over(path: Path, *, redirect_uri: str) -> str:
    """Register Tributary here and leave the credentials in the file, for `hospital_enlist` to fetch; the client_id."""
    client_id, secret = register_tributary(redirect_uri, known=keepsakes.read(path))
    keepsakes.write(path, {"client_id": client_id, "secret": secret, "redirect_uri": redirect_uri})
    return client_id


def register_apps(path: Path) -> list[Credentials]:
    """The demo's third-party apps at this site; their credentials are kept in the file, and stay what they were."""
    known = {one["client_id"]: one for one in keepsakes.read(path) or []}
    with transaction.atomic():
        apps = [_ensure(app, REDIRECT_URI, _scope(app), known.get(app.client_id, {})) for app in APPS]
    keepsakes.write(path, [asdict(app) for app in apps])
    return apps


def _scope(app: DemoApp) -> str:
    return BACKEND_SCOPE if app.type == "backend" else SCOPE


def _ensure(app: DemoApp, redirect_uri: str, scope: str, known: Mapping[str, Any]) -> Credentials:
    application = Application.objects.select_for_update().filter(client_id=app.client_id).first()
    secret, jwk = str(known.get("secret") or ""), known.get("jwk")
    if application is None:
        jwk = _new_key() if app.signs else None
        registered = clients.register(
            app.name,
            redirect_uris=[redirect_uri],
            method=_METHODS[app.type],
            scopes_allowed=scope.split(),
            jwks={"keys": [_public(jwk)]} if jwk else None,
            client_id=app.client_id,
            description=app.description,
        )
        application, secret = registered.application, registered.secret or ""
    else:
        if app.type == "symmetric" and not secrets.matches(secret, application.client_secret):
            secret = clients.renew_secret(application)
        if app.signs and not jwk:
            jwk = _new_key()
            application.client_jwks = json.dumps({"keys": [_public(jwk)]})
        application.redirect_uris = redirect_uri
    application.retention, application.resale, application.deletion = app.promised
    application.save(update_fields=["redirect_uris", "client_jwks", "updated", "retention", "resale", "deletion"])
    return Credentials(app.name, app.client_id, app.type, redirect_uri, scope, secret, jwk)


def _new_key() -> dict[str, Any]:
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS384"}, auto_kid=True)
    return dict(key.as_dict(private=True))


def _public(jwk: Mapping[str, Any]) -> dict[str, Any]:
    return dict(RSAKey.import_key(dict(jwk)).as_dict(private=False))
