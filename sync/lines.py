"""Some lines of a delivered file into the records they belong to, and into the ledger, in the caller's transaction."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import F

from audit import events
from audit.models import Action, Agent, Outcome
from records import patient, store
from sync import connections, recipients, recognition
from sync.models import Connection, FileKind, Pointer, PointerState, Shipment, ShipmentShare, ShippedFile
from sync.problems import Problem, SourceError
from sync.sources.bulk_export import mapping as theirs
from sync.sources.fhir_rest import mapping, plan
from sync.sources.fhir_rest.client import parsed
from sync.sources.fhir_rest.mapping import Pointed


@dataclass(slots=True)
class Sorted:
    """Lines by connection; ``counts`` says of each line where it went: taken, others, unassigned or unreadable."""

    of: dict[int, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def keep(shipment: Shipment, file: ShippedFile, lines: Collection[bytes], *, at: datetime) -> None:
    """Store what belongs to somebody linked, drop the rest, and account for every line."""
    read = [_resource(line) for line in lines]
    resources = [each for each in read if each is not None]
    if file.kind == FileKind.OUTPUT:
        found = _sorted(shipment, resources)
        _store(shipment, found, at)
    elif file.kind == FileKind.DELETED:
        _delete(shipment, resources, at)
        found = Sorted(counts={"taken": len(resources)})
    else:
        found = Sorted(counts={"taken": len(resources)})
        if any(theirs.is_error(each) for each in resources):
            file.problem = Problem.SERVER_ERROR
    found.counts["unreadable"] = len(read) - len(resources)
    counted = {name: F(name) + count for name, count in found.counts.items()}
    ShippedFile.objects.filter(pk=file.pk).update(lines=F("lines") + len(read), problem=file.problem, **counted)
    file.lines += len(read)


def settle(shipment: Shipment, *, at: datetime) -> None:
    """At the end: her one Patient follows, her connection says when something new came, and where her own pull may
    have been newer than the export, that is pulled again."""
    of_connections: dict[int, list[ShipmentShare]] = defaultdict(list)
    for share in ShipmentShare.objects.filter(shipment=shipment).select_related("connection"):
        of_connections[share.connection_id].append(share)
    for shares in of_connections.values():
        connection = shares[0].connection
        patient.compose(connection.owner_id, at=at)
        if any(share.new or share.changed or share.deleted for share in shares):
            Connection.objects.filter(pk=connection.pk).update(last_new_data=at)
        pulled = connection.last_attempt is not None and connection.last_attempt >= shipment.queued
        if pulled and any(share.changed or share.deleted for share in shares):
            connections.update(connection, at=at)


def _resource(line: bytes) -> dict[str, Any] | None:
    try:
        return parsed(line)[0]
    except SourceError:
        return None


def _sorted(shipment: Shipment, resources: Iterable[dict[str, Any]]) -> Sorted:
    """Each line to everybody linked to the one Patient it is about, or from whose records something leads to it."""
    hospital = shipment.feed.hospital
    base = hospital.fhir_base
    about = [(each, theirs.subjects(each, base=base)) for each in resources]
    of_patients = recipients.of_patients(hospital, {name for _, names in about for name in names})
    leading = _leading(shipment, [each for each, names in about if not names])
    found = Sorted()
    for resource, names in about:
        if names:
            # About two people at once it is nobody's: each would read of the other.
            keys = of_patients.get(next(iter(names)), []) if len(names) == 1 else []
        else:
            keys = leading.get(id(resource), [])
        found.counts["taken" if keys else "others" if names else "unassigned"] += 1
        for key in keys:
            # Mapping gives it the ids of one record, in place.
            found.of[key].append(resource if key == keys[-1] else copy.deepcopy(resource))
    return found


def _leading(shipment: Shipment, resources: list[dict[str, Any]]) -> dict[int, list[int]]:
    """For lines that name no Patient, by identity: the connections from whose records something leads to them."""
    hospital = shipment.feed.hospital
    named = {id(each): Pointed(each["resourceType"], str(each.get("id"))) for each in resources}
    pointed = {key: one for key, one in named.items() if one.resource_type in plan.POINTED}
    found = recipients.of_pointed(hospital, set(pointed.values())) if pointed else {}
    keys = {key: found.get(one, []) for key, one in pointed.items()}
    told = {
        id(each): theirs.targets(each, base=hospital.fhir_base)
        for each in resources
        if each["resourceType"] == "Provenance"
    }
    if told:
        held = recipients.of_held(hospital, {target for targets in told.values() for target in targets})
        # What tells of records of several people is kept for nobody, for the same reason.
        for key, targets in told.items():
            owners = [set(held.get(target, [])) for target in targets]
            keys[key] = sorted(set.intersection(*owners)) if owners else []
    return keys


def _store(shipment: Shipment, found: Sorted, at: datetime) -> None:
    for connection in recipients.locked(shipment.feed.hospital, found.of):
        resources = found.of[connection.pk]
        hers = [each for each in resources if each["resourceType"] == "Patient"]
        if not any(recognition.holds(connection, each) for each in hers):
            _store_one(shipment, connection, resources, at)


def _store_one(shipment: Shipment, connection: Connection, resources: list[dict[str, Any]], at: datetime) -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": each} for each in resources]}
    mapped = mapping.page(bundle, recipients.frame(connection))
    outcome = store.put_page(
        owner_id=connection.owner_id,
        source_id=connection.hospital.source_id,
        resources=mapped.resources,
        at=at,
    )
    _note_pointers(connection, mapped, resources, at)
    counts = {
        "received": len(resources),
        "new": outcome.new,
        "changed": outcome.changed,
        "unchanged": outcome.unchanged + outcome.repeated + mapped.repeated,
        "invalid": outcome.invalid,
        "unusable": len(mapped.unusable) + len(outcome.refused) + mapped.held_back + mapped.warnings,
    }
    _share(shipment, connection, resources[0]["resourceType"], counts)
    _tell(connection, mapping.count_by_type(mapped.resources), counts)


def _note_pointers(
    connection: Connection, mapped: mapping.Mapped, resources: list[dict[str, Any]], at: datetime
) -> None:
    """What hers points to comes in a later file, or is asked for by her own next run; what came is not asked for."""
    Pointer.objects.bulk_create(
        (
            Pointer(connection=connection, resource_type=each.resource_type, remote_id=each.remote_id)
            for each in sorted(mapped.pointed)
        ),
        ignore_conflicts=True,
    )
    came = [str(each.get("id")) for each in resources if each["resourceType"] in plan.POINTED]
    if came:
        answered = Pointer.objects.filter(
            connection=connection, resource_type=resources[0]["resourceType"], remote_id__in=came
        )
        answered.update(state=PointerState.FETCHED, asked=at)


def _delete(shipment: Shipment, resources: Iterable[Mapping[str, Any]], at: datetime) -> None:
    """Hide what is gone there, in whoever's record it is: by its id, so that only what this source brought can go."""
    gone = {each for resource in resources for each in theirs.gone(resource)}
    if not gone:
        return
    hospital = shipment.feed.hospital
    for connection in recipients.locked(hospital, list(recipients.linked(hospital).values_list("pk", flat=True))):
        by_type: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for resource_type, logical_id in recipients.names(connection, gone):
            by_type[resource_type].append((resource_type, logical_id))
        for resource_type, references in by_type.items():
            hidden = store.delete(
                owner_id=connection.owner_id, source_id=hospital.source_id, references=references, at=at
            )
            if hidden:
                _share(shipment, connection, resource_type, {"deleted": hidden})
                _tell(connection, {resource_type: hidden}, {"deleted": hidden})


def _share(shipment: Shipment, connection: Connection, resource_type: str, counts: Mapping[str, int]) -> None:
    share, _ = ShipmentShare.objects.get_or_create(
        shipment=shipment, connection=connection, resource_type=resource_type
    )
    ShipmentShare.objects.filter(pk=share.pk).update(**{name: F(name) + count for name, count in counts.items()})


def _tell(connection: Connection, by_type: Mapping[str, int], counts: Mapping[str, int]) -> None:
    hospital = connection.hospital
    kept = ("new", "changed", "unchanged", "unusable", "deleted")
    events.append(
        owner_id=connection.owner_id,
        action=Action.UPDATE,
        interaction="sync",
        outcome=Outcome.SUCCESS,
        agent_kind=Agent.SOURCE,
        agent=hospital.source.url[:120],
        agent_name=hospital.name,
        detail={"types": dict(by_type), **{name: counts[name] for name in kept if counts.get(name)}},
    )
