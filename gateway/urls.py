"""Mounted at the root of the site. The package's own addresses are not among them, on purpose."""

from __future__ import annotations

from django.urls import path

from gateway.views import authorize, consent, discovery, identity, introspect, logos, logout, par, token

app_name = "gateway"
urlpatterns = [
    path("oauth/authorize", authorize.authorize, name="authorize"),
    path("oauth/consent/<uuid:uid>", consent.consent, name="consent"),
    path("oauth/consent/<uuid:uid>/own", consent.consent, {"own": True}, name="consent-own"),
    path("oauth/consent/<uuid:uid>/for/<uuid:delegation>", consent.consent, name="consent-for"),
    path("oauth/token", token.token, name="token"),
    path("oauth/par", par.push, name="par"),
    path("oauth/logout", logout.leave, name="logout"),
    path("oauth/logout/confirm", logout.confirm, name="logout-confirm"),
    path("oauth/revoke", token.revoke, name="revoke"),
    path("oauth/introspect", introspect.introspect, name="introspect"),
    path("oauth/userinfo", identity.userinfo, name="userinfo"),
    path("oauth/style/<slug:digest>.json", identity.smart_style, name="smart-style"),
    path("oauth/jwks", identity.jwks, name="jwks"),
    path("oauth/logo/<uuid:uid>", logos.logo, name="logo"),
    path("brands.json", discovery.brand_bundle, name="brands"),
    path(".well-known/openid-configuration", discovery.openid_configuration, name="openid-configuration"),
    path(
        ".well-known/oauth-authorization-server",
        discovery.oauth_authorization_server,
        name="oauth-authorization-server",
    ),
    path("fhir/r4/.well-known/smart-configuration", discovery.smart_configuration, name="smart-configuration"),
]
