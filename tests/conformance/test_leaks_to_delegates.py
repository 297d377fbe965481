"""Nothing hidden shows on the pages of somebody who acts for an owner, in every world with something to hide."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from consent import delegations, ledger
from consent.delegations import Offer
from consent.models import Grantee, Relationship
from consent.terms import Terms
from portal.kinds import KINDS
from tests.conformance import worlds
from tests.conformance.worlds import WORD, hidden_id, shown_id
from tests.portal import people
from tests.portal.test_people import told

pytestmark = pytest.mark.django_db

WALKED = ("Observation", "Condition", "Encounter", "Organization", "Practitioner", "Location", "CareTeam", "Device")
READ = ledger.Reading("1", "en")


@pytest.mark.parametrize("name", worlds.WORLDS)
def test_no_page_shows_a_delegate_what_is_hidden(name):
    world = worlds.WORLDS[name]()
    delegate, uid = act_for(world.reader, world.hidden)
    seen_by_owner = people.browser_of(world.whole.person)
    shown = 0

    for kind in [one for one in WALKED if one in world.hidden]:
        assert WORD in seen_by_owner.get(f"/record/{kind}/{hidden_id(kind)}/").content.decode()

        answer = told(delegate, f"/for/{uid}/record/{kind}/{hidden_id(kind)}/")

        assert answer == told(delegate, f"/for/{uid}/record/{kind}/absent/")
        assert answer[0] == 404
    for kind in world.shown:
        page = delegate.get(f"/for/{uid}/record/{kind}/{shown_id(kind)}/")
        shown += page.status_code == 200
        assert WORD not in page.content.decode()
    for address in (f"/for/{uid}/", *(f"/for/{uid}/records/{kind.slug}/" for kind in KINDS)):
        page = delegate.get(address)
        assert page.status_code == 200
        assert WORD not in page.content.decode()
        assert "hidden-" not in page.content.decode()
    assert shown or name == "outside the time", "the delegate could see something"


def act_for(reader, hidden):
    """A delegate who was given what the app of this world was given, and the same single records hidden from her."""
    delegate, at = people.sign_up(name="Ben Example"), timezone.now()
    decision = reader.decision
    offer = Offer(
        name="Ben",
        email=delegate.email,
        relationship=Relationship.FRIEND,
        guardian=False,
        granted=tuple(decision.scopes_granted),
        terms=Terms.of(decision.terms),
        ends=at + timedelta(days=1),
    )
    delegation, _ = delegations.invite(reader.person, offer, read=READ, at=at)
    delegations.accept(delegation, delegate, at=at)
    for kind in hidden:
        if ledger.is_hidden(reader.person.pk, f"{kind}/{hidden_id(kind)}", "app", reader.application.client_id):
            ledger.hide(
                owner=reader.person,
                actor=reader.person,
                record=f"{kind}/{hidden_id(kind)}",
                read=READ,
                at=at,
                kind=Grantee.PERSON,
                grantee=str(delegation.uid),
            )
    return people.browser_of(delegate), delegation.uid
