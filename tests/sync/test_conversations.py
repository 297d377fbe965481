"""What a person and a clinic write each other: read by these two, and by nobody else unless she chose it."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from audit.models import Event
from consent import emergencies, gate, ledger
from consent.models import Grantee
from consent.resources import consent
from consent.terms import Terms
from records import labels, marks, sources
from records.models import Record
from records.numbering import TYPE_NAME
from records.query import Query
from smartlaunch import correspondence, organizations
from standards.fhir import validation
from standards.smart import scopes
from sync import conversations
from sync.conversations import Clinician, Malformed, Partner, Said, TooMany
from sync.models import Message
from tests.clinic import charts
from tests.consent.test_delegations import delegate
from tests.consent.test_ledger import grant
from tests.portal import people

pytestmark = pytest.mark.django_db

EVERYTHING = "patient/*.rs"
ADA = Clinician(uuid.UUID(int=7), "Dr. Ada Examplewright")


def clinic(name: str = "Riverside General Hospital") -> Partner:
    organization = organizations.enter(name)
    return Partner(organization.uid, organization.name)


def shared(person, partner: Partner, *granted: str, **more: Any) -> gate.Holder:
    organization = organizations.enter(partner.name)
    decision = charts.share(person, organization, *granted, **more)
    return gate.Holder(decision.grantee_kind, decision.grantee, decision.pk)


def write(person, partner, holder, text="May I run again?", **more: Any) -> str:
    given = {"once": uuid.uuid4().hex, "at": timezone.now(), **more}
    return conversations.write(person, partner, Said(text, **given.pop("said", {})), holder=holder, **given)


def both_wrote(name: str = "Riverside General Hospital", **more: Any):
    person, partner = people.sign_up(), clinic(name)
    holder = shared(person, partner, **more)
    write(person, partner, holder)
    write(person, partner, holder, "Yes, slowly.", by=ADA)
    return person, partner, holder


def texts(records) -> list[str]:
    return [each.text for each in conversations.thread(records, count=20).letters]


def conversation(person, reader, partner) -> list[str]:
    found = gate.conversation(owner_id=person.pk, reader=reader, organization=partner.uid, at=timezone.now())
    return texts(found)


def found(person, reader, kind: str = "Communication") -> list:
    records = gate.readable(owner_id=person.pk, reader=reader, interaction="search", at=timezone.now())
    return [each.resource for each in records.every(Query.of(kind))]


def an_app(person, *granted: str, **terms: Any) -> gate.App:
    decision = grant(person, granted=granted or (EVERYTHING,), terms=Terms(**terms), at=timezone.now())
    return gate.App("app", decision.pk, scopes.parse_all(" ".join(granted or (EVERYTHING,))))


def chosen() -> frozenset[str]:
    return frozenset({"MSG"})


def test_each_message_is_a_valid_communication_with_its_author_and_what_it_answers():
    person, _, _ = both_wrote()

    theirs, hers = found(person, gate.Owner(person.pk))
    assert validation.problems(hers) == validation.problems(theirs) == []
    her = {"reference": f"Patient/{person.patient_id}"}
    assert (hers["sender"], hers["subject"], theirs["recipient"]) == (her, her, [her])
    assert hers["recipient"] == [{"reference": "#clinic", "display": "Riverside General Hospital"}]
    assert theirs["sender"]["display"] == "Dr. Ada Examplewright, Riverside General Hospital"
    assert [each["resourceType"] for each in theirs["contained"]] == [
        "Organization",
        "Practitioner",
        "PractitionerRole",
    ]
    assert hers["payload"] == [{"contentString": "May I run again?"}]
    assert hers["status"] == theirs["status"] == "completed"
    assert "received" not in hers
    assert theirs["inResponseTo"] == [{"reference": f"Communication/{hers['id']}"}]
    told = found(person, gate.Owner(person.pk), "Provenance")
    assert [validation.problems(each) for each in told] == [[], []]
    assert told[0]["agent"][0]["who"] == {"display": "Dr. Ada Examplewright, Riverside General Hospital"}
    assert told[1]["target"] == [{"reference": f"Communication/{hers['id']}/_history/1"}]


def test_each_message_carries_the_label_and_is_of_one_source():
    person, partner, _ = both_wrote()

    source = sources.conversation(partner.uid)
    rows = Record.unguarded.filter(owner=person, source=source)
    assert sorted((TYPE_NAME[each.resource_type], labels.names(each.labels)) for each in rows) == [
        *[("Communication", ["MSG"])] * 2,
        *[("Provenance", [])] * 2,
    ]
    assert sources.conversations([source.pk]) == {source.pk: (partner.uid, partner.name)}


def test_words_of_another_sensitive_kind_are_found_in_what_is_written():
    person, partner, holder = both_wrote()

    write(person, partner, holder, "Is my HIV test back?")

    assert Record.unguarded.filter(owner=person, labels=labels.bits(["MSG", "HIV"])).count() == 1
    assert len(found(person, an_app(person, labels=chosen()))) == 2
    assert len(found(person, an_app(person, labels=frozenset({"MSG", "HIV"})))) == 3


def test_organisation_reads_its_own_conversation_whatever_else_it_may_see_and_no_other():
    person, partner, holder = both_wrote()
    other = clinic("Cedar Clinic")
    holder_of_other = shared(person, other)
    write(person, other, holder_of_other, "Only for Cedar")

    assert conversation(person, holder, partner) == ["May I run again?", "Yes, slowly."]
    assert conversation(person, holder_of_other, other) == ["Only for Cedar"]
    assert conversation(person, shared(person, partner, "patient/Immunization.rs"), partner) == [
        "May I run again?",
        "Yes, slowly.",
    ]
    for reader, of in ((holder, other), (holder_of_other, partner)):
        with pytest.raises(gate.ConsentMissing):
            conversation(person, reader, of)
    assert found(person, holder_of_other) == found(person, holder_of_other, "Provenance") == []


def test_one_visit_reads_and_writes_as_the_organisation_it_is_of():
    person, partner = people.sign_up(), clinic()
    decision = grant(person, kind=Grantee.CLINICIAN, grantee=str(uuid.uuid4()), at=timezone.now())
    visit = gate.Holder(decision.grantee_kind, decision.grantee, decision.pk)

    write(person, partner, visit, "Hello", by=ADA)

    assert conversation(person, visit, partner) == ["Hello"]
    assert conversation(person, gate.Owner(person.pk), partner) == ["Hello"]


@pytest.mark.parametrize("kind", ["Communication", "Provenance"])
def test_app_sees_it_only_where_she_chose_messages(kind):
    person, _, _ = both_wrote()
    assert len(found(person, an_app(person, labels=chosen()), kind)) == 2

    app = an_app(person)

    assert found(person, app, kind) == []
    records = gate.readable(owner_id=person.pk, reader=app, interaction="search", at=timezone.now())
    assert [each.resource_type for each in records.told_counts() if each.resource_type != "Patient"] == []


def test_link_and_other_clinics_see_it_only_where_she_chose_messages():
    person, _, _ = both_wrote()
    for kind in (Grantee.LINK, Grantee.ORGANIZATION):
        seen = []
        for terms in (Terms(labels=chosen()), Terms()):
            name = str(uuid.uuid4())
            decision = grant(person, kind=kind, grantee=name, granted=[EVERYTHING], terms=terms, at=timezone.now())
            seen.append(len(found(person, gate.Holder(kind, name, decision.pk))))
        assert seen == [2, 0]


def test_delegate_reads_it_only_where_she_chose_messages():
    person, partner, _ = both_wrote()
    at, ben = timezone.now(), people.sign_up(name="Ben")
    year = at + timedelta(days=365)
    reader = delegate(person, ben, at=at, ends=year, labels=chosen())
    assert conversation(person, reader, partner) == ["May I run again?", "Yes, slowly."]
    assert len(found(person, reader)) == 2

    other = people.sign_up(name="Cleo")
    reader = delegate(person, other, at=at, ends=year)

    assert conversation(person, reader, partner) == found(person, reader) == []


def test_part_of_her_record_for_others_leaves_it_out_unless_she_chose_it():
    person, _, _ = both_wrote()

    def part(terms: Terms) -> int:
        held = scopes.parse_all(EVERYTHING)
        return gate.part(owner_id=person.pk, reader=gate.Owner(person.pk), held=held, terms=terms).count(
            Query.of("Communication")
        )

    assert part(Terms(labels=chosen())) == 2
    assert part(Terms()) == 0


def test_backend_service_takes_it_along_only_where_she_chose_messages():
    person, _, _ = both_wrote()
    granted = [EVERYTHING, "offline_access"]

    def exported(terms: Terms) -> int:
        decision = grant(person, granted=granted, terms=terms, at=timezone.now())
        reader = gate.Backend("app", decision.pk, scopes.parse_all("system/*.rs"))
        records = gate.readable(owner_id=person.pk, reader=reader, interaction="export", at=timezone.now())
        return records.count(Query.of("Communication"))

    assert exported(Terms(labels=chosen())) == 2
    assert exported(Terms()) == 0


def test_programs_of_the_clinic_and_whoever_opened_in_an_emergency_have_no_part_in_it():
    person, partner, holder = both_wrote()
    assert conversation(person, holder, partner) == ["May I run again?", "Yes, slowly."]
    service = gate.Service(holder.kind, holder.grantee, holder.decision_id, scopes.parse_all(EVERYTHING))
    at, visit = timezone.now(), uuid.uuid4()
    opened = emergencies.begin(
        person.pk,
        visit=visit,
        clinician="Dr. Ada",
        organization=partner.name,
        reason="unconscious",
        ends=at + timedelta(hours=1),
        at=at,
    )

    for reader in (service, gate.InEmergency(opened.pk, visit)):
        assert found(person, reader) == []
        with pytest.raises(gate.ConsentMissing):
            conversation(person, reader, partner)


def test_stopped_clinic_reads_and_writes_nothing_and_she_keeps_all_of_it():
    person, partner, holder = both_wrote()
    assert len(conversation(person, holder, partner)) == 2

    ledger.withdraw(
        owner_id=person.pk, grantee=holder.grantee, actor=person, at=timezone.now(), kind=Grantee.ORGANIZATION
    )

    with pytest.raises(gate.ConsentMissing):
        conversation(person, holder, partner)
    for by in (None, ADA):
        with pytest.raises(gate.ConsentMissing):
            write(person, partner, holder, by=by)
    assert conversation(person, gate.Owner(person.pk), partner) == ["May I run again?", "Yes, slowly."]
    (left,) = correspondence.everybody(person, at=timezone.now())
    assert (left.partner, left.holder, left.unread) == (partner, None, 1)


def test_what_she_hid_from_everyone_is_not_there_for_the_clinic():
    person, partner, holder = both_wrote()
    theirs, hers = found(person, gate.Owner(person.pk))

    read = ledger.Reading("1", "en")
    ledger.hide(owner=person, actor=person, record=f"Communication/{hers['id']}", read=read, at=timezone.now())

    assert conversation(person, holder, partner) == ["Yes, slowly."]
    assert theirs["payload"][0]["contentString"] == "Yes, slowly."


def test_her_word_that_a_message_is_not_sensitive_does_not_take_the_label_off():
    person, _, _ = both_wrote()
    logical_id = found(person, gate.Owner(person.pk))[0]["id"]

    marks.mark(person.pk, ("Communication", logical_id), sensitive=False, actor=person, at=timezone.now())

    assert found(person, an_app(person)) == []
    assert len(found(person, an_app(person, labels=chosen()))) == 2


def test_decision_tells_in_fhir_that_messages_are_withheld():
    person = people.sign_up()

    def denied(terms: Terms) -> list[dict[str, str]]:
        decision = grant(person, terms=terms)
        told = consent(decision, patient_id="p", status="active", changed=decision.decided, sources={})
        return [
            each
            for provision in told["provision"]["provision"]
            for each in provision.get("securityLabel", [])
            if each["code"] == "MSG"
        ]

    assert denied(Terms()) == [{"system": "urn:tributary:label", "code": "MSG"}]
    assert denied(Terms(labels=chosen())) == []


def test_decision_that_names_sources_does_not_tell_with_which_clinics_she_writes():
    person, partner, _ = both_wrote()
    source = sources.conversation(partner.uid).pk

    decision = grant(person, terms=Terms(sources=frozenset({source})))
    told = consent(
        decision, patient_id="p", status="active", changed=decision.decided, sources=sources.addresses([source])
    )

    assert told["provision"]["actor"][-1]["reference"] == {
        "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:tributary:conversation"},
        "display": "Messages with clinics",
    }
    assert "Riverside" not in str(told)


def test_second_click_sends_nothing_and_gives_the_same_message():
    person, partner = people.sign_up(), clinic()
    holder = shared(person, partner)

    first = write(person, partner, holder, once="a")
    assert write(person, partner, holder, "Said otherwise", once="a") == first
    assert write(person, partner, holder, "By the clinic", once="a", by=ADA) != first

    assert conversation(person, holder, partner) == ["May I run again?", "By the clinic"]


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_send_one_message():
    person, partner = people.sign_up(), clinic()
    holder = shared(person, partner)

    def click(_: int) -> str:
        try:
            return write(person, partner, holder, once="a")
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        sent = set(pool.map(click, range(4)))

    assert len(sent) == 1
    assert Message.objects.filter(owner=person).count() == 1


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("", ""),
        (" \r\n\t", ""),
        ("null\x00", ""),
        ("escape\x1b[2J", ""),
        ("half \ud83d", ""),
        ("x" * 5001, ""),
        ("fine", "t" * 121),
        ("fine", "nul\x00"),
    ],
)
def test_what_is_no_message_is_refused_and_leaves_nothing(text, topic):
    person, partner = people.sign_up(), clinic()
    holder = shared(person, partner)

    with pytest.raises(Malformed):
        write(person, partner, holder, text, said={"topic": topic})

    assert not Record.unguarded.filter(owner=person).exists()
    assert not Message.objects.filter(owner=person).exists()


def test_longest_message_in_any_script_is_kept_as_it_is():
    person, partner = people.sign_up(), clinic()
    holder = shared(person, partner)
    text = "  ¿Puedo <b>correr</b>?\r\n" + "𝒳" * 4900

    write(person, partner, holder, text, said={"topic": "Correr"})

    (letter,) = conversations.thread(
        gate.conversation(
            owner_id=person.pk, reader=gate.Owner(person.pk), organization=partner.uid, at=timezone.now()
        ),
        count=20,
    ).letters
    assert letter.text == text.strip().replace("\r\n", "\n")
    assert (letter.topic, letter.from_her, letter.who, letter.seen) == ("Correr", True, "", None)


@pytest.mark.parametrize(("by", "name"), [(None, "HERS_DAILY"), (ADA, "THEIRS_DAILY")])
def test_each_side_writes_so_much_in_a_day_and_the_other_none_the_less(monkeypatch, by, name):
    person, partner = people.sign_up(), clinic()
    holder, at = shared(person, partner), timezone.now()
    monkeypatch.setattr(conversations, name, 2)
    for hours in (30, 3, 2):
        write(person, partner, holder, by=by, at=at - timedelta(hours=hours))

    with pytest.raises(TooMany):
        write(person, partner, holder, by=by, at=at)

    assert write(person, partner, holder, by=ADA if by is None else None, at=at)


def test_message_of_either_side_is_in_her_log_with_who_wrote_it_and_nothing_of_what_it_says():
    person, _, holder = both_wrote()

    events = list(Event.objects.filter(owner_id=person.pk, interaction="write-message").order_by("sequence"))

    assert [(each.agent_kind, each.agent_name) for each in events] == [
        ("owner", "Ana Example"),
        ("staff", "Dr. Ada Examplewright, Riverside General Hospital"),
    ]
    assert {each.consent_id for each in events} == {holder.decision_id}
    assert "run" not in str([each.detail for each in events])
    assert {"write-message", "read-messages"} <= set(
        gate.events_under(scopes.parse_all("patient/AuditEvent.rs"), Terms(), "s").without
    )


def test_thread_has_the_newest_last_and_goes_on_towards_the_past():
    person, partner = people.sign_up(), clinic()
    holder, at = shared(person, partner), timezone.now()
    for number in range(5):
        write(person, partner, holder, str(number), at=at + timedelta(seconds=number))
    records = gate.conversation(owner_id=person.pk, reader=holder, organization=partner.uid, at=timezone.now())

    newest = conversations.thread(records, count=3)
    older = conversations.thread(records, count=3, after=newest.earlier)

    assert [each.text for each in newest.letters] == ["2", "3", "4"]
    assert ([each.text for each in older.letters], older.earlier) == (["0", "1"], None)


def test_what_the_other_side_opened_is_seen_and_no_longer_new():
    person, partner, holder = both_wrote()
    source = sources.conversation(partner.uid).pk
    assert (conversations.unread(person.pk), conversations.unread_there(person.pk, partner.uid)) == ({source: 1}, 1)
    records = gate.conversation(owner_id=person.pk, reader=holder, organization=partner.uid, at=timezone.now())

    at = timezone.now()
    assert conversations.mark_seen(person.pk, conversations.thread(records, count=9).letters, by_her=True, at=at) == 1
    assert conversations.unread(person.pk) == {}
    assert conversations.unread_there(person.pk, partner.uid) == 1
    assert conversations.mark_seen(person.pk, conversations.thread(records, count=9).letters, by_her=False, at=at) == 1

    assert [each.seen for each in conversations.thread(records, count=9).letters] == [at, at]
    assert conversations.unread_there(person.pk, partner.uid) == 0


def test_conversation_that_never_began_looks_like_one_without_messages():
    person, partner = people.sign_up(), clinic()

    assert conversation(person, shared(person, partner), partner) == []
    assert conversation(person, gate.Owner(person.pk), partner) == []
    assert sources.conversation(partner.uid) is None
