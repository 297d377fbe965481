"""The cache over one client for the whole process: Django's makes one for every call, and a pool for every thread."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.core.cache.backends import redis as backend
from redis import Redis


class Client(backend.RedisCacheClient):
    def get_client(self, key: object = None, *, write: bool = False) -> Redis:
        """A client takes a connection of its pool for as long as a call, so threads share it."""
        return _client(self._servers[0])  # type: ignore[attr-defined] # no stub names them


class RedisCache(backend.RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = Client


@cache
def _client(server: str) -> Redis:
    return Redis.from_url(server)
