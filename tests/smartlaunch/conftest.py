from __future__ import annotations

from tests.fakes.cedar import ehr, hospital, owner

__all__ = ["ehr", "hospital", "owner"]
