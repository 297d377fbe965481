"""Registering an app, in code: the demo, the sandbox and tests use it, the developers' pages will."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.hashers import make_password

from accounts.models import Person
from gateway import assertions, keysets, redirects, scopes, secrets
from gateway.errors import InvalidRedirect, InvalidRegistration
from gateway.models import INTROSPECTION, Application, AuthMethod, SigningAlgorithm
from standards.smart import scopes as grammar


@dataclass(frozen=True, slots=True)
class Registered:
    """``secret`` is shown this once; only its digest is kept. None for an app that has none."""

    application: Application
    secret: str | None


def register(
    name: str,
    *,
    redirect_uris: Sequence[str],
    method: str,
    scopes_allowed: Iterable[str],
    jwks: dict[str, Any] | None = None,
    jwks_uri: str = "",
    algorithm: str = SigningAlgorithm.RS256,
    introspects: bool = False,
    client_id: str | None = None,
    description: str = "",
    homepage_uri: str = "",
    policy_uri: str = "",
    launch_uri: str = "",
    logout_uris: Sequence[str] = (),
    by: Person | None = None,
) -> Registered:
    """A new active app. ``method`` is one of AuthMethod; ``jwks``, or ``jwks_uri`` where they are published,
    goes with private_key_jwt and only with it.

    ``algorithm`` is what its id_tokens are signed with. ``introspects`` makes it a resource server, which may ask
    about the tokens of all apps: never on the word of the app itself.

    ``system/`` scopes make it a backend service as well: only with private_key_jwt. People let it in on the consent
    page as they do any app, for the ``patient/`` scopes it also has.

    Raises InvalidRedirect, InvalidRegistration.
    """
    scopes_allowed = list(scopes_allowed)
    _check(name, method)
    _check_redirects(redirect_uris, needed=bool(scopes_allowed))
    _check_keys(method, jwks, jwks_uri)
    _check_algorithm(algorithm)
    _check_launch(launch_uri)
    for uri in logout_uris:
        if fault := redirects.problem(uri):
            raise InvalidRedirect(f"an address after signing out: {fault}")
    public = method == AuthMethod.NONE
    secret = secrets.make() if method in (AuthMethod.BASIC, AuthMethod.POST) else None
    application = Application(
        name=name,
        user=by,
        client_type=Application.CLIENT_PUBLIC if public else Application.CLIENT_CONFIDENTIAL,
        token_endpoint_auth_method=method,
        # A client without a secret gets a value that no secret matches.
        client_secret=make_password(None) if secret is None else make_password(secret, hasher="sha256_secret"),
        client_jwks=json.dumps(jwks) if jwks else "",
        client_jwks_uri=jwks_uri,
        algorithm=algorithm,
        redirect_uris=" ".join(redirect_uris),
        allowed_origins=" ".join(sorted(_origins(redirect_uris))),
        scopes=" ".join(_policy(scopes_allowed, method, introspects=introspects)),
        description=description,
        homepage_uri=homepage_uri,
        policy_uri=policy_uri,
        launch_uri=launch_uri,
        post_logout_redirect_uris=" ".join(logout_uris),
    )
    if client_id is not None:
        application.client_id = client_id
    application.save()
    return Registered(application, secret)


def renew_secret(application: Application, *, keep_old_until: datetime | None = None) -> str:
    """A new secret in place of the old one, which stops at once, or at ``keep_old_until``.

    Raises InvalidRegistration for an app without one.
    """
    if application.token_endpoint_auth_method not in (AuthMethod.BASIC, AuthMethod.POST):
        raise InvalidRegistration("this app has no secret")
    secret = secrets.make()
    application.previous_secret = application.client_secret if keep_old_until else ""
    application.previous_secret_expires = keep_old_until
    application.client_secret = make_password(secret, hasher="sha256_secret")
    application.save(update_fields=["client_secret", "previous_secret", "previous_secret_expires", "updated"])
    return secret


def amend(
    application: Application,
    *,
    name: str,
    redirect_uris: Sequence[str],
    scopes_allowed: Iterable[str],
    jwks: dict[str, Any] | None,
    jwks_uri: str = "",
    launch_uri: str = "",
) -> None:
    """The same app with other words, addresses, scopes and keys; not yet saved. Its method and secret stay.

    Raises InvalidRedirect, InvalidRegistration.
    """
    method = application.token_endpoint_auth_method
    _check(name, method)
    _check_redirects(redirect_uris, needed=True)
    _check_keys(method, jwks, jwks_uri)
    _check_launch(launch_uri)
    application.name = name
    application.launch_uri = launch_uri
    application.redirect_uris = " ".join(redirect_uris)
    application.allowed_origins = " ".join(sorted(_origins(redirect_uris)))
    application.scopes = " ".join(_checked_scopes(scopes_allowed, method))
    application.client_jwks = json.dumps(jwks) if jwks else ""
    application.client_jwks_uri = jwks_uri


def _check(name: str, method: str) -> None:
    if not name.strip() or len(name) > 200:
        raise InvalidRegistration("an app needs a name of at most 200 characters")
    if method not in AuthMethod.values:
        raise InvalidRegistration("unknown method of client authentication")


def _check_redirects(redirect_uris: Sequence[str], *, needed: bool) -> None:
    if needed and not redirect_uris:
        raise InvalidRedirect("an app needs a redirect address")
    for uri in redirect_uris:
        fault = redirects.problem(uri)
        if fault:
            raise InvalidRedirect(fault)


def _check_keys(method: str, jwks: dict[str, Any] | None, jwks_uri: str) -> None:
    if (jwks is not None) + bool(jwks_uri) != (method == AuthMethod.PRIVATE_KEY_JWT):
        raise InvalidRegistration("a key set goes with private_key_jwt, or the address of one, and only with it")
    fault = assertions.problem(jwks) if jwks is not None else keysets.problem(jwks_uri) if jwks_uri else None
    if fault:
        raise InvalidRegistration(fault)


def _check_launch(launch_uri: str) -> None:
    if launch_uri and (fault := redirects.launch_problem(launch_uri)):
        raise InvalidRegistration(f"the launch address: {fault}")


def _check_algorithm(algorithm: str) -> None:
    if algorithm not in SigningAlgorithm.values:
        raise InvalidRegistration("id_tokens are signed with RS256 or ES384")


def _policy(asked: Iterable[str], method: str, *, introspects: bool) -> list[str]:
    asked = list(asked)
    if not introspects:
        return _checked_scopes(asked, method)
    if method == AuthMethod.NONE:
        raise InvalidRegistration("a resource server needs a proof of its own")
    return [INTROSPECTION, *(_checked_scopes(asked, method) if asked else [])]


def _checked_scopes(asked: Iterable[str], method: str) -> list[str]:
    """As spelt, once each; a scope this server does not support at all cannot be registered."""
    wanted = list(dict.fromkeys(asked))
    for text in wanted:
        try:
            grammar.parse(text)
        except grammar.InvalidScope as error:
            raise InvalidRegistration(f"a scope: {error}") from error
        if text == INTROSPECTION:
            raise InvalidRegistration(f"the scope {text} is not supported")
        if scopes.preauthorised([text], [text]) and method != AuthMethod.PRIVATE_KEY_JWT:
            raise InvalidRegistration("system scopes are for clients with private_key_jwt only")
        if not scopes.offerable([text], [text]) and not scopes.preauthorised([text], [text]):
            raise InvalidRegistration(f"the scope {text} is not supported")
    if not wanted:
        raise InvalidRegistration("an app needs scopes")
    return wanted


def _origins(redirect_uris: Iterable[str]) -> set[str]:
    """Where the app's pages live: its scripts may call us from there (cors.py)."""
    parts = [urlsplit(uri) for uri in redirect_uris]
    return {f"{part.scheme}://{part.netloc}" for part in parts if part.scheme in ("http", "https")}
