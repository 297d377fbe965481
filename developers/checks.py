"""What can be said of an app before anybody looks at it: each check with its outcome and the reason, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gateway import redirects
from gateway.models import Application, AuthMethod

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Check:
    name: Text
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class _Rule:
    """``fault`` says what is wrong with the app, or nothing."""

    name: Text
    fault: Callable[[Application], str]
    fine: Text


def of(application: Application) -> list[Check]:
    return list(_outcomes(application))


def _outcomes(application: Application) -> Iterator[Check]:
    for rule in _RULES:
        fault = rule.fault(application)
        yield Check(rule.name, not fault, fault or str(rule.fine))


def _redirects(application: Application) -> str:
    for uri in application.redirect_uris.split():
        if redirects.problem(uri):
            return f"{uri}: {redirects.problem(uri)}"
    hosts = {urlsplit(uri).scheme for uri in application.redirect_uris.split()}
    return "" if hosts else _("No redirect address is registered.")


def _words(application: Application) -> str:
    if len(application.description.strip()) < 20:
        return _("Say in a sentence or two what the app does for people.")
    return "" if application.maker.strip() else _("Say who makes the app.")


def _pages(application: Application) -> str:
    for uri in (application.homepage_uri, application.policy_uri):
        if urlsplit(uri).scheme != "https":
            return _("Home page and privacy policy must both be given, by https.")
    return ""


def _promises(application: Application) -> str:
    said = (application.retention, application.resale, application.deletion)
    return "" if all(said) else _("Say how long you keep records, whether you pass them on, and how they are deleted.")


def _own_name(application: Application) -> str:
    wanted = _folded(application.name)
    if wanted == _folded(settings.SITE_NAME):
        return _("It has the name of this site.")
    others = Application.objects.filter(active=True, on_trial=False).exclude(pk=application.pk)
    taken = any(_folded(name) == wanted for name in others.values_list("name", flat=True))
    return _("Another app has this name.") if taken else ""


def _folded(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _narrow(application: Application) -> str:
    wide = [scope for scope in application.scopes.split() if "/*." in scope]
    if not wide:
        return ""
    return _("It may ask for everything (%(scope)s). Name the kinds it needs, or tell the reviewer why.") % {
        "scope": wide[0]
    }


def _keys(application: Application) -> str:
    signs = application.token_endpoint_auth_method == AuthMethod.PRIVATE_KEY_JWT
    if signs and not (application.client_jwks or application.client_jwks_uri):
        return _("It signs, but has no keys registered.")
    return ""


def _known_developer(application: Application) -> str:
    person = application.user
    if person is None:
        return _("It registered itself, and no developer stands behind it.")
    confirmed = person.emailaddress_set.filter(verified=True, email__iexact=person.email).exists()
    return "" if confirmed else _("The developer's e-mail address is not confirmed.")


_RULES: Final = (
    _Rule(gettext_lazy("Redirect addresses"), _redirects, gettext_lazy("All are exact and safe.")),
    _Rule(gettext_lazy("Description"), _words, gettext_lazy("It says what it does and who makes it.")),
    _Rule(gettext_lazy("Web pages"), _pages, gettext_lazy("Home page and privacy policy are given.")),
    _Rule(gettext_lazy("Privacy label"), _promises, gettext_lazy("All three promises are made.")),
    _Rule(gettext_lazy("Name"), _own_name, gettext_lazy("Nobody else has this name.")),
    _Rule(gettext_lazy("What it may ask for"), _narrow, gettext_lazy("It names the kinds it needs.")),
    _Rule(gettext_lazy("Proof of who it is"), _keys, gettext_lazy("Fits its type.")),
    _Rule(gettext_lazy("Developer"), _known_developer, gettext_lazy("The e-mail address is confirmed.")),
)
