"""The order in which a person wants her devices asked, metric by metric (DESIGN D12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from django.db import transaction

from accounts.models import Person
from sync.models import DeviceOrder

DEVICES_MAX: Final = 50


def of(owner_id: int) -> Mapping[str, Sequence[str]]:
    """Ids of her Device records by metric; only the metrics for which she said something."""
    return dict(DeviceOrder.objects.filter(owner_id=owner_id).values_list("metric", "devices"))


@transaction.atomic
def ask_first(owner: Person, metric: str, device: str) -> None:
    """This device before all others, which keep their order."""
    order, _ = DeviceOrder.objects.select_for_update().get_or_create(
        owner=owner, metric=metric, defaults={"devices": []}
    )
    order.devices = [device, *(each for each in order.devices if each != device)][:DEVICES_MAX]
    order.save(update_fields=["devices"])
