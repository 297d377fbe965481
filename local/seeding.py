"""The demo's first patient, made by driving the real flows: sign up, connect two hospitals, let an app in.

What was done is remembered; a second start finds it and leaves her as she is.
"""

from __future__ import annotations

import base64
import email
import hashlib
import json
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from local import options, places, sites, wearables
from local.visitor import Lost, Page, Visitor

SHARED_DATA = options.ROOT.parent / "shared" / "data"
# Public synthetic data that stands behind the hospitals too, where it lies beside the checkout.
LOADED = {
    "riverside": ["fhir-synthea/smart-bulk-2023", "multi-source/derived-two-ehrs/*/ehr-a.json"],
    "lakeside": ["multi-source/derived-two-ehrs/*/ehr-b.json"],
}
LOADED_PASSWORD = "a-synthetic-person"  # noqa: S105 - of synthetic people, printed with the demo's other passwords
PULL_SECONDS = 120
MEMORY = "seeded.json"
DELEGATES = "delegates.json"
STAFF = "staff.json"
MANAGER = "Nora Officewright"
LABORATORY = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"


ASKED: Final = ("after-a-visit", "taking-medicines", "measuring-at-home")
"""Of our questionnaires those that clinics of the demo can ask with."""
_ORGANIZATION: Final = re.compile(r'href="(/organizations/[\w-]+/)"')


class SeedFailed(Exception):
    """One of the demo's own steps failed; the message says which."""


def kept(everyone: Sequence[sites.Site], place: Path) -> dict[str, Any] | None:
    """The demo's patient of an earlier start, if these are still the same databases at the same addresses."""
    try:
        found: dict[str, Any] = json.loads((place / MEMORY).read_text())
    except FileNotFoundError:
        return None
    account: dict[str, Any] = found["account"]
    return account if found["sites"] == _fingerprint(everyone) else None


def _fingerprint(everyone: Sequence[sites.Site]) -> str:
    return hashlib.sha256("\n".join(f"{site.url} {site.database}" for site in everyone).encode()).hexdigest()


def fill(everyone: Sequence[sites.Site], place: Path, maker: wearables.Maker) -> None:
    """Put people into the hospitals, the hospitals into our directory, and apps at our door; twice changes nothing."""
    person = everyone[0]
    _manage(person, "hospital_populate")
    _manage(person, "hospital_enlist")
    _manage(person, *wearables.enlisting(maker))
    _manage(person, "demo_apps")
    _manage(person, "demo_developer")
    for slug, patterns in LOADED.items():
        found = [path for pattern in patterns for path in sorted(SHARED_DATA.glob(pattern))]
        if found:
            _manage(person, "hospital_load", slug, *map(str, found), f"--password={LOADED_PASSWORD}")


def drive(everyone: Sequence[sites.Site], place: Path, maker: wearables.Maker) -> dict[str, Any]:
    """Makes the first patient; gives her as demo.json tells her."""
    person, *hospitals = everyone
    patient = _known_everywhere([_logins(site) for site in hospitals])
    visitor, account = _sign_up(person, patient["name"])
    for site, login in zip(hospitals, patient["logins"], strict=True):
        connect(visitor, person, site, login)
    connect_wearable(visitor, person, maker)
    await_records(visitor, person)
    account["patient"] = _let_app_in(visitor, person, _apps(place)[0])
    delegate = ask_delegate(visitor, person, _logins(hospitals[0])["patients"][-1]["name"])
    places.write_private(place / DELEGATES, json.dumps([delegate | {"patient": account["patient"]}]))
    places.write_private(place / STAFF, json.dumps([let_look_after(person, hospitals)]))
    places.write_private(place / MEMORY, json.dumps({"sites": _fingerprint(everyone), "account": account}))
    return account


def describe(
    everyone: Sequence[sites.Site], place: Path, account: Mapping[str, Any], maker: wearables.Maker
) -> dict[str, Any]:
    """demo.json: addresses, people and apps with what they sign in with. Everything in it is synthetic."""
    person, *hospitals = everyone
    logins = [_logins(site) for site in hospitals]
    if not (place / "developers.json").exists():  # a demo that was made before there were developers
        _manage(person, "demo_developer")
    return {
        "portal": person.url,
        "fhir_base": f"{person.url}/fhir/r4",
        "people": [
            dict(account),
            *(_told(place, DELEGATES) if (place / DELEGATES).exists() else []),
            *(_told(place, STAFF) if (place / STAFF).exists() else []),
            *_told(place, "developers.json"),
        ],
        "clients": _apps(place),
        "hospitals": [
            {
                "name": one["name"],
                "iss": one["iss"],
                "login": {key: one["patients"][0][key] for key in ("email", "password")},
                "clinician": one["clinician"],
                "charts": f"{one['iss'].removesuffix('/fhir/r4')}/patients/",
                "patients": one["patients"],
            }
            for one in logins
        ],
        "wearables": wearables.describe(maker),
    }


def _manage(site: sites.Site, *order: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "manage.py", *order],
        cwd=options.ROOT,
        env=site.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SeedFailed(f"manage.py {order[0]} failed:\n{done.stdout}{done.stderr}")


def _logins(site: sites.Site) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((site.place / "logins.json").read_text())
    return found


def _apps(place: Path) -> list[dict[str, Any]]:
    return _told(place, "apps.json")


def _told(place: Path, name: str) -> list[dict[str, Any]]:
    """What a command of the person's site left for demo.json."""
    found: list[dict[str, Any]] = json.loads((place / name).read_text())
    return found


def _known_everywhere(hospitals: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The first person whom every hospital knows by the same name, with her login at each."""
    known = [{patient["name"]: patient for patient in one["patients"]} for one in hospitals]
    for name in known[0]:
        if all(name in patients for patients in known):
            return {"name": name, "logins": [patients[name] for patients in known]}
    raise SeedFailed("no built-in person is known at every hospital")


def _sign_up(person: sites.Site, name: str) -> tuple[Visitor, dict[str, Any]]:
    account = {
        "email": f"{'.'.join(re.findall(r'[a-z]+', name.lower()))}@tributary.example",
        "password": secrets.token_urlsafe(12),
        "role": "patient",
    }
    visitor = Visitor()
    page = visitor.open(f"{person.url}/accounts/signup/")
    form = page.form("email", "password1", "name")
    values = {"email": account["email"], "password1": account["password"], "name": name}
    page = visitor.send(form, values)
    if "/signup" in urlsplit(page.url).path:
        raise SeedFailed("the demo's patient could not sign up")
    return visitor, account


def connect(visitor: Visitor, person: sites.Site, hospital: sites.Site, login: Mapping[str, str]) -> None:
    """As she would: pick the hospital, sign in there, allow it, come back."""
    page = visitor.open(f"{person.url}/hospitals/?{urlencode({'q': hospital.values['SITE_NAME']})}")
    page = visitor.send(_leading_to(page, f"/connect/{hospital.slug}"))
    page = visitor.send(page.form("login", "password"), {"login": login["email"], "password": login["password"]})
    page = visitor.send(page.form("answer", "box"), press=("answer", "allow"))
    if not page.url.startswith(f"{person.url}/hospitals/"):
        raise SeedFailed(f"connecting {hospital.values['SITE_NAME']} ended at {page.url.partition('?')[0]}")


def connect_wearable(visitor: Visitor, person: sites.Site, maker: wearables.Maker) -> None:
    """As she would: pick the maker of her devices, sign in there, allow it, come back."""
    page = visitor.open(f"{person.url}/devices/")
    page = visitor.send(_leading_to(page, f"/connect/{wearables.SLUG}"))
    (login,) = maker.told["people"]
    page = visitor.send(page.form("email", "password"), login, press=("answer", "allow"))
    if not page.url.startswith(f"{person.url}/hospitals/"):
        raise SeedFailed(f"connecting {wearables.NAME} ended at {page.url.partition('?')[0]}")


def _leading_to(page: Page, path: str) -> Any:
    for form in page.forms:
        if urlsplit(form.action).path.rstrip("/") == path:
            return form
    raise Lost(f"{page.url} has no button for {path}")


def await_records(visitor: Visitor, person: sites.Site, *, seconds: float = PULL_SECONDS) -> None:
    """Until no connection is under way any more. A slow machine has time, as long as something arrives."""
    listing = visitor.open(f"{person.url}/hospitals/").text
    waiting = set(re.findall(r"/hospitals/\d+/", listing))
    told, deadline = "", 0.0
    while waiting:
        arrivals = {path: visitor.open(f"{person.url}{path}?part=arrivals").text for path in waiting}
        counts = " ".join(re.findall(r"<td>.*?</td>|<progress.*?>", " ".join(arrivals.values())))
        if counts != told:
            told, deadline = counts, time.monotonic() + seconds
        if time.monotonic() > deadline:
            raise SeedFailed(f"no record arrived for {seconds:.0f} seconds, and some were still to come")
        waiting = {path for path, text in arrivals.items() if 'data-under-way="no"' not in text}
        time.sleep(0.5)


def _let_app_in(visitor: Visitor, person: sites.Site, app: Mapping[str, Any]) -> str:
    """She lets a public app see her laboratory results; it reads some. Gives her Patient id."""
    verifier = secrets.token_urlsafe(48)
    asked = {
        "response_type": "code",
        "client_id": app["client_id"],
        "redirect_uri": app["redirect_uri"],
        "scope": app["scope"],
        "state": secrets.token_urlsafe(24),
        "aud": f"{person.url}/fhir/r4",
        "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    visitor.stop_at = app["redirect_uri"]
    page = visitor.open(f"{person.url}/oauth/authorize?{urlencode(asked)}")
    form = page.form("answer", "box")
    wanted = {"box": lambda value: value.endswith(LABORATORY) or "/" not in value, "source": bool}
    keep = [value for name, value, _ in form.boxes if name in wanted and wanted[name](value)]
    visitor.send(form, ticked=keep, press=("answer", "allow"))
    answer = parse_qs(urlsplit(visitor.stopped or "").query)
    if "code" not in answer:
        raise SeedFailed("the demo's app was not let in")
    token = _post(
        f"{person.url}/oauth/token",
        {
            "grant_type": "authorization_code",
            "code": answer["code"][0],
            "redirect_uri": app["redirect_uri"],
            "client_id": app["client_id"],
            "code_verifier": verifier,
        },
    )
    _read(f"{person.url}/fhir/r4/Observation?patient={token['patient']}", token["access_token"])
    patient: str = token["patient"]
    return patient


def ask_delegate(visitor: Visitor, person: sites.Site, name: str) -> dict[str, Any]:
    """She asks somebody by mail to look after part of her record, with apps or without; that person says yes."""
    delegate, account = _sign_up(person, name)
    form = visitor.open(f"{person.url}/people/invite/").form("email", "relationship", "kinds")
    sources = [value for box, value, ticked in form.boxes if box == "sources" and ticked]
    said = {"name": name, "email": account["email"], "relationship": "FRND", "apps": "on"}
    visitor.send(form, said, ticked=["laboratory", "medications", "allergies", *sources])
    page = delegate.open(f"{person.url}{_mailed(person, '/people/invitation/')}")
    page = delegate.send(page.form("answer"), press=("answer", "accept"))
    if "/for/" not in page.url:
        raise SeedFailed("the demo's delegate could not accept")
    return account | {"role": "delegate"}


def let_look_after(person: sites.Site, hospitals: Sequence[sites.Site]) -> dict[str, Any]:
    """Somebody of the hospitals' staff with an account here, who lets their clinicians ask our questionnaires."""
    visitor, account = _sign_up(person, MANAGER)
    for hospital in hospitals:
        _manage(person, "organization_staff", hospital.values["SITE_NAME"], account["email"])
    for path in sorted(set(_ORGANIZATION.findall(visitor.open(f"{person.url}/organizations/").text))):
        form = visitor.open(f"{person.url}{path}questionnaires/").form("ours", "file")
        for name in ASKED:
            visitor.send(form, {"ours": name})
    return account | {"role": "manager", "pages": f"{person.url}/organizations/"}


def _mailed(person: sites.Site, path: str) -> str:
    """The newest link to this path in the mails that the site wrote to files."""
    for file in sorted((person.place / "mail").glob("*"), key=lambda file: file.stat().st_mtime, reverse=True):
        body = email.message_from_bytes(file.read_bytes()).get_payload(decode=True)
        found = re.search(rf"{path}[\w-]+/", body.decode()) if isinstance(body, bytes) else None
        if found:
            return found[0]
    raise SeedFailed(f"no mail with a link to {path}")


def _post(url: str, form: Mapping[str, str]) -> dict[str, Any]:
    answer = requests.post(url, data=form, timeout=30)
    if answer.status_code != 200:
        raise SeedFailed(f"{urlsplit(url).path} answered {answer.status_code}")
    found: dict[str, Any] = answer.json()
    return found


def _read(url: str, token: str) -> None:
    answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    if answer.status_code != 200:
        raise SeedFailed(f"{urlsplit(url).path} answered {answer.status_code}")
