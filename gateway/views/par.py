"""``/oauth/par``: the authorization request comes from the client itself, not through the browser (RFC 9126)."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from gateway import credentials, pushed
from gateway.credentials import Asked
from gateway.errors import Malformed
from gateway.toolkit.server import server
from gateway.views import answering
from gateway.views.authorize import READ
from gateway.views.token import answered


@csrf_exempt
@sensitive_post_parameters()
@require_POST
def push(request: HttpRequest) -> HttpResponse:
    return answered(request, _keep)


def _keep(asked: Asked) -> HttpResponse:
    """Proves the client as at the token endpoint, and the request as the authorization endpoint would."""
    client = credentials.authenticate(asked.authorization, asked.form, at=asked.at)
    if "request_uri" in asked.form:
        raise Malformed("a request_uri in a pushed request")
    params = {name: value for name, value in asked.form.items() if name in READ} | {"client_id": client.client_id}
    server().validate_authorization_request(f"{reverse('gateway:authorize')}?{urlencode(params)}", http_method="GET")
    told = {"request_uri": pushed.keep(client, params, at=asked.at), "expires_in": int(pushed.LIFE.total_seconds())}
    return answering.in_json(told, 201)
