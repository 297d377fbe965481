"""The hospitals at which we are registered."""

from __future__ import annotations

from django.db import transaction
from django.utils.text import slugify

from records import sealing, sources
from records.models import SourceKind
from sync import directory, tokens, vendors
from sync.models import AuthMethod, Hospital
from sync.sources.wearables import makers

SCOPES = "launch/patient openid fhirUser offline_access patient/*.rs"


def scopes_for(vendor: str) -> str:
    """What is asked for at the systems of a vendor."""
    maker = makers.of(vendor)
    return maker.scopes if maker else vendors.of(vendor).scopes or SCOPES


def kind_of(vendor: str) -> SourceKind:
    """Whether those of a vendor are hospitals, health plans or makers of devices."""
    if makers.of(vendor):
        return SourceKind.WEARABLE
    return SourceKind.PAYER if vendors.of(vendor).is_payer else SourceKind.EHR


@transaction.atomic
def register(
    fhir_base: str,
    *,
    name: str,
    client_id: str,
    place: str = "",
    slug: str = "",
    secret: str | None = None,
    private_jwk: str | None = None,
    scopes: str = "",
    vendor: str = "",
) -> Hospital:
    """Enter a hospital, or bring its entry up to date; ``fhir_base`` tells which. The slug never changes: it stands in
    the redirect address that the hospital has on file.

    ``scopes``: what is asked for there, else what its vendor has. ``secret`` makes us a confidential client there,
    ``private_jwk`` (the JSON of an RSA or EC key with its kid) one that signs; neither, a public one.
    """
    kept = secret or private_jwk
    method = AuthMethod.KEY if private_jwk else AuthMethod.SECRET if secret else AuthMethod.NONE
    source = sources.ensure(kind_of(vendor), name, fhir_base.rstrip("/"))
    changing = {
        "fhir_base": fhir_base,
        "name": name,
        "place": place,
        "client_id": client_id,
        "auth_method": method,
        "sealed_secret": sealing.seal_site_secret(tokens.secret_purpose(fhir_base), kept.encode()) if kept else None,
        "scopes": scopes or scopes_for(vendor),
        "vendor": vendor,
        "active": True,
    }
    # A list may have spelt its address with or without a slash at its end: how it is spelt now is what counts.
    hospital, _ = Hospital.objects.update_or_create(
        source=source, defaults=changing, create_defaults={**changing, "slug": slug or slugify(name)[:64]}
    )
    directory.enter(hospital, name=name, place=place)
    return hospital
