"""What a hospital says about its authorization server: smart-configuration, joined with its OpenID document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

from standards.fhir import json
from sync import outbound
from sync.problems import Problem, Remedy, SourceError

_SIGNATURES: Final = frozenset({"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"})
"""What an id_token may be signed with: asymmetric only, so that nobody can sign one with what everybody knows."""


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """The endpoints of one hospital at one moment. ``issuer`` and ``jwks_uri`` are empty where it signs nobody in.

    ``methods``: how a client may prove at the token endpoint who it is; empty where it does not say.
    """

    authorization_endpoint: str
    token_endpoint: str
    issuer: str
    jwks_uri: str
    algorithms: tuple[str, ...]
    says_issuer: bool
    revocation_endpoint: str = ""
    registration_endpoint: str = ""
    methods: tuple[str, ...] = ()
    introspection_endpoint: str = ""

    @classmethod
    def kept(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``as_dict``."""
        listed = {name: tuple(values[name]) for name in ("algorithms", "methods") if name in values}
        return cls(**{**values, **listed})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def discover(fhir_base: str) -> AuthorizationServer:
    """Ask the hospital (SMART 2.2 conformance; OIDC discovery). Raises SourceError.

    The algorithms of an id_token stand only in the OpenID document, so that one is read where an issuer is named, and
    must name the same issuer.
    """
    smart = _document(f"{fhir_base.rstrip('/')}/.well-known/smart-configuration")
    methods = smart.get("code_challenge_methods_supported")
    if not isinstance(methods, list) or "S256" not in methods:
        raise SourceError("no PKCE with S256", problem=Problem.NOT_SMART)
    issuer = _text(smart, "issuer")
    openid = _openid(issuer) if issuer else {}
    stated = openid.get("id_token_signing_alg_values_supported") or ["RS256"]
    return AuthorizationServer(
        authorization_endpoint=_endpoint(smart, "authorization_endpoint"),
        token_endpoint=_endpoint(smart, "token_endpoint"),
        issuer=issuer,
        jwks_uri=_text(openid, "jwks_uri") or _text(smart, "jwks_uri"),
        algorithms=tuple(each for each in stated if isinstance(each, str) and each in _SIGNATURES),
        says_issuer=openid.get("authorization_response_iss_parameter_supported") is True
        or smart.get("authorization_response_iss_parameter_supported") is True,
        revocation_endpoint=_text(smart, "revocation_endpoint") or _text(openid, "revocation_endpoint"),
        registration_endpoint=_text(smart, "registration_endpoint") or _text(openid, "registration_endpoint"),
        methods=_texts(smart, "token_endpoint_auth_methods_supported"),
        introspection_endpoint=_text(smart, "introspection_endpoint") or _text(openid, "introspection_endpoint"),
    )


def _openid(issuer: str) -> Mapping[str, Any]:
    openid = _document(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if openid.get("issuer") != issuer:
        raise SourceError("the OpenID document names another issuer", problem=Problem.WRONG_ISSUER)
    return openid


def _document(address: str) -> Mapping[str, Any]:
    try:
        document = json.loads(outbound.fetch_document(address))
    except outbound.AddressRefused as error:
        raise SourceError(str(error), problem=Problem.NOT_SMART) from error
    except outbound.CONNECTION_FAULTS as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        raise _fault(status) from error
    except json.MalformedJSON as error:
        raise SourceError("a discovery document that is no JSON", problem=Problem.NOT_SMART) from error
    if not isinstance(document, dict):
        raise SourceError("a discovery document that is no object", problem=Problem.NOT_SMART)
    return document


def _fault(status: int | None) -> SourceError:
    """No answer and a server's own fault may pass; any other answer says that there is nothing here for patients."""
    if status is None or status >= 500:
        return SourceError("discovery failed", problem=Problem.UNREACHABLE, remedy=Remedy.RETRY, status=status)
    return SourceError(f"discovery: HTTP {status}", problem=Problem.NOT_SMART, status=status)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = document.get(name)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _endpoint(document: Mapping[str, Any], name: str) -> str:
    """An address that a browser or we may be sent to. The safe fetcher checks it again when it is used."""
    address = _text(document, name)
    parts = urlsplit(address)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.fragment:
        raise SourceError(f"no usable {name}", problem=Problem.NOT_SMART)
    return address
