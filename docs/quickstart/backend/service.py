"""SMART Backend Services and Bulk Data: a token for a signature, an export, its files."""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import requests
from joserfc import jwt
from joserfc.jwk import ECKey

KEY_FILE = Path("key.json")
SCOPE = "system/Observation.rs"


def make_key() -> dict[str, Any]:
    """A new key in KEY_FILE; gives the public key set to register."""
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    KEY_FILE.write_text(json.dumps(key.as_dict(private=True)))
    KEY_FILE.chmod(0o600)
    return {"keys": [key.as_dict(private=False)]}


def token(base: str, client_id: str) -> str:
    """An access token for five minutes."""
    endpoint = requests.get(f"{base}/.well-known/smart-configuration", timeout=30).json()["token_endpoint"]
    key = ECKey.import_key(json.loads(KEY_FILE.read_text()))
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": endpoint,
        "jti": str(uuid.uuid4()),
        "exp": int(time.time()) + 240,
    }
    form = {
        "grant_type": "client_credentials",
        "scope": SCOPE,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(
            {"alg": "ES384", "kid": key.kid, "typ": "JWT"}, claims, key, algorithms=["ES384"]
        ),
    }
    answer = requests.post(endpoint, data=form, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def export(base: str, access: str) -> Counter[str]:
    """How many resources of each type an export of all patients brought."""
    bearer = {"Authorization": f"Bearer {access}"}
    kick_off = {**bearer, "Accept": "application/fhir+json", "Prefer": "respond-async"}
    asked = requests.get(f"{base}/Patient/$export?_type=Observation", headers=kick_off, timeout=30)
    asked.raise_for_status()
    while (status := requests.get(asked.headers["Content-Location"], headers=bearer, timeout=30)).status_code == 202:
        time.sleep(int(status.headers.get("Retry-After", "1")))
    status.raise_for_status()
    found: Counter[str] = Counter()
    for file in status.json()["output"]:
        lines = requests.get(file["url"], headers={**bearer, "Accept": "application/fhir+ndjson"}, timeout=60)
        lines.raise_for_status()
        found.update(json.loads(line)["resourceType"] for line in lines.text.splitlines())
    return found


if __name__ == "__main__":
    if sys.argv[1:] == ["keys"]:
        print(json.dumps(make_key()))
    else:
        base, client_id = os.environ["FHIR_BASE"], os.environ["CLIENT_ID"]
        for kind, number in export(base, token(base, client_id)).items():
            print(f"{kind}: {number}")
