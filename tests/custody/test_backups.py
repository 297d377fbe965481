"""The drill: load, back up, destroy, restore, and compare everything; and who was erased does not come back."""

from __future__ import annotations

import shutil
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from psycopg.errors import InsufficientPrivilege

from accounts.models import Person
from audit import chains, events
from consent import gate, ledger
from custody import archives, backups, erasures, restores
from records import keys, masters
from tests import servers, web_role
from tests.custody import lives
from tests.fakes.cedar import ehr, hospital
from tests.portal import people

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["ehr", "hospital"]
TYPES = ("Condition", "DocumentReference", "Observation", "Patient", "Binary")


@pytest.fixture(autouse=True)
def _places(settings, tmp_path):
    settings.BACKUP_KEY = "5e" * 32
    settings.BACKUP_DIR, settings.BACKUP_KEYS_DIR = str(tmp_path / "archives"), str(tmp_path / "keys")
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.KEYS_DIR = tmp_path / "master"
    caches = (masters.provider, keys.site_cipher)
    for cached in caches:
        cached.cache_clear()
    lives.forget_keys()
    yield
    for cached in caches:
        cached.cache_clear()
    lives.forget_keys()


def holdings(person: Person) -> dict[str, str]:
    """A digest of every version of every record as she reads it."""
    records = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="read", at=timezone.now())
    found = {}
    for resource_type in TYPES:
        with connection.cursor() as cursor:
            cursor.execute("SELECT logical_id FROM records_record WHERE owner_id = %s", [person.pk])
            names = [name for (name,) in cursor.fetchall()]
        for name in names:
            for version in records.history(resource_type, name, since=None, below=None, limit=100):
                found[f"{resource_type}/{name}/{version.version_id}"] = sha256(version.body).hexdigest()
    return found


def destroy() -> None:
    """The database and the attachments are gone; the master keys are in other hands."""
    with connection.cursor() as cursor:
        listed = ", ".join(f'"{table}"' for table, _ in backups.tables(cursor) if table not in backups.STAYS)
        cursor.execute(f"TRUNCATE {listed}")
    for name in lives.files():
        lives.storages["attachments"].delete(name)
    (keys.settings.KEYS_DIR / "site.key").unlink()
    keys.site_cipher.cache_clear()
    lives.forget_keys()


def parts(made: backups.Made) -> tuple[Path, Path]:
    return made.path, Path(keys.settings.BACKUP_KEYS_DIR) / backups.COPY_NAME


def rows() -> dict[str, list[str]]:
    """All rows, but for sign-ins, which end with a restore."""
    return {table: sorted(found) for table, found in lives.dump().items() if table != "django_session"}


def test_the_drill(ehr, hospital):
    lived = [lives.live(name, ehr, hospital) for name in ("Zenobia Quillfeather", "Barnaby Thistlewood")]
    held = [holdings(life.person) for life in lived]
    assert all({f"Observation/hb/{version}" for version in (1, 2)} < set(each) for each in held)
    before, stored = rows(), lives.files()
    made = backups.make(at=timezone.now())
    destroy()
    assert not Person.objects.exists()
    assert lives.files() == set()

    restored = restores.restore(*parts(made))

    assert (restored.attachments, restored.erased_again, restored.without_key) == (2, 0, 0)
    assert rows() == before
    assert lives.files() == stored
    assert [holdings(life.person) for life in lived] == held
    for life in lived:
        assert chains.verify(life.person.pk) == ledger.verify(life.person.pk) == []
    # What is written from now on follows what was there.
    people.store_records(lived[0].person, [people.observation(lived[0].person, "new")])
    events.append(owner_id=lived[0].person.pk, action="R", interaction="read", agent_kind="owner", agent="x")
    assert chains.verify(lived[0].person.pk) == []


def test_who_was_erased_after_a_backup_is_not_in_what_is_restored_from_it(ehr, hospital):
    hers, other = lives.live("Zenobia Quillfeather", ehr, hospital), lives.live("Barnaby Thistlewood", ehr, hospital)
    kept = holdings(other.person)
    made = backups.make(at=timezone.now())
    erasure = erasures.ask(hers.person, at=timezone.now(), now=True)
    assert erasures.perform(erasure.pk, at=timezone.now())
    destroy()

    restored = restores.restore(*parts(made))

    assert restored.erased_again == 1
    assert [table for table, found in lives.dump().items() if any("Zenobia" in row for row in found)] == []
    assert not Person.objects.filter(pk=hers.person.pk).exists()
    assert len(lives.files()) == 1
    assert holdings(other.person) == kept
    with pytest.raises(keys.KeyUnavailable):
        keys.ensure(hers.person.pk)


def test_after_a_recovery_that_brought_her_back_the_newest_copy_of_the_keys_erases_her_again(ehr, hospital, tmp_path):
    hers, other = lives.live("Zenobia Quillfeather", ehr, hospital), lives.live("Barnaby Thistlewood", ehr, hospital)
    path, copied = parts(backups.make(at=timezone.now()))
    old = shutil.copy(copied, tmp_path / "old.copy")
    assert erasures.perform(erasures.ask(hers.person, at=timezone.now(), now=True).pk, at=timezone.now())
    destroy()
    restores.restore(path, Path(old))
    assert holdings(hers.person)  # an old copy of the keys brings back what was erased

    call_command("erase_again", f"--keys={copied}")

    assert not Person.objects.filter(pk=hers.person.pk).exists()
    assert holdings(other.person)


def test_an_archive_alone_opens_nobodys_record(ehr, hospital):
    """With the archive, the backup key and the master keys, but without the copy of the wrapped keys."""
    life = lives.live("Zenobia Quillfeather", ehr, hospital)
    made = backups.make(at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT wrapped FROM records_ownerkey WHERE owner_id = %s", [life.person.pk])
        wrapped = bytes(cursor.fetchone()[0])

    with made.path.open("rb") as file:
        entries = {entry.name: b"".join(entry.data) for entry in archives.Reader(file)}

    assert life.person.email.encode() in entries["table/accounts_person"]
    assert "table/records_ownerkey" not in entries
    assert [name for name, data in entries.items() if wrapped in data] == []
    assert [name for name, data in entries.items() if b"Hemoglobin" in data] == []


def test_an_archive_shows_nothing_without_the_backup_key_and_notices_every_change(ehr, hospital, settings):
    lives.live("Zenobia Quillfeather", ehr, hospital)
    path, copied = parts(backups.make(at=timezone.now()))
    whole = path.read_bytes()
    assert b"Zenobia" not in whole
    destroy()

    for broken in (whole[:-1], whole[: len(whole) // 2], b"", whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]):
        path.write_bytes(broken)
        with pytest.raises(archives.BrokenArchive):
            restores.restore(path, copied)
        assert not Person.objects.exists()
    path.write_bytes(whole)
    settings.BACKUP_KEY = "6f" * 32
    with pytest.raises(CommandError, match="of another key"):
        call_command("restore", str(path), f"--keys={copied}")


def test_a_restore_never_mixes_two_sites():
    people.sign_up()
    path, copied = parts(backups.make(at=timezone.now()))

    with pytest.raises(CommandError, match="there are people in this database"):
        call_command("restore", str(path), f"--keys={copied}")


def test_keys_and_archives_may_not_lie_in_one_place(settings):
    settings.BACKUP_KEYS_DIR = settings.BACKUP_DIR + "/keys"
    with pytest.raises(CommandError, match="must lie apart"):
        call_command("backup")
    settings.BACKUP_KEY = "short"
    settings.BACKUP_KEYS_DIR = settings.BACKUP_DIR + "-keys"
    with pytest.raises(CommandError, match="64 hexadecimal"):
        call_command("backup")


def test_an_attachment_that_storage_lost_is_told(ehr, hospital):
    lives.live("Zenobia Quillfeather", ehr, hospital)
    shutil.rmtree(lives.storages["attachments"].location)

    with pytest.raises(CommandError, match="1 attachments that storage does not have"):
        call_command("backup")


def test_archives_past_their_time_are_removed(settings):
    first = backups.make(at=timezone.now()).path
    settings.BACKUP_LIFE = timedelta(0)
    second = backups.make(at=timezone.now() + timedelta(seconds=5)).path

    assert (first.exists(), second.exists()) == (False, True)


@pytest.mark.skipif(not servers.ROLE_URLS, reason="a server that was given has no roles of ours")
def test_backup_that_would_hold_only_some_rows_is_none(settings):
    people.sign_up()

    with web_role.stepped_down(), pytest.raises(InsufficientPrivilege, match="affected by row-level security"):
        backups.make(at=timezone.now())

    assert list(Path(settings.BACKUP_DIR).iterdir()) == []
