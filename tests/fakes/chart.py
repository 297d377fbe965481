"""An EHR with charts: pages at an origin of their own that hold us in a frame, and its authorization server."""

from __future__ import annotations

import html
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.fakes.ehr import Asked, FakeEHR, Reply


class ChartEHR(FakeEHR):
    """``/chart?patient=…`` opens the chart of that patient with us in it. A launch is good for one authorization."""

    def __init__(self, *, opens: str) -> None:
        super().__init__()
        self.opens = opens
        self.launches: dict[str, str] = {}
        self.claims_changes = {"sub": "rivera", "fhirUser": f"{self.base}/Practitioner/dr-rivera"}
        name = [{"text": "Dr. Ana Rivera"}]
        self.hold({"resourceType": "Practitioner", "id": "dr-rivera", "name": name})

    def launch(self, patient: str) -> str:
        """The address that opens us for this patient."""
        token = secrets.token_urlsafe(16)
        self.launches[token] = patient
        return f"{self.opens}?{urlencode({'iss': self.base, 'launch': token})}"

    def _answer(self, asked: Asked, body: bytes) -> Reply:
        parts = urlsplit(asked.target)
        query = dict(parse_qsl(parts.query))
        if parts.path == "/chart":
            address = html.escape(self.launch(query["patient"]))
            page = (
                f"<!doctype html><title>Chart</title><h1>Chart of {query['patient']}</h1>"
                f'<iframe src="{address}" width="600" height="700" title="Tributary"></iframe>'
            )
            return Reply(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})
        return super()._answer(asked, body)

    def _authorize(self, asked: dict[str, str]) -> Reply:
        patient = self.launches.pop(asked.get("launch", ""), None)
        if patient is None:
            refused = {"error": "invalid_request", "state": asked["state"], "iss": self.issuer}
            return Reply(302, b"", {"Location": f"{asked['redirect_uri']}?{urlencode(refused)}"})
        reply = super()._authorize(asked)
        code = dict(parse_qsl(urlsplit(reply.headers["Location"]).query))["code"]
        self.codes[code]["patient"] = patient
        return reply

    def _token(self, form: dict[str, str], authorization: str) -> Reply:
        asked: dict[str, Any] = self.codes.get(form.get("code", ""), {})
        self.patient = asked.get("patient", self.patient)
        return super()._token(form, authorization)
