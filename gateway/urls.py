"""Mounted at the root of the site. The package's own addresses are not among them, on purpose."""

from __future__ import annotations

from django.urls import include, path

from gateway.views import authorize, consent, discovery, identity, introspect, logos, logout, par, token

app_name = "gateway"

_oauth = [
    path("token", token.token, name="token"),
    path("authorize", authorize.authorize, name="authorize"),
    path("consent/<uuid:uid>", consent.consent, name="consent"),
    path("consent/<uuid:uid>/own", consent.consent, {"own": True}, name="consent-own"),
    path("consent/<uuid:uid>/for/<uuid:delegation>", consent.consent, name="consent-for"),
    path("par", par.push, name="par"),
    path("logout", logout.leave, name="logout"),
    path("logout/confirm", logout.confirm, name="logout-confirm"),
    path("revoke", token.revoke, name="revoke"),
    path("introspect", introspect.introspect, name="introspect"),
    path("userinfo", identity.userinfo, name="userinfo"),
    path("style/<slug:digest>.json", identity.smart_style, name="smart-style"),
    path("jwks", identity.jwks, name="jwks"),
    path("logo/<uuid:uid>", logos.logo, name="logo"),
]
urlpatterns = [
    # One prefix, so that a request of the FHIR API passes them all with one look.
    path("oauth/", include(_oauth)),
    path("brands.json", discovery.brand_bundle, name="brands"),
    path(".well-known/openid-configuration", discovery.openid_configuration, name="openid-configuration"),
    path(
        ".well-known/oauth-authorization-server",
        discovery.oauth_authorization_server,
        name="oauth-authorization-server",
    ),
    path("fhir/r4/.well-known/smart-configuration", discovery.smart_configuration, name="smart-configuration"),
]
