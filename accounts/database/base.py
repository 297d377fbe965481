"""The connection of a thread: it knows for whom it asks, and sees to it that the server knows it too.

Binding costs nothing by itself: the server is told just before the next statement, and only of a change. One who was
bound stays so until the next request begins, because an answer may still be streaming when its view has returned.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, Final

from django.db.backends.postgresql import base
from psycopg import Cursor

from accounts.database import proofs
from accounts.database.proofs import About, Asking


class Told(Enum):
    UNKNOWN = 1
    """What the server was told may have been undone."""
    ENTERING = 2
    """The statement under way tells the server itself."""


Wanted = About | Asking | str | Told | None
"""An owner, who is signing in, or a service by client_id."""

SET: Final = "set_config('tributary.about', %s, false)"


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.enforced: bool = self.settings_dict.get("BIND_OWNERS", False)
        """Whether this role sees only the rows of whom it is bound to; other roles need not be told."""
        self.wanted: Wanted = None
        self.told: Wanted = None
        self._ready = False

    def connect(self) -> None:
        self._ready, self.told = False, None
        super().connect()
        self._ready = True

    def init_connection_state(self) -> None:
        """Who is not kept to one owner must see all rows: where a policy would hide some, a statement fails."""
        super().init_connection_state()
        if not self.enforced:
            with self.wrap_database_errors, Cursor(self.connection) as cursor:
                cursor.execute("SET row_security = off")

    def ensure_connection(self) -> None:
        super().ensure_connection()
        if self.enforced and self.wanted != self.told and self.wanted is not Told.ENTERING:
            self._tell()

    def _tell(self) -> None:
        if not self._ready or self.needs_rollback:
            return
        bound = proofs.bound(self.wanted) if isinstance(self.wanted, About | Asking | str) else ""
        with self.wrap_database_errors, Cursor(self.connection) as cursor:
            cursor.execute(f"SELECT {SET}", [bound])
        self.told = self.wanted

    def set_autocommit(self, autocommit: bool, force_begin_transaction_with_broken_autocommit: bool = False) -> None:
        with self._silence():  # a statement between two transactions would begin a third
            super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)

    def _rollback(self) -> None:
        super()._rollback()  # type: ignore[misc]
        self.told = Told.UNKNOWN

    def _savepoint_rollback(self, sid: str) -> None:
        with self._silence():  # until it is rolled back, the transaction takes no other statement
            super()._savepoint_rollback(sid)  # type: ignore[misc]
        self.told = Told.UNKNOWN

    @contextmanager
    def _silence(self) -> Iterator[None]:
        ready, self._ready = self._ready, False
        try:
            yield
        finally:
            self._ready = ready
