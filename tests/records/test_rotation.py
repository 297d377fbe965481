"""Master keys: rotated without touching a body, resumable, in files or in KMS."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from records import keys, masters, rotation, sealing
from records.models import OwnerKey
from tests.fakes.kms import FakeKMS
from tests.records.people import observation, own, put, sign_up

pytestmark = pytest.mark.django_db


def start_anew() -> None:
    """As a process that has just begun."""
    keys._remembered.clear()
    for cached in (masters.provider, masters._kms, keys.site_cipher):
        cached.cache_clear()


@pytest.fixture(autouse=True)
def _keys_of_its_own(settings, tmp_path):
    settings.KEYS_DIR = tmp_path
    start_anew()
    yield
    start_anew()


@pytest.fixture
def kms(settings, monkeypatch):
    for name, value in {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "s", "DEFAULT_REGION": "eu-central-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with FakeKMS("alias/tributary", "alias/next").running() as running:
        settings.KMS_ENDPOINT = running.url
        yield running


def three_people():
    people = [sign_up() for _ in range(3)]
    for person in people:
        put(person, observation("hb"))
    return people


def bodies() -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM records_record ORDER BY owner_id, id")
        return [bytes(body) for (body,) in cursor.fetchall()]


def readable(person) -> bool:
    start_anew()
    return own(person, "read").read("Observation", "hb") is not None


def test_every_record_opens_under_the_new_master_key_alone_and_no_body_was_rewritten(tmp_path):
    people, secret = three_people(), sealing.seal_site_secret("test", b"of the site")
    before = bodies()

    call_command("rotate_master_key")

    (tmp_path / "master-0001.key").unlink()
    assert all(readable(person) for person in people)
    assert bodies() == before
    assert rotation.needed() == {"master-0002": 4}
    assert sealing.open_site_secret("test", secret) == b"of the site"


def test_killed_in_the_middle_both_are_needed_until_it_is_run_again(tmp_path, monkeypatch):
    people = three_people()
    sealing.seal_site_secret("test", b"of the site")
    wrap, done = masters.FileKeyProvider.wrap, []

    def dies(self, key):
        if done:
            raise KeyboardInterrupt
        done.append(key)
        return wrap(self, key)

    with monkeypatch.context() as patched:
        patched.setattr(masters.FileKeyProvider, "wrap", dies)
        with pytest.raises(KeyboardInterrupt):
            call_command("rotate_master_key")
    assert rotation.needed() == {"master-0001": 3, "master-0002": 1}
    assert all(readable(person) for person in people)

    call_command("rotate_master_key", "--go-on")

    assert rotation.needed() == {"master-0002": 4}
    assert sorted(path.name for path in tmp_path.glob("master-*")) == ["master-0001.key", "master-0002.key"]
    (tmp_path / "master-0001.key").unlink()
    assert all(readable(person) for person in people)


def test_without_the_old_master_key_it_says_so_and_changes_nothing(tmp_path):
    three_people()
    (tmp_path / "master-0001.key").rename(tmp_path / "away")
    start_anew()
    before = list(OwnerKey.unguarded.order_by("pk").values_list("wrapped", "master_key_id"))

    with pytest.raises(CommandError, match="master-0001 is not in the directory"):
        call_command("rotate_master_key")

    assert list(OwnerKey.unguarded.order_by("pk").values_list("wrapped", "master_key_id")) == before


def test_a_key_destroyed_meanwhile_does_not_come_back(monkeypatch):
    first, *_ = three_people()
    old = rotation._old

    def meanwhile(current):
        for row in old(current):
            if row[0] == first.pk:
                keys.destroy(first.pk, at=timezone.now())
            yield row

    monkeypatch.setattr(rotation, "_old", meanwhile)
    call_command("rotate_master_key")

    assert not OwnerKey.unguarded.filter(owner_id=first.pk).exists()


def test_kms_wraps_and_opens_and_no_plain_key_is_stored(kms, settings):
    settings.KMS_KEY_ID = "alias/tributary"
    start_anew()
    person, *_ = three_people()

    assert readable(person)
    assert {name for name, _ in kms.asked} == {"Encrypt", "Decrypt"}
    assert all(headers["Authorization"].startswith("AWS4-HMAC-SHA256") for _, headers in kms.asked)
    assert OwnerKey.unguarded.get(pk=person.pk).master_key_id == "kms:alias/tributary"


def test_a_site_moves_from_files_to_kms_and_on_to_another_key(kms, settings, tmp_path):
    people = three_people()
    sealing.seal_site_secret("test", b"of the site")

    for key_id in ("alias/tributary", "alias/next"):
        settings.KMS_KEY_ID = key_id
        start_anew()
        assert all(readable(person) for person in people)
        call_command("rotate_master_key")
        assert rotation.needed() == {f"kms:{key_id}": 4}

    (tmp_path / "master-0001.key").unlink()
    assert all(readable(person) for person in people)


def test_kms_that_refuses_is_a_key_that_is_not_there(kms, settings):
    settings.KMS_KEY_ID = "alias/tributary"
    start_anew()
    person, *_ = three_people()
    kms.down = True

    with pytest.raises(masters.KeyUnavailable, match="KMS: decrypt failed"):
        readable(person)
