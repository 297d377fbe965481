"""A hospital of the directory at which this site is not registered: registered at once where it takes that, and told
honestly where it does not."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from accounts.models import Person
from records import sealing
from smartlaunch import launches
from sync import listings, tokens
from sync.listings import Entry
from sync.models import AuthMethod, Hospital
from sync.problems import Problem, SourceError
from tests.fakes.ehr import FakeEHR
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
