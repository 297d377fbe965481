"""SMART Health Cards of immunizations, signed with a key that this site publishes (spec.smarthealth.cards).

A card says that this site holds these records, as her hospitals sent them; it is no word of a hospital's own. Each has
a number (``rid``) that means nothing to others; of a card that she takes back the number is published and nothing else
(spec.smarthealth.cards, "Revocation").
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F
from joserfc.jwk import ECKey, KeyParameters

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import gate
from records import labels, sealing
from records import patient as patients
from records.query import Query
from records.reading import RecordSet, Stored
from sharing.models import Card, CardKey, TakenBack
from standards.fhir import json, occurrence
from standards.fhir.ips import wording
from standards.smart import health_cards

PURPOSE: Final = "health card signing key"
SHOTS_MAX: Final = 200
KEPT_MAX: Final = 500
"""Cards of one owner that are good."""
_LABELLED_MAX: Final = 1000
_RID_BYTES: Final = 8
"""As the specification recommends."""
_CREATION_LOCK: Final = 0x63617264
_PUBLIC: Final = ("kty", "kid", "use", "alg", "crv", "x", "y")


@dataclass(frozen=True, slots=True)
class Shot:
    """One immunization of hers that a card can hold. ``name``: what her hospital calls it, for her eyes; "" for
    nothing. ``private``: labelled sensitive.
    """

    logical_id: str
    name: str
    resource: Mapping[str, Any]
    private: bool


class NoName(Exception):
    """A card says whose it is, and her record does not."""


class TooManyCards(Exception):
    """As many cards of hers are good as may be."""


class NothingToTakeBack(Exception):
    """No card of hers, or one that is taken back."""


def shots(owner: Person, *, at: datetime) -> list[Shot]:
    """Her completed immunizations with a code and a day, each once, newest first."""
    records = _hers(owner, at)
    private = {one.logical_id for one in records.labelled(labels.SENSITIVE, count=_LABELLED_MAX)}
    found: dict[bytes, Shot] = {}
    for stored in records.search(Query.of("Immunization").where("status", "completed").page(SHOTS_MAX)).entries:
        minified = _minified(stored.resource)
        if minified is not None:
            found.setdefault(json.dumps(minified), _shot(stored, minified, private))
    return list(found.values())


def _shot(stored: Stored, minified: dict[str, Any], private: set[str]) -> Shot:
    name = wording.concept(stored.resource.get("vaccineCode"))
    return Shot(stored.logical_id, name, minified, stored.logical_id in private)


@transaction.atomic
def issue(owner: Person, chosen: Sequence[Shot], *, at: datetime, origin: str = "") -> list[str]:
    """Cards that hold these, as few as fit into one QR code each. Raises NoName, TooManyCards."""
    if len(good(owner)) >= KEPT_MAX:
        raise TooManyCards(f"owner {owner.pk}")
    patients.ensure(owner.pk, at=at)
    key = _current(at)
    made = list(_packed(owner, _patient(_hers(owner, at)), chosen, key, at))
    Card.objects.bulk_create(card for card, _ in made)
    _note(owner, "issue-card", {"types": {"Immunization": len(chosen)}}, origin)
    return [text for _, text in made]


def _packed(
    owner: Person, patient: Mapping[str, Any], chosen: Sequence[Shot], key: CardKey, at: datetime
) -> Iterator[tuple[Card, str]]:
    """Each card with its text; one is full when another immunization would not fit into its code."""
    card, text = Card(owner=owner, kid=key.kid, made=at), ""
    held: list[Mapping[str, Any]] = []
    for shot in chosen:
        fuller = _signed(card, patient, [*held, shot.resource], key)
        if held and len(fuller) > health_cards.SINGLE_CODE_MAX:
            yield card, text
            card, held = Card(owner=owner, kid=key.kid, made=at), []
            fuller = _signed(card, patient, [shot.resource], key)
        held.append(shot.resource)
        card.shots, text = len(held), fuller
    if held:
        yield card, text


def of(owner: Person, *, most: int) -> list[Card]:
    """Those she made, newest first; those taken back last."""
    return list(
        Card.objects.filter(owner=owner).order_by(F("taken_back").desc(nulls_first=True), "-made", "uid")[:most]
    )


def one(owner: Person, uid: UUID) -> Card | None:
    """A card of hers that is not taken back and is believed."""
    return next((each for each in good(owner) if each.uid == uid), None)


def good(owner: Person) -> list[Card]:
    """Those that are not taken back and are believed."""
    return list(Card.objects.filter(owner=owner, taken_back=None, kid__in=keys_that_vouch()))


def keys_that_vouch() -> set[str]:
    """The keys by which cards are believed; a card of another key is believed by nobody."""
    return set(CardKey.objects.values_list("kid", flat=True))


@transaction.atomic
def take_back(owner: Person, cards: Iterable[Card], *, at: datetime, origin: str = "") -> int:
    """Their numbers are published from now on; how many these are. Raises NothingToTakeBack."""
    mine = Card.objects.select_for_update().filter(owner=owner, taken_back=None, kid__in=keys_that_vouch())
    held = list(mine.filter(uid__in=[card.uid for card in cards]))
    if not held:
        raise NothingToTakeBack(f"owner {owner.pk}")
    TakenBack.objects.bulk_create([TakenBack(key_id=card.kid, rid=rid(card)) for card in held], ignore_conflicts=True)
    Card.objects.filter(owner=owner, uid__in=[card.uid for card in held]).update(taken_back=at)
    _note(owner, "take-back-card", {"cards": len(held)}, origin)
    return len(held)


def rid(card: Card) -> str:
    """The number in a card: a digest of its place under her own key, so that two of hers have nothing in common."""
    digest = sealing.handed_out(card.owner_id, f"health card|{card.kid}|{card.uid}")[:_RID_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def file(made: Iterable[str]) -> bytes:
    """A ``.smart-health-card`` file."""
    return json.dumps({"verifiableCredential": list(made)})


def published(*, at: datetime) -> dict[str, list[dict[str, Any]]]:
    """The issuer's JSON Web Key Set, newest first: all keys that ever signed a card, with the state of their lists."""
    _current(at)
    held = CardKey.objects.annotate(times=Count("taken_back")).order_by("-created")
    return {"keys": [{**key.public, "crlVersion": 1 + key.times} for key in held]}


def taken_back(kid: str) -> dict[str, Any] | None:
    """The list of what was taken back of the cards of a key; None where there is no such key.

    ``ctr`` only grows, because nothing leaves the list; it may grow by more than one at a time.
    """
    if not CardKey.objects.filter(kid=kid).exists():
        return None
    rids = list(TakenBack.objects.filter(key_id=kid).order_by("rid").values_list("rid", flat=True))
    return {"kid": kid, "method": health_cards.BY_RID, "ctr": 1 + len(rids), "rids": rids}


def _hers(owner: Person, at: datetime) -> RecordSet:
    return gate.readable(owner_id=owner.pk, reader=gate.Owner(owner.pk), interaction="search", at=at)


def _patient(records: RecordSet) -> dict[str, Any]:
    """Name and birth date, nothing else. Raises NoName."""
    found = records.search(Query.of("Patient").where("_id", records.patient_id)).entries
    said = found[0].resource if found else {}
    names = [each for each in said.get("name", []) if each.get("family") or each.get("given") or each.get("text")]
    if not names:
        raise NoName(f"owner {records.owner_id}")
    best = next((each for each in names if each.get("use") == "official"), names[0])
    name = {field: best[field] for field in ("family", "given") if field in best} or {"text": best["text"]}
    born = {"birthDate": said["birthDate"]} if "birthDate" in said else {}
    return {"resourceType": "Patient", "name": [name], **born}


def _minified(resource: Mapping[str, Any]) -> dict[str, Any] | None:
    """As the specification wants it: codes without words, no id, no text; None for what cannot be on a card."""
    codings = [
        {"system": each["system"], "code": each["code"]}
        for each in resource.get("vaccineCode", {}).get("coding", [])
        if isinstance(each, dict) and each.get("system") and each.get("code")
    ]
    day = occurrence.element_of(resource)
    if not codings or not isinstance(day, str):
        return None
    lot = resource.get("lotNumber")
    given = [each.get("actor", {}).get("display") for each in resource.get("performer", [])]
    by = [{"actor": {"display": text}} for text in given if isinstance(text, str)][:1]
    return {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": {"coding": codings},
        "patient": {"reference": "resource:0"},
        "occurrenceDateTime": day[:10],
        **({"lotNumber": lot} if isinstance(lot, str) else {}),
        **({"performer": by} if by else {}),
    }


def _signed(card: Card, patient: Mapping[str, Any], held: Sequence[Mapping[str, Any]], key: CardKey) -> str:
    entries = [{"fullUrl": f"resource:{number}", "resource": one} for number, one in enumerate([patient, *held])]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return health_cards.signed(
        {
            "iss": f"{settings.PUBLIC_URL}/cards",
            "nbf": int(card.made.timestamp()),
            "vc": {
                "type": [health_cards.TYPE, health_cards.IMMUNIZATION],
                "credentialSubject": {"fhirVersion": "4.0.1", "fhirBundle": bundle},
                "rid": rid(card),
            },
        },
        _opened(key.kid, bytes(key.sealed)),
    )


@lru_cache(maxsize=4)
def _opened(kid: str, sealed: bytes) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(sealing.open_site_secret(PURPOSE, sealed))
    return members


def _current(at: datetime) -> CardKey:
    """The newest, made on first use."""
    found = CardKey.objects.order_by("-created").first()
    if found is not None:
        return found
    with transaction.atomic(), connection.cursor() as cursor:
        # Two processes may both find none: the second waits here and then finds the first one's.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CREATION_LOCK])
        return CardKey.objects.order_by("-created").first() or rotate(at=at)


def rotate(*, at: datetime) -> CardKey:
    """A new key signs from now on; those before it stay published."""
    usage: KeyParameters = {"use": "sig", "alg": "ES256"}
    key = ECKey.generate_key("P-256", usage, auto_kid=True)
    return CardKey.objects.create(
        kid=str(key.kid),
        public={name: value for name, value in key.as_dict(private=False).items() if name in _PUBLIC},
        sealed=sealing.seal_site_secret(PURPOSE, json.dumps(key.as_dict(private=True))),
        created=at,
    )


@transaction.atomic
def replace(*, at: datetime) -> CardKey:
    """A new key, and the old ones are forgotten: no card that they signed is believed any more."""
    CardKey.objects.all().delete()
    return rotate(at=at)


def _note(owner: Person, interaction: str, detail: dict[str, Any], origin: str) -> None:
    events.append(
        owner_id=owner.pk,
        action=Action.EXECUTE,
        interaction=interaction,
        agent_kind=Agent.OWNER,
        agent=str(owner.subject),
        agent_name=owner.name,
        origin=origin,
        detail=detail,
    )
