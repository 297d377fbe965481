from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import redis
from kombu import Connection

from local import broker, pids


def test_messages_survive_a_killed_broker(place: Path):
    server = broker.ensure(place / "one")
    with Connection(server.broker_url) as connection, connection.SimpleQueue("doorbell") as queue:
        queue.put({"run": 7})

    os.kill(server.pid, signal.SIGKILL)
    recovered = broker.ensure(place / "one")

    assert recovered.pid != server.pid
    with Connection(recovered.broker_url) as connection, connection.SimpleQueue("doorbell") as queue:
        message = queue.get(timeout=5)
        message.ack()
    assert message.payload == {"run": 7}


def test_messages_survive_a_stop(place: Path):
    with redis.Redis.from_url(broker.ensure(place / "one").cache_url) as client:
        client.set("counted", 3)
    assert broker.stop(place / "one") is True
    assert broker.stop(place / "one") is False

    with redis.Redis.from_url(broker.ensure(place / "one").cache_url) as client:
        assert client.get("counted") == b"3"


def test_running_broker_is_adopted_and_another_directory_has_another(place: Path):
    one, two = broker.ensure(place / "one"), broker.ensure(place / "two")

    assert broker.ensure(place / "one") == one
    assert broker.stop(place / "one") is True
    assert pids.started(one.pid) is None
    assert pids.started(two.pid) is not None


def test_only_we_may_reach_it_and_nothing_is_evicted(place: Path):
    server = broker.ensure(place / "one")

    assert server.socket.stat().st_mode & 0o077 == 0
    with redis.Redis.from_url(server.cache_url) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        with pytest.raises(redis.exceptions.ResponseError, match="protected config"):
            client.config_set("dir", "/")


def test_throw_away_broker_writes_no_file(place: Path):
    with redis.Redis.from_url(broker.ensure(place / "one", durable=False).cache_url) as client:
        assert client.config_get("appendonly") == {"appendonly": "no"}
