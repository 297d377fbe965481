"""The gate against an independent oracle: a plain walk over the opened resources, obvious and slow."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent import gate, ledger, preview
from consent.terms import Terms
from records import marks, patient, sources
from records.labels import ACT_CODE, CONFIDENTIALITY
from records.query import Query
from records.sweeping import Sweep
from standards.fhir import json
from standards.smart import scopes
from tests.consent.test_ledger import grant
from tests.records.people import AT, CATEGORY, observation, put, sign_up, source

pytestmark = pytest.mark.django_db

READ = ledger.Reading("1", "en")
LABORATORY = f"patient/Observation.rs?category={CATEGORY}|laboratory"
VITALS = f"patient/Observation.rs?category={CATEGORY}|vital-signs"


def reader(person, *granted: str, held: str | None = None, **terms: Any) -> gate.App:
    decision = grant(person, granted=granted, terms=Terms(**terms))
    return gate.App("app", decision.pk, scopes.parse_all(held or " ".join(granted)))


def seen(person, app: gate.App, resource_type: str = "Observation") -> set[str]:
    records = gate.readable(owner_id=person.pk, reader=app, interaction="search", at=AT)
    return {entry.logical_id for entry in records.search(Query.of(resource_type).page(1000)).entries}


def read(person, app: gate.App, resource_type: str, logical_id: str):
    return gate.readable(owner_id=person.pk, reader=app, interaction="read", at=AT).read(resource_type, logical_id)


def test_an_app_sees_the_categories_it_was_granted_in_search_and_in_read():
    person = sign_up()
    put(person, observation("lab"), observation("bp", category="vital-signs"))
    assert seen(person, reader(person, "patient/Observation.rs")) == {"lab", "bp"}

    app = reader(person, LABORATORY)

    assert seen(person, app) == {"lab"}
    assert read(person, app, "Observation", "lab") is not None
    assert read(person, app, "Observation", "bp") is None


def test_several_granular_scopes_of_one_type_add_up():
    person = sign_up()
    put(person, observation("lab"), observation("bp", category="vital-signs"), observation("x", category="survey"))

    assert seen(person, reader(person, LABORATORY, VITALS)) == {"lab", "bp"}


def test_a_token_can_never_hold_more_than_the_ledger_says():
    person = sign_up()
    put(person, observation("lab"), observation("bp", category="vital-signs"))
    assert seen(person, reader(person, "patient/*.rs")) == {"lab", "bp"}

    assert seen(person, reader(person, LABORATORY, held="patient/*.rs")) == set()


def test_a_scope_for_reading_is_none_for_searching():
    person = sign_up()
    put(person, observation("lab"))
    app = reader(person, "patient/Observation.r")

    assert read(person, app, "Observation", "lab") is not None
    assert seen(person, app) == set()


def test_another_persons_record_is_out_of_reach():
    person, other = sign_up(), sign_up()
    put(person, observation("hers"))
    put(other, observation("theirs"))
    app = reader(person, "patient/*.rs")
    assert seen(person, app) == {"hers"}
    assert read(person, app, "Observation", "theirs") is None

    with pytest.raises(gate.ConsentMissing):
        gate.readable(owner_id=other.pk, reader=app, interaction="search", at=AT)
    with pytest.raises(gate.ConsentMissing):
        gate.readable(owner_id=other.pk, reader=gate.Owner(person.pk), interaction="search", at=AT)


def test_sources_she_left_out_are_not_there():
    person = sign_up()
    put(person, observation("a"), source_id=source("Riverside"))
    put(person, observation("b"), source_id=source("Cedar"))
    assert seen(person, reader(person, "patient/*.rs")) == {"a", "b"}

    assert seen(person, reader(person, "patient/*.rs", sources=frozenset({source("Cedar")}))) == {"b"}


@pytest.mark.parametrize(
    "tag",
    [
        {"system": CONFIDENTIALITY, "code": "R"},
        {"system": CONFIDENTIALITY, "code": "V"},
        {"system": ACT_CODE, "code": "ETH"},
        {"system": ACT_CODE, "code": "HIV"},
        {"system": ACT_CODE, "code": "something new"},
    ],
)
def test_what_its_source_marked_sensitive_is_withheld_from_apps_not_from_her(tag):
    person = sign_up()
    put(person, observation("plain"), observation("marked", meta={"security": [tag]}))
    own = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=AT)
    assert own.count(Query.of("Observation")) == 2

    assert seen(person, reader(person, "patient/*.rs")) == {"plain"}
    assert read(person, reader(person, "patient/*.rs"), "Observation", "marked") is None


def test_a_sensitive_kind_she_chose_is_included():
    person = sign_up()
    put(person, observation("hiv", meta={"security": [{"system": ACT_CODE, "code": "HIV"}]}))

    assert seen(person, reader(person, "patient/*.rs", labels=frozenset({"HIV"}))) == {"hiv"}
    assert seen(person, reader(person, "patient/*.rs", labels=frozenset({"PSY"}))) == set()


def test_a_time_window_leaves_out_what_lies_outside_and_what_has_no_time():
    person = sign_up()
    put(
        person,
        observation("before", effectiveDateTime="2019-12-31T23:59:59Z"),
        observation("inside", effectiveDateTime="2020-06"),
        observation("after", effectiveDateTime="2021-01-01T00:00:00Z"),
        {key: value for key, value in observation("undated").items() if key != "effectiveDateTime"},
    )
    micro = 1_000_000
    since, until = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * micro for year in (2020, 2021))

    assert seen(person, reader(person, "patient/*.rs", since=since, until=until)) == {"inside"}


def test_a_large_attachment_is_readable_exactly_where_its_document_is():
    person = sign_up()
    note = f"{CATEGORY.rpartition('/')[0]}/notes"
    document = {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "category": [{"coding": [{"system": note, "code": "note"}]}],
        "content": [{"attachment": {"data": "QUJD" * 30_000}}],
    }
    put(person, document)
    everything = reader(person, "patient/DocumentReference.rs")
    url = read(person, everything, "DocumentReference", "d").resource["content"][0]["attachment"]["url"]
    binary = url.removeprefix("Binary/")
    assert read(person, everything, "Binary", binary) is not None

    assert read(person, reader(person, f"patient/DocumentReference.rs?category={note}|note"), "Binary", binary)
    assert read(person, reader(person, f"patient/DocumentReference.rs?category={note}|other"), "Binary", binary) is None
    assert read(person, reader(person, "patient/Observation.rs"), "Binary", binary) is None
    assert read(person, reader(person, "patient/DiagnosticReport.rs"), "Binary", binary) is None


def test_the_past_of_a_record_is_judged_as_it_was_then():
    person = sign_up()
    put(person, observation("a", category="vital-signs"))
    put(person, observation("a", category="laboratory"))
    app = reader(person, LABORATORY)
    records = gate.readable(owner_id=person.pk, reader=app, interaction="vread", at=AT)
    own = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="vread", at=AT)
    assert own.read_version("Observation", "a", 1) is not None

    assert records.read_version("Observation", "a", 2) is not None
    assert records.read_version("Observation", "a", 1) is None
    assert [version.version_id for version in records.history("Observation", "a")] == [2]


def test_a_deleted_record_is_gone_only_for_those_who_could_read_it():
    from tests.records.people import delete

    person = sign_up()
    put(person, observation("lab"), observation("vital", category="vital-signs"))
    assert seen(person, reader(person, LABORATORY)) == {"lab"}
    delete(person, "Observation", "lab")
    delete(person, "Observation", "vital")

    assert read(person, reader(person, "patient/Observation.rs"), "Observation", "lab").deleted
    assert read(person, reader(person, "patient/Condition.rs"), "Observation", "lab") is None
    assert read(person, reader(person, LABORATORY), "Observation", "lab").deleted
    assert read(person, reader(person, LABORATORY), "Observation", "vital") is None
    assert seen(person, reader(person, LABORATORY)) == set()


def test_what_comes_back_after_a_deletion_is_found_by_what_it_says_now():
    from tests.records.people import delete

    person = sign_up()
    put(person, observation("one"))
    delete(person, "Observation", "one")
    put(person, observation("one", category="vital-signs"))

    assert seen(person, reader(person, LABORATORY)) == set()
    assert read(person, reader(person, LABORATORY), "Observation", "one") is None
    assert seen(person, reader(person, "patient/Observation.rs")) == {"one"}


@pytest.mark.parametrize("whom", [{}, {"kind": "app", "grantee": "app"}])
def test_a_record_she_hid_is_not_there_for_the_app_and_is_for_her(whom):
    person = sign_up()
    put(person, observation("a"), observation("b"))
    app = reader(person, "patient/*.rs")
    assert seen(person, app) == {"a", "b"}

    ledger.hide(owner=person, actor=person, record="Observation/a", read=READ, at=AT, **whom)

    assert seen(person, app) == {"b"}
    assert read(person, app, "Observation", "a") is None
    assert read(person, app, "Observation", "b") is not None
    own = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=AT)
    assert own.count(Query.of("Observation")) == 2
    ledger.show(owner=person, actor=person, record="Observation/a", read=READ, at=AT, **whom)
    assert seen(person, app) == {"a", "b"}


def test_how_new_the_newest_is_says_nothing_of_a_hidden_one():
    person = sign_up()
    put(person, observation("old", effectiveDateTime="2019-05-06"), observation("new", effectiveDateTime="2024-05-06"))
    app = reader(person, "patient/*.rs")

    def newest() -> tuple[int, int]:
        (kind,) = gate.readable(owner_id=person.pk, reader=app, interaction="search", at=AT).counts()
        return kind.total, datetime.fromtimestamp(kind.newest / 1_000_000, UTC).year

    assert newest() == (2, 2024)

    ledger.hide(owner=person, actor=person, record="Observation/new", read=READ, at=AT)

    assert newest() == (1, 2019)


def test_a_record_hidden_from_one_app_is_there_for_another():
    person = sign_up()
    put(person, observation("a"))
    app = reader(person, "patient/*.rs")

    ledger.hide(owner=person, actor=person, record="Observation/a", read=READ, at=AT, kind="app", grantee="another")

    assert seen(person, app) == {"a"}


def test_a_hidden_document_takes_its_large_attachment_along():
    person = sign_up()
    document = {"resourceType": "DocumentReference", "status": "current"}
    put(person, *({**document, "id": name, "content": [_large(name)]} for name in ("kept", "hidden")))
    app = reader(person, "patient/*.rs")
    binaries = {}
    for name in ("kept", "hidden"):
        content = read(person, app, "DocumentReference", name).resource["content"]
        binaries[name] = content[0]["attachment"]["url"].removeprefix("Binary/")
        assert read(person, app, "Binary", binaries[name]) is not None

    ledger.hide(owner=person, actor=person, record="DocumentReference/hidden", read=READ, at=AT)

    for granted in ("patient/*.rs", "patient/DocumentReference.rs"):
        app = reader(person, granted)
        assert read(person, app, "Binary", binaries["hidden"]) is None
        assert read(person, app, "Binary", binaries["kept"]) is not None
        counted = gate.readable(owner_id=person.pk, reader=app, interaction="search", at=AT).counts()
        assert sum(kind.total for kind in counted if kind.resource_type == "Binary") <= 1


def _large(name: str) -> dict[str, Any]:
    return {"attachment": {"data": base64.b64encode(name.encode() * 30_000).decode()}}


def test_what_a_past_version_said_of_a_hidden_record_is_hidden_too():
    person = sign_up()
    put(person, observation("a"))
    put(person, observation("a", status="amended"))
    app = reader(person, "patient/*.rs")
    records = gate.readable(owner_id=person.pk, reader=app, interaction="vread", at=AT)
    assert len(records.history("Observation", "a")) == 2

    ledger.hide(owner=person, actor=person, record="Observation/a", read=READ, at=AT)

    records = gate.readable(owner_id=person.pk, reader=app, interaction="vread", at=AT)
    assert records.history("Observation", "a") == []
    assert records.read_version("Observation", "a", 1) is None


def test_a_paused_consent_is_as_good_as_a_withdrawn_one_until_it_is_resumed():
    person = sign_up()
    put(person, observation("a"))
    app = reader(person, "patient/*.rs")
    assert seen(person, app) == {"a"}

    ledger.pause(owner_id=person.pk, grantee="app", actor=person, at=AT)
    with pytest.raises(gate.ConsentMissing):
        seen(person, app)
    resumed = ledger.resume(owner_id=person.pk, grantee="app", actor=person, at=AT)

    with pytest.raises(gate.ConsentMissing):
        seen(person, app)  # a token stands on the decision it names, and that is the new one
    assert seen(person, gate.App("app", resumed.pk, app.scopes)) == {"a"}


def test_a_window_leaves_her_own_patient_readable_and_nothing_else_without_a_time():
    person = sign_up()
    put(person, {"resourceType": "Patient", "id": person.patient_id, "birthDate": "1970-01-01"})
    put(person, {"resourceType": "Practitioner", "id": "d"}, observation("old", effectiveDateTime="2001-01-01"))
    since = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert seen(person, reader(person, "patient/*.rs"), "Practitioner") == {"d"}

    app = reader(person, "patient/*.rs", since=since)

    assert seen(person, app, "Patient") == {person.patient_id}
    assert seen(person, app, "Practitioner") == seen(person, app) == set()
    named = reader(person, "patient/Patient.rs", "patient/Observation.rs", since=since)
    assert seen(person, named, "Patient") == {person.patient_id}


RIVERSIDE, CEDAR = "https://riverside.example/mrn", "https://cedar.example/mrn"


def known_to_two(person) -> None:
    """Her Patient at two hospitals, and the one composed of them."""
    for name, system, phone in (("Riverside", RIVERSIDE, "555-0101"), ("Cedar", CEDAR, "555-0102")):
        said = {
            "resourceType": "Patient",
            "id": name.lower(),
            "identifier": [{"system": system, "value": "7"}],
            "name": [{"family": "Ejemplo", "given": ["Ana"], "text": f"Ana of {name}"}],
            "telecom": [{"system": "phone", "value": phone}],
            "birthDate": "1970-01-02",
        }
        put(person, said, source_id=source(name))
    patient.compose(person.pk, at=AT)


@pytest.mark.parametrize("own", [True, False], ids=["ours ticked", "ours not ticked"])
def test_her_patient_says_nothing_of_a_source_she_left_out(own):
    person = sign_up()
    known_to_two(person)
    chosen = {source("Cedar"), *([sources.own().pk] if own else [])}
    everything = read(person, reader(person, "patient/*.rs"), "Patient", person.patient_id)
    assert {one["system"] for one in everything.resource["identifier"]} >= {RIVERSIDE, CEDAR}

    app = reader(person, "patient/*.rs", sources=frozenset(chosen))

    records = gate.readable(owner_id=person.pk, reader=app, interaction="search", at=AT)
    name, query = ("Patient", person.patient_id), Query.of("Patient").where("_id", person.patient_id)
    told = [
        read(person, app, *name).body,
        *(one.body for one in records.search(query).entries),
        *(one.body for one in records.history(*name)),
        *(one.body for one in records.everything(Sweep(frozenset({"Patient"})), count=9, size=10**6).entries),
    ]
    assert len(told) == 5  # all that was asked for, and in the last one the Patient that Cedar sent
    assert [word for body in told for word in (b"riverside", b"Riverside", b"555-0101") if word in body] == []
    assert json.loads(told[0])["birthDate"] == "1970-01-02"
    assert [one["system"] for one in json.loads(told[0])["identifier"]] == ["urn:ietf:rfc:3986", CEDAR]
    found = {
        system: records.search(Query.of("Patient").where("identifier", f"{system}|7")).entries
        for system in (RIVERSIDE, CEDAR)
    }
    assert {system: len(entries) for system, entries in found.items()} == {RIVERSIDE: 0, CEDAR: 2}
    assert records.count(Query.of("Patient").where("identifier", f"{RIVERSIDE}|7")) == 0


@pytest.mark.parametrize("kind", ["organization", "clinician", "link"])
def test_every_kind_of_grantee_reads_through_the_same_rules(kind):
    person = sign_up()
    put(person, observation("lab"), observation("bp", category="vital-signs"), observation("hidden"))
    decision = grant(person, kind=kind, grantee="7", granted=[LABORATORY])
    holder = gate.Holder(kind, "7", decision.pk)
    assert seen(person, holder) == {"lab", "hidden"}

    ledger.hide(owner=person, actor=person, record="Observation/hidden", read=READ, at=AT, kind=kind, grantee="7")

    assert seen(person, holder) == {"lab"}
    for other in (gate.Holder(kind, "8", decision.pk), gate.App("7", decision.pk, scopes.parse_all("patient/*.rs"))):
        with pytest.raises(gate.ConsentMissing):
            seen(person, other)
    ledger.pause(owner_id=person.pk, kind=kind, grantee="7", actor=person, at=AT)
    with pytest.raises(gate.ConsentMissing):
        seen(person, holder)


def test_consent_that_ended_admits_nothing_at_the_very_instant():
    person = sign_up()
    put(person, observation("a"))
    decision = grant(person, granted=["patient/*.rs"], ends=AT + timedelta(seconds=1))
    app = gate.App("app", decision.pk, scopes.parse_all("patient/*.rs"))
    assert seen(person, app) == {"a"}

    with pytest.raises(gate.ConsentMissing):
        gate.readable(owner_id=person.pk, reader=app, interaction="search", at=AT + timedelta(seconds=1))


@pytest.mark.parametrize(
    "scope", ["system/*.rs", "patient/Observation.rs?value-quantity=gt5", "patient/Observation.rs?x=1"]
)
def test_a_scope_that_cannot_be_enforced_is_not_honoured_and_admits_nothing(scope):
    person = sign_up()
    put(person, observation("a"))
    assert gate.honours(scopes.parse("patient/Observation.rs"))

    assert not gate.honours(scopes.parse(scope))
    assert seen(person, reader(person, scope)) == set()


# ---- the oracle

CATEGORIES = ["laboratory", "vital-signs", "survey", "unheard-of"]
TAGS = [None, "HIV", "PSY", "ETH"]
HIDDEN_FROM = [None, None, "everyone", "app", "another app"]
LABEL = {"HIV": "HIV", "PSY": "PSY", "ETH": "SUD"}
CODED = {"B20": "HIV", "F33.1": "PSY", "F10.20": "SUD"}
"""What the value sets say of a few codes of ICD-10-CM."""
SENSITIVITY = {
    "coded": st.sampled_from([None, None, *CODED]),
    "mark": st.sampled_from([None, None, None, "sensitive", "ordinary"]),
}

records_of_a_person = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["Observation", "Condition", "Procedure"]),
            "categories": st.lists(st.sampled_from(CATEGORIES), max_size=2, unique=True),
            "source": st.sampled_from(["Riverside", "Cedar"]),
            "tag": st.sampled_from(TAGS),
            "year": st.integers(2015, 2024),
            "hidden": st.sampled_from(HIDDEN_FROM),
            **SENSITIVITY,
        }
    ),
    min_size=1,
    max_size=12,
)
granted_scopes = st.lists(
    st.sampled_from(
        [
            "patient/*.rs",
            "patient/Observation.rs",
            "patient/Observation.r",
            LABORATORY,
            VITALS,
            f"{LABORATORY}&category={CATEGORY}|survey",
            "patient/Condition.rs",
            "patient/Procedure.s",
            "patient/Condition.read",
        ]
    ),
    min_size=1,
    max_size=4,
    unique=True,
)
terms_chosen = st.fixed_dictionaries(
    {
        "sources": st.sampled_from([None, ("Riverside",), ("Cedar",), ()]),
        "since": st.sampled_from([None, 2018, 2020]),
        "until": st.sampled_from([None, 2019, 2022]),
        "labels": st.sets(st.sampled_from(["HIV", "PSY", "SUD", "OWN"])),
    }
)


def resource_of(number: int, said: dict[str, Any]) -> dict[str, Any]:
    date = {"Observation": "effectiveDateTime", "Condition": "onsetDateTime", "Procedure": "performedDateTime"}
    return {
        "resourceType": said["type"],
        "id": f"r{number}",
        "category": [{"coding": [{"system": CATEGORY, "code": code}]} for code in said["categories"]],
        date[said["type"]]: f"{said['year']}-06-01T00:00:00Z",
        **({"meta": {"security": [{"system": ACT_CODE, "code": said["tag"]}]}} if said["tag"] else {}),
        **({"extension": [_coded(said["coded"])]} if said["coded"] else {}),
    }


def _coded(code: str) -> dict[str, Any]:
    concept = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]}
    return {"url": "https://example.org/reason", "valueCodeableConcept": concept}


def mark_as_said(person, held: list[dict[str, Any]]) -> None:
    """Her own word on the sensitivity of each record."""
    for number, said in enumerate(held):
        if said["mark"]:
            sensitive = said["mark"] == "sensitive"
            marks.mark(person.pk, (said["type"], f"r{number}"), sensitive=sensitive, actor=person, at=AT)


def kinds_of(said: dict[str, Any]) -> set[str]:
    """The sensitive kinds of a record: what was said of it, unless she says that it is none."""
    if said["mark"] == "ordinary":
        return set()
    own = {"OWN"} if said["mark"] == "sensitive" else set()
    return own | {LABEL[one] for one in [said["tag"]] if one} | {CODED[one] for one in [said["coded"]] if one}


def hide_as_said(person, held: list[dict[str, Any]]) -> None:
    for number, said in enumerate(held):
        if said["hidden"]:
            record = f"{said['type']}/r{number}"
            whom = {} if said["hidden"] == "everyone" else {"kind": "app", "grantee": said["hidden"]}
            ledger.hide(owner=person, actor=person, record=record, read=ledger.Reading("1", "en"), at=AT, **whom)


def terms_of(said: dict[str, Any]) -> Terms:
    """The terms in the words of a case."""
    since, until = (
        year and int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
        for year in (said["since"], said["until"])
    )
    chosen = None if said["sources"] is None else frozenset(source(name) for name in said["sources"])
    return Terms(sources=chosen, since=since, until=until, labels=frozenset(said["labels"]))


def oracle_admits(said: dict[str, Any], granted: list[str], terms: dict[str, Any], letter: str) -> bool:
    """What the words of the scopes and terms say, without rows, hashes or SQL."""
    if terms["sources"] is not None and said["source"] not in terms["sources"]:
        return False
    if terms["since"] is not None and said["year"] < terms["since"]:
        return False
    if terms["until"] is not None and said["year"] >= terms["until"]:
        return False
    if said["hidden"] in ("everyone", "app"):
        return False
    if not kinds_of(said) <= set(terms["labels"]):
        return False
    for scope in granted:
        head, _, query = scope.removeprefix("patient/").partition("?")
        resource_type, _, permissions = head.partition(".")
        wanted = [pair.rpartition("|")[2] for pair in query.split("&") if pair]
        reaches = resource_type in ("*", said["type"]) and letter in permissions.replace("read", "rs")
        # Condition and Observation have a category parameter; a filter on it means nothing for other types.
        if reaches and all(code in said["categories"] for code in wanted):
            return True
    return False


@given(held=records_of_a_person, granted=granted_scopes, terms=terms_chosen)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_gate_admits_exactly_what_the_words_say(held, granted, terms):
    person = sign_up()
    for name in ("Riverside", "Cedar"):
        told = [resource_of(n, said) for n, said in enumerate(held) if said["source"] == name]
        put(person, *told, source_id=source(name))
    hide_as_said(person, held)
    mark_as_said(person, held)
    decision = grant(person, granted=granted, terms=terms_of(terms))
    app = gate.App("app", decision.pk, scopes.parse_all(" ".join(granted)))
    own = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=AT)
    assert own.count(Query.of("Procedure")) == sum(said["type"] == "Procedure" for said in held)

    for resource_type in ("Observation", "Condition", "Procedure"):
        expected = {
            f"r{n}"
            for n, said in enumerate(held)
            if said["type"] == resource_type and oracle_admits(said, granted, terms, "s")
        }
        records = gate.readable(owner_id=person.pk, reader=app, interaction="search", at=AT)
        assert seen(person, app, resource_type) == expected
        assert records.count(Query.of(resource_type)) == len(expected)
        previewed = preview.counts(owner_id=person.pk, scopes=app.scopes, terms=terms_of(terms), grantee="app")
        assert sum(kind.total for kind in previewed if kind.resource_type == resource_type) == len(expected)
    for number, said in enumerate(held):
        found = read(person, app, said["type"], f"r{number}")
        assert (found is not None) == oracle_admits(said, granted, terms, "r")
