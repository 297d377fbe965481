"""Recipients: into whose record a line of a group export may go.

Only by a link that a person made: a connection at that organisation, active, through which she was recognized or has
pulled her own record already. A name and a birth date that fit somebody's are never enough, because anybody can state
them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from itertools import islice
from typing import Final

from django.db.models import Q, QuerySet

from records import store
from sync.models import Connection, ConnectionState, Hospital, Pointer
from sync.sources.fhir_rest.mapping import Frame, Pointed

PAIRS_MAX: Final = 50_000
"""Names looked for by one statement: of so many people at once as that makes with what is wanted."""


def linked(hospital: Hospital) -> QuerySet[Connection]:
    """The connections into which its lines may go."""
    known = Q(recognized__isnull=False) | Q(last_success__isnull=False)
    active = Connection.objects.filter(hospital=hospital, state=ConnectionState.ACTIVE, removal__isnull=True)
    return active.filter(known)


def locked(hospital: Hospital, wanted: Collection[int]) -> list[Connection]:
    """Those of ``wanted`` that are linked still, by owner, and stay so until the transaction ends."""
    # Always in one order, lest two shipments wait for each other; who stops or deletes one waits for this batch.
    found = (
        linked(hospital).filter(pk__in=wanted).order_by("owner_id", "pk").select_for_update(of=("self",), no_key=True)
    )
    return list(found.select_related("owner", "hospital__source"))


def of_patients(hospital: Hospital, patients: Collection[str]) -> dict[str, list[int]]:
    """The connections of these Patients of the organisation: several where several people follow one."""
    found: dict[str, list[int]] = defaultdict(list)
    for key, patient in linked(hospital).filter(patient__in=patients).values_list("pk", "patient"):
        found[patient].append(key)
    return found


def of_pointed(hospital: Hospital, wanted: Collection[Pointed]) -> dict[Pointed, list[int]]:
    """The connections of which a record points to one of these, all of one type."""
    found: dict[Pointed, list[int]] = defaultdict(list)
    pointers = Pointer.objects.filter(
        connection__in=linked(hospital),
        resource_type__in={each.resource_type for each in wanted},
        remote_id__in={each.remote_id for each in wanted},
    )
    for key, resource_type, remote_id in pointers.values_list("connection_id", "resource_type", "remote_id"):
        found[Pointed(resource_type, remote_id)].append(key)
    return found


def of_held(hospital: Hospital, wanted: Collection[Pointed]) -> dict[Pointed, list[int]]:
    """The connections of whose owners one of these is a record, as what a Provenance is about."""
    found: dict[Pointed, list[int]] = defaultdict(list)
    at_once = max(PAIRS_MAX // max(len(wanted), 1), 1)
    everybody = linked(hospital).select_related("owner", "hospital__source").iterator(at_once)
    while some := list(islice(everybody, at_once)):
        named = [(each, names(each, wanted)) for each in some]
        held = store.present_of((each.owner_id, *name) for each, known in named for name in known)
        for connection, known in named:
            for name, one in known.items():
                if (connection.owner_id, *name) in held:
                    found[one].append(connection.pk)
    return found


def names(connection: Connection, remote: Collection[Pointed]) -> Mapping[tuple[str, str], Pointed]:
    """What each of these is called in her record."""
    whole = frame(connection)
    return {(each.resource_type, whole.logical_id(each.resource_type, each.remote_id)): each for each in remote}


def frame(connection: Connection) -> Frame:
    hospital = connection.hospital
    return Frame(
        owner_id=connection.owner_id,
        source_url=hospital.source.url,
        base=hospital.fhir_base,
        patient=connection.patient,
        patient_id=connection.owner.patient_id,
    )
