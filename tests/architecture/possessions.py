"""An owner with something of her own behind every address that varies, and those who have no business with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from consent import delegations, emergencies, ledger
from consent.delegations import Offer
from consent.models import Delegation, Relationship
from consent.terms import Terms
from developers import dynamic, webhooks
from developers import people as made_up
from developers.models import Delivery, EventKind
from fhirapi.bulk import runs
from gateway import authorizations, clients, pending
from gateway.models import AuthorizationRequest
from portal import questionnaires
from records import marks, patient
from sharing import cards
from sharing.models import Card
from smartlaunch import asks
from smartlaunch import questionnaires as offers
from smartlaunch.models import FollowUp, Visit
from sync import entries
from tests.architecture.addresses import UID, Route
from tests.clinic import charts
from tests.developers import builders
from tests.fhirapi import backends
from tests.fhirapi import people as api
from tests.portal import people
from tests.sharing import makers
from tests.smartlaunch import clinics
from tests.sync import files

WORD = "Zebrafish allergy"
NAME = "Zenobia Quillfeather"
_FORM, _FHIR = "application/x-www-form-urlencoded", "application/fhir+json"
NOWHERE = 2_000_000_000
READ = ledger.Reading("1", "en")
LAUNCHED = "opened-from-here"

METADATA = {
    "client_name": "By itself",
    "redirect_uris": [builders.REDIRECT],
    "token_endpoint_auth_method": "none",
    "scope": "openid",
}

Ids = dict[str, tuple[Any, Any]]
"""By what varies in an address: what is hers, and what is nobody's."""


@dataclass(frozen=True)
class Asker:
    """Somebody at a browser, or a program with a token."""

    client: Client
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, form: dict[str, Any] | None = None) -> Any:
        """One request, by GET with the form as query. Cookies stay as they were: a walk comes by the sign-out too."""
        cookies = SimpleCookie({name: morsel.value for name, morsel in self.client.cookies.items()})
        try:
            return self._answer(method, path, form)
        finally:
            self.client.cookies = cookies

    def _answer(self, method: str, path: str, form: dict[str, Any] | None) -> Any:
        if method == "get":
            return self.client.get(path, form, headers=self.headers)
        if not path.startswith("/fhir/"):
            return self.client.post(path, form, headers=self.headers)
        if path.endswith("/_search"):
            return self.client.post(path, "_count=5", content_type=_FORM, headers=self.headers)
        return self.client.post(path, '{"resourceType": "Condition"}', content_type=_FHIR, headers=self.headers)


@dataclass(frozen=True)
class Estate:
    """``ids`` are by room or by route, ``holders`` who may open what; both fall back from the route to its room."""

    owner: Person
    ids: dict[str, Ids]
    holders: dict[str, Asker]
    strangers: dict[str, Asker]
    forms: dict[str, dict[str, str]]
    """What a form has to say besides, by route."""

    def hers(self, route: Route) -> dict[str, Any]:
        return self._values(route, 0)

    def nobodys(self, route: Route) -> dict[str, Any]:
        return self._values(route, 1)

    def holder(self, route: Route) -> Asker:
        return self.holders.get(route.name) or self.holders.get(route.room) or self.holders[""]

    def words(self) -> tuple[str, ...]:
        """What only stands where something of hers is shown."""
        return WORD, NAME, self.owner.email, self.owner.patient_id

    def missing(self, route: Route) -> bool:
        """Whether it names nothing of anybody's."""
        return not route.groups <= {**SAME, **self.ids.get(route.room, {}), **self.ids.get(route.name, {})}.keys()

    def _values(self, route: Route, place: int) -> dict[str, Any]:
        known = {**SAME, **self.ids.get(route.room, {}), **self.ids.get(route.name, {})}
        missing = route.groups - known.keys()
        assert not missing, f"{route.name}: say in tests/architecture/possessions.py what {missing} of hers there is"
        return {group: known[group][place] for group in route.groups}


# What names no thing of anybody's.
SAME: Ids = {
    "kind": ("conditions", "conditions"),
    "resource_type": ("Condition", "Condition"),
    "form": ("json", "json"),
    "name": ("Condition-1", "Condition-1"),
    "slug": ("cadence", "cadence"),
    "key": ("0" * 40, "0" * 40),
    "day": ("2020-01-01", "2020-01-01"),
}


_FORMS = {"portal:for_open_app": {"app": LAUNCHED}}


def estate() -> Estate:
    owner = people.sign_up(name=NAME, role="developer")
    report = people.report(owner, "report", f"<p>{WORD}</p>")
    resources = [people.condition(owner, "hers", code={"text": WORD}), people.observation(owner, "hb"), report]
    people.store_records(owner, resources)
    marks.mark(owner.pk, ("DiagnosticReport", "report"), sensitive=False, actor=owner, at=timezone.now())
    patient.ensure(owner.pk, at=timezone.now())
    ids: dict[str, Ids] = {"portal": {}, "": {}, "fhirapi": {}}
    holders = {"": Asker(people.browser_of(owner))}
    for give in (_portal, _accounts, _developers, _api, _exports, _clinic, _staff):
        give(owner, ids, holders)
    return Estate(owner, ids, holders, _strangers(), _FORMS)


def _portal(owner: Person, ids: dict[str, Ids], holders: dict[str, Asker]) -> None:
    hospital = people.list_hospital("Riverside")
    connection_id = people.connect(owner, hospital).pk
    active, paused = (people.let_in(owner, "patient/*.rs", "offline_access") for _ in range(2))
    authorizations.pause(paused, by=owner, at=timezone.now())
    helper = people.sign_up(name="Helper")
    acted, resting, plain = delegate(owner, helper, apps=True), *(delegate(owner, people.sign_up()) for _ in range(2))
    delegations.pause(resting, at=timezone.now())
    ids["portal"] = {
        "logical_id": ("hers", "none"),
        "connection_id": (connection_id, NOWHERE),
        "authorization_id": (active.pk, NOWHERE),
        "uid": (acted.uid, UID),
    }
    hers = files.bundle(files.patient(given="Zenobia", family="Quillfeather"))
    other = files.bundle(files.patient("other", given="Berta", family="Other"))
    upload = files.give(people.browser_of(owner), files.zipped({"hers.json": hers, "other.json": other}))
    for name, number in (("file", 0), ("take_back_file", 0), ("file_account", 0), ("answer_file", 1)):
        ids[f"portal:{name}"] = {"uid": (upload.uid, UID), "number": (number, NOWHERE)}
    # What nobody can classify, as the condition, is withheld from whoever acts for her.
    for name in ("trend", "trend_points", "for_trend", "for_trend_points"):
        ids[f"portal:{name}"] = {"logical_id": ("hb", "none")}
    ids["portal:for_record"] = {"resource_type": ("Observation", "Observation"), "logical_id": ("hb", "none")}
    for name in ("document", "for_document"):
        paper = {"resource_type": ("DiagnosticReport", "DiagnosticReport"), "logical_id": ("report", "none")}
        ids[f"portal:{name}"] = {**paper, "number": (0, 0)}
    said = {"code": {"coding": [{"system": "http://loinc.org", "code": "51855-5"}]}, "valueString": WORD}
    entry = entries.add(owner, said, at=timezone.now())
    answered = {"questionnaire": questionnaires.ours().canonical, "item": [{"linkId": "1", "text": WORD}]}
    answers = entries.add(owner, answered, kind=entries.ANSWERS, at=timezone.now())
    for name in ("own_answer_correct", "own_answer_take_back"):
        ids[f"portal:{name}"] = {"entry": (answers, UID)}
    for name in ("own_correct", "own_take_back"):
        ids[f"portal:{name}"] = {"entry": (entry, UID)}
    ids["portal:receipt_file"] = {"form": ("receipt", "receipt")}
    ids["portal:resume_app"] = {"authorization_id": (paused.pk, NOWHERE)}
    ids["portal:resume_delegation"] = {"uid": (resting.uid, UID)}
    ids["portal:let_apps_in"] = {"uid": (plain.uid, UID)}
    waiting = _asking_app()
    ids["gateway:consent-for"] = {"uid": (waiting.pk, waiting.pk), "delegation": (acted.uid, UID)}
    shared = makers.make(owner).link
    for name in ("show_link", "stop_link", "renew_link"):
        ids[f"portal:{name}"] = {"uid": (shared.uid, UID)}
    key = cards.published(at=timezone.now())["keys"][0]["kid"]
    card = Card.objects.create(owner=owner, kid=key, shots=1, made=timezone.now())
    ids["portal:take_back_card"] = {"uid": (card.uid, UID)}
    ids["sharing:cards_taken_back"] = {"kid": (key, key)}
    ids["portal:for_same_kind"] = {"kind": ("problems", "problems")}
    pages = ("home", "timeline", "results", "trend", "trend_points", "records", "record", "document", "readings")
    pages += ("visits", "care_team", "costs", "same", "same_kind", "differences", "open_app")
    pages += ("messages", "conversation")
    for name in (*(f"portal:for_{page}" for page in pages), "gateway:consent-for"):
        holders[name] = Asker(people.browser_of(helper))


def _asking_app() -> AuthorizationRequest:
    """An app that waits for an answer of anybody's, and can be opened from here."""
    known = {"redirect_uris": [builders.REDIRECT], "method": "none", "scopes_allowed": ("patient/*.rs",)}
    made = clients.register("Opened", launch_uri="https://app.example/launch", client_id=LAUNCHED, **known).application
    params = {"redirect_uri": builders.REDIRECT, "state": "s", "offered": ["patient/*.rs"]}
    params |= {"code_challenge": "c" * 43, "code_challenge_method": "S256"}
    return pending.keep(made, params, ["patient/*.rs"], at=timezone.now())


def _accounts(owner: Person, ids: dict[str, Ids], holders: dict[str, Asker]) -> None:
    elsewhere = people.browser_of(owner)
    elsewhere.get("/account/")
    session = UserSession.objects.get(user=owner, session_key=elsewhere.session.session_key)
    told = {"name": "Her laptop", "passwordless": True, "credential": {}}
    passkey = Authenticator.objects.create(user=owner, type=Authenticator.Type.WEBAUTHN, data=told)
    ids[""] = {"number": (session.pk, NOWHERE), "pk": (passkey.pk, NOWHERE)}


def _developers(owner: Person, ids: dict[str, Ids], holders: dict[str, Asker]) -> None:
    at = timezone.now()
    app = builders.app(owner, method="client_secret_basic").application
    signing = builders.app(owner, method="private_key_jwt", jwks=backends.key_set()).application
    subscription, _ = webhooks.subscribe(app, "https://app.example/heard", list(EventKind), at=at)
    told = {"subscription": subscription, "event": EventKind.REVOKED, "key": "k", "body": {}, "created": at, "due": at}
    delivery = Delivery.objects.create(**told)
    person = made_up.make(owner, at=at).person
    registered = dynamic.register(METADATA, by=None, at=at)
    ids["developers"] = {"uid": (app.uid, UID), "person_id": (person.pk, NOWHERE)}
    ids["developers:renew_keys"] = {"uid": (signing.uid, UID)}
    ids["developers:end_webhook"] = {"uid": (subscription.uid, UID)}
    ids["developers:replay"] = {"uid": (delivery.uid, UID)}
    ids["developers:registration"] = {"client_id": (registered.application.client_id, "nobody")}
    holders["developers:registration"] = _program(registered)
    holders["developers:review"] = Asker(builders.browser(builders.staff()))


def _api(owner: Person, ids: dict[str, Ids], holders: dict[str, Asker]) -> None:
    """Her app, which may do everything an app may."""
    app = api.let_in(owner, "patient/*.cruds")
    ids["fhirapi"] = {"logical_id": ("hers", "none"), "version_id": ("1", "1")}
    of_patient = ("everything", "summary", "compartment", "form-compartment")
    for name in of_patient:
        ids[f"fhirapi:{name}"] = {"logical_id": (owner.patient_id, UID)}
    holders["fhirapi"] = Asker(Client(), {"Authorization": f"Bearer {app.token}"})


def _exports(owner: Person, ids: dict[str, Ids], holders: dict[str, Asker]) -> None:
    """A backend service she let in, and what it exported."""
    service = backends.Service.register()
    backends.let_in(owner, service, "patient/*.rs", "offline_access")
    export = backends.of(service.begin())
    runs.perform(export.pk)
    holder = Asker(Client(), {**service.headers(), "Prefer": "respond-async", "Accept": "*/*"})
    file = next(file for file in json.loads(holder.ask("get", f"/fhir/r4/_export/{export.uid}").content)["output"])
    name = file["url"].rpartition("/")[2].removesuffix(".ndjson")
    ids["fhirapi:export-status"] = {"uid": (export.uid, UID)}
    ids["fhirapi:export-file"] = {"uid": (export.uid, UID), "name": (name, name)}
    ids["fhirapi:export-group"] = {"group_id": (service.application.uid, UID)}
    for route in ("export-status", "export-file", "export-group"):
        holders[f"fhirapi:{route}"] = holder


def _clinic(owner: Person, ids: dict[str, Ids], holders: dict[str, Asker]) -> None:
    """A clinician has her chart open in his EHR."""
    ehr = clinics.ehr()
    charts.link(owner, ehr)
    charts.share(owner, ehr.organization)
    visit, browser = charts.opened(ehr, person=owner)
    ids["clinic"] = ids["ehr:style"] = {"uid": (visit.uid, UID)}
    ids["clinic:record"] = {
        **ids["clinic"],
        "resource_type": ("Observation", "Observation"),
        "logical_id": ("hb", "none"),
    }
    holders["clinic"] = holders["ehr:style"] = holders["clinic:record"] = Asker(browser)
    waits, answered = _follow_ups(owner, visit, browser)
    for name, row in (("asked", waits), ("decline_asked", waits), ("take_back_asked", answered)):
        ids[f"portal:{name}"] = {"uid": (row.pk, UID)}
    ids["clinic:follow_up"] = {**ids["clinic"], "follow_up": (answered.pk, UID)}
    holders["clinic:follow_up"] = holders["clinic"]
    asking = clinics.ehr("Cedar Clinic")
    asked, _ = charts.opened(asking)
    charts.write(owner, ehr.organization, WORD)
    conversation = {"organization": (ehr.organization.uid, UID)}
    ids["portal:conversation"] = conversation
    ids["portal:for_conversation"] = {**conversation, "uid": ids["portal"]["uid"]}
    request = charts.asked(owner, asked)
    asks.show_code(owner, at=timezone.now())
    in_need, _ = charts.opened(asking)
    told = {
        "visit": in_need.uid,
        "clinician": "Dr. A",
        "organization": "Cedar Clinic",
        "reason": "She does not wake up.",
    }
    emergency = emergencies.begin(owner.pk, **told, ends=in_need.ends, at=timezone.now())
    ids["portal:end_emergency"] = {"uid": (emergency.pk, UID)}
    ids["portal:clinic_ask"] = {"uid": (request.uid, UID)}
    ids["portal:stop_clinic"] = {"uid": (ehr.organization.uid, UID)}


def _follow_ups(owner: Person, visit: Visit, browser: Client) -> list[FollowUp]:
    """Two questionnaires that the clinic asked her, of which she answered one."""
    organization = visit.ehr.organization
    chosen = offers.enter(organization, questionnaires.ours().resource, ours=questionnaires.HERS, at=timezone.now())
    for once in ("first", "second"):
        browser.post(f"/ehr/{visit.uid}/questionnaires/", {"questionnaire": str(chosen.uid), "once": once})
    waits, answered = FollowUp.objects.filter(owner=owner)
    people.browser_of(owner).post(f"/asked/{answered.pk}/", {"q0": WORD})
    return [waits, answered]


def _staff(owner: Person, ids: dict[str, Ids], holders: dict[str, Asker]) -> None:
    """She looks after a clinic here, too."""
    ehr = clinics.ehr("Elm Clinic")
    ehr.organization.staff.add(owner)
    clinician = clinics.clinician(ehr, name="Dr. Elm")
    slug = {"slug": (ehr.organization.slug, "nowhere")}
    ids["organizations"] = slug
    ids["organizations:ehr"] = {**slug, "ehr_slug": (ehr.slug, "nowhere")}
    ids["organizations:switch_clinician"] = {**slug, "uid": (clinician.uid, UID)}
    asked = offers.enter(ehr.organization, questionnaires.ours().resource, ours=questionnaires.HERS, at=timezone.now())
    ids["organizations:questionnaire"] = {**slug, "uid": (asked.uid, UID)}


def _program(registered: dynamic.Answer) -> Asker:
    return Asker(Client(), {"Authorization": f"Bearer {registered.body['registration_access_token']}"})


def delegate(owner: Person, person: Person, *, apps: bool = False) -> Delegation:
    """Asked, and accepted."""
    at = timezone.now()
    offer = Offer(
        name="Ben", email=person.email, relationship=Relationship.SPOUSE, guardian=False, granted=("patient/*.rs",),
        terms=Terms(apps=apps, labels=frozenset({"MSG"})), ends=at + timedelta(days=90),
    )  # fmt: skip
    delegation, _ = delegations.invite(owner, offer, read=READ, at=at)
    delegations.accept(delegation, person, at=at)
    delegation.refresh_from_db()
    return delegation


def _strangers() -> dict[str, Asker]:
    second = people.sign_up(name="Second Person")
    ehr = clinics.ehr("Lakeside Clinic")
    _, elsewhere = clinics.visit(clinics.clinician(ehr), at_ehr=ehr, person=second)
    people.store_records(second, [people.condition(second, "of-second")])
    other, another = people.sign_up(name="Acting For Another"), people.sign_up(name="Another")
    delegate(another, other)
    developer = builders.developer()
    builders.app(developer)
    app = api.let_in(second, "patient/*.cruds")
    service = backends.Service.register(name="Other cohort")
    backends.let_in(another, service, "patient/*.rs", "offline_access")
    return {
        "a second person": Asker(people.browser_of(second)),
        "a delegate of somebody else": Asker(people.browser_of(other)),
        "nobody signed in": Asker(Client()),
        "a clinician with another chart open": Asker(elsewhere),
        "a developer": Asker(builders.browser(developer)),
        "an app of the second person": Asker(Client(), {"Authorization": f"Bearer {app.token}"}),
        "a program that registered itself": _program(dynamic.register(METADATA, by=None, at=timezone.now())),
        "a backend service of others": Asker(Client(), {**service.headers(), "Prefer": "respond-async"}),
    }


_APPS = "application_id IN (SELECT id FROM gateway_application WHERE user_id = %(owner)s)"
_KEPT = {
    "accounts_person": "id = %(owner)s",
    "records_record": "owner_id = %(owner)s",
    "consent_decision": "owner_id = %(owner)s",
    "consent_delegation": "owner_id = %(owner)s",
    "sync_connection": "owner_id = %(owner)s",
    "sync_upload": "owner_id = %(owner)s",
    "sync_uploadeddocument": "owner_id = %(owner)s",
    "sharing_card": "owner_id = %(owner)s",
    "sharing_healthlink": "owner_id = %(owner)s",
    "sync_run": "connection_id IN (SELECT id FROM sync_connection WHERE owner_id = %(owner)s)",
    "gateway_authorization": "person_id = %(owner)s",
    "gateway_accesstoken": "user_id = %(owner)s",
    "gateway_application": "user_id = %(owner)s",
    "developers_review": _APPS,
    "developers_subscription": _APPS,
    "developers_delivery": f"subscription_id IN (SELECT id FROM developers_subscription WHERE {_APPS})",  # noqa: S608 - words of ours
    "consent_emergency": "owner_id = %(owner)s",
    "smartlaunch_chartlink": "owner_id = %(owner)s",
    "smartlaunch_sharerequest": "owner_id = %(owner)s",
    "smartlaunch_showncode": "owner_id = %(owner)s",
    "smartlaunch_visit": "person_id = %(owner)s",
    "mfa_authenticator": "user_id = %(owner)s",
    "usersessions_usersession": "user_id = %(owner)s",
}


def fingerprint(owner: Person) -> str:
    """What there is of hers in the tables of every room, as digests."""
    digests = ", ".join(
        f"(SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t WHERE {hers})"  # noqa: S608 - words of ours
        for table, hers in _KEPT.items()
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {digests}", {"owner": owner.pk})
        found = cursor.fetchone()
    assert None not in found, f"nothing of hers in {list(_KEPT)[found.index(None)]}"
    return str(found)
