"""Bearer tokens for Django REST framework: the FHIR API's one way in."""

from __future__ import annotations

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import binding
from gateway import bearer
from gateway.bearer import BackendBearer, Bearer
from gateway.errors import InvalidToken


class SmartAuthentication(BaseAuthentication):
    """Sets ``request.auth`` and ``request.user`` to the Bearer: an app that reads for an owner, never a person."""

    def authenticate(self, request: Request) -> tuple[Bearer, Bearer] | None:
        try:
            found = bearer.resolve(request._request)
        except InvalidToken as error:
            request._request.META[_REFUSED] = error
            raise AuthenticationFailed("The access token is not valid.", code="invalid_token") from error
        return None if found is None else (found, found)

    def authenticate_header(self, request: Request) -> str:
        return bearer.challenge(request._request.META.get(_REFUSED))


class BackendAuthentication(BaseAuthentication):
    """Sets ``request.auth`` and ``request.user`` to the BackendBearer: a service that speaks for itself."""

    def authenticate(self, request: Request) -> tuple[BackendBearer, BackendBearer] | None:
        try:
            token = bearer.presented(request._request)
            found = None if token is None else bearer.of_backend(token, at=timezone.now())
        except InvalidToken as error:
            request._request.META[_REFUSED] = error
            raise AuthenticationFailed("The access token is not valid.", code="invalid_token") from error
        if found is None:
            return None
        binding.bind_service(found.client_id)
        return found, found

    def authenticate_header(self, request: Request) -> str:
        return bearer.challenge(request._request.META.get(_REFUSED))


def refused(request: Request) -> InvalidToken | None:
    """Why the token of this request was not taken, if one was shown."""
    error = request._request.META.get(_REFUSED)
    return error if isinstance(error, InvalidToken) else None


_REFUSED = "gateway.refused"
