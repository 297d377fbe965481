"""Rotation: every wrapped data key, and the site's own, wrapped anew by the current master key. No body is touched.

Each row says which master key wrapped it, so whoever comes after a crash goes on with those that are left, and both
master keys are needed until none is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from records import keys
from records.masters import provider
from records.models import OwnerKey

AT_ONCE: Final = 500


def rewrap() -> int:
    """Wrap anew what another master key wrapped; how many. Twice, or two at once, is as good as once.

    Raises masters.KeyUnavailable where an old master key is not here; what was done stays done.
    """
    wrapping, current = provider(), provider().current()
    total = 0
    for owner_id, wrapped, master_key_id in _old(current):
        data_key = wrapping.unwrap(wrapped, master_key_id=master_key_id)
        # Conditional: a key that was destroyed meanwhile, or wrapped by another worker, is left alone.
        total += OwnerKey.unguarded.filter(owner_id=owner_id, wrapped=wrapped).update(
            wrapped=wrapping.wrap(data_key), master_key_id=current
        )
    keys.rewrap_site_key()
    return total


def check() -> None:
    """Every master key that is still needed is here and opens what it wrapped. Raises masters.KeyUnavailable."""
    names = OwnerKey.unguarded.order_by("master_key_id").values_list("master_key_id", flat=True).distinct()
    for master_key_id in list(names):
        wrapped = OwnerKey.unguarded.filter(master_key_id=master_key_id).values_list("wrapped", flat=True)[0]
        provider().unwrap(bytes(wrapped), master_key_id=master_key_id)


def needed() -> dict[str, int]:
    """How many data keys each master key has wrapped; the site's own counts too. What is not here may be put away."""
    counts: dict[str, int] = {}
    for name in (*OwnerKey.unguarded.values_list("master_key_id", flat=True).iterator(), keys.site_master_key_id()):
        counts[name] = counts.get(name, 0) + 1
    return counts


def _old(current: str) -> Iterator[tuple[int, bytes, str]]:
    after = 0
    while True:
        rows = OwnerKey.unguarded.filter(owner_id__gt=after).exclude(master_key_id=current).order_by("owner_id")
        found = list(rows.values_list("owner_id", "wrapped", "master_key_id")[:AT_ONCE])
        if not found:
            return
        for owner_id, wrapped, master_key_id in found:
            after = owner_id
            yield owner_id, bytes(wrapped), master_key_id
