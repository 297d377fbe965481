"""Insecure direct object references: whoever asks for what is somebody else's is told what is told of nothing.

The addresses come from the URL map, so none can be forgotten: a new one that varies needs something of the owner's in
``possessions.py``, or a reason here why it names nothing of anybody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from allauth.account.utils import user_pk_to_url_str
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from sandbox import intake, loading, populating
from tests.architecture import addresses, possessions
from tests.architecture.possessions import Asker
from tests.portal import people
from tests.sandbox.conftest import hospital

pytestmark = pytest.mark.django_db
__all__ = ["hospital"]

# Addresses that vary without naming anything of one person: what they show is the asker's own, or everybody's.
OF_NOBODY = {
    "account_confirm_email": "a secret out of a mail",
    "account_reset_password_from_key": "a secret out of a mail; the number beside it is tested below",
    "ehr:callback": "an EHR in the list; state and cookie say which launch (tests/smartlaunch/test_arrivals.py)",
    "ehr:go": "a launch that has no clinician and no patient yet",
    "fhirapi:form-search": "a kind of record",
    "fhirapi:nowhere": "any address that leads nowhere",
    "fhirapi:search": "a kind of record",
    "fhirapi:type-history": "a kind of record",
    "fhirapi:whole-compartment": "a search that nobody gets",
    "gateway:consent": "a question that nobody has answered yet; who does answers for herself",
    "gateway:consent-own": "a question that nobody has answered yet; who does answers for herself",
    "gateway:logo": "pictures of apps are public",
    "gateway:smart-style": "colours of the site",
    "portal:access_file": "a kind of file",
    "portal:ask_first": "a day; the device is looked for in the asker's own record (tests/portal/test_days.py)",
    "portal:day": "a day",
    "portal:open_invitation": "a secret out of a mail, good for one address (tests/portal/test_people.py)",
    "portal:own_add": "a sort of entry",
    "portal:own_answer": "a questionnaire; one in a record is looked for in the asker's own",
    "portal:records": "a kind of record",
    "portal:same_kind": "a kind of record",
    "sharing:cards_taken_back": "a key of the site; numbers that name nobody (tests/sharing/test_cards.py)",
    "sharing:file": "a secret out of a manifest, good for minutes (tests/sharing/test_links.py)",
    "sharing:link": "a secret that she gave away, good for whoever has it (tests/sharing/test_links.py)",
    "smartlaunch:begin": "a hospital in the directory",
    "smartlaunch:callback": "a hospital in the directory",
    "smartlaunch:notice": "a secret that a maker of devices was told (tests/smartlaunch/test_news.py)",
}
MADE_UP = {
    **{group: values[0] for group, values in possessions.SAME.items()},
    "key": "1-abc",
    "kid": "x",
    "uidb36": "1",
    "digest": "x",
    "token": "made-up",
    "ticket": "made-up",
    "slug": "riverside",
    "sort": "pressure",
    "uid": addresses.UID,
    "path": "Condition/hers/nowhere",
    "logical_id": "hers",
}
# Read before any test makes another site of this one.
ROUTES = addresses.varying()
METHODS = ("get", "post")
FORM = {
    "hide": "everyone",
    "verdict": "sensitive",
    "answer": "allow",
    "order": "approve",
    "mine": "yes",
    "schedule": "daily",
}


@pytest.fixture
def estate():
    return possessions.estate()


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens in it has not happened afterwards."""
    cache.clear()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def told(
    asker: Asker, method: str, path: str, ids: list[str], form: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """Status, where it leads and what it says, without what differs anyway: ids, and the form's secret."""
    answer = asker.ask(method, path, {**FORM, **(form or {})} if method == "post" else None)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    said = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", body.decode(errors="replace"))
    leads = answer.headers.get("Location", "")
    for one in sorted(ids, key=len, reverse=True):
        said, leads = said.replace(one, "ID"), leads.replace(one, "ID")
    return answer.status_code, leads, said


def test_nobody_is_told_more_of_what_is_hers_than_of_nothing(estate):
    walked = [route for route in ROUTES if route.name not in OF_NOBODY]
    assert len(walked) > 40
    before, unseen = possessions.fingerprint(estate.owner), []

    for route in walked:
        hers, nobodys = estate.hers(route), estate.nobodys(route)
        paths = route.path(hers), route.path(nobodys)
        ids = [str(one) for values in (hers, nobodys) for one in values.values()]
        shown, form = False, estate.forms.get(route.name)
        for method in METHODS:
            with undone():
                got, nothing = (told(estate.holder(route), method, path, ids, form) for path in paths)
            shown = shown or (got != nothing and got[0] < 400 <= nothing[0])
            for who, asker in estate.strangers.items():
                with undone():
                    got, nothing = (told(asker, method, path, ids, form) for path in paths)
                    assert possessions.fingerprint(estate.owner) == before, (route.name, method, who)
                assert got == nothing, (route.name, method, who)
                assert not any(word in got[2] for word in estate.words()), (route.name, method, who)
        if not shown:
            unseen.append(route.name)
    assert unseen == [], "not even who may open these sees that they are there"


def test_no_other_address_shows_a_stranger_anything_of_hers(estate):
    """All that name nothing, or nothing of anybody's, asked also with her ids in the form and in the query."""
    varying = [route for route in ROUTES if route.name in OF_NOBODY]
    assert {route.name for route in varying} == set(OF_NOBODY)
    constant = [path for path in addresses.every() if not re.search(r"/(1|x|laboratory|0{8}-\S*)(/|\.|$)", path)]
    walked = [*constant, *(route.path(MADE_UP) for route in varying)]
    before = possessions.fingerprint(estate.owner)
    form = hers_in_a_form(estate)
    with undone():
        assert possessions.WORD in estate.holders[""].ask("get", "/records/conditions/").content.decode()

    for path in walked:
        for who, asker in estate.strangers.items():
            # Programs are known at the API alone, and what a form does it does for everybody who is signed in.
            if bool(asker.headers) is not path.startswith("/fhir/"):
                continue
            for method in METHODS if who in ("a second person", "nobody signed in") else METHODS[:1]:
                with undone():
                    answer = asker.ask(method, path, form)
                    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
                    assert possessions.fingerprint(estate.owner) == before, (path, method, who)
                said = body.decode(errors="replace").replace(form["login"], "")
                shown = [word for word in (possessions.WORD, possessions.NAME) if word in said]
                assert shown == [], (path, method, who)


def hers_in_a_form(estate) -> dict[str, str]:
    """Fields that pages read, and such as a wrong page might."""
    portal = {name: str(hers) for name, (hers, _) in estate.ids["portal"].items()}
    owner = str(estate.owner.pk)
    return {
        **FORM,
        **portal,
        **dict.fromkeys(("owner", "owner_id", "person", "person_id", "user", "user_id", "id"), owner),
        **dict.fromkeys(("patient", "subject", "_id"), estate.owner.patient_id),
        "app": portal["authorization_id"],
        "login": estate.owner.email,
        "email": estate.owner.email,
    }


def test_a_new_password_is_not_set_by_a_made_up_link(estate):
    mine = user_pk_to_url_str(estate.owner)
    for asker in estate.strangers.values():
        hers, nobodys = (
            told(asker, "get", f"/accounts/password/reset/key/{one}-made-up-key/", [mine, "zzzz"])
            for one in (mine, "zzzz")
        )
        assert hers == nobodys


def test_a_chart_is_for_the_clinicians_of_its_hospital(hospital):
    chart = {"resourceType": "Patient", "id": "ann", "name": [{"family": "Quillfeather"}]}
    loading.load(intake.gather([chart], origin="the test"), at=timezone.now())
    clinician = Person.objects.get(email=populating.ensure_clinician().email)
    walked = [route for route in addresses.varying("sandbox.urls") if "patient_id" in route.groups]
    assert {route.name for route in walked} == {"chart", "open-app"}
    assert "Quillfeather" in people.browser_of(clinician).get("/patients/ann/").content.decode()

    for asker in map(Asker, (people.browser_of(people.sign_up()), Client())):
        for route in walked:
            for method in METHODS:
                paths = [route.path({"patient_id": one}) for one in ("ann", "nobody")]
                hers, nobodys = (told(asker, method, path, ["ann", "nobody"]) for path in paths)
                assert hers == nobodys, (route.name, method)
                assert "Quillfeather" not in hers[2]
