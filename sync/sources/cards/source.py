"""Health cards into the record: what they vouch for, and whether the signature is the issuer's.

A card whose signature is wrong, or which was revoked, is kept as the file it is and believed in nothing. Where the
issuer cannot be asked, what it says is kept and marked as not verified.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from standards.fhir import json
from standards.smart import health_cards
from standards.smart.health_cards import Card
from sync.sources.bundles import mapping as bundles
from sync.sources.cards import client
from sync.sources.papers import mapping as papers
from sync.sources.upload.accounts import Reason
from sync.sources.upload.readings import Format, Reading, Refused, made_id

MEDIA_TYPE: Final = "application/smart-health-card"
CARDS_MAX: Final = 100
ISSUERS_MAX: Final = 10
"""How many issuers one file may have us ask; cards of more than these are not verified."""
UNVERIFIED: Final = {"system": "urn:tributary:verification", "code": "unverified"}


def is_card_file(data: bytes) -> bool:
    """Whether JSON is a ``.smart-health-card`` file."""
    return b'"verifiableCredential"' in data and b'"resourceType"' not in data


def read(data: bytes, *, title: str, received: str) -> Reading:
    """``received`` is also the moment at which the cards must be valid. Raises Refused."""
    try:
        found = health_cards.cards(_text(data))
        told = [(card, card.bundle) for card in found]
    except health_cards.Malformed as error:
        raise Refused(Reason.DAMAGED, form=Format.CARD) from error
    if len(found) > CARDS_MAX:
        raise Refused(Reason.TOO_LARGE, form=Format.CARD)
    published = _key_sets(card.issuer for card in found)
    verdicts = [_verdict(card, published.get(card.issuer), datetime.fromisoformat(received)) for card in found]
    believed = [
        _apart(bundle, unverified=verdict is Reason.UNVERIFIED)
        for (_, bundle), verdict in zip(told, verdicts, strict=True)
        if verdict is not Reason.FORGED
    ]
    reading = _of_bundles(believed) if believed else Reading(Format.CARD, patient=papers.ME)
    for card, verdict in zip(found, verdicts, strict=True):
        if verdict is Reason.FORGED:
            reading.account.drop(verdict, card.issuer)
        else:
            reading.account.note(verdict, card.issuer)
    _keep_original(reading, data, title=title, received=received)
    return reading


def _text(data: bytes) -> str:
    try:
        text = data.decode()
        if not text.lstrip("\ufeff \r\n\t").startswith("{"):
            return text
        listed = json.loads(text).get("verifiableCredential")
    except (UnicodeDecodeError, json.MalformedJSON) as error:
        raise health_cards.Malformed("no card file") from error
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise health_cards.Malformed("no list of cards")
    return "\n".join(listed)


def _key_sets(issuers: Iterable[str]) -> dict[str, Mapping[str, Any] | None]:
    """Of each issuer, asked once however many cards name it; None where it could not be asked."""
    return {issuer: _key_set(issuer) for issuer in list(dict.fromkeys(issuers))[:ISSUERS_MAX]}


def _key_set(issuer: str) -> Mapping[str, Any] | None:
    try:
        return client.keys(issuer)
    except client.Unavailable:
        return None


def _verdict(card: Card, key_set: Mapping[str, Any] | None, at: datetime) -> Reason:
    """VERIFIED, UNVERIFIED or FORGED."""
    key = health_cards.key_for(card, key_set or {})
    if key is None:
        return Reason.UNVERIFIED
    try:
        if not health_cards.is_signed(card, key):
            return Reason.FORGED
        if "crlVersion" in key and card.revocation_id:
            revoked = client.revoked(card.issuer, card.kid)
            if not health_cards.is_list_of(revoked, key):
                return Reason.UNVERIFIED
            if health_cards.is_revoked(card, revoked):
                return Reason.FORGED
    except client.Unavailable:
        return Reason.UNVERIFIED
    return Reason.VERIFIED if card.is_valid_at(at) else Reason.UNVERIFIED


def _apart(bundle: Any, *, unverified: bool) -> dict[str, Any]:
    """With addresses of its own, since each card counts its entries anew; the same Patient is one in all of them."""
    own, listed = made_id(bundle), bundle.get("entry")
    entries = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    names = {}
    for entry in entries:
        resource, place = entry.get("resource"), entry.get("fullUrl")
        if isinstance(resource, dict):
            if isinstance(place, str):
                is_patient = resource.get("resourceType") == "Patient"
                names[place] = f"urn:card:{made_id(resource) if is_patient else own}:{place}"
            if unverified:
                _mark(resource)
    return {**bundle, "entry": _renamed(entries, names)}


def _mark(resource: dict[str, Any]) -> None:
    meta = resource.get("meta")
    said = meta if isinstance(meta, dict) else {}
    tags = said.get("tag")
    resource["meta"] = {**said, "tag": [*(tags if isinstance(tags, list) else []), dict(UNVERIFIED)]}


def _renamed(node: Any, names: dict[Any, str]) -> Any:
    if isinstance(node, dict):
        return {
            key: names.get(value, value)
            if key in ("fullUrl", "reference") and isinstance(value, str)
            else _renamed(value, names)
            for key, value in node.items()
        }
    return [_renamed(each, names) for each in node] if isinstance(node, list) else node


def _of_bundles(found: Sequence[dict[str, Any]]) -> Reading:
    outer = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in found]}
    reading = bundles.read(json.dumps(outer))
    reading.format = Format.CARD
    return reading


def _keep_original(reading: Reading, data: bytes, *, title: str, received: str) -> None:
    """The signed card itself, which she may show again; it is as private as what it says."""
    named = [
        {"reference": f"{each['resourceType']}/{each['id']}"}
        for each in reading.resources
        if each["resourceType"] != "Patient"
    ]
    patient = reading.patient or next(iter(reading.subjects()), papers.ME)
    whole = papers.reference(data, media_type=MEDIA_TYPE, title=title, date=received, patient=patient)
    if named:
        whole["context"] = {"related": named}
    reading.resources.append(whole)
    reading.account.mapped("DocumentReference")
    reading.account.as_text(Reason.WHOLE)
