"""Every way a request can fail, and the one table that says how it is answered: always with an OperationOutcome.

The texts are ours: no value of the request, no stack and no word of a database comes back. Of the request only the
name of a search parameter is said again, because a client cannot mend what is not named.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.core import exceptions as django_exceptions
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions

from consent import gate
from gateway import errors as gateway_errors
from records import query
from sync import refusals

MEDIA_TYPE: Final = "application/fhir+json"
NAME_LENGTH_MAX: Final = 64
"""Characters of a parameter's name that an answer repeats."""
REASON_LENGTH_MAX: Final = 200

logger = logging.getLogger(__name__)


class UnknownResource(Exception):
    """No such type, no such id, or not for this reader: nobody can tell which."""


class ResourceGone(Exception):
    """Deleted, and the reader could have read it."""


class InsufficientScope(Exception):
    """No scope of the token reaches this type with this interaction. ``needed`` is a scope that would."""

    def __init__(self, needed: str) -> None:
        super().__init__(needed)
        self.needed = needed


class UnsupportedParameter(Exception):
    """A search parameter we do not have, asked with ``Prefer: handling=strict``, or one we could not ignore."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(parameter, reason)
        self.parameter = parameter
        self.reason = reason


class UnreadableBody(Exception):
    """The body is no FHIR JSON, or not what the address says. ``reason`` quotes no value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TooManyEntries(Exception):
    """A Bundle with more entries than are taken at once, or as many data points."""


class UnknownSchema(Exception):
    """A data point of a schema that is not read here. ``where`` is its place in the request."""

    where = ""


@dataclass(frozen=True)
class Problem:
    """An answer: HTTP status, ``OperationOutcome.issue.code`` (http://hl7.org/fhir/issue-type), text, RFC 6750 error.

    An empty ``text``: the exception names a parameter and a reason.
    """

    status: int
    code: str
    text: str
    challenge: str | None = None


_NO_TOKEN: Final = Problem(401, "login", "A bearer token is needed.", challenge="")
_BAD_TOKEN: Final = Problem(401, "login", "The token is not valid, or no longer.", challenge="invalid_token")
_NO_SCOPE: Final = Problem(403, "forbidden", "No scope of the token allows this.", challenge="insufficient_scope")
_BAD_REQUEST: Final = Problem(400, "invalid", "The request cannot be read.")
_FORBIDDEN: Final = Problem(403, "forbidden", "This is not allowed.")
_NOT_FOUND: Final = Problem(404, "not-found", "There is no such resource.")
_TOO_LARGE: Final = Problem(413, "too-long", "The body is too large.")
FAILED: Final = Problem(500, "exception", "Something failed on our side; the request was not answered.")
_UNAVAILABLE: Final = Problem(503, "transient", "The record cannot be reached just now.")

PROBLEMS: Final[Mapping[type[Exception], Problem]] = {
    # ours
    UnknownResource: _NOT_FOUND,
    ResourceGone: Problem(410, "deleted", "The resource was deleted."),
    InsufficientScope: _NO_SCOPE,
    UnsupportedParameter: Problem(400, "not-supported", ""),
    # the rooms below
    query.InvalidSearch: Problem(400, "invalid", ""),
    gate.ConsentMissing: _BAD_TOKEN,
    gate.ScopeMissing: _NO_SCOPE,
    gateway_errors.InvalidToken: _BAD_TOKEN,
    gateway_errors.AuthorizationEnded: _BAD_TOKEN,
    gateway_errors.InsufficientScope: _NO_SCOPE,
    gateway_errors.TooManyRequests: Problem(429, "throttled", "Too many requests; wait before the next."),
    # what an app posts
    UnreadableBody: Problem(400, "structure", ""),
    UnknownSchema: Problem(422, "not-supported", "Data points of this schema are not read here."),
    TooManyEntries: Problem(413, "too-costly", "There are more entries than are taken at once."),
    refusals.Refused: _BAD_REQUEST,
    refusals.NotContributed: Problem(405, "not-supported", "Apps do not write resources of this type."),
    refusals.OutsideScope: _NO_SCOPE,
    refusals.NoSuchRecord: _NOT_FOUND,
    refusals.IdNotGiven: Problem(405, "not-supported", "No such resource; ids are given here: create it with POST."),
    refusals.NotItsOwn: Problem(403, "forbidden", "An app changes and removes only what it wrote itself."),
    refusals.RecordGone: Problem(410, "deleted", "The resource was deleted."),
    refusals.VersionConflict: Problem(412, "conflict", "This is no longer the version that If-Match names."),
    refusals.SeveralMatch: Problem(412, "multiple-matches", "If-None-Exist describes more than one resource."),
    refusals.SameTwice: Problem(400, "invalid", "Two entries are of the same resource."),
    refusals.Unacceptable: Problem(422, "invalid", "The resource cannot be kept as it is."),
    refusals.Unpatchable: Problem(422, "processing", ""),
    # REST framework
    exceptions.NotAuthenticated: _NO_TOKEN,
    exceptions.AuthenticationFailed: _BAD_TOKEN,
    exceptions.PermissionDenied: _FORBIDDEN,
    exceptions.NotFound: _NOT_FOUND,
    exceptions.ParseError: _BAD_REQUEST,
    exceptions.ValidationError: _BAD_REQUEST,
    exceptions.MethodNotAllowed: Problem(405, "not-supported", "This interaction is not supported here."),
    exceptions.NotAcceptable: Problem(406, "not-supported", f"Answers are {MEDIA_TYPE}, FHIR version 4.0."),
    exceptions.UnsupportedMediaType: Problem(415, "not-supported", "A body of this media type is not read here."),
    exceptions.Throttled: Problem(429, "throttled", "Too many requests; wait before the next."),
    exceptions.APIException: FAILED,
    # Django
    Http404: _NOT_FOUND,
    django_exceptions.PermissionDenied: _FORBIDDEN,
    django_exceptions.RequestDataTooBig: _TOO_LARGE,
    django_exceptions.SuspiciousOperation: _BAD_REQUEST,
    django_exceptions.BadRequest: _BAD_REQUEST,
    UnreadablePostError: _BAD_REQUEST,
    DatabaseError: _UNAVAILABLE,
    InterfaceError: _UNAVAILABLE,
}


def outcome(code: str, text: str, *, parameter: str | None = None, severity: str = "error") -> dict[str, Any]:
    """An OperationOutcome with one issue; ``parameter`` is named as ``http.<name>`` (R4 operationoutcome.html)."""
    issue: dict[str, Any] = {"severity": severity, "code": code, "diagnostics": text}
    if parameter is not None:
        issue["expression"] = [f"http.{_say(parameter)}"]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _outcome_of(exception: Exception, problem: Problem) -> dict[str, Any]:
    """One issue, or one for each thing that is wrong with a resource, with its place in it."""
    if isinstance(exception, refusals.Unacceptable):
        issues = [
            {
                "severity": "error",
                "code": "required" if one.message == "is required" else problem.code,
                "diagnostics": f"{one.path}: {one.message}",
                "expression": [one.path],
            }
            for one in exception.problems
        ]
        return {"resourceType": "OperationOutcome", "issue": issues}
    parameter = None if problem.text else getattr(exception, "parameter", None)
    body = outcome(problem.code, problem.text or _explain(exception), parameter=parameter)
    if where := getattr(exception, "where", ""):
        body["issue"][0]["expression"] = [where]
    return body


def find(exception: Exception) -> Problem:
    """The table's answer for the exception."""
    return find_kind(type(exception))


def find_kind(kind: type[Exception]) -> Problem:
    """The table's answer for the nearest class that this one is one of."""
    return next((PROBLEMS[known] for known in kind.__mro__ if known in PROBLEMS), FAILED)


def answer(exception: Exception, context: Mapping[str, Any] | None = None) -> HttpResponse:
    """REST framework's exception handler."""
    problem = find(exception)
    if problem.status >= 500:
        _log(exception)
    response = HttpResponse(
        orjson.dumps(_outcome_of(exception, problem)), status=problem.status, content_type=MEDIA_TYPE
    )
    response["Cache-Control"] = "no-store"
    _add_headers(response, exception, problem)
    return response


def _add_headers(response: HttpResponse, exception: Exception, problem: Problem) -> None:
    if problem.challenge is not None:
        response["WWW-Authenticate"] = _challenge(problem.challenge, getattr(exception, "needed", None))
    if (wait := getattr(exception, "wait", None)) is not None:  # Throttled
        response["Retry-After"] = str(int(wait))
    if isinstance(exception, gateway_errors.TooManyRequests):
        response["Retry-After"] = str(exception.seconds)
    if problem.status == 503:
        response["Retry-After"] = "5"


def _challenge(error: str, needed: str | None) -> str:
    """RFC 6750 section 3: no error code when no token was sent at all."""
    parts = ['realm="fhir"', *([f'error="{error}"'] if error else []), *([f'scope="{needed}"'] if needed else [])]
    return f"Bearer {', '.join(parts)}"


def _explain(exception: Exception) -> str:
    """The parameter and what is wrong with it; some reasons begin with the name already."""
    parameter, reason = str(getattr(exception, "parameter", "")), str(getattr(exception, "reason", ""))
    if not parameter:
        return _say(reason, most=REASON_LENGTH_MAX)
    return f"{_say(parameter)}: {reason.removeprefix(parameter).lstrip(': ') or 'not understood'}"


def _say(name: str, *, most: int = NAME_LENGTH_MAX) -> str:
    return "".join(character for character in name[:most] if character.isprintable())


def _log(exception: Exception) -> None:
    """Where it happened and what kind it was; its message may quote a record."""
    frames = "".join(traceback.format_tb(exception.__traceback__))
    logger.error("unanswered request: %s\n%s", type(exception).__qualname__, frames)
