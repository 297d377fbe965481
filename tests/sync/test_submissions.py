"""Whatever apps write, in whatever order: what others said stands as it stood, and all or nothing is written."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from consent import contributions, gate
from records.models import Counter, Record
from records.numbering import TYPE_NUMBER
from standards.fhir import dates, validation
from sync import refusals, submissions
from sync.changes import CREATE, DELETE, PATCH, UPDATE, Author, Change
from sync.sources.apps import provenance
from tests.fhirapi import people, writing
from tests.fhirapi.writing import LAB, VITALS, let_write, observation

pytestmark = pytest.mark.django_db
BASE = "http://127.0.0.1:8000/fhir/r4"


def author_of(writer):
    app = writer.app
    reader = gate.App(app.application.client_id, app.decision.pk, writing_scopes(app))
    return Author(app.person.pk, app.person.patient_id, reader, app.application.name)


def writing_scopes(app):
    return tuple(gate.scopes.parse(text) for text in app.decision.scopes_granted)


def submit(author, *changes):
    return submissions.submit(author, changes, base=BASE)


def test_a_submission_is_written_whole_or_not_at_all(monkeypatch):
    person = people.sign_up()
    author = author_of(let_write(person))
    good = Change(CREATE, "Observation", content=observation(person))
    assert len(submit(author, good, good)) == 2

    def fail(**_):
        raise DatabaseError("lost")

    with monkeypatch.context() as patched:
        patched.setattr(provenance, "compose", fail)
        with pytest.raises(DatabaseError):
            submit(author, good, good)
    with pytest.raises(refusals.NoSuchRecord):
        submit(author, good, Change(DELETE, "Observation", "none"))
    assert Record.unguarded.filter(owner=person, deleted=False).count() == 2 + 1  # and one Provenance of both


def test_no_type_beyond_the_table_is_written_even_by_an_app_with_every_scope():
    person = people.sign_up()
    author = author_of(let_write(person))

    for resource_type in ("Patient", "Provenance", "Consent", "AuditEvent", "Binary", "Encounter"):
        assert resource_type not in contributions.ABOUT
        for interaction in (CREATE, UPDATE, PATCH, DELETE):
            with pytest.raises(refusals.NotContributed):
                submit(author, Change(interaction, resource_type, "x", content={"resourceType": resource_type}))


def test_provenance_is_valid_and_names_the_person():
    made = provenance.compose(
        logical_id="p",
        targets=["Observation/1/_history/1"],
        activity="CREATE",
        app_uri="urn:tributary:app:x",
        app_name="Watch",
        patient_id="me",
        recorded=dates.instant(timezone.now()),
        security=[],
    )

    assert validation.problems(made) == []


CHANGES = st.tuples(
    st.sampled_from([CREATE, UPDATE, PATCH, DELETE]),
    st.integers(0, 7),
    st.sampled_from([VITALS, LAB]),
    st.sampled_from(["final", "amended", "odd"]),
    st.sampled_from([None, frozenset({1}), frozenset({2})]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2), st.lists(CHANGES, min_size=1, max_size=3)), max_size=8))
@example([(0, [(CREATE, 0, VITALS, "final", None)]), (0, [(DELETE, 3, VITALS, "final", None)])])
def test_no_sequence_of_app_writes_changes_what_a_hospital_said(db, sequence):
    person, other = people.sign_up(), people.sign_up()
    for one in (person, other):
        people.store_records(one, [observation(one, VITALS, id="vital"), observation(one, LAB, id="lab")])
    authors = [
        author_of(let_write(person)),
        author_of(let_write(person, f"patient/Observation.cruds?category={LAB}")),
        author_of(let_write(other)),
    ]
    before = [writing.of_hospitals(one) for one in (person, other)]
    ids, written = ["vital", "lab", "none"], {0: set(), 1: set(), 2: set()}

    for who, wishes in sequence:
        author, about = authors[who], (person, person, other)[who]
        changes = [_change(wish, ids, about) for wish in wishes]
        try:
            done = submit(author, *changes)
        except refusals.Refused:
            continue
        for one in done:
            if one.change.interaction == CREATE:
                ids.append(one.stored.logical_id)
                written[who].add(one.stored.logical_id)
            assert one.stored.logical_id in written[who]

    assert [writing.of_hospitals(one) for one in (person, other)] == before
    for one in (person, other):
        _counters_agree(one)
        _only_what_stands_is_found(one)


def _change(wish, ids, person):
    interaction, number, category, status, expected = wish
    logical_id = "" if interaction == CREATE else ids[number % len(ids)]
    content = {**observation(person, category, status=status), "id": logical_id or "x"}
    if interaction == PATCH:
        content = [{"op": "replace", "path": "/status", "value": status}]
    return Change(
        interaction, "Observation", logical_id, content=content, expected=None if interaction == CREATE else expected
    )


def _counters_agree(person):
    counted = sum(Counter.unguarded.filter(owner=person).values_list("total", flat=True))
    assert counted == Record.unguarded.filter(owner=person, deleted=False).count()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM records_searchrow s LEFT JOIN records_record r ON r.owner_id = s.owner_id"
            " AND r.id = s.record WHERE s.owner_id = %s AND r.id IS NULL",
            [person.pk],
        )
        assert cursor.fetchone() == (0,)


def _only_what_stands_is_found(person):
    """What is deleted keeps its rows, by which its readers are told that it is gone, but no search finds it."""
    standing = Record.unguarded.filter(owner=person, deleted=False, resource_type=TYPE_NUMBER["Observation"])
    app = people.let_in(person, "patient/*.rs")
    found = [name for category in (VITALS, LAB) for name in app.ids(f"/Observation?category={category}&_count=500")]
    assert sorted(found) == sorted(f"Observation/{one}" for one in standing.values_list("logical_id", flat=True))
