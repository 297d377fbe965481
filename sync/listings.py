"""Lists of hospitals, as their vendors publish them, read into the directory.

Three forms: a SMART user-access brands Bundle (https://hl7.org/fhir/smart-app-launch/brands.html), a Bundle of
Endpoints, and the JSON lists of endpoints that vendors and Lantern publish. Pure, but for ``keep``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import transaction
from django.utils.text import slugify

from records.models import Source
from sync import directory, hospitals
from sync.models import Brand, Hospital

_PORTAL: Final = "http://hl7.org/fhir/StructureDefinition/organization-portal"
_VERSION: Final = "http://hl7.org/fhir/StructureDefinition/endpoint-fhir-version"
_ADDRESS: Final = ("FHIRPatientFacingURI", "URL", "url", "fhir_base", "address")
_NAME: Final = ("OrganizationName", "name", "Name")
_PLACE: Final = ("OrganizationCity", "OrganizationState", "OrganizationZipCode", "city", "state")
_FORMS: Final = {"dstu2": "1.0.2", "r2": "1.0.2", "stu3": "3.0.1", "r3": "3.0.1", "r4": "4.0.1"}
"""What a segment of an address says of the FHIR behind it, where the list says nothing."""


class UnknownForm(ValueError):
    """None of the forms that are read here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A name and the FHIR base behind it. ``others``: what else it is found by."""

    key: str
    name: str
    fhir_base: str
    place: str = ""
    portal: str = ""
    others: tuple[str, ...] = ()
    fhir_version: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of a list. ``skipped``: entries without a name or a usable address."""

    names: int
    hospitals: int
    new_hospitals: int
    gone: int
    skipped: int


def read(document: object) -> tuple[list[Entry], int]:
    """The entries of a list, and how many could not be used. Raises UnknownForm."""
    if isinstance(document, dict) and document.get("resourceType") == "Bundle":
        found = list(_of_bundle(document))
    else:
        found = list(_of_list(document))
    usable = {(each.key, each.fhir_base): each for each in found if each is not None}
    return list(usable.values()), sum(each is None for each in found)


def keep(entries: Iterable[Entry], *, listing: str, vendor: str = "", skipped: int = 0) -> Account:
    """Make the directory's names of this list these and no others. What is registered, or connected, stays."""
    entries = list(entries)
    with transaction.atomic():
        known, new = _hospitals(entries, vendor)
        gone, _ = Brand.objects.filter(listing=listing).delete()
        brands = [_brand(each, known[each.fhir_base.rstrip("/")], listing) for each in entries]
        Brand.objects.bulk_create(brands, batch_size=1000)
    names = {brand.key for brand in brands}
    return Account(len(brands), len(known), new, max(gone - len(names), 0), skipped)


def _hospitals(entries: list[Entry], vendor: str) -> tuple[dict[str, Hospital], int]:
    """The servers behind the entries by address without a slash at its end, made where they are new; and how many."""
    wanted, kind = {each.fhir_base.rstrip("/"): each for each in entries}, hospitals.kind_of(vendor)
    Source.objects.bulk_create(
        [Source(kind=kind, name=each.name[:200], url=url) for url, each in wanted.items()],
        ignore_conflicts=True,
    )
    found = {source.url: source for source in Source.objects.filter(url__in=wanted)}
    there = set(Hospital.objects.filter(source__url__in=wanted).values_list("source__url", flat=True))
    new = [_hospital(each, found[url], vendor) for url, each in wanted.items() if url not in there]
    Hospital.objects.bulk_create(new, batch_size=500)
    of_all = Hospital.objects.filter(source__url__in=wanted).select_related("source")
    return {hospital.source.url: hospital for hospital in of_all}, len(new)


def _hospital(entry: Entry, source: Source, vendor: str) -> Hospital:
    mark = hashlib.sha256(entry.fhir_base.encode()).hexdigest()[:8]
    return Hospital(
        slug=f"{slugify(entry.name)[:50] or 'hospital'}-{mark}",
        name=entry.name[:200],
        place=entry.place[:200],
        fhir_base=entry.fhir_base,
        source=source,
        vendor=vendor,
        fhir_version=entry.fhir_version,
        scopes=hospitals.scopes_for(vendor),
    )


def _brand(entry: Entry, hospital: Hospital, listing: str) -> Brand:
    words = directory.fold(" ".join([entry.name, *entry.others, entry.portal, entry.place]))
    return Brand(
        hospital=hospital,
        listing=listing,
        key=entry.key[:300],
        name=entry.name[:200],
        place=entry.place[:200],
        portal=entry.portal[:200],
        words=words,
    )


# --- SMART user-access brands, and Bundles of Endpoints


def _of_bundle(bundle: Mapping[str, Any]) -> Iterator[Entry | None]:
    resources = [each["resource"] for each in _objects(bundle.get("entry")) if isinstance(each.get("resource"), dict)]
    endpoints = {str(each.get("id")): each for each in resources if each.get("resourceType") == "Endpoint"}
    brands = {str(each.get("id")): each for each in resources if each.get("resourceType") == "Organization"}
    if not endpoints:
        raise UnknownForm("a Bundle without Endpoints")
    for endpoint in endpoints.values() if not brands else ():
        yield _entry(str(endpoint.get("id")), endpoint, endpoint)
    for key, brand in brands.items():
        offered = [endpoints[name] for name in _endpoints(brand, brands) if name in endpoints]
        for endpoint in _newest(offered):
            yield _entry(key, brand, endpoint)
        if not offered:
            yield None


def _endpoints(brand: Mapping[str, Any], brands: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The endpoints of a brand; one without its own has those of the brand it is part of."""
    for _ in range(8):
        listed = [_id(each) for each in _objects(brand.get("endpoint"))]
        for portal in _extensions(brand, _PORTAL):
            listed += [_id(each.get("valueReference", {})) for each in _extensions(portal, "portalEndpoint")]
        if listed:
            return list(dict.fromkeys(listed))
        above = brands.get(_id(brand.get("partOf") or {}))
        if above is None:
            return []
        brand = above
    return []


def _newest(endpoints: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """R4 where there is R4: an older door to the same record is not offered beside it."""
    readable = [each for each in endpoints if not _version(each).startswith(("0", "1", "3"))]
    return readable or endpoints[:1]


def _entry(key: str, named: Mapping[str, Any], endpoint: Mapping[str, Any]) -> Entry | None:
    name, address = named.get("name"), endpoint.get("address")
    if not isinstance(name, str) or not name.strip() or not _usable(address):
        return None
    portals = [
        str(each.get("valueString", ""))
        for portal in _extensions(named, _PORTAL)
        for each in _extensions(portal, "portalName")
    ]
    places = [_place(each) for each in _objects(named.get("address"))]
    aliases = [each for each in named.get("alias", []) if isinstance(each, str)]
    return Entry(
        key=key,
        name=name.strip(),
        fhir_base=str(address),
        place=next((each for each in places if each), ""),
        portal=next((each for each in portals if each), ""),
        others=(*aliases, *places),
        fhir_version=_version(endpoint),
    )


def _version(endpoint: Mapping[str, Any]) -> str:
    said = [each.get("valueCode") for each in _extensions(endpoint, _VERSION)]
    return str(next((each for each in said if each), "")) or _version_of(str(endpoint.get("address", "")))


def _extensions(element: Mapping[str, Any], url: str) -> list[Mapping[str, Any]]:
    return [each for each in _objects(element.get("extension")) if each.get("url") == url]


def _id(reference: Mapping[str, Any]) -> str:
    return str(reference.get("reference", "")).rpartition("/")[2]


def _place(address: Mapping[str, Any]) -> str:
    return ", ".join(str(address[part]) for part in ("city", "state") if address.get(part))


# --- lists of endpoints


def _of_list(document: object) -> Iterator[Entry | None]:
    rows = document.get("Endpoints") if isinstance(document, dict) else document
    if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
        raise UnknownForm("neither a Bundle nor a list of endpoints")
    for row in rows:
        name, address = _first(row, _NAME), _first(row, _ADDRESS)
        if not name.strip() or not _usable(address):
            yield None
            continue
        place = ", ".join(str(row[part]) for part in _PLACE if row.get(part))
        above = str(row.get("managingOrganization") or "")
        yield Entry(name.strip(), name.strip(), address, place, others=(above,), fhir_version=_version_of(address))


def _first(row: Mapping[str, Any], names: Iterable[str]) -> str:
    return next((str(row[name]) for name in names if row.get(name)), "")


def _version_of(address: str) -> str:
    said = [_FORMS[part] for part in urlsplit(address).path.lower().split("/") if part in _FORMS]
    return said[-1] if said else ""


def _usable(address: object) -> bool:
    if not isinstance(address, str) or len(address) > 500:
        return False
    parts = urlsplit(address)
    return parts.scheme in {"https", "http"} and bool(parts.hostname) and not parts.query and not parts.fragment


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
