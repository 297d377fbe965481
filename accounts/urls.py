"""Signing up, in and out: allauth's views under our own pages. What we do not use is not mounted."""

from __future__ import annotations

from allauth.account import views as allauth
from allauth.socialaccount import views as providers
from django.conf import settings
from django.urls import include, path, re_path

from accounts import views

urlpatterns = [
    path("login/", allauth.login, name="account_login"),
    path("logout/", allauth.logout, name="account_logout"),
    path("signup/", allauth.signup, name="account_signup"),
    path("inactive/", allauth.account_inactive, name="account_inactive"),
    path("reauthenticate/", allauth.reauthenticate, name="account_reauthenticate"),
    path("email/", allauth.email, name="account_email"),
    path(
        "confirm-email/",
        allauth.email_verification_sent,
        name="account_email_verification_sent",
    ),
    re_path(
        r"^confirm-email/(?P<key>[-:\w]+)/$",
        allauth.confirm_email,
        name="account_confirm_email",
    ),
    path("password/change/", allauth.password_change, name="account_change_password"),
    path("password/set/", allauth.password_set, name="account_set_password"),
    path("password/reset/", allauth.password_reset, name="account_reset_password"),
    path(
        "password/reset/done/",
        allauth.password_reset_done,
        name="account_reset_password_done",
    ),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        allauth.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        allauth.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("language/", views.choose_language, name="account_language"),
    path("sessions/", views.sessions, name="account_sessions"),
    path("sessions/<int:number>/end/", views.end_session, name="account_end_session"),
    path("sessions/end-others/", views.end_other_sessions, name="account_end_other_sessions"),
    path("factors/", include("allauth.mfa.urls")),
]

# Signing in by another site; it is there only where one is named.
PROVIDER = [
    path("", include("allauth.socialaccount.providers.openid_connect.urls")),
    path("provider/signup/", providers.signup, name="socialaccount_signup"),
    path("provider/cancelled/", providers.login_cancelled, name="socialaccount_login_cancelled"),
    path("provider/error/", providers.login_error, name="socialaccount_login_error"),
    path("provider/", providers.connections, name="socialaccount_connections"),
]
if settings.OIDC_ISSUER:
    urlpatterns += PROVIDER
