"""The servers of a run: ours, the bare views beside it, and ours again under the role that owns the tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sites:
    """``bare_port`` leads to the yardstick, ``open_port`` to ours without policies; the pids are those of masters."""

    port: int
    bare_port: int
    open_port: int
    web_pid: int
    open_pid: int
    database_pid: int
