"""The allow-list of EHRs: which may open us, who we are there, and which pages may hold ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from records import sealing
from smartlaunch.models import Ehr, Organization
from sync.models import AuthMethod

SCOPES: Final = "launch openid fhirUser patient/Patient.rs user/Practitioner.rs"
"""To know who signed in and whose chart it is. Where reports are sent back, more is asked for."""


class InvalidOrigin(ValueError):
    """No origin that a browser would compare: ``https://host[:port]``, and nothing after it."""


def known(iss: str) -> Ehr | None:
    """The EHR with exactly this ``iss``, if it may open us: no address is built from one that is not in the list."""
    if "\x00" in iss:  # no text of the database's
        return None
    found = Ehr.objects.filter(iss=iss, active=True, organization__active=True)
    return found.select_related("organization").first()


def of_slug(slug: str) -> Ehr | None:
    """The EHR of this redirect address, if it may open us."""
    found = Ehr.objects.filter(slug=slug, active=True, organization__active=True)
    return found.select_related("organization").first()


@transaction.atomic
def enter(
    organization: Organization,
    iss: str,
    *,
    name: str,
    slug: str,
    client_id: str,
    secret: str | None = None,
    private_jwk: str | None = None,
    scopes: str = SCOPES,
    frame_ancestors: Sequence[str] = (),
) -> Ehr:
    """Register an EHR, or bring it up to date; ``iss`` tells which, as the EHR spells it. The slug stays what it was.

    ``secret`` makes us a confidential client there, ``private_jwk`` one that signs; neither, a public one. Raises
    InvalidOrigin.
    """
    kept = private_jwk or secret
    changing = {
        "organization": organization,
        "name": name,
        "client_id": client_id,
        "auth_method": AuthMethod.KEY if private_jwk else AuthMethod.SECRET if secret else AuthMethod.NONE,
        "sealed_secret": sealing.seal_site_secret(secret_purpose(iss), kept.encode()) if kept else None,
        "scopes": scopes,
        "frame_ancestors": [origin(each) for each in frame_ancestors],
    }
    ehr, _ = Ehr.objects.update_or_create(iss=iss, defaults=changing, create_defaults={**changing, "slug": slug})
    return ehr


def secret_purpose(iss: str) -> str:
    return f"ehr|{iss}"


def secret_of(ehr: Ehr) -> str | None:
    if ehr.sealed_secret is None:
        return None
    return sealing.open_site_secret(secret_purpose(ehr.iss), bytes(ehr.sealed_secret)).decode()


def redirect_uri(ehr: Ehr) -> str:
    """Exact, and another one for each EHR, so that an answer cannot be passed off as another's (RFC 9700 4.4)."""
    return settings.PUBLIC_URL + reverse("ehr:callback", args=[ehr.slug])


def launch_uri() -> str:
    """What an EHR is told to open."""
    return settings.PUBLIC_URL + reverse("ehr:launch")


def origin(text: str) -> str:
    """An origin as browsers write it. Raises InvalidOrigin, also for what would let in more than one site."""
    parts = urlsplit(text.strip())
    local = settings.SANDBOX and parts.scheme == "http"
    bare = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password)
    if not (parts.scheme == "https" or local) or not parts.hostname or not bare or set(parts.netloc) & set("*;, '\""):
        raise InvalidOrigin(text)
    return f"{parts.scheme}://{parts.netloc.lower()}"
