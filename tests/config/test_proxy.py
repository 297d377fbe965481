"""Behind a proxy of ours, the caller's address is the one the proxy saw; nobody can make up another."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from config.proxy import AddressMiddleware


@pytest.mark.parametrize(
    ("forwarded", "seen"),
    [("203.0.113.7", "203.0.113.7"), ("1.2.3.4, 203.0.113.7", "203.0.113.7"), ("", "127.0.0.1"), (None, "127.0.0.1")],
)
def test_address_is_the_one_the_proxy_saw(forwarded, seen):
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = RequestFactory().get("/", headers=headers)

    AddressMiddleware(lambda request: HttpResponse())(request)

    assert request.META["REMOTE_ADDR"] == seen
