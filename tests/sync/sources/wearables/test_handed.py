"""A maker that hands over by itself, from the first click to the day's total, over real HTTP with real OAuth."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone

from accounts.models import Person
from custody import erasures
from records import store
from sandbox.wearables import days
from sandbox.wearables.handover import Handover
from standards.fhir import json
from sync import budgets, connections, farewells, notices, pieces, removals, runs
from sync.models import Connection, ConnectionState, Farewell, Piece, Run, RunState, RunStep, StepState
from sync.sources.fhir_rest import client as http
from sync.sources.wearables import makers, packing
from sync.sources.wearables.metrics import METRICS
from tests.fakes.cedar import owner
from tests.fakes.wearable import EMAIL, connect, enter, handover
from tests.portal import people
from tests.sync.test_runs import again, perform

__all__ = ["handover", "owner"]

pytestmark = pytest.mark.django_db(transaction=True)

BACK = 3


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits a test can afford, and three days of history."""
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(budgets, "spend", lambda *_, **__: None)
    whole = makers.MAKERS["garmin"]
    feeds = tuple(replace(feed, back=BACK, days=min(feed.days, 2)) for feed in whole.feeds)
    monkeypatch.setattr(makers, "MAKERS", {"garmin": replace(whole, feeds=feeds)})


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a worker was asked to do."""
    calls: list[Any] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: calls.append((name, args)))
    return calls


@pytest.fixture
def connection(owner: Person, handover: Handover, live_server: Any, news: list[Any]) -> Connection:
    """Connected, the address entered there, and earlier days ordered."""
    entry = enter(handover)
    handover.to = live_server.url + notices.callback(entry).removeprefix("http://127.0.0.1:8000")
    assert handover.to.startswith(live_server.url + "/connect/")
    connected = connect(owner, entry)
    news.clear()
    return connected


def bodies(connection: Connection) -> list[dict[str, Any]]:
    source_id = connection.hospital.source_id
    return [json.loads(body) for _, _, body in store.bodies(owner_id=connection.owner_id, source_id=source_id)]


def coded(connection: Connection, code: str) -> list[dict[str, Any]]:
    found = [each for each in bodies(connection) if each["resourceType"] == "Observation"]
    return [each for each in found if each["code"]["coding"][0]["code"] == code]


def yesterday() -> date:
    return datetime.now(days.ZONE).date() - timedelta(days=1)


def steps_of(on: date) -> int:
    lived = days.lived(EMAIL, on)
    return sum(each.steps or 0 for each in lived.moments if each.device == days.WATCH)


def span(on: date) -> tuple[datetime, datetime]:
    return datetime.combine(on, time(), days.ZONE), datetime.combine(on, time(23), days.ZONE)


def test_earlier_days_are_ordered_and_arrive_by_themselves(connection: Connection, handover: Handover, news: list[Any]):
    first = perform(connection)
    assert (first.state, bodies(connection)) == (RunState.COMPLETE, [])
    assert {kind for _, kind, _, _ in handover.orders} >= {"dailies", "epochs", "sleeps", "activities", "pulseOx"}

    answers = handover.send_ordered()

    assert set(answers) == {200}
    assert (notices.BRING_FORWARD, [connection.hospital_id, [connection.patient]]) in news
    assert notices.bring_forward(connection.hospital_id, [connection.patient], at=timezone.now()) == 1
    run = again(connection)
    assert (run.state, run.problem) == (RunState.COMPLETE, "")
    totals = {each["effectiveDateTime"]: each for each in coded(connection, "41950-7") if "derivedFrom" not in each}
    assert totals[yesterday().isoformat()]["valueQuantity"]["value"] == steps_of(yesterday())
    streams = {each["effectivePeriod"]["start"][:10]: each for each in coded(connection, "55423-8")}
    walked = packing.unpack(streams[yesterday().isoformat()], METRICS["steps"])
    assert sum(each.value for each in walked) == steps_of(yesterday())
    assert {each.end - each.start for each in walked} == {timedelta(minutes=15)}
    assert len(coded(connection, "93832-4")) >= BACK
    assert not Piece.objects.filter(waiting=True).exists()


def test_same_push_again_changes_nothing(connection: Connection, handover: Handover):
    perform(connection)
    rows = {kind: handover.rows(EMAIL, kind, *span(yesterday())) for kind in ("dailies", "epochs", "sleeps")}
    handover.send(rows)
    again(connection)
    before = {each["id"]: each for each in bodies(connection)}
    kept = Piece.objects.count()
    assert before

    handover.send(rows)
    run = again(connection)

    assert {each["id"]: each for each in bodies(connection)} == before
    assert Piece.objects.count() == kept
    counted = RunStep.objects.filter(run=run).values_list("new", "changed", "unchanged")
    assert [(new, changed) for new, changed, _ in counted] == [(0, 0)] * len(counted)
    assert sum(unchanged for _, _, unchanged in counted) > 0


def test_day_that_comes_in_pieces_and_out_of_order_is_one_day(connection: Connection, handover: Handover):
    perform(connection)
    quarters = handover.rows(EMAIL, "epochs", *span(yesterday()))
    evening, morning = quarters[len(quarters) // 2 :], quarters[: len(quarters) // 2]

    handover.send({"epochs": evening})
    again(connection)
    handover.send({"epochs": morning})
    again(connection)

    (stream,) = [each for each in coded(connection, "55423-8") if "derivedFrom" not in each]
    counted = sum(each.value for each in packing.unpack(stream, METRICS["steps"]))
    assert counted == steps_of(yesterday())


def test_newer_version_of_a_summary_takes_the_place_of_the_older(connection: Connection, handover: Handover):
    perform(connection)
    (whole,) = handover.rows(EMAIL, "dailies", *span(yesterday()))
    handover.send({"dailies": [whole | {"steps": 100}]})
    again(connection)
    assert [each["valueQuantity"]["value"] for each in coded(connection, "41950-7")] == [100]

    handover.send({"dailies": [whole | {"steps": 250}]})
    again(connection)

    assert [each["valueQuantity"]["value"] for each in coded(connection, "41950-7")] == [250]
    assert Piece.objects.count() == 1


def test_what_arrives_while_a_day_is_composed_is_composed_by_the_next_run(
    connection: Connection, handover: Handover, monkeypatch: pytest.MonkeyPatch
):
    perform(connection)
    quarters = handover.rows(EMAIL, "epochs", *span(yesterday()))
    handover.send({"epochs": quarters[1:]})
    keep = runs.pages.keep

    def late(*asked: Any) -> None:
        monkeypatch.setattr(runs.pages, "keep", keep)
        handover.send({"epochs": quarters[:1]})
        keep(*asked)

    monkeypatch.setattr(runs.pages, "keep", late)
    again(connection)

    connection.refresh_from_db()
    assert Piece.objects.filter(waiting=True).exists()
    assert connection.due <= timezone.now() + notices.PAUSE
    again(connection)
    (stream,) = coded(connection, "55423-8")
    assert sum(each.value for each in packing.unpack(stream, METRICS["steps"])) == steps_of(yesterday())
    assert not Piece.objects.filter(waiting=True).exists()


def test_what_was_kept_is_sealed_and_holds_no_token(connection: Connection, handover: Handover):
    perform(connection)

    handover.send({"bodyComps": [weight(connection, "w1", 71_300)]})

    piece = Piece.objects.get()
    assert b"71300" not in bytes(piece.sealed)
    opened = list(pieces.Shelf(connection, makers.MAKERS["garmin"]).of("bodyComps", piece.day))
    assert opened == [
        {
            "summaryId": "w1",
            "measurementTimeInSeconds": AT,
            "measurementTimeOffsetInSeconds": 7200,
            "weightInGrams": 71_300,
        }
    ]


AT = 1_714_550_400


def weight(connection: Connection, name: str, grams: int) -> dict[str, Any]:
    return {
        "userId": connection.patient,
        "userAccessToken": "not to be kept",
        "summaryId": name,
        "measurementTimeInSeconds": AT,
        "measurementTimeOffsetInSeconds": 7200,
        "weightInGrams": grams,
    }


def test_nothing_is_kept_of_an_account_that_nobody_has_connected(
    connection: Connection, handover: Handover, news: list[Any]
):
    status = handover.send({"bodyComps": [weight(connection, "w1", 71_300) | {"userId": "somebody-else"}]})

    assert (status, Piece.objects.count(), news) == (200, 0, [])


def test_account_that_two_follow_is_kept_for_both_and_that_of_a_stopped_one_for_nobody(
    connection: Connection, handover: Handover
):
    other = people.connect(people.sign_up(), connection.hospital)
    Connection.objects.filter(pk=other.pk).update(patient=connection.patient)

    handover.send({"bodyComps": [weight(connection, "w1", 71_300)]})
    assert set(Piece.objects.values_list("connection_id", flat=True)) == {connection.pk, other.pk}

    connections.stop(connection, at=timezone.now())
    handover.send({"bodyComps": [weight(connection, "w2", 71_400)]})
    assert Counter(Piece.objects.values_list("connection_id", flat=True)) == {connection.pk: 1, other.pk: 2}


def test_ping_is_fetched_from_the_makers_own_host_and_from_no_other(connection: Connection, handover: Handover):
    perform(connection)
    own = "/wellness-api/rest/bodyComps?token=once"
    handover.lying[own] = [weight(connection, "w1", 71_300), weight(connection, "w2", 1) | {"userId": "another"}]
    pings = [
        {"userId": connection.patient, "callbackURL": f"{handover.url}{own}"},
        {"userId": connection.patient, "callbackURL": "https://elsewhere.example/wellness-api/rest/bodyComps"},
        {"userId": connection.patient, "callbackURL": "http://127.0.0.1:1/wellness-api/rest/bodyComps"},
    ]

    handover.send({"bodyComps": pings})
    run = again(connection)

    assert [each["valueQuantity"]["value"] for each in coded(connection, "29463-7")] == [Decimal("71.3")]
    step = RunStep.objects.get(run=run, query="bodyComps")
    assert (run.state, step.unusable, handover.lying) == (RunState.PARTIAL, 2, {})
    assert not Piece.objects.filter(day__isnull=True).exists()
    assert again(connection).state == RunState.COMPLETE


@pytest.mark.parametrize("fault", ["error", ""])
def test_place_that_answers_badly_does_not_keep_the_rest_from_being_read(
    connection: Connection, handover: Handover, fault: str, monkeypatch: pytest.MonkeyPatch
):
    perform(connection)
    own = "/wellness-api/rest/bodyComps?token=once"
    handover.lying[own] = [weight(connection, "w2", 71_400) | {"measurementTimeInSeconds": AT + 86_400}]
    ping = {"userId": connection.patient, "callbackURL": f"{handover.url}{own}"}
    handover.send({"bodyComps": [ping, weight(connection, "w1", 71_300)]})
    handover.faults += ["", *[fault] * http.TRIES] if fault else []

    run = again(connection)

    weights = [each["valueQuantity"]["value"] for each in coded(connection, "29463-7")]
    assert Decimal("71.3") in weights
    assert (run.state, len(weights)) == ((RunState.PARTIAL, 1) if fault else (RunState.COMPLETE, 2))
    assert again(connection).state == RunState.COMPLETE
    assert len(coded(connection, "29463-7")) == 2


def test_what_may_not_be_read_brings_no_update_after_the_other(connection: Connection, handover: Handover):
    perform(connection)
    handover.send({"bodyComps": [weight(connection, "w1", 71_300)]})
    handover.permissions = ("ACTIVITY_EXPORT",)
    Piece.objects.update(received=timezone.now() - timedelta(hours=1))

    again(connection)

    connection.refresh_from_db()
    assert Piece.objects.filter(waiting=True).count() == 1
    assert connection.due > timezone.now() + notices.PAUSE


def test_what_comes_as_she_stops_is_not_kept(
    connection: Connection, handover: Handover, news: list[Any], monkeypatch: pytest.MonkeyPatch
):
    found = pieces._connected
    body = {"bodyComps": [weight(connection, "w1", 71_300)]}

    def stopped(*asked: Any) -> Any:
        known = found(*asked)
        connections.stop(connection, at=timezone.now())
        return known

    monkeypatch.setattr(pieces, "_connected", stopped)
    assert (handover.send(body), Piece.objects.count()) == (200, 0)
    assert not [name for name, _ in news if name == notices.BRING_FORWARD]


def test_what_cannot_be_read_is_counted_once_and_spoils_nothing(connection: Connection, handover: Handover):
    perform(connection)

    broken = weight(connection, "w2", 0) | {"measurementTimeInSeconds": "soon"}
    handover.send({"bodyComps": [broken, weight(connection, "w1", 71_300)]})
    run = again(connection)

    assert (run.state, RunStep.objects.get(run=run).unusable) == (RunState.PARTIAL, 1)
    assert len(coded(connection, "29463-7")) == 1
    assert again(connection).state == RunState.COMPLETE


def test_what_she_does_not_allow_there_is_said(connection: Connection, handover: Handover):
    handover.permissions = ("ACTIVITY_EXPORT",)

    run = perform(connection)

    states = dict(RunStep.objects.filter(run=run).values_list("query", "state"))
    assert states["dailies"] == StepState.REFUSED
    assert states["activities"] == StepState.COMPLETE
    assert {kind for _, kind, _, _ in handover.orders} == {"activities"}


def test_change_of_what_she_allows_brings_an_update(connection: Connection, handover: Handover, news: list[Any]):
    status = handover.send({"userPermissionsChange": [{"userId": connection.patient, "permissions": []}]})

    assert (status, news) == (200, [(notices.BRING_FORWARD, [connection.hospital_id, [connection.patient]])])


def test_deregistration_ends_the_connection_and_what_came_stays(connection: Connection, handover: Handover):
    perform(connection)
    handover.send({"bodyComps": [weight(connection, "w1", 71_300)]})
    again(connection)

    handover.send({"deregistrations": [{"userId": connection.patient, "userAccessToken": "x"}]})

    connection.refresh_from_db()
    assert (connection.state, connection.sealed_tokens, connection.farewell) == (
        ConnectionState.STOPPED,
        None,
        Farewell.HEARD,
    )
    assert len(coded(connection, "29463-7")) == 1
    assert connections.update(connection, at=timezone.now()) is None
    kept = Piece.objects.count()
    handover.send({"bodyComps": [weight(connection, "w2", 71_400)]})
    assert Piece.objects.count() == kept


def test_stopping_here_ends_it_there(connection: Connection, handover: Handover):
    handover.accounts.end_access()

    connections.stop(connection, at=timezone.now())
    outcome = farewells.say(connection.pk)

    assert (outcome, handover.left) == (Farewell.HEARD, [EMAIL])


def test_deleting_what_came_forgets_the_pieces_too(connection: Connection, handover: Handover):
    perform(connection)
    handover.send({"bodyComps": [weight(connection, "w1", 71_300)]})
    again(connection)
    assert (Piece.objects.count(), len(coded(connection, "29463-7"))) == (1, 1)

    removals.ask(connection, at=timezone.now())
    removals.perform(connection.pk)

    assert (Piece.objects.count(), coded(connection, "29463-7")) == (0, [])


def test_after_a_time_in_which_nothing_could_be_handed_over_it_is_ordered(
    owner: Person, connection: Connection, handover: Handover
):
    perform(connection)
    handover.orders.clear()
    assert (again(connection).state, handover.orders) == (RunState.COMPLETE, [])
    Connection.objects.update(last_success=timezone.now() - timedelta(days=1))
    handover.ordered.clear()

    mended = connect(owner, connection.hospital)
    perform(mended)

    assert mended.pk == connection.pk
    wanted = (timezone.now() - timedelta(days=2)).astimezone(UTC).date()
    assert min(first for _, kind, first, _ in handover.orders if kind == "dailies").date() == wanted


def test_access_taken_back_there_asks_her_to_connect_again(connection: Connection, handover: Handover):
    perform(connection)
    handover.accounts.revoke()

    again(connection)

    connection.refresh_from_db()
    assert connection.state == ConnectionState.NEEDS_REAUTH
    # Till she has, what is handed over is hers all the same.
    handover.send({"bodyComps": [weight(connection, "w1", 71_300)]})
    assert Piece.objects.count() == 1


@pytest.mark.parametrize("fault", ["busy", "error"])
def test_order_that_fails_is_given_again(connection: Connection, handover: Handover, fault: str):
    handover.faults += ["", fault, "", fault, fault]

    assert perform(connection).state == RunState.COMPLETE
    assert len(handover.orders) == len(handover.ordered) > len(makers.MAKERS["garmin"].feeds)


def test_her_page_says_that_nothing_is_asked_for(connection: Connection):
    Run.objects.filter(connection=connection).update(state=RunState.COMPLETE, finished=timezone.now())

    page = people.browser_of(connection.owner).get(f"/hospitals/{connection.pk}/")

    assert "sends what your devices measure by itself" in page.content.decode()


def test_erasure_takes_what_was_handed_over(connection: Connection, handover: Handover):
    handover.send({"bodyComps": [weight(connection, "w1", 71_300)]})
    assert Piece.objects.count() == 1

    erasure = erasures.ask(connection.owner, at=timezone.now(), now=True)
    assert erasures.perform(erasure.pk, at=timezone.now())

    erasure.refresh_from_db()
    assert (Piece.objects.count(), erasure.removed["sync_piece"], handover.left) == (0, 1, [EMAIL])
