"""Nothing hidden shows on the pages of somebody who acts for an owner, nor to an app that this person let in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from consent import delegations, ledger
from consent.delegations import Offer
from consent.models import Delegation, Grantee, Relationship
from consent.terms import Terms
from gateway import authorizations, clients
from portal.kinds import KINDS
from records import labels
from records.sameness.kinds import Kind
from tests.conformance import test_leaks_everywhere as everywhere
from tests.conformance import worlds
from tests.conformance.worlds import WORD, hidden_id, shown_id
from tests.fhirapi import people as api
from tests.portal import people
from tests.portal.test_people import told

pytestmark = pytest.mark.django_db

WALKED = ("Observation", "Condition", "Encounter", "Organization", "Practitioner", "Location", "CareTeam", "Device")
PAST = people.LOADED.date() + timedelta(days=1)
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
    together = ("", "differences/", *(f"{kind}/" for kind in Kind))
    wishes = ("", "?q=observation", "?kind=other", "?from=1900-01-01")
    for address in (
        f"/for/{uid}/",
        *(f"/for/{uid}/records/{kind.slug}/" for kind in KINDS),
        *(f"/for/{uid}/same/{rest}" for rest in together),
        *(f"/for/{uid}/timeline/{wish}" for wish in wishes),
        *(f"/for/{uid}/{page}/" for page in ("visits", "care-team", "costs")),
        *(f"/for/{uid}/records/{kind.slug}/?as_of={PAST}" for kind in KINDS),
        *(f"/for/{uid}/same/{kind}/?as_of={PAST}" for kind in Kind),
    ):
        page = delegate.get(address)
        assert page.status_code == 200
        assert WORD not in page.content.decode()
        assert "hidden-" not in page.content.decode()
    assert "hidden-" in seen_by_owner.get(f"/timeline/?q={WORD}").content.decode()
    assert "hidden-" not in delegate.get(f"/for/{uid}/timeline/?q={WORD}").content.decode()
    assert shown or name == "outside the time", "the delegate could see something"


@pytest.mark.parametrize("name", worlds.WORLDS)
def test_every_route_answers_a_delegates_app_for_a_hidden_record_as_for_none(name):
    """The delegate may see what the app of this world may; hers was granted everything, and still sees no more."""
    world = worlds.WORLDS[name]()
    delegate, uid = act_for(world.reader, world.hidden)
    app = let_in_by(delegate, uid, "openid", "fhirUser", worlds.EVERYTHING.replace("cruds", "rs"))
    theirs = replace(world, reader=app)
    shown = sum(app.get(f"/{kind}/{shown_id(kind)}").status_code == 200 for kind in world.shown)

    everywhere.answer_alike(theirs, everywhere.main(theirs)[:1])
    everywhere.test_totals_are_of_what_the_pages_show(theirs)

    assert app.get(f"/RelatedPerson/{uid}").status_code == 200
    assert shown or name == "outside the time", "the app could see something"


def let_in_by(delegate, uid, *granted: str) -> api.App:
    """She grants these scopes of the owner's record to a new app; it holds a token."""
    delegation = Delegation.objects.select_related("owner", "delegate").get(pk=uid)
    application = clients.register(
        "Hers", redirect_uris=["https://app.example/back"], method="none", scopes_allowed=granted
    ).application
    at, owner = timezone.now(), delegation.owner
    decision = ledger.grant(
        owner=owner,
        actor=delegation.delegate,
        kind=Grantee.DELEGATE_APP,
        grantee=delegations.grantee_of_app(uid, application.client_id),
        grantee_name="Hers",
        asked=granted,
        granted=granted,
        terms=Terms(labels=frozenset(labels.names(labels.SENSITIVE))),
        purpose="",
        ends=None,
        read=READ,
        at=at,
    )
    authorization = authorizations.begin(
        decision,
        person=delegation.delegate,
        application=application,
        granted=list(granted),
        ends=at + timedelta(days=30),
        authenticated=at,
        at=at,
        delegation=delegation,
    )
    token = api.hold_token(authorization, " ".join(granted))
    return api.App(owner, application, decision, authorization, token)


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
        terms=replace(Terms.of(decision.terms), apps=True),
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
