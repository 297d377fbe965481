from __future__ import annotations

import pytest
from django.db import connection

from records import keys, masters, sealing
from records.models import OwnerKey, Record
from tests.records.people import observation, own, put, sign_up

pytestmark = pytest.mark.django_db


def test_nothing_of_a_record_can_be_read_from_the_tables():
    person = sign_up()
    coding = {"system": "http://loinc.org", "code": "unmistakable-code"}
    put(person, observation("a", note=[{"text": "unmistakable-note"}]) | {"code": {"coding": [coding]}})
    body = own(person, "read").read("Observation", "a").body
    assert b"unmistakable-note" in body
    assert b"unmistakable-code" in body

    dump = []
    with connection.cursor() as cursor:
        for table in ("records_record", "records_searchrow", "records_counter", "records_codesystem"):
            cursor.execute(f"SELECT t::text FROM {table} t WHERE owner_id = %s", [person.pk])  # noqa: S608
            dump += [row[0] for row in cursor.fetchall()]
    assert len(dump) >= 5
    assert not [row for row in dump if "unmistakable" in row or b"unmistakable".hex() in row]


def test_a_body_opens_only_at_its_own_place():
    person, other = sign_up(), sign_up()
    put(person, observation("a"))
    record = Record.unguarded.get(owner=person)
    cipher = keys.of(person.pk).cipher
    here = sealing.place(person.pk, record.resource_type, "a", 1)
    assert sealing.open_body(cipher, bytes(record.body), here).startswith(b'{"resourceType":"Observation"')

    for elsewhere in (
        sealing.place(other.pk, record.resource_type, "a", 1),
        sealing.place(person.pk, record.resource_type, "b", 1),
        sealing.place(person.pk, record.resource_type, "a", 2),
        sealing.place(person.pk, record.resource_type + 1, "a", 1),
    ):
        with pytest.raises(sealing.Tampered):
            sealing.open_body(cipher, bytes(record.body), elsewhere)


def test_an_altered_body_does_not_open():
    person = sign_up()
    sealed = bytearray(sealing.seal(keys.ensure(person.pk).cipher, b"{}", b"here"))
    sealed[-1] ^= 1

    with pytest.raises(sealing.Tampered):
        sealing.open_body(keys.of(person.pk).cipher, bytes(sealed), b"here")


def test_another_persons_key_opens_nothing():
    person, other = sign_up(), sign_up()
    sealed = sealing.seal_secret(person.pk, "token", b"secret")
    assert sealing.open_secret(person.pk, "token", sealed) == b"secret"
    keys.ensure(other.pk)

    with pytest.raises(sealing.Tampered):
        sealing.open_secret(other.pk, "token", sealed)
    with pytest.raises(sealing.Tampered):
        sealing.open_secret(person.pk, "another purpose", sealed)


def test_a_destroyed_key_makes_the_record_unreadable():
    person = sign_up()
    put(person, observation("a"))
    assert own(person, "read").read("Observation", "a") is not None

    OwnerKey.unguarded.filter(owner=person).delete()
    keys.forget(person.pk)

    with pytest.raises(keys.KeyUnavailable):
        keys.of(person.pk)


def test_a_key_is_stored_wrapped_only():
    person = sign_up()
    keys.ensure(person.pk)

    row = OwnerKey.unguarded.get(owner=person)
    assert len(bytes(row.wrapped)) == 40
    unwrapped = masters.provider().unwrap(bytes(row.wrapped), master_key_id=row.master_key_id)
    assert unwrapped not in bytes(row.wrapped)


def test_a_missing_master_key_says_which(tmp_path):
    provider = masters.FileKeyProvider(tmp_path)
    wrapped = provider.wrap(b"k" * 32)
    assert provider.unwrap(wrapped, master_key_id="master-0001") == b"k" * 32

    with pytest.raises(keys.KeyUnavailable, match="master-0002"):
        provider.unwrap(wrapped, master_key_id="master-0002")


def test_master_key_files_are_for_their_owner_alone(tmp_path):
    masters.FileKeyProvider(tmp_path / "keys").current()

    (made,) = (tmp_path / "keys").glob("*.key")
    assert made.stat().st_mode & 0o777 == 0o600
    assert made.parent.stat().st_mode & 0o777 == 0o700


def test_a_new_master_key_wraps_and_the_old_one_still_opens(tmp_path):
    provider = masters.FileKeyProvider(tmp_path)
    old = provider.wrap(b"a" * 32)
    (tmp_path / "master-0002.key").write_bytes(b"n" * 32)

    assert provider.current() == "master-0002"
    assert provider.unwrap(old, master_key_id="master-0001") == b"a" * 32
    assert provider.unwrap(provider.wrap(b"b" * 32), master_key_id="master-0002") == b"b" * 32
