"""The measurements themselves; run by ``__main__`` where the settings point at this run's servers."""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import django
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone

django.setup()

from audit import events  # noqa: E402 - models need the above
from audit.models import Action, Agent  # noqa: E402
from benchmarks import access, filling, growth, load, owners, population, pulling, report, walls  # noqa: E402
from benchmarks.owners import Owner  # noqa: E402
from benchmarks.report import Row  # noqa: E402
from benchmarks.sites import Sites  # noqa: E402
from consent import gate  # noqa: E402
from gateway import authorizations, bearer  # noqa: E402
from gateway.models import Authorization  # noqa: E402

REPEATS = 3
SECONDS = 2.0
INGESTED = 5_000
TOKENS = 400
WITHDRAWALS = 100


def main(asked: dict[str, Any]) -> int:
    sizes, crowd = asked.pop("sizes"), asked.pop("crowd")
    sites = Sites(**asked)
    rows: list[Row] = []
    owners.crowd(crowd)
    _note(rows, [_ingest()])
    searched = [owners.of_observations(size) for size in sizes]
    mixed = owners.of_mixed()
    _note(rows, _searches(sites, searched, mixed))
    _note(rows, [_read(sites, searched[-1]), _everything(sites, mixed)])
    grown: list[Row] = []
    for large in searched[1:]:
        _note(grown, growth.rows(sites.port, searched[0], mixed, large))
    _note(rows, _token_endpoint(sites))
    _note(rows, walls.rows(sites, searched[0]))
    _note(rows, [_check(searched[-1]), _audit(), _sizes(searched[-1]), _memory(sites)])
    _note(rows, [_withdrawal(sites)])
    document = report.text(rows, grown, sizes=sizes, crowd=crowd, postgres=_postgres_version(), notes=_notes())
    report.write(document)
    print(document)
    return 0


def _note(rows: list[Row], more: list[Row]) -> None:
    """Keep the rows, and show them at once: the whole takes minutes."""
    rows += more
    for row in more:
        print(f"{row.work}: {row.ours}; {row.yardstick}; {row.figure} ({row.goal})", file=sys.stderr, flush=True)


def _ingest() -> Row:
    """Five thousand Observations in pages of a hundred, as a worker keeps them and by bare COPY, in turns."""
    ours, bare = [], []
    for seed in range(REPEATS):
        person = access.sign_up()
        pages = list(population.pages(population.observations(person.patient_id, INGESTED, seed=seed + 10)))
        ours.append(pulling.pull(person, pages))
        bare.append(filling.copy_again(person))
    rate, bare_rate = statistics.median(f.rate for f in ours), statistics.median(f.rate for f in bare)
    cpu = statistics.median(f.number / f.cpu_seconds for f in ours)
    return Row(
        "ingest of pages of 100, all steps: validate, label, seal, index, version, ledger, event",
        f"{rate:,.0f} resources/s ({cpu:,.0f} for each second of a worker core)",
        f"COPY of the same bodies and rows {bare_rate:,.0f}/s",
        f"{rate / bare_rate:.2f}",
        "≥ 0.2 and ≥ 3,000/s",
        rate / bare_rate >= 0.2 and rate >= 3000,
    )


def _median(run: Callable[[], load.Result]) -> load.Result:
    results = [run() for _ in range(REPEATS)]
    failed = [result.statuses for result in results if not result.worked]
    if failed:
        raise SystemExit(f"answers that are no success: {failed}")
    return load.Result(
        *(statistics.median(getattr(one, name) for one in results) for name in ("rate", "p50", "p95")),
        statuses=results[0].statuses,
    )


def _compare(
    sites: Sites, work: str, ours: Sequence[bytes], bare: Sequence[bytes], *, connections: int, against: str
) -> Row:
    for port, requests in ((sites.port, ours), (sites.bare_port, bare)):
        load.run(port, requests, connections=connections, seconds=0.5)
    a = _median(lambda: load.run(sites.port, ours, connections=connections, seconds=SECONDS))
    b = _median(lambda: load.run(sites.bare_port, bare, connections=connections, seconds=SECONDS))
    ratio, slower = a.rate / b.rate, a.p95 / b.p95
    return Row(
        f"{work}, {connections} client{'s' if connections > 1 else ''}",
        _said(a),
        f"{against} {_said(b)}",
        f"{ratio:.2f}; p95 {slower:.1f}×",
        "≥ 0.5; p95 ≤ 2×",
        ratio >= 0.5 and slower <= 2,
    )


def _said(result: load.Result) -> str:
    return f"{result.rate:,.0f}/s (p50 {result.p50:.1f}, p95 {result.p95:.1f} ms)"


def _searches(sites: Sites, searched: list[Owner], mixed: Owner) -> list[Row]:
    rows = []
    for owner, what in (*((one, "Observations") for one in searched), (mixed, "mixed resources")):
        for connections in (1, 8) if owner in (searched[-1], mixed) else (1,):
            row = _compare(
                sites,
                f"search 50 of {owner.size:,} {what} by category and date",
                [owner.search],
                [owner.bare_search],
                connections=connections,
                against="bare view, one SELECT",
            )
            rows.append(row)
    return rows


def _read(sites: Sites, owner: Owner) -> Row:
    draw = random.Random(5)
    ids = [f"obs-1-{draw.randrange(owner.size)}" for _ in range(1000)]
    ours = [load.get(f"/fhir/r4/Observation/{logical_id}", token=owner.access.token) for logical_id in ids]
    bare = [load.get(f"/read/{owner.person.id}/{logical_id}") for logical_id in ids]
    return _compare(sites, "read by id", ours, bare, connections=8, against="bare view, one row")


def _everything(sites: Sites, owner: Owner) -> Row:
    """The whole record over HTTP against its stored bodies by COPY, in turns."""
    request = load.get(f"/fhir/r4/Patient/{owner.person.patient_id}/$everything", token=owner.access.token)
    load.run(sites.port, iter([request] * 4), connections=1, seconds=60)
    turns = [
        (
            _median(lambda: load.run(sites.port, iter([request]), connections=1, seconds=60)).p50,
            _copied(owner.person.id),
        )
        for _ in range(REPEATS)
    ]
    ours, bare = (statistics.median(turn[place] for turn in turns) for place in (0, 1))
    return Row(
        f"$everything of {owner.size:,} mixed resources, 1 client",
        f"p50 {ours:.0f} ms",
        f"its sealed bodies by COPY {bare:.0f} ms",
        f"{ours / bare:.1f}×",
        "≤ 10× and ≤ 150 ms",
        ours <= 10 * bare and ours <= 150,
    )


def _copied(owner_id: int) -> float:
    """Milliseconds to read every body of an owner as it lies on the disk."""
    started = time.perf_counter()
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY (SELECT body FROM records_record WHERE owner_id = %s) TO STDOUT (FORMAT binary)", [owner_id]
        ) as copy,
    ):
        for _ in copy:
            pass
    return (time.perf_counter() - started) * 1000


def _token_endpoint(sites: Sites) -> list[Row]:
    """Each way to a token in turns with the bare view, so that a busy moment of the machine falls on both."""
    application, key = access.register(), access.sign_key()
    service, secret = access.register_service(key), access.resource_server_form()

    def someone() -> Authorization:
        return access.authorize(access.sign_up(), application)

    return [
        _tokens(sites, work, make)
        for work, make in (
            ("code exchange (PKCE, public client)", lambda: access.code_form(someone())),
            ("refresh with rotation (public client)", lambda: access.refresh_form(someone())),
            ("client_credentials by secret", lambda: secret),
            ("client_credentials by RS384 assertion", lambda: access.service_form(service, key)),
        )
    ]


def _tokens(sites: Sites, work: str, make: Callable[[], dict[str, str]]) -> Row:
    """Every form is good once, so they are made beforehand."""
    ours, bare = [], []
    for number in (TOKENS // 4, *[TOKENS] * REPEATS):
        requests = [load.post("/oauth/token", make()) for _ in range(number)]
        ours.append(load.run(sites.port, iter(requests), connections=4, seconds=60))
        bare.append(load.run(sites.bare_port, iter([load.get("/insert")] * number), connections=4, seconds=60))
    # The first turn wakes every worker up.
    a, b = (_median(iter(results[1:]).__next__) for results in (ours, bare))
    return Row(
        f"{work}, 4 clients",
        _said(a),
        f"bare view, one INSERT {_said(b)}",
        f"{a.rate / b.rate:.2f}",
        "≥ 0.5",
        a.rate / b.rate >= 0.5,
    )


def _check(owner: Owner) -> Row:
    """CPU of this process for a token check and the gate's answer, the database's not counted."""
    request = RequestFactory().get("/", headers={"authorization": f"Bearer {owner.access.token}"})

    def once() -> None:
        found = bearer.resolve(request)
        assert found is not None
        gate.readable(
            owner_id=found.owner_id,
            reader=gate.App(found.client_id, found.decision_id, found.scopes, found.standing),
            interaction="search",
            at=timezone.now(),
        )

    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        for _ in range(1000):
            once()
        times.append(time.process_time() - started)
    milliseconds = statistics.median(times)
    return Row(
        "bearer check + gate",
        f"{milliseconds:.2f} ms CPU",
        "",
        f"{milliseconds:.2f} ms",
        "≤ 0.4 ms",
        milliseconds <= 0.4,
    )


def _audit() -> Row:
    """One event on the disk against one bare row on the disk, each a commit of its own."""

    def bare(cursor: Any) -> None:
        cursor.execute("INSERT INTO bench_row (token) VALUES ('x')")

    def ours(_: Any) -> None:
        events.append(
            owner_id=2**31 - 1,
            action=Action.EXECUTE,
            interaction="search",
            agent_kind=Agent.APP,
            agent="bench",
            agent_name="Bench",
            origin="127.0.0.1",
            detail={"status": 200, "records": 50, "types": {"Observation": 50}, "asked": "Observation"},
        )

    spent: dict[Any, list[float]] = {bare: [], ours: []}
    with connection.cursor() as cursor:
        for _ in range(REPEATS):
            for write, times in spent.items():
                started = time.perf_counter()
                for _number in range(500):
                    write(cursor)
                times.append((time.perf_counter() - started) * 2)
    a, b = statistics.median(spent[ours]), statistics.median(spent[bare])
    return Row(
        "one event of the access log, on the disk",
        f"{a:.2f} ms",
        f"one bare INSERT {b:.2f} ms",
        f"{a - b:.2f} ms more",
        "≤ 0.5 ms",
        a <= 0.5,
    )


def _sizes(owner: Owner) -> Row:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM records_record")
        number = cursor.fetchone()[0]
        cursor.execute("SELECT avg(length(body)) FROM bench_body WHERE owner_id = %s", [owner.person.id])
        plain = float(cursor.fetchone()[0])
    tables = ("records_record", "records_searchrow", "records_counter", "records_codesystem")
    each = sum(filling.bytes_each(table, number) for table in tables)
    return Row(
        "bytes on disk for each record, all indexes",
        f"{each:,.0f}",
        f"its JSON {plain:,.0f}",
        f"{each / plain:.2f}",
        "",
        None,
    )


def _memory(sites: Sites) -> Row:
    """Proportional set size of the workers, the master left out."""
    total = sum(_pss(pid) for pid in _children(sites.web_pid)) / 1024
    return Row("two web workers", f"{total:.0f} MB PSS", "", f"{total:.0f} MB", "≤ 250 MB", total <= 250)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _pss(pid: int) -> int:
    """Kilobytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _withdrawal(sites: Sites) -> Row:
    """From her click until the first 401, asked again and again on an open connection."""
    longest, refused = 0.0, 0
    for _ in range(WITHDRAWALS):
        person = access.sign_up()
        granted = access.let_in(person)
        request = load.get("/fhir/r4/Observation?_summary=count", token=granted.token)
        before = load.run(sites.port, iter([request]), connections=1, seconds=1)
        started = time.perf_counter()
        authorizations.end(granted.authorization, by=person, at=timezone.now())
        after = load.run(sites.port, iter([request]), connections=1, seconds=1)
        longest = max(longest, time.perf_counter() - started)
        refused += dict(before.statuses) == {200: 1} and dict(after.statuses) == {401: 1}
    return Row(
        "withdraw to first 401",
        f"{refused} of {WITHDRAWALS} at the very next call, at most {longest * 1000:.0f} ms later",
        "",
        f"{longest * 1000:.0f} ms",
        "< 1 s, 100 of 100",
        longest < 1 and refused == WITHDRAWALS,
    )


def _postgres_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0]).split()[0]


def _notes() -> list[str]:
    return [
        "The bare views run without any middleware, token, consent or audit; both sides send the same bodies.",
    ]


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
