"""Does an EHR work with us, step by step: what can be asked without a clinician, and how far launches came."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from smartlaunch import arrivals, discovery, ehrs, identity
from smartlaunch.discovery import AuthorizationServer
from smartlaunch.models import Arrival, Ehr, Step
from smartlaunch.refusals import Reason
from sync import tokens
from sync.problems import Problem, SourceError

SHOWN: Final = 10
Text = str | Promise


@dataclass(frozen=True, slots=True)
class Found:
    """One step: what was looked at, and what is wrong, or "" where nothing is."""

    what: Text
    wrong: Text = ""


@dataclass(frozen=True, slots=True)
class Launched:
    """One launch as it went: each step with whether it came so far, and why it ended where it did."""

    arrival: Arrival
    steps: tuple[tuple[Text, bool], ...]
    problem: Text


def check(ehr: Ehr) -> list[Found]:
    """Asks the EHR now. What fails ends the list: later steps stand on it."""
    return list(_until_wrong(ehr))


def _until_wrong(ehr: Ehr) -> Iterator[Found]:
    yield Found(
        _("Pages of the EHR may hold ours in a frame"),
        "" if ehr.frame_ancestors else _("No origin is listed: our pages open in a window of their own only."),
    )
    try:
        server = discovery.discover(ehr.iss)
    except SourceError as error:
        yield Found(_("Its smart-configuration can be read and offers PKCE by S256"), _DISCOVERY[error.problem])
        return
    yield Found(_("Its smart-configuration can be read and offers PKCE by S256"))
    signs = _signs(server)
    yield signs
    if not signs.wrong:
        yield _accepts_us(ehr, server)


def _signs(server: AuthorizationServer) -> Found:
    what = _("It signs people in, with keys that can be fetched")
    if not server.issuer or not server.jwks_uri:
        return Found(what, _("It names no issuer or no key set, so nobody could be signed in."))
    if not server.algorithms:
        return Found(what, _("It signs with no algorithm that we accept: RS256 to ES512, never a shared secret."))
    try:
        identity.key_set(server)
    except SourceError:
        return Found(what, _("Its key set cannot be fetched or read."))
    return Found(what)


def _accepts_us(ehr: Ehr, server: AuthorizationServer) -> Found:
    """With a code that was never given: an EHR that knows us says so of the code, one that does not says so of us."""
    what = _("It accepts our client: its token endpoint knows who we are")
    with arrivals.client(ehr) as session:
        try:
            tokens.ask_token_endpoint(
                lambda: session.fetch_token(
                    server.token_endpoint,
                    grant_type="authorization_code",
                    code=f"diagnosis-{secrets.token_urlsafe(16)}",
                    code_verifier=secrets.token_urlsafe(48),
                    redirect_uri=ehrs.redirect_uri(ehr),
                    **({"client_id": ehr.client_id} if ehr.sealed_secret is None else {}),
                )
            )
        except SourceError as error:
            return Found(what, _TOKEN.get(error.problem, ""))
    return Found(what, _("It gave a token for a code that was never issued."))


_UNREACHABLE: Final = _("It could not be reached.")
_DISCOVERY: Final = {
    **dict.fromkeys(Problem, Reason.NOT_SMART.label),
    Problem.UNREACHABLE: _UNREACHABLE,
    Problem.WRONG_ISSUER: _("Its OpenID document names another issuer."),
}
_TOKEN: Final = {
    Problem.NOT_REGISTERED: Reason.NOT_REGISTERED.label,
    Problem.UNREACHABLE: _UNREACHABLE,
    Problem.FOREIGN_ADDRESS: _("Its token endpoint is no address that we may connect to."),
    Problem.UNREADABLE: _("Its token endpoint does not answer in JSON."),
}


def launches(ehr: Ehr) -> list[Launched]:
    """The last ones, newest first; kept for a week."""
    return [_told(arrival) for arrival in Arrival.objects.filter(ehr=ehr).order_by("-created")[:SHOWN]]


def _told(arrival: Arrival) -> Launched:
    order: Callable[[str], int] = Step.values.index
    reached = order(arrival.reached)
    steps = tuple((step.label, order(step) <= reached) for step in Step)
    return Launched(arrival, steps, Reason(arrival.problem).label if arrival.problem else "")
