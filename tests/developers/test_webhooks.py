"""Webhooks: told once, signed, tried again, and only what the app may see."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Person
from consent import delegations
from developers import tasks, webhooks
from developers.models import Delivery, EventKind, Subscription
from gateway import authorizations
from gateway.errors import InvalidRegistration
from gateway.models import Application, Authorization
from tests.developers import builders, receivers
from tests.gateway import parties
from tests.gateway.parties import App
from tests.sync import workers

BOTH = (EventKind.NEW_DATA, EventKind.REVOKED)
LAB = f"patient/Observation.rs?category={parties.LAB}"


@pytest.fixture
def receiver():
    with receivers.listening() as found:
        yield found


def app_on_trial() -> tuple[App, Application]:
    made = builders.app(builders.developer()).application
    return App(made, None, builders.REDIRECT), made


def let_in(app: App, scope: str = "launch/patient patient/Observation.rs") -> Authorization:
    person = parties.sign_up(is_synthetic=True)
    app.let_in(person, scope)
    return Authorization.objects.get(person=person)


def verified(secret: str, message: receivers.Message) -> bool:
    """As the quick-start tells an app to check it."""
    parts = dict(part.split("=") for part in message.headers["Tributary-Signature"].split(","))
    expected = hmac.new(secret.encode(), f"{parts['t']}.".encode() + message.raw, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"]) and abs(time.time() - int(parts["t"])) < 300


def tell(*, at) -> None:
    """Everything there is to tell at this time is told."""
    for delivery_id in webhooks.look(at=at):
        webhooks.deliver(delivery_id, at=at)


@pytest.mark.django_db
def test_new_records_are_told_in_counts_once_and_signed(receiver):
    app, made = app_on_trial()
    _, secret = webhooks.subscribe(made, receiver.url, BOTH, at=timezone.now())
    authorization = let_in(app)
    tell(at=timezone.now())
    assert receiver.heard == []
    written = timezone.now() + timedelta(seconds=60)
    store_at(authorization.person, written, laboratory=3)

    for seconds in (20, 30, 40):
        tell(at=written + timedelta(seconds=seconds))

    (message,) = receiver.heard
    assert verified(secret, message)
    assert message.headers["Tributary-Event"] == "data.new"
    assert message.body["type"] == "data.new"
    assert message.body["data"] == {
        "authorization": str(authorization.uid),
        "patient": authorization.person.patient_id,
        "resources": {"Observation": 3},
    }


@pytest.mark.django_db
def test_only_what_the_gate_lets_the_app_see_is_told(receiver):
    app, made = app_on_trial()
    webhooks.subscribe(made, receiver.url, BOTH, at=timezone.now())
    laboratory_only = let_in(app, f"launch/patient {LAB}")
    tell(at=timezone.now())
    written = timezone.now() + timedelta(seconds=60)
    store_at(laboratory_only.person, written, laboratory=1, vital_signs=5)

    tell(at=written + timedelta(seconds=20))

    assert [message.body["data"]["resources"] for message in receiver.heard] == [{"Observation": 1}]


@pytest.mark.django_db
def test_records_she_hid_by_withdrawing_are_not_told_but_the_end_is(receiver):
    app, made = app_on_trial()
    webhooks.subscribe(made, receiver.url, BOTH, at=timezone.now())
    authorization = let_in(app)
    tell(at=timezone.now())
    written = timezone.now() + timedelta(seconds=60)
    store_at(authorization.person, written, laboratory=2)
    authorizations.end(authorization, by=authorization.person, at=timezone.now())

    for seconds in (20, 40):
        tell(at=written + timedelta(seconds=seconds))

    (message,) = receiver.heard
    assert message.body["type"] == "authorization.revoked"
    assert message.body["data"] == {
        "authorization": str(authorization.uid),
        "patient": authorization.person.patient_id,
    }


@pytest.mark.django_db
def test_what_opens_nothing_for_the_app_tells_it_of_no_new_data(receiver):
    app, made = app_on_trial()
    webhooks.subscribe(made, receiver.url, BOTH, at=timezone.now())
    signed_out, closed, open_one = let_in(app), let_in(app), let_in(app)
    tell(at=timezone.now())
    written = timezone.now() + timedelta(seconds=60)
    for authorization in (signed_out, closed, open_one):
        store_at(authorization.person, written, laboratory=1)
    Authorization.objects.filter(pk=signed_out.pk).update(session="0" * 64)
    Person.objects.filter(pk=closed.person_id).update(is_active=False)

    tell(at=written + timedelta(seconds=20))

    assert [message.body["data"]["authorization"] for message in receiver.heard] == [str(open_one.uid)]
    Person.objects.filter(pk=closed.person_id).update(is_active=True)
    tell(at=written + timedelta(seconds=40))
    assert receiver.heard[1].body["data"]["authorization"] == str(closed.uid)


@pytest.mark.django_db
def test_saying_yes_again_is_no_end(receiver):
    app, made = app_on_trial()
    webhooks.subscribe(made, receiver.url, BOTH, at=timezone.now())
    authorization = let_in(app)
    app.let_in(authorization.person, "launch/patient patient/Observation.rs")

    tell(at=timezone.now() + timedelta(seconds=60))

    assert Authorization.objects.filter(revoked__isnull=False).exists()
    assert receiver.heard == []


@pytest.mark.django_db
def test_a_delegates_app_is_told_of_what_she_may_see_while_she_may(receiver):
    app, made = app_on_trial()
    webhooks.subscribe(made, receiver.url, BOTH, at=timezone.now())
    owner, ben = (parties.sign_up(is_synthetic=True) for _ in range(2))
    delegation = parties.act_for(owner, ben, LAB)
    app.let_in(ben, "launch/patient patient/Observation.rs", acting=delegation)
    app.let_in(owner, "launch/patient patient/Observation.rs")
    own, theirs = Authorization.objects.get(person=owner), Authorization.objects.get(person=ben)
    tell(at=timezone.now())
    written = timezone.now() + timedelta(seconds=60)
    store_at(owner, written, laboratory=2, vital_signs=3)

    tell(at=written + timedelta(seconds=30))

    told = {message.body["data"]["authorization"]: message.body["data"] for message in receiver.heard}
    assert told[str(theirs.uid)]["resources"] == {"Observation": 2}
    assert told[str(theirs.uid)]["patient"] == owner.patient_id
    assert told[str(own.uid)]["resources"] == {"Observation": 5}
    delegations.pause(delegation, at=timezone.now())
    store_at(owner, written + timedelta(seconds=40), laboratory=4)
    tell(at=written + timedelta(seconds=80))
    assert [one.body["data"]["authorization"] for one in receiver.heard[2:]] == [str(own.uid)]
    authorizations.end(theirs, by=owner, at=timezone.now())
    tell(at=written + timedelta(seconds=81))
    last = receiver.heard[-1].body
    assert (last["type"], last["data"]["authorization"]) == ("authorization.revoked", str(theirs.uid))


@pytest.mark.django_db
def test_refused_message_is_tried_again_later_and_later_then_given_up_and_replayed(receiver):
    app, made = app_on_trial()
    webhooks.subscribe(made, receiver.url, BOTH, at=timezone.now())
    authorization = let_in(app)
    authorizations.end(authorization, by=authorization.person, at=timezone.now())
    receiver.answers = [500] * webhooks.ATTEMPTS_MAX
    at, pauses = timezone.now() + timedelta(seconds=1), []
    while not (delivery := Delivery.objects.first()) or delivery.given_up is None:
        tell(at=at)
        before, delivery = at, Delivery.objects.get()
        webhooks.deliver(delivery.pk, at=before)  # twice at once sends once
        at = max(at, delivery.due) + timedelta(seconds=1)
        pauses.append(delivery.due - before)
    assert len(receiver.heard) == webhooks.ATTEMPTS_MAX
    assert [attempt["status"] for attempt in delivery.attempts] == [500] * webhooks.ATTEMPTS_MAX
    assert len({message.body["id"] for message in receiver.heard}) == 1
    tell(at=at + timedelta(days=1))
    assert len(receiver.heard) == webhooks.ATTEMPTS_MAX

    webhooks.replay(delivery, at=at)
    webhooks.deliver(delivery.pk, at=at)

    assert Delivery.objects.get().delivered is not None
    assert receiver.heard[-1].raw == receiver.heard[0].raw


@pytest.mark.django_db
def test_addresses_inside_and_servers_that_are_away_are_no_500(settings):
    app, made = app_on_trial()
    with pytest.raises(InvalidRegistration):
        webhooks.subscribe(made, "http://intranet.example/hook", BOTH, at=timezone.now())
    webhooks.subscribe(made, "https://169.254.169.254/latest", BOTH, at=timezone.now())
    webhooks.subscribe(made, "http://127.0.0.1:1/hook", BOTH, at=timezone.now())
    authorization = let_in(app)
    authorizations.end(authorization, by=authorization.person, at=timezone.now())

    tell(at=timezone.now() + timedelta(seconds=1))

    problems = [delivery.attempts[0] for delivery in Delivery.objects.order_by("pk")]
    assert [(one["status"], one["problem"]) for one in problems] == [(0, "AddressRefused"), (0, "ConnectionError")]


@pytest.mark.django_db
def test_pages_make_show_replay_and_end_a_webhook(receiver):
    person = builders.developer()
    made = builders.app(person).application
    browser = builders.browser(person)
    here = f"/developers/apps/{made.uid}/webhooks/"
    page = browser.post(here, {"url": receiver.url, "events": ["authorization.revoked"]}).content.decode()
    secret = re.search(r"<pre[^>]*>([^<]+)</pre>", page).group(1)
    subscription = Subscription.objects.get()
    assert secret not in browser.get(here).content.decode()
    assert secret.encode() not in bytes(subscription.sealed)
    authorization = let_in(App(made, None, builders.REDIRECT))
    authorizations.end(authorization, by=authorization.person, at=timezone.now())
    tell(at=timezone.now() + timedelta(seconds=1))
    assert verified(secret, receiver.heard[0])
    assert "204 (" in browser.get(here).content.decode()

    stranger = builders.browser(builders.developer())
    delivery = Delivery.objects.get()
    assert stranger.post(f"/developers/deliveries/{delivery.uid}/replay/").status_code == 404
    assert stranger.post(f"/developers/webhooks/{subscription.uid}/end/").status_code == 404
    browser.post(f"/developers/webhooks/{subscription.uid}/end/")

    assert receiver.url not in browser.get(here).content.decode()
    assert browser.post(here, {"url": "nonsense", "events": []}).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_worker_looks_and_tells(receiver, tmp_path):
    app, made = app_on_trial()
    webhooks.subscribe(made, receiver.url, BOTH, at=timezone.now())
    authorization = let_in(app)
    authorizations.end(authorization, by=authorization.person, at=timezone.now())

    with workers.running(tmp_path / "worker.log"):
        tasks.look_for_news.delay()
        deadline = time.monotonic() + 30
        while not Delivery.objects.filter(delivered__isnull=False).exists() and time.monotonic() < deadline:
            time.sleep(0.2)

    (message,) = receiver.heard
    assert message.body["type"] == "authorization.revoked"


def store_at(person, at, **by_category: int) -> None:
    """Observations written at this time."""
    from django.db import transaction

    from records import sources, store
    from records.models import SourceKind

    source = sources.ensure(SourceKind.EHR, "Riverside", "https://riverside.example/fhir")
    resources = [
        {
            "resourceType": "Observation",
            "id": f"{category.replace('_', '-')}-{number}",
            "status": "final",
            "category": [{"coding": [{"system": parties.LAB.partition("|")[0], "code": category.replace("_", "-")}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
            "subject": {"reference": f"Patient/{person.patient_id}"},
        }
        for category, total in by_category.items()
        for number in range(total)
    ]
    with transaction.atomic():
        store.put_page(owner_id=person.pk, source_id=source.pk, resources=resources, at=at)
