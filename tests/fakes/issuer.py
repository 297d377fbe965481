"""An issuer of SMART Health Cards over local HTTP: its keys, what it revoked, and the cards it signs."""

from __future__ import annotations

import base64
import json
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey
from joserfc.registry import HeaderParameter


class Issuer:
    """``keys`` and ``revoked`` are what it answers; None: it answers 404."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"})
        self.kid = self._key.thumbprint()
        self.keys: Any = {"keys": [self.public()]}
        self.revoked: Any = None
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}/issuer"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def public(self, **more: Any) -> dict[str, Any]:
        return {**self._key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": "ES256", **more}

    def card(self, *resources: Any, rid: str = "", begins: float = 0, **claims: Any) -> str:
        """A signed card of these resources."""
        entries = [{"fullUrl": f"resource:{number}", "resource": each} for number, each in enumerate(resources)]
        return self.card_of(entries, rid=rid, begins=begins, **claims)

    def card_of(self, entries: Any, *, rid: str = "", begins: float = 0, **claims: Any) -> str:
        """A signed card whose Bundle has this for its ``entry``, whatever it is."""
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        credential: dict[str, Any] = {
            "type": ["https://smarthealth.cards#health-card"],
            "credentialSubject": {"fhirVersion": "4.0.1", "fhirBundle": bundle},
        }
        if rid:
            credential["rid"] = rid
        payload = {"iss": self.address, "nbf": begins or time.time() - 60, "vc": credential, **claims}
        packed = zlib.compressobj(9, zlib.DEFLATED, -15)
        body = packed.compress(json.dumps(payload).encode()) + packed.flush()
        registry = jws.JWSRegistry(header_registry={"zip": HeaderParameter("Compression", "str")})
        header = {"alg": "ES256", "zip": "DEF", "kid": self.kid}
        return jws.serialize_compact(header, body, self._key, algorithms=["ES256"], registry=registry)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                answer = issuer.revoked if "/crl/" in self.path else issuer.keys
                body = json.dumps(answer).encode()
                self.send_response(404 if answer is None else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                return

        return Handler


def numeric(card: str, *, parts: int = 1) -> list[str]:
    """The texts of its QR codes."""
    size = -(-len(card) // parts)
    pieces = [card[at : at + size] for at in range(0, len(card), size)]
    digits = ["".join(f"{ord(sign) - 45:02}" for sign in piece) for piece in pieces]
    if parts == 1:
        return [f"shc:/{digits[0]}"]
    return [f"shc:/{number}/{parts}/{each}" for number, each in enumerate(digits, start=1)]


def file_of(*cards: str) -> bytes:
    return json.dumps({"verifiableCredential": list(cards)}).encode()


def tampered(card: str) -> str:
    """The same signature under another payload."""
    head, body, signature = card.split(".")
    payload = json.loads(zlib.decompress(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), wbits=-15))
    payload["vc"]["credentialSubject"]["fhirBundle"]["entry"][-1]["resource"]["status"] = "completed"
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    changed = packed.compress(json.dumps(payload).encode()) + packed.flush()
    return f"{head}.{base64.urlsafe_b64encode(changed).decode().rstrip('=')}.{signature}"
