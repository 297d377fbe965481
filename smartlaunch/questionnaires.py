"""Which questionnaires an organisation asks with: entered, replaced by a newer version, withdrawn.

Whether one can be asked at all is for whoever makes the forms (portal.questionnaires) to say, before it comes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from smartlaunch.models import Organization, Questionnaire
from standards.fhir import json

OFFERED_MAX: Final = 50


class VersionTaken(Exception):
    """Under this url and version the organisation asks, or asked, something else."""


class TooMany(Exception):
    """The organisation has as many as it may have."""


def offered(organization: Organization) -> QuerySet[Questionnaire]:
    return organization.questionnaires.filter(withdrawn__isnull=True)


def resource(questionnaire: Questionnaire) -> Any:
    """Of one of its own, as FHIR JSON; of one of ours, whose words are not kept here, None."""
    return json.loads(bytes(questionnaire.body)) if questionnaire.body else None


@transaction.atomic
def enter(organization: Organization, given: Mapping[str, Any], *, at: datetime, ours: str = "") -> Questionnaire:
    """Offers this Questionnaire, in place of another version of it. ``ours``: the name of one of ours.

    Raises VersionTaken, TooMany.
    """
    Organization.objects.select_for_update().get(pk=organization.pk)  # two uploads at once make one of each version
    url, version = given["url"], given["version"]
    body = b"" if ours else json.dumps(given)
    known = organization.questionnaires.filter(url=url, version=version).first()
    if known is not None and (bytes(known.body), known.ours) != (body, ours):
        raise VersionTaken(f"{url}|{version}")
    offered(organization).filter(url=url).exclude(version=version).update(withdrawn=at)
    if offered(organization).exclude(url=url).count() >= OFFERED_MAX:
        raise TooMany(str(organization.uid))
    if known is not None:
        Questionnaire.objects.filter(pk=known.pk).update(withdrawn=None)
        return known
    return Questionnaire.objects.create(
        organization=organization, ours=ours, url=url, version=version, title=given["title"], body=body, entered=at
    )


def withdraw(organization: Organization, uid: UUID, *, at: datetime) -> bool:
    """Nobody is asked with it any more; who was asked may still answer. False where there is none offered."""
    return bool(offered(organization).filter(uid=uid).update(withdrawn=at))
