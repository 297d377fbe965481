"""People who act for an owner: bound by her invitation, limited by her decision, shut out at once by either side."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import events
from audit.models import Agent
from consent import delegations, gate, guardians, ledger, preview
from consent.delegations import NotInvited, Offer, State, TooManyInvitations
from consent.models import Delegation, Grantee, Relationship
from consent.terms import Terms
from records import patient
from records.query import Query
from standards.smart import scopes
from tests.consent import test_gate as gate_cases
from tests.records.people import AT, CATEGORY, observation, put, sign_up, source

pytestmark = pytest.mark.django_db

READ = ledger.Reading("1", "en")
LABORATORY = f"patient/Observation.rs?category={CATEGORY}|laboratory"
EVERYTHING = ("patient/*.rs",)
YEAR = timedelta(days=365)
SNOMED = "http://snomed.info/sct"
SENSITIVE = {"code": {"coding": [{"system": SNOMED, "code": "5602001", "display": "Opioid abuse (disorder)"}]}}


def condition(logical_id: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": logical_id,
        "code": {"coding": [{"system": SNOMED, "code": "38341003", "display": "Hypertension"}]},
        "subject": {"reference": "Patient/p"},
        **more,
    }


def offer(to, *granted: str, guardian: bool = False, ends: datetime = AT + YEAR, **terms: Any) -> Offer:
    return Offer(
        name="Ben",
        email=to.email.upper(),
        relationship=Relationship.PARENT if guardian else Relationship.SPOUSE,
        guardian=guardian,
        granted=granted or EVERYTHING,
        terms=Terms(**terms),
        ends=ends,
    )


def delegate(owner, person, *granted: str, at: datetime = AT, **more: Any) -> gate.Delegate:
    delegation, _ = delegations.invite(owner, offer(person, *granted, **more), read=READ, at=at)
    delegations.accept(delegation, person, at=at)
    return reader_of(delegation, person)


def reader_of(delegation: Delegation, person) -> gate.Delegate:
    decision = ledger.newest(delegation.owner_id, str(delegation.pk), kind=Grantee.PERSON)
    return gate.Delegate(person.pk, str(delegation.pk), decision.pk)


def seen(owner, reader: gate.Reader, resource_type: str = "Observation", *, at: datetime = AT) -> set[str]:
    records = gate.readable(owner_id=owner.pk, reader=reader, interaction="search", at=at)
    return {entry.logical_id for entry in records.search(Query.of(resource_type)).entries}


@pytest.fixture
def owner():
    return sign_up(name="Ana")


@pytest.fixture
def ben():
    return sign_up(name="Ben")


def test_an_invitation_admits_nobody_before_it_is_accepted(owner, ben):
    put(owner, observation("lab"))
    delegation, token = delegations.invite(owner, offer(ben), read=READ, at=AT)
    reader = reader_of(delegation, ben)
    with pytest.raises(gate.ConsentMissing):
        seen(owner, reader)

    delegations.accept(delegations.invitation(token, at=AT).delegation, ben, at=AT)

    assert seen(owner, reader) == {"lab"}


def test_the_token_is_stored_hashed_and_works_once(owner, ben):
    delegation, token = delegations.invite(owner, offer(ben), read=READ, at=AT)
    stored = Delegation.objects.values_list("invitation", flat=True).get(pk=delegation.pk)
    assert len(stored) == 64
    assert token not in stored

    delegations.accept(delegation, ben, at=AT)

    assert delegations.invitation(token, at=AT) is None
    with pytest.raises(NotInvited):
        delegations.accept(delegation, ben, at=AT)


def test_an_invitation_is_for_the_address_it_was_sent_to(owner, ben):
    stranger = sign_up()
    delegation, token = delegations.invite(owner, offer(ben), read=READ, at=AT)

    for somebody_else in (stranger, owner):
        with pytest.raises(NotInvited):
            delegations.accept(delegation, somebody_else, at=AT)

    assert delegations.invitation(token, at=AT).state is State.WAITING


def test_an_invitation_lapses(owner, ben):
    delegation, token = delegations.invite(owner, offer(ben), read=READ, at=AT)
    late = AT + delegations.LIFE
    assert delegations.invitation(token, at=late - timedelta(seconds=1)) is not None

    assert delegations.invitation(token, at=late) is None
    with pytest.raises(NotInvited):
        delegations.accept(delegation, ben, at=late)
    assert [each.state for each in delegations.given(owner, at=late)] == [State.LAPSED]


def test_an_invitation_that_was_taken_back_cannot_be_accepted(owner, ben):
    delegation, token = delegations.invite(owner, offer(ben), read=READ, at=AT)

    delegations.end(delegation, by=owner, at=AT)

    assert delegations.invitation(token, at=AT) is None
    with pytest.raises(NotInvited):
        delegations.accept(delegation, ben, at=AT)


def test_declining_withdraws_what_was_offered(owner, ben):
    delegation, token = delegations.invite(owner, offer(ben), read=READ, at=AT)

    delegations.decline(delegation, ben, at=AT)

    assert [each.state for each in delegations.given(owner, at=AT)] == [State.DECLINED]
    assert ledger.current(owner.pk, str(delegation.pk), kind=Grantee.PERSON) is None
    assert delegations.invitation(token, at=AT) is None


def test_nobody_sends_invitations_without_end(owner, ben):
    for _ in range(delegations.WAITING_MAX):
        delegations.invite(owner, offer(ben), read=READ, at=AT)

    with pytest.raises(TooManyInvitations):
        delegations.invite(owner, offer(ben), read=READ, at=AT)

    delegations.invite(owner, offer(ben), read=READ, at=AT + delegations.LIFE)


def test_scope_source_and_time_limit_a_delegate_like_any_reader(owner, ben):
    cedar = source("Cedar")
    put(owner, observation("lab"), observation("old", effectiveDateTime="2010-01-01"))
    put(owner, observation("bp", category="vital-signs"))
    put(owner, observation("there"), source_id=cedar)
    assert seen(owner, delegate(owner, ben)) == {"lab", "old", "bp", "there"}

    since = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    reader = delegate(owner, ben, LABORATORY, sources=frozenset({source()}), since=since)

    assert seen(owner, reader) == {"lab"}
    assert seen(owner, reader, "Condition") == set()


def test_sensitive_and_unclassifiable_records_are_withheld(owner, ben):
    put(owner, condition("plain"), condition("opioids", **SENSITIVE), condition("told", code={"text": "Cough"}))
    assert seen(owner, gate.Owner(owner.pk), "Condition") == {"plain", "opioids", "told"}
    app_sees = ledger.grant(
        owner=owner, actor=owner, grantee="app", grantee_name="App", asked=EVERYTHING, granted=EVERYTHING,
        terms=Terms(), purpose="", ends=None, read=READ, at=AT,
    )  # fmt: skip
    assert seen(owner, gate.App("app", app_sees.pk, gate.scopes.parse_all("patient/*.rs")), "Condition") == {
        "plain",
        "told",
    }

    assert seen(owner, delegate(owner, ben), "Condition") == {"plain"}
    assert seen(owner, delegate(owner, ben, labels=frozenset({"SUD"})), "Condition") == {"plain", "opioids"}


def test_a_hidden_record_is_hidden_from_a_delegate(owner, ben):
    put(owner, observation("lab"), observation("secret"))
    reader = delegate(owner, ben)
    assert seen(owner, reader) == {"lab", "secret"}

    ledger.hide(owner=owner, actor=owner, record="Observation/secret", read=READ, at=AT)

    assert seen(owner, reader) == {"lab"}


@pytest.mark.parametrize("by", ["owner", "ben"])
def test_either_side_ends_it_at_once(owner, ben, by):
    put(owner, observation("lab"))
    reader = delegate(owner, ben)
    assert seen(owner, reader) == {"lab"}

    delegations.end(Delegation.objects.get(pk=reader.delegation), by={"owner": owner, "ben": ben}[by], at=AT)

    with pytest.raises(gate.ConsentMissing):
        seen(owner, reader)
    assert [each.state for each in delegations.held(ben, at=AT)] == [State.ENDED]
    assert ledger.newest(owner.pk, reader.delegation, kind=Grantee.PERSON).actor == {"owner": owner, "ben": ben}[by]


def test_a_pause_shuts_and_going_on_opens_on_the_same_terms(owner, ben):
    put(owner, observation("lab"), observation("bp", category="vital-signs"))
    reader = delegate(owner, ben, LABORATORY)
    delegation = Delegation.objects.get(pk=reader.delegation)

    delegations.pause(delegation, at=AT)

    with pytest.raises(gate.ConsentMissing):
        seen(owner, reader)
    delegations.resume(delegation, at=AT)
    assert seen(owner, reader_of(delegation, ben)) == {"lab"}


def test_it_ends_at_the_very_instant_and_is_renewed(owner, ben):
    put(owner, observation("lab"))
    reader, ends = delegate(owner, ben, ends=AT + YEAR), AT + YEAR
    assert seen(owner, reader, at=ends - timedelta(microseconds=1)) == {"lab"}
    with pytest.raises(gate.ConsentMissing):
        seen(owner, reader, at=ends)

    delegation = Delegation.objects.get(pk=reader.delegation)
    delegations.renew(delegation, ends=ends + YEAR, read=READ, at=ends)

    assert seen(owner, reader_of(delegation, ben), at=ends) == {"lab"}


def test_a_delegation_is_worth_nothing_in_other_hands_or_for_another_record(owner, ben):
    stranger, other = sign_up(), sign_up()
    put(owner, observation("lab"))
    put(other, observation("theirs"))
    reader = delegate(owner, ben)
    decision = reader.decision_id

    for hands in (
        gate.Delegate(stranger.pk, reader.delegation, decision),
        gate.Holder("person", reader.delegation, decision),
    ):
        with pytest.raises(gate.ConsentMissing):
            seen(owner, hands)
    with pytest.raises(gate.ConsentMissing):
        seen(other, reader)


@pytest.mark.parametrize("whose", ["owner", "ben"])
def test_a_closed_account_ends_it(owner, ben, whose):
    reader = delegate(owner, ben)
    closed = {"owner": owner, "ben": ben}[whose]
    closed.is_active = False
    closed.save()

    with pytest.raises(gate.ConsentMissing):
        seen(owner, reader)


def test_what_happens_to_a_delegation_stands_in_the_owners_log(owner, ben):
    reader = delegate(owner, ben)
    delegations.end(Delegation.objects.get(pk=reader.delegation), by=ben, at=AT)

    told = [(event.interaction, event.agent_kind, event.agent_name) for event in events.of(owner.pk)]

    assert told == [
        ("revoke", Agent.DELEGATE, "Ben"),
        ("accept", Agent.DELEGATE, "Ben"),
        ("delegate", Agent.OWNER, "Ana"),
    ]
    assert ledger.verify(owner.pk) == []


@given(
    held=gate_cases.records_of_a_person,
    known=st.lists(st.booleans(), min_size=12, max_size=12),
    granted=gate_cases.granted_scopes,
    terms=gate_cases.terms_chosen,
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_delegate_is_admitted_to_exactly_what_the_words_say(held, known, granted, terms):
    """The oracle of the gate, for a delegate: what nobody can classify is withheld beyond what an app is denied."""
    owner, ben = sign_up(), sign_up()
    code = {"code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}}
    for name in ("Riverside", "Cedar"):
        told = [
            gate_cases.resource_of(n, said) | (code if known[n] else {})
            for n, said in enumerate(held)
            if said["source"] == name
        ]
        put(owner, *told, source_id=source(name))
    gate_cases.hide_as_said(owner, held)
    gate_cases.mark_as_said(owner, held)
    chosen = gate_cases.terms_of(terms)
    reader = delegate(owner, ben, *(granted or ["patient/Patient.rs"]), **asdict(chosen))

    for resource_type in ("Observation", "Condition", "Procedure"):
        expected = {
            f"r{n}"
            for n, said in enumerate(held)
            if said["type"] == resource_type and oracle_admits(said, granted, terms, known=known[n])
        }
        records = gate.readable(owner_id=owner.pk, reader=reader, interaction="search", at=AT)
        assert seen(owner, reader, resource_type) == expected
        assert records.count(Query.of(resource_type)) == len(expected)
        assert sum(one.total for one in records.counts() if one.resource_type == resource_type) == len(expected)


@given(
    held=gate_cases.records_of_a_person,
    known=st.lists(st.booleans(), min_size=12, max_size=12),
    hers=st.tuples(gate_cases.granted_scopes, gate_cases.terms_chosen),
    its=st.tuples(gate_cases.granted_scopes, gate_cases.terms_chosen),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_app_that_a_delegate_let_in_is_admitted_to_exactly_what_both_may_see(held, known, hers, its):
    """The oracle once more: each record has to be admitted by her words and by the app's."""
    owner, ben = sign_up(), sign_up()
    code = {"code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}}
    for name in ("Riverside", "Cedar"):
        told = [
            gate_cases.resource_of(n, said) | (code if known[n] else {})
            for n, said in enumerate(held)
            if said["source"] == name
        ]
        put(owner, *told, source_id=source(name))
    gate_cases.hide_as_said(owner, held)
    gate_cases.mark_as_said(owner, held)
    chosen, terms = gate_cases.terms_of(hers[1]), gate_cases.terms_of(its[1])
    reader = delegate(owner, ben, *(hers[0] or ["patient/Patient.rs"]), **asdict(chosen) | {"apps": True})
    app = app_of(owner, ben, reader.delegation, *(its[0] or ["patient/Patient.rs"]), terms=terms)
    within = gate.letting_in(owner.pk, person_id=ben.pk, delegation=reader.delegation, at=AT)
    told = preview.counts(owner_id=owner.pk, scopes=app.scopes, terms=terms, grantee="app", within=within)

    for resource_type in ("Observation", "Condition", "Procedure"):
        expected = {
            f"r{n}"
            for n, said in enumerate(held)
            if said["type"] == resource_type
            and oracle_admits(said, hers[0], hers[1], known=known[n])
            and gate_cases.oracle_admits(said, its[0], its[1], "s")
        }
        records = gate.readable(owner_id=owner.pk, reader=app, interaction="search", at=AT)
        assert seen(owner, app, resource_type) == expected
        assert records.count(Query.of(resource_type)) == len(expected)
        assert sum(one.total for one in told if one.resource_type == resource_type) == len(expected)
        for n, said in enumerate(held):
            if said["type"] == resource_type and f"r{n}" not in expected:
                found = gate.readable(owner_id=owner.pk, reader=app, interaction="read", at=AT)
                readable = oracle_admits(said, hers[0], hers[1], known=known[n], letter="r")
                readable = readable and gate_cases.oracle_admits(said, its[0], its[1], "r")
                assert (found.read(resource_type, f"r{n}") is not None) == readable


def app_of(owner, person, delegation: str, *granted: str, terms: Terms | None = None) -> gate.DelegateApp:
    """She lets the app "app" in, in the owner's ledger."""
    decision = ledger.grant(
        owner=owner,
        actor=person,
        kind=Grantee.DELEGATE_APP,
        grantee=delegations.grantee_of_app(delegation, "app"),
        grantee_name="App",
        asked=granted,
        granted=granted,
        terms=terms or Terms(),
        purpose="",
        ends=None,
        read=READ,
        at=AT,
    )
    return gate.DelegateApp("app", decision.pk, scopes.parse_all(" ".join(granted)), person.pk, delegation)


def test_a_delegate_lets_in_no_app_unless_the_owner_said_so(owner, ben):
    put(owner, observation("lab"))
    reader, other = delegate(owner, ben), sign_up()
    theirs = delegate(owner, other, apps=True)
    assert seen(owner, app_of(owner, other, theirs.delegation, *EVERYTHING)) == {"lab"}

    with pytest.raises(gate.ConsentMissing):
        seen(owner, app_of(owner, ben, reader.delegation, *EVERYTHING))


def test_an_app_that_a_delegate_let_in_is_worth_nothing_beside_her(owner, ben):
    put(owner, observation("lab"))
    reader, other, stranger = delegate(owner, ben, apps=True), sign_up(), sign_up()
    theirs = delegate(other, stranger, apps=True)
    app = app_of(owner, ben, reader.delegation, *EVERYTHING)
    assert seen(owner, app) == {"lab"}

    for forged in (
        replace(app, person_id=stranger.pk),
        replace(app, delegation=theirs.delegation),
        replace(app, client_id="other"),
        replace(app, decision_id=reader.decision_id),
        gate.App("app", app.decision_id, app.scopes),
    ):
        with pytest.raises(gate.ConsentMissing):
            seen(owner, forged)
    with pytest.raises(gate.ConsentMissing):
        seen(other, app)


def test_what_both_terms_admit():
    wide, narrow = Terms(since=5, labels=frozenset({"HIV", "PSY"}), apps=True), Terms(frozenset({1}), 3, 9)

    assert narrow.within(wide) == wide.within(narrow) == Terms(frozenset({1}), 5, 9)
    assert Terms(frozenset({1, 2})).within(Terms(frozenset({2, 3}))).sources == {2}
    assert wide.within(wide) == replace(wide, apps=False)
    assert Terms.of(wide.as_json()) == wide
    assert "apps" not in narrow.as_json(), "the hash of older decisions stays what it is"


def oracle_admits(
    said: dict[str, Any], granted: list[str], terms: dict[str, Any], *, known: bool, letter: str = "s"
) -> bool:
    classified = known or said["coded"] or said["mark"] == "ordinary"
    hers = said | {"hidden": said["hidden"] if said["hidden"] == "everyone" else None}
    return bool(classified) and gate_cases.oracle_admits(hers, granted, terms, letter)


def minor(born: str):
    person = sign_up(name="Mia")
    put(person, {"resourceType": "Patient", "id": "at-hospital", "birthDate": born})
    patient.compose(person.pk, at=AT)
    assert gate.birth_date(person.pk) == date.fromisoformat(f"{born}-01-01"[:10])
    return person


def test_a_guardian_is_shut_out_when_the_minor_is_of_age(ben):
    mia = minor("2010-05-06")
    put(mia, observation("lab"))
    reader = delegate(mia, ben, guardian=True, ends=AT + 10 * YEAR)
    eighteen = guardians.birthday(date(2010, 5, 6), 18)
    assert seen(mia, reader, at=eighteen - timedelta(seconds=1)) == {"lab"}

    with pytest.raises(gate.ConsentMissing):
        seen(mia, reader, at=eighteen)


def test_the_ages_are_the_sites(ben, settings):
    mia = minor("2010-05-06")
    put(mia, observation("lab"))
    reader = delegate(mia, ben, guardian=True)
    assert seen(mia, reader) == {"lab"}

    settings.GUARDIAN_END_AGE = 14

    with pytest.raises(gate.ConsentMissing):
        seen(mia, reader)


def test_nobody_is_guardian_of_an_adult_or_of_somebody_whose_age_nobody_knows(ben):
    for owner in (minor("1980-01-01"), sign_up()):
        reader = delegate(owner, ben, guardian=True)

        with pytest.raises(gate.ConsentMissing):
            seen(owner, reader)


def test_what_a_parent_was_shown_of_a_child_is_the_teenagers_own_affair(ben):
    mia = minor("2015")
    put(mia, condition("plain"), condition("opioids", **SENSITIVE))
    reader = delegate(mia, ben, guardian=True, labels=frozenset({"SUD"}), ends=AT + 5 * YEAR)
    assert seen(mia, reader, "Condition") == {"plain", "opioids"}
    teen = guardians.birthday(date(2015, 1, 1), 12)

    assert seen(mia, reader, "Condition", at=teen) == {"plain"}

    chosen = delegate(mia, ben, guardian=True, labels=frozenset({"SUD"}), ends=AT + 5 * YEAR, at=teen)
    assert seen(mia, chosen, "Condition", at=teen) == {"plain", "opioids"}


@pytest.mark.parametrize(
    ("born", "age", "from_"),
    [
        ("2010-05-06", 18, datetime(2028, 5, 5, 10, tzinfo=UTC)),
        ("2008-02-29", 18, datetime(2026, 2, 27, 10, tzinfo=UTC)),
        ("2010", 12, datetime(2021, 12, 31, 10, tzinfo=UTC)),
        ("2010-05", 12, datetime(2022, 4, 30, 10, tzinfo=UTC)),
    ],
)
def test_a_birthday_begins_where_it_is_first_and_an_imprecise_one_at_its_earliest(born, age, from_):
    assert guardians.birthday(guardians.born({"birthDate": born}), age) == from_


@pytest.mark.parametrize("said", [None, 2010, "soon", "2010-13-01"])
def test_no_birth_date_is_no_age(said):
    assert guardians.born({"birthDate": said}) is None
    assert not guardians.is_minor(None, at=AT)
