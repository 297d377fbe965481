"""What can go wrong here, each named for what happened, and the one table of OAuth answers (RFC 6749 5.2, RFC 6750 3).

Messages may be logged: they carry ids, never a name, a token or a code.
"""

from __future__ import annotations

from dataclasses import dataclass


class GatewayError(Exception):
    """Something an OAuth client is told about; ANSWERS says how."""


class Malformed(GatewayError):
    """The request is no well-formed form: broken escapes, repeated parameters, the wrong media type, too large."""


class GrantTypeMissing(GatewayError):
    """A token request without ``grant_type``."""


class GrantTypeUnsupported(GatewayError):
    """A grant type that this server does not offer."""


class ParameterMissing(GatewayError):
    """A request without a parameter that its grant type, or the revocation of a token, needs."""


class ClientRefused(GatewayError):
    """The client is unknown, inactive, or did not prove itself by its one pinned method."""

    def __init__(self, message: str, *, basic: bool = False) -> None:
        super().__init__(message)
        self.basic = basic


class SeveralProofs(GatewayError):
    """The client authenticated by more than one method at once (RFC 6749 2.3)."""


class GrantTypeNotAllowed(GatewayError):
    """The client is no backend service, so there is nothing it could have by itself."""


class CodeUnknown(GatewayError):
    """A code that nobody was given, that another client was given, or whose minute is over."""


class RedirectDiffers(GatewayError):
    """The redirect address is not the one that the code was asked for with."""


class VerifierWrong(GatewayError):
    """The PKCE verifier is missing, malformed, or does not belong to the challenge (RFC 7636 4.6)."""


class RefreshUnknown(GatewayError):
    """A refresh token that nobody was given, that another client was given, or that was not used for too long."""


class ScopeRefused(GatewayError):
    """Nothing that was asked for may be given, or more was asked for than she granted."""


class CodeReplayed(GatewayError):
    """A code that was used before came again; what it had given was revoked."""


class CodeSpent(GatewayError):
    """Somebody else redeemed the code in the same moment."""


class RefreshReplayed(GatewayError):
    """A refresh token that was rotated away came again; its whole family was revoked."""


class AuthorizationEnded(GatewayError):
    """She withdrew, the end date came, or the account or the app was closed."""


class ForeignToken(GatewayError):
    """A client tried to revoke a token that is not its own (RFC 7009 2.1)."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose door a token was for that opens nothing any more: her access log is told of the try.

    ``delegate``: the subject of who let the app in, if that was somebody who acts for her.
    """

    owner_id: int
    client_id: str
    name: str
    decision_id: int
    delegate: str = ""


class InvalidToken(GatewayError):
    """A bearer token that is unknown, expired, revoked, or no access token at all. ``holder``: of one that was good."""

    def __init__(self, message: str, *, holder: Holder | None = None) -> None:
        super().__init__(message)
        self.holder = holder


class InsufficientScope(GatewayError):
    """A live token whose scopes do not reach this far."""


class TooManyFailures(GatewayError):
    """Too many failed attempts of one client from one address."""

    def __init__(self, *, seconds: int) -> None:
        super().__init__("too many failed attempts")
        self.seconds = seconds


class TrialOnly(GatewayError):
    """An app on trial, and a person who is not made up."""


class TooManyRequests(GatewayError):
    """More than the minute's share of this app, person or address."""

    def __init__(self, *, seconds: int) -> None:
        super().__init__("too many requests")
        self.seconds = seconds


class ServiceUnknown(GatewayError):
    """A client that no organisation named as its EHR's service."""


class SubjectRefused(GatewayError):
    """An EHR's token that is not good, or opens nothing here: which of both, and why, is not told."""


class KeysUnreachable(ClientRefused):
    """The keys a client publishes could not be fetched, or are no key set."""


class InvalidRegistration(GatewayError):
    """An app's own description of itself that we do not accept; the message says what to change."""


class InvalidRedirect(InvalidRegistration):
    """A redirect URI that may not be registered."""


@dataclass(frozen=True, slots=True)
class Answer:
    error: str
    status: int
    description: str


ANSWERS: dict[type[GatewayError], Answer] = {
    Malformed: Answer("invalid_request", 400, "The request is malformed."),
    GrantTypeMissing: Answer("invalid_request", 400, "grant_type is missing."),
    GrantTypeUnsupported: Answer("unsupported_grant_type", 400, "This grant type is not offered."),
    ParameterMissing: Answer("invalid_request", 400, "A required parameter is missing."),
    ClientRefused: Answer("invalid_client", 401, "Client authentication failed."),
    SeveralProofs: Answer("invalid_request", 400, "Use one method of client authentication."),
    KeysUnreachable: Answer("invalid_client", 401, "The client's key set could not be fetched."),
    GrantTypeNotAllowed: Answer("unauthorized_client", 400, "This client is no backend service."),
    CodeUnknown: Answer("invalid_grant", 400, "The code is unknown, expired, or another client's."),
    RedirectDiffers: Answer("invalid_grant", 400, "redirect_uri is not the one that the code was asked for with."),
    VerifierWrong: Answer("invalid_grant", 400, "code_verifier is missing, malformed or wrong."),
    RefreshUnknown: Answer("invalid_grant", 400, "The refresh token is unknown, expired, or another client's."),
    ScopeRefused: Answer("invalid_scope", 400, "None of this may be given, or more was asked for than was granted."),
    CodeReplayed: Answer("invalid_grant", 400, "The code was used before."),
    CodeSpent: Answer("invalid_grant", 400, "The code was used before."),
    RefreshReplayed: Answer("invalid_grant", 400, "The refresh token was used before."),
    AuthorizationEnded: Answer("invalid_grant", 400, "The authorization has ended."),
    ForeignToken: Answer("invalid_grant", 400, "The token was issued to another client."),
    InvalidToken: Answer("invalid_token", 401, "The access token is not valid."),
    InsufficientScope: Answer("insufficient_scope", 403, "The access token does not reach this far."),
    TooManyFailures: Answer("temporarily_unavailable", 429, "Too many failed attempts."),
    TrialOnly: Answer("unauthorized_client", 403, "The app is on trial: only test people can let it in."),
    TooManyRequests: Answer("temporarily_unavailable", 429, "Too many requests; wait before the next."),
    ServiceUnknown: Answer("unauthorized_client", 400, "This client is no service of an EHR."),
    SubjectRefused: Answer("invalid_request", 400, "The subject's token is not good, or opens nothing here."),
    InvalidRegistration: Answer("invalid_client_metadata", 400, "The registration is not acceptable."),
    InvalidRedirect: Answer("invalid_redirect_uri", 400, "The redirect address may not be registered."),
}


def answer(error: GatewayError) -> Answer:
    return ANSWERS[type(error)]
