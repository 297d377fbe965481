"""A receiver of SMART Health Links written from the specification alone, with a JOSE library of others (jwcrypto)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.test import Client
from jwcrypto import jwe, jwk

RECIPIENT = "Dr. Example of the Test Clinic"


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Receiver:
    """``payload``: what the link says. Every address is asked of ``client``, without cookies of anybody."""

    payload: dict[str, Any]
    client: Client = field(default_factory=Client)

    @classmethod
    def scans(cls, link: str) -> Receiver:
        """``link``: with or without a viewer in front."""
        return cls(json.loads(decoded(link[link.index("shlink:/") + len("shlink:/") :])))

    @property
    def path(self) -> str:
        return urlsplit(self.payload["url"]).path

    def post(self, **said: Any) -> Any:
        body = {"recipient": RECIPIENT, **said}
        return self.client.post(self.path, json.dumps(body), content_type="application/json")

    def get(self, recipient: str = RECIPIENT) -> Any:
        return self.client.get(self.path, {"recipient": recipient})

    def manifest(self, **said: Any) -> dict[str, Any]:
        answer = self.post(**said)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json"), answer.content
        return answer.json()

    def fetched(self, file: dict[str, Any]) -> str:
        """The JWE of a file that a manifest lists."""
        if "embedded" in file:
            return str(file["embedded"])
        answer = self.client.get(urlsplit(file["location"]).path)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/jose"), answer.content
        return answer.content.decode()

    def opened(self, compact: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The protected header, and the FHIR resource in it."""
        token = jwe.JWE(algs=["dir", "A256GCM"])
        token.deserialize(compact, jwk.JWK(kty="oct", k=self.payload["key"]))
        return dict(token.jose_header), json.loads(token.payload)

    def bundle(self, **said: Any) -> dict[str, Any]:
        """What the first file of the manifest holds."""
        (file,) = self.manifest(**said)["files"]
        return self.opened(self.fetched(file))[1]
