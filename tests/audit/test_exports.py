"""Events for a security log outside: each at least once, in order, nothing clinical, to every kind of receiver."""

from __future__ import annotations

import io
import json
import re
import socket
import threading

import pytest
from django.core.management import CommandError, call_command

from audit import destinations, exports, tasks
from audit.models import Agent, Event, Head, Outcome
from tests.audit import chain

pytestmark = pytest.mark.django_db
RFC_5424 = re.compile(
    r"<(?P<priority>\d{1,3})>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) \S{1,255} tributary - "
    r"(?P<what>[!-~]{1,32}) - (?P<said>\{.*\})"
)


@pytest.fixture(autouse=True)
def told_until_now():
    """Only the events of the test are new."""
    exports.tell(destinations.Lines(io.StringIO()))


def tell(address: str) -> None:
    call_command("export_audit", to=address, stderr=io.StringIO())


def test_a_file_gets_every_event_once_in_the_order_of_its_chain(tmp_path):
    owner, path = chain.owner(events=3), tmp_path / "log.jsonl"

    tell(f"file://{path}")
    tell(f"file://{path}")
    chain.append(owner)
    tell(f"file://{path}")

    said = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(each["owner"], each["sequence"]) for each in said] == [(owner, number) for number in (1, 2, 3, 4)]
    assert said[1]["previous"] == said[0]["hash"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_says_who_when_and_how_many_and_nothing_clinical_or_personal():
    owner = chain.owner()
    chain.append(
        owner,
        outcome=Outcome.REFUSED,
        detail={
            "types": {"Condition": 3, "Observation": 4},
            "status": 403,
            "categories": {"Observation laboratory": 4},
            "record": "Condition/1",
            "parameters": ["code"],
        },
    )
    chain.append(owner, agent_kind=Agent.OWNER, agent="a-subject", agent_name="Ana Example")

    first, second = (exports.line(event) for event in Event.objects.filter(owner_id=owner).order_by("sequence"))

    said = json.loads(first)
    assert (said["records"], said["status"], said["agent"], said["agent_name"]) == (7, 403, "client", "An app")
    assert (said["outcome"], said["consent"], said["origin"]) == (Outcome.REFUSED, 7, "127.0.0.1")
    for word in ("Condition", "Observation", "laboratory", "code"):
        assert word not in first
    assert "Ana" not in second
    assert json.loads(second)["agent"] == "a-subject"


def test_what_could_not_be_told_is_told_the_next_time(tmp_path):
    owner = chain.owner(events=2)

    with pytest.raises(CommandError, match="the rest waits"):
        tell(f"file://{tmp_path}/no-such-directory/log.jsonl")

    assert Head.objects.get(owner_id=owner).told == 0
    tell(f"file://{tmp_path}/log.jsonl")
    assert Head.objects.get(owner_id=owner).told == 2


def test_a_run_cut_off_between_telling_and_noting_tells_again():
    class CutOff:
        def __init__(self) -> None:
            self.taken: list[int] = []

        def take(self, events: list[Event]) -> None:
            self.taken += [event.sequence for event in events]
            if len(self.taken) <= 2:
                raise ConnectionResetError

    chain.owner(events=2)
    destination = CutOff()

    with pytest.raises(ConnectionResetError):
        exports.tell(destination)
    exports.tell(destination)

    assert destination.taken == [1, 2, 1, 2]


def test_more_than_one_chunk_is_told_whole(monkeypatch):
    monkeypatch.setattr(exports, "AT_ONCE", 2)
    owners = [chain.owner(events=3) for _ in range(3)]
    out = io.StringIO()

    assert exports.tell(destinations.Lines(out)) == 9

    said = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(each["owner"], each["sequence"]) for each in said] == [(one, n) for one in owners for n in (1, 2, 3)]


def test_udp_gets_one_rfc_5424_message_for_each_event():
    owner = chain.owner()
    chain.append(owner, outcome=Outcome.REFUSED)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)

        tell(f"syslog://127.0.0.1:{receiver.getsockname()[1]}")

        message = receiver.recv(65536).decode()
    found = RFC_5424.fullmatch(message)
    assert found is not None
    assert (found["priority"], found["what"]) == (str(13 * 8 + 4), "search")
    assert json.loads(found["said"])["owner"] == owner


def test_tcp_counts_its_messages_out():
    chain.owner(events=2)
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def receive() -> None:
            connection, _ = server.accept()
            with connection:
                while part := connection.recv(65536):
                    got.append(part)

        receiver = threading.Thread(target=receive)
        receiver.start()
        tell(f"syslog+tcp://127.0.0.1:{server.getsockname()[1]}")
        receiver.join(10)

    text, sequences = b"".join(got), []
    while text:
        length, _, rest = text.partition(b" ")
        message, text = rest[: int(length)], rest[int(length) :]
        found = RFC_5424.fullmatch(message.decode())
        assert found is not None
        sequences.append(json.loads(found["said"])["sequence"])
    assert sequences == [1, 2]


@pytest.mark.parametrize("address", ["", "ftp://host", "file:relative", "syslog://", "syslog://host:no", "nonsense"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(CommandError):
        tell(address)


def test_the_clock_tells_only_where_a_destination_is_set(settings, tmp_path):
    chain.owner(events=1)
    tasks.export()
    assert exports.tell(destinations.Lines(io.StringIO())) == 1
    chain.owner(events=1)

    settings.AUDIT_EXPORT = f"file://{tmp_path}/log.jsonl"
    tasks.export()

    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1
