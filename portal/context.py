"""What every page knows: whose site it is, where one can go, and which languages there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import languages
from accounts.models import Person
from portal import acting
from portal.acting import Acting


@dataclass(frozen=True)
class Place:
    """One entry of the navigation. ``pages``: the url names under which it is the current one."""

    label: str | Promise
    icon: str
    view: str
    pages: frozenset[str]


@dataclass(frozen=True)
class Link:
    label: str | Promise
    icon: str
    url: str
    current: bool


@dataclass(frozen=True)
class House:
    """Whose pages these are. ``kind`` is "person" or "hospital"; a sandbox hospital has no navigation of ours."""

    name: str
    kind: str
    navigation: tuple[Link, ...]
    language: str
    languages: tuple[tuple[str, str], ...]
    developers: str
    """Where the pages for developers begin; empty at a hospital, which has none."""
    family: tuple[Acting, ...]
    """Whom she acts for, to switch between; only on the pages about records."""


PLACES = (
    Place(
        _("Record"),
        "record",
        "portal:home",
        frozenset(
            {"home", "timeline", "records", "record", "same", "same_kind", "choose_same", "differences", "days", "day"}
            | {"visits", "care_team", "costs", "glossary", "own", "own_add", "own_correct"}
            | {"own_answers", "own_answer", "own_answer_correct", "asked"}
            | {"results", "trend"}
            | {"readings"}
        ),
    ),
    Place(
        _("Hospitals"),
        "hospital",
        "portal:hospitals",
        frozenset({"hospitals", "hospital", "stop_hospital", "files", "file", "take_back_file", "devices"}),
    ),
    Place(_("Apps"), "app", "portal:apps", frozenset({"apps", "sensitivity", "withdraw_app", "renew_app", "receipt"})),
    Place(
        _("Share"),
        "share",
        "portal:share",
        frozenset(
            {"share", "take", "emergency", "card", "make_link", "show_link", "stop_link"}
            | {"people", "invite", "invitation", "end_delegation", "for_home", "for_records", "for_record"}
            | {"clinics", "clinic_code", "clinic_ask"}
            | {"messages", "conversation", "for_messages", "for_conversation"}
            | {"for_same", "for_same_kind", "for_differences", "for_timeline", "for_readings"}
            | {"for_results", "for_trend", "for_visits", "for_care_team", "for_costs"}
        ),
    ),
    Place(_("Who looked"), "eye", "portal:access", frozenset({"access"})),
    Place(_("Account"), "person", "portal:account", frozenset({"account", "notices", "data_use"})),
)


def site(request: HttpRequest) -> dict[str, House]:
    """Context processor; the name is ``house`` because allauth gives its pages a ``site`` of its own."""
    user = getattr(request, "user", None)
    at_home = settings.SITE == "person" and user is not None and user.is_authenticated
    return {
        "house": House(
            name=settings.SITE_NAME,
            kind=settings.SITE,
            navigation=tuple(_links(request)) if at_home else (),
            language=languages.current(),
            languages=tuple(settings.LANGUAGES),
            developers=reverse("developers:home") if settings.SITE == "person" else "",
            family=_family(request) if at_home else (),
        )
    }


def _links(request: HttpRequest) -> Iterator[Link]:
    match = request.resolver_match
    here = match.url_name if match and match.app_name == "portal" else None
    for place in PLACES:
        yield Link(place.label, place.icon, reverse(place.view), here in place.pages)


def _family(request: HttpRequest) -> tuple[Acting, ...]:
    match = request.resolver_match
    if match is None or match.app_name != "portal" or not isinstance(request.user, Person):
        return ()
    return acting.everybody(request.user, at=timezone.now())
