"""One table says how each refusal is answered, and it is complete."""

from __future__ import annotations

from gateway import errors
from gateway.errors import GatewayError

KNOWN = {
    # RFC 6749 4.1.2.1 and 5.2, RFC 6750 3.1, RFC 7591 3.2.2
    "invalid_request",
    "invalid_client",
    "unauthorized_client",
    "invalid_grant",
    "invalid_scope",
    "unsupported_grant_type",
    "invalid_token",
    "insufficient_scope",
    "temporarily_unavailable",
    "invalid_client_metadata",
    "invalid_redirect_uri",
}


def kinds(error: type) -> set[type]:
    return {error, *(deeper for kind in error.__subclasses__() for deeper in kinds(kind))}


def test_every_error_has_an_answer():
    assert errors.ANSWERS.keys() == kinds(GatewayError) - {GatewayError}


def test_every_answer_is_a_word_of_the_specifications():
    assert {answer.error for answer in errors.ANSWERS.values()} <= KNOWN
