"""A maker of devices from the first click to the records, over real HTTP with real OAuth."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Person
from local import seeding
from records import store
from records.models import SourceKind
from sandbox.wearables import days
from sandbox.wearables.server import Maker
from smartlaunch import launches
from standards.fhir import json
from sync import budgets, notices
from sync.models import Connection, ConnectionState, RunState
from sync.problems import Problem, SourceError
from sync.sources.fhir_rest import client as http
from sync.sources.wearables import makers, packing
from sync.sources.wearables.metrics import METRICS
from sync.sources.wearables.withings.facts import WITHINGS
from tests.fakes.cedar import owner
from tests.fakes.wearable import allow, connect, enter, maker, running
from tests.sync.test_runs import again, held, perform

__all__ = ["maker", "owner"]

pytestmark = pytest.mark.django_db(transaction=True)

RECORDED = seeding.SHARED_DATA / "wearables" / "withings-demo-account"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits a test can afford, and three days of history."""
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(budgets, "spend", lambda *_, **__: None)
    whole = makers.MAKERS["withings"]
    feeds = tuple(_replaced(feed, back=3, days=min(feed.days, 2)) for feed in whole.feeds)
    monkeypatch.setattr(makers, "MAKERS", {"withings": _replaced(whole, feeds=feeds)})


def _replaced(one: Any, **changes: Any) -> Any:
    return replace(one, **changes)


def bodies(connection: Connection) -> list[dict[str, Any]]:
    source_id = connection.hospital.source_id
    return [json.loads(body) for _, _, body in store.bodies(owner_id=connection.owner_id, source_id=source_id)]


def coded(connection: Connection, code: str) -> list[dict[str, Any]]:
    found = [each for each in bodies(connection) if each["resourceType"] == "Observation"]
    return [each for each in found if each["code"]["coding"][0]["code"] == code]


def test_devices_are_connected_and_what_they_measured_arrives(owner: Person, maker: Maker):
    connection = connect(owner, enter(maker))

    run = perform(connection)

    assert (run.state, run.problem) == (RunState.COMPLETE, "")
    assert connection.hospital.source.kind == SourceKind.WEARABLE
    assert maker.callbacks == {notices.callback(connection.hospital)}
    names = Counter(each["deviceName"][0]["name"] for each in bodies(connection) if each["resourceType"] == "Device")
    assert set(names) == {"ScanWatch", "Android phone", "Body Cardio", "BPM Connect", "Withings sleep"}
    yesterday = datetime.now(days.ZONE).date() - timedelta(days=1)
    lived = days.lived("ana@maker.example", yesterday)
    weights = [each for each in coded(connection, "29463-7") if each["effectiveDateTime"][:10] == yesterday.isoformat()]
    assert [float(each["valueQuantity"]["value"]) for each in weights] == [lived.grams / 1000]
    assert len(coded(connection, "85354-9")) >= 3
    nights = coded(connection, "93832-4")
    assert len(nights) >= 3
    assert all(any("valueSampledData" in part for part in each["component"]) for each in nights)


def test_update_asks_since_the_last_success_in_the_makers_windows(
    owner: Person, maker: Maker, monkeypatch: pytest.MonkeyPatch
):
    connection = connect(owner, enter(maker))
    feeds = (_replaced(WITHINGS.feed("measures"), days=14),)
    monkeypatch.setattr(makers, "MAKERS", {"withings": _replaced(WITHINGS, feeds=feeds)})
    at = timezone.now()
    Connection.objects.update(last_success=at - timedelta(days=40))
    asked = []
    answers = maker.answers.to
    monkeypatch.setattr(
        type(maker.answers), "to", lambda self, path, person, query: asked.append(query) or answers(path, person, query)
    )

    perform(connection)

    windows = sorted(
        (int(each["startdate"]), int(each["enddate"])) for each in asked if "startdate" in each and "offset" not in each
    )
    since = int((at - timedelta(days=40)).timestamp())
    # A window before it once more, for what her devices handed in late.
    assert windows[0][0] < since - 13 * 86_400
    assert windows[0][0] > since - 16 * 86_400
    assert windows[-1][1] > at.timestamp()
    assert len(windows) == 4
    assert max(last - first for first, last in windows) <= 14 * 86_400 + 26 * 3600


def test_stream_of_a_day_is_what_the_devices_counted(owner: Person, maker: Maker):
    connection = connect(owner, enter(maker))
    perform(connection)
    yesterday = datetime.now(days.ZONE).date() - timedelta(days=1)
    lived = days.lived("ana@maker.example", yesterday)

    streams = [
        each
        for each in coded(connection, "55423-8")
        if each["effectivePeriod"]["start"].startswith(yesterday.isoformat())
    ]

    counted = sorted(sum(s.value for s in packing.unpack(each, METRICS["steps"])) for each in streams)
    by_device = Counter()
    for each in lived.moments:
        by_device[each.device] += each.steps or 0
    assert counted == sorted(total for total in by_device.values() if total)
    assert len(counted) == 2


@pytest.mark.skipif(not RECORDED.exists(), reason="the public data sets do not lie beside the checkout")
def test_recorded_answers_arrive_over_real_oauth_page_by_page(
    owner: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Recorded in 2021 and 2022, and still to be found in many years.
    feeds = tuple(_replaced(WITHINGS.feed(name), days=20_000, back=20_000) for name in ("measures", "sleep"))
    monkeypatch.setattr(makers, "MAKERS", {"withings": _replaced(WITHINGS, feeds=feeds)})
    with running(tmp_path, RECORDED) as server:
        connection = connect(owner, enter(server))
        run = perform(connection)

    assert run.state == RunState.COMPLETE
    # All that the vendor itself knew to be hers, and every night.
    assert (len(coded(connection, "85354-9")), len(coded(connection, "93832-4"))) == (561, 300)


def test_second_run_changes_nothing(owner: Person, maker: Maker):
    connection = connect(owner, enter(maker))
    perform(connection)
    before = {(each["resourceType"], each["id"]): each for each in bodies(connection)}

    run = again(connection)

    assert run.state == RunState.COMPLETE
    changed = [(each, before.get((each["resourceType"], each["id"]))) for each in bodies(connection)]
    assert [(now, was) for now, was in changed if now != was] == []


def test_token_is_renewed_in_the_middle_and_the_refresh_token_rotates(owner: Person, maker: Maker):
    connection = connect(owner, enter(maker))
    sealed = bytes(connection.sealed_tokens)
    maker.faults += ["", "", "", "ended"]

    run = perform(connection)

    connection.refresh_from_db()
    assert run.state == RunState.COMPLETE
    assert bytes(connection.sealed_tokens) != sealed
    assert again(connection).state == RunState.COMPLETE


def test_access_taken_back_there_asks_her_to_connect_again(owner: Person, maker: Maker):
    connection = connect(owner, enter(maker))
    maker.faults += ["", "", "revoked"]

    run = perform(connection)

    connection.refresh_from_db()
    assert (run.problem, connection.state) == (Problem.SIGNED_OUT, ConnectionState.NEEDS_REAUTH)
    mended = connect(owner, connection.hospital)
    assert mended.pk == connection.pk
    assert perform(mended).state == RunState.COMPLETE


@pytest.mark.parametrize("fault", ["busy", "error", "truncated"])
def test_what_passes_is_asked_again_and_nothing_is_lost(owner: Person, maker: Maker, fault: str):
    connection = connect(owner, enter(maker))
    perform(connection)
    whole = held(connection)
    Connection.objects.update(last_success=None)
    maker.faults += ["", fault, "", fault, fault]

    run = again(connection)

    assert (run.state, held(connection)) == (RunState.COMPLETE, whole)


def test_refusing_at_the_maker_connects_nothing(owner: Person, maker: Maker):
    entry = enter(maker)
    address = launches.begin(owner, hospital=entry, at=timezone.now())
    answer = allow(address, answer="refuse")

    with pytest.raises(SourceError) as caught:
        launches.finish(owner, hospital=entry, answer=answer, at=timezone.now())

    assert (caught.value.problem, Connection.objects.count()) == (Problem.CONSENT_REFUSED, 0)


def test_code_serves_once(owner: Person, maker: Maker):
    entry = enter(maker)
    first = launches.begin(owner, hospital=entry, at=timezone.now())
    answer = allow(first)
    launches.finish(owner, hospital=entry, answer=answer, at=timezone.now())
    second = launches.begin(owner, hospital=entry, at=timezone.now())
    stolen = allow(second) | {"code": answer["code"]}

    with pytest.raises(SourceError) as caught:
        launches.finish(owner, hospital=entry, answer=stolen, at=timezone.now())

    assert caught.value.problem == Problem.SIGNED_OUT
