"""What hostile requests have found, each as a test of its own."""

from __future__ import annotations

import pytest
from django.test import Client

from gateway import cors
from tests.fhirapi import people

FORM = "application/x-www-form-urlencoded"
pytestmark = pytest.mark.django_db


def test_a_line_break_in_a_path_still_gets_an_outcome():
    app = people.let_in(people.sign_up(), "patient/*.rs")

    answer = app.get("/Observation/a%0Ab/c")

    assert answer.status_code == 404
    assert people.diagnostics(answer)
    assert cors.is_called_by_programs("/fhir/r4/Observation/a\nb/c")  # and no page's middleware sees it


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"grant_type=" + b"a" * 3_000_000, FORM),
        (b"&".join(b"a" for _ in range(3000)), FORM),
        (b"grant_type=password", FORM + "; charset=hex"),
    ],
    ids=["too large", "too many", "no charset"],
)
def test_a_form_that_cannot_be_read_gets_an_oauth_error(path, body, kind):
    answer = Client(raise_request_exception=False).generic("POST", path, body, content_type=kind)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
