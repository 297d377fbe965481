"""What this server says of itself: one set of facts, three documents.

smart-configuration (SMART App Launch 2.2), openid-configuration (OpenID Connect Discovery), and RFC 8414. Nothing is
named here that is not mounted and enforced.
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.urls import NoReverseMatch, reverse

from gateway import assertions, brands, claims, scopes, server
from gateway.models import AuthMethod, SigningAlgorithm
from standards.smart import capabilities

CAPABILITIES: Final = (
    capabilities.LAUNCH_EHR,
    capabilities.LAUNCH_STANDALONE,
    capabilities.AUTHORIZE_POST,
    capabilities.CLIENT_PUBLIC,
    capabilities.CLIENT_CONFIDENTIAL_SYMMETRIC,
    capabilities.CLIENT_CONFIDENTIAL_ASYMMETRIC,
    capabilities.SSO_OPENID_CONNECT,
    capabilities.CONTEXT_BANNER,
    capabilities.CONTEXT_STYLE,
    capabilities.CONTEXT_EHR_PATIENT,
    capabilities.CONTEXT_STANDALONE_PATIENT,
    capabilities.PERMISSION_OFFLINE,
    capabilities.PERMISSION_ONLINE,
    capabilities.PERMISSION_PATIENT,
    capabilities.PERMISSION_USER,
    capabilities.PERMISSION_V1,
    capabilities.PERMISSION_V2,
)


def smart() -> dict[str, Any]:
    brand = {"user_access_brand_bundle": _url("gateway:brands"), "user_access_brand_identifier": brands.identifier()}
    return {**_common(), **_management(), **brand, "capabilities": list(offered())}


def offered() -> tuple[str, ...]:
    """What this site can do; only a hospital has visits to open an app for."""
    return (*CAPABILITIES, capabilities.CONTEXT_EHR_ENCOUNTER) if settings.SITE == "hospital" else CAPABILITIES


def oauth() -> dict[str, Any]:
    return {**_common(), "authorization_response_iss_parameter_supported": True}


def openid() -> dict[str, Any]:
    return {
        **oauth(),
        "userinfo_endpoint": _url("gateway:userinfo"),
        "end_session_endpoint": _url("gateway:logout"),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [str(value) for value in SigningAlgorithm.values],
        "claims_supported": [*claims.SUPPORTED, "iss", "aud", "exp", "iat", "auth_time", "nonce"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
    }


def _common() -> dict[str, Any]:
    methods = [str(method.value) for method in AuthMethod]
    proofs = [method for method in methods if method != AuthMethod.NONE]
    return {
        "issuer": settings.PUBLIC_URL,
        "jwks_uri": _url("gateway:jwks"),
        "authorization_endpoint": _url("gateway:authorize"),
        "token_endpoint": _url("gateway:token"),
        "pushed_authorization_request_endpoint": _url("gateway:par"),
        "require_pushed_authorization_requests": False,
        "revocation_endpoint": _url("gateway:revoke"),
        "introspection_endpoint": _url("gateway:introspect"),
        **_where_mounted("registration_endpoint", "developers:registrations"),
        "scopes_supported": scopes.advertised(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(server.grant_types()),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": list(assertions.ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": list(assertions.ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": proofs,
        "introspection_endpoint_auth_signing_alg_values_supported": list(assertions.ALGORITHMS),
    }


def _management() -> dict[str, str]:
    """Her own page of apps, where this site has one: a hospital of the sandbox does not."""
    return _where_mounted("management_endpoint", "portal:apps")


def _where_mounted(field: str, name: str) -> dict[str, str]:
    try:
        return {field: _url(name)}
    except NoReverseMatch:
        return {}


def _url(name: str) -> str:
    return settings.PUBLIC_URL + reverse(name)
