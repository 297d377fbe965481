"""A hospital of the directory at which this site is not registered: registered at once where it takes that, and told
honestly where it does not."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.utils import timezone

from accounts.models import Person
from records import sealing
from smartlaunch import launches
from sync import hospitals, listings, runs, tokens
from sync.listings import Entry
from sync.models import AuthMethod, Connection, ConnectionState, Hospital, Run, RunState
from sync.problems import Problem, SourceError
from tests.fakes.ehr import CLIENT_ID, FakeEHR
from tests.portal import people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def listed(ehr: FakeEHR, transactional_db: None) -> Hospital:
    """In the directory, and nothing more."""
    listings.keep([Entry("cedar", "Cedar Hospital", ehr.base)], listing="a list")
    return Hospital.objects.get()


def begin(owner: Person, hospital: Hospital) -> dict[str, str]:
    address = launches.begin(owner, hospital=hospital, at=timezone.now())
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.mark.parametrize(
    ("methods", "chosen"),
    [
        (["client_secret_basic", "private_key_jwt"], AuthMethod.KEY),
        (["client_secret_basic"], AuthMethod.SECRET),
        (None, AuthMethod.SECRET),
        (["none"], AuthMethod.NONE),
    ],
)
def test_it_registers_once_as_strongly_as_the_hospital_takes(
    ehr: FakeEHR, owner: Person, listed: Hospital, methods: list[str] | None, chosen: AuthMethod
):
    ehr.registers = True
    ehr.metadata_changes = {"token_endpoint_auth_methods_supported": methods}

    first, second = begin(owner, listed), begin(owner, Hospital.objects.get())

    assert first["client_id"] == second["client_id"] == "registered-1"
    (asked,) = ehr.registrations
    assert asked["redirect_uris"] == [launches.redirect_uri(listed)]
    assert asked["token_endpoint_auth_method"] == chosen
    assert all("d" not in key for key in asked.get("jwks", {"keys": []})["keys"])  # no private part leaves
    registered = Hospital.objects.get()
    assert registered.auth_method == chosen
    assert (registered.sealed_secret is None) == (chosen == AuthMethod.NONE)


def test_a_secret_it_gave_is_kept_sealed(ehr: FakeEHR, owner: Person, listed: Hospital):
    ehr.registers = True
    begin(owner, listed)

    registered = Hospital.objects.get()

    assert registered.sealed_secret is not None
    opened = sealing.open_site_secret(tokens.secret_purpose(ehr.base), bytes(registered.sealed_secret))
    assert opened == b"a secret of this installation"
    assert opened not in bytes(registered.sealed_secret)


def test_without_a_way_to_register_it_says_so(ehr: FakeEHR, owner: Person, listed: Hospital):
    with pytest.raises(SourceError) as raised:
        begin(owner, listed)

    assert raised.value.problem is Problem.UNREGISTERED
    assert Hospital.objects.get().client_id == ""


def test_the_page_says_what_can_be_done(ehr: FakeEHR, owner: Person, listed: Hospital):
    page = people.browser_of(owner).post(f"/connect/{listed.slug}")

    text = page.content.decode()
    assert page.status_code == 400
    assert "This site is not registered at Cedar Hospital" in text
    assert "Ask whoever runs this site to register it there." in text
    assert "you do not offer dynamic registration (RFC 7591)" in text
    assert ehr.base in text


def test_a_refused_registration_is_not_kept(ehr: FakeEHR, owner: Person, listed: Hospital):
    ehr.metadata_changes = {"registration_endpoint": f"{ehr.issuer}/register"}

    with pytest.raises(SourceError) as raised:
        begin(owner, listed)

    assert (raised.value.problem, raised.value.status) == (Problem.UNREGISTERED, 400)


def test_a_registered_hospital_is_not_registered_again(ehr: FakeEHR, owner: Person, hospital: Hospital):
    ehr.registers = True

    begin(owner, hospital)

    assert ehr.registrations == []


# --- a client for each connection (Epic's dynamic clients)


@pytest.fixture
def of_each(ehr: FakeEHR, transactional_db: None) -> Hospital:
    """No refresh tokens; whoever shows a person's first token may register a client of hers."""
    ehr.registers = True
    ehr.token_extra = {"refresh_token": None}
    return hospitals.register(ehr.base, name="Cedar Hospital", client_id=CLIENT_ID, vendor="epic")


def connect(owner: Person, hospital: Hospital) -> Connection:
    """The whole way, with her browser played by a request that follows no redirect."""
    address = launches.begin(owner, hospital=hospital, at=timezone.now())
    back = requests.get(address, allow_redirects=False, timeout=10).headers["Location"]
    answer = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    return launches.finish(owner, hospital=hospital, answer=answer, at=timezone.now())


def test_her_connection_gets_a_client_of_its_own_and_new_tokens_by_its_key(ehr, owner, of_each):
    connection = connect(owner, of_each)

    (asked,) = ehr.registrations
    assert asked["software_id"] == CLIENT_ID
    assert all("d" not in key for key in asked["jwks"]["keys"])
    assert b"own-1" not in bytes(connection.sealed_tokens)
    ehr.tokens.clear()  # her first token has ended
    run = Run.objects.get(connection=connection)
    runs.perform(run.pk)

    run.refresh_from_db()
    connection.refresh_from_db()
    assert run.state == RunState.COMPLETE
    assert connection.state == ConnectionState.ACTIVE
    opened = tokens.opened(connection)
    assert opened.own is not None
    assert (opened.own.client_id, opened.refresh_token) == ("own-1", None)


def test_two_people_get_two_clients(ehr, owner, of_each):
    other = Person.objects.create_user("bert@example.org")
    mine, theirs = (tokens.opened(connect(each, of_each)) for each in (owner, other))

    assert mine.own is not None
    assert theirs.own is not None
    assert mine.own.client_id != theirs.own.client_id
    assert mine.own.key != theirs.own.key


def test_a_client_that_was_taken_back_there_asks_her_to_sign_in(ehr, owner, of_each):
    connection = connect(owner, of_each)
    ehr.tokens.clear()
    ehr.own_clients.clear()

    runs.perform(Run.objects.get(connection=connection).pk)

    connection.refresh_from_db()
    assert connection.state == ConnectionState.NEEDS_REAUTH


def test_a_hospital_that_registers_nobody_is_connected_as_long_as_its_token_lasts(ehr, owner, of_each):
    ehr.answer_with(r"/auth/register", 403)

    connection = connect(owner, of_each)

    assert connection.state == ConnectionState.ACTIVE
    assert tokens.opened(connection).own is None
    assert not tokens.opened(connection).may_be_renewed


def test_where_a_refresh_token_comes_no_client_is_registered(ehr, owner, of_each):
    ehr.token_extra = {}

    connect(owner, of_each)

    assert ehr.registrations == []
