from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standards.smart import scopes
from standards.smart.scopes import InvalidScope, NamedScope, ResourceScope

LABORATORY = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"

PERMISSIONS = st.sets(st.sampled_from("cruds"), min_size=1).map(lambda s: "".join(c for c in "cruds" if c in s))
FILTERS = st.frozensets(
    st.tuples(
        st.sampled_from(["category", "code", "_id", "clinical-status"]),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
    ),
    max_size=3,
)
V2 = st.builds(
    ResourceScope,
    st.sampled_from(scopes.LEVELS),
    st.sampled_from(["*", "Observation", "Patient"]),
    PERMISSIONS,
    FILTERS,
)
V1 = st.builds(
    ResourceScope,
    st.sampled_from(scopes.LEVELS),
    st.sampled_from(["*", "Observation"]),
    st.sampled_from(["rs", "cud", "cruds"]),
    v1=st.just(True),
)
SCOPES = V2 | V1 | st.sampled_from(scopes.NAMED).map(NamedScope)


@given(SCOPES)
def test_scope_says_itself_and_is_read_back(scope):
    assert scopes.parse(str(scope)) == scope


def test_v2_scope_with_a_filter():
    scope = scopes.parse(f"patient/Observation.rs?category={LABORATORY}&code=a%26b%20c")

    assert scope == ResourceScope(
        "patient", "Observation", "rs", frozenset({("category", LABORATORY), ("code", "a&b c")})
    )
    assert str(scope) == f"patient/Observation.rs?category={LABORATORY}&code=a%26b%20c"


@pytest.mark.parametrize(("word", "letters"), [("read", "rs"), ("write", "cud"), ("*", "cruds")])
def test_v1_scope_means_letters_and_is_said_back_as_v1(word, letters):
    scope = scopes.parse(f"user/*.{word}")

    assert scope == ResourceScope("user", "*", letters, v1=True)
    assert str(scope) == f"user/*.{word}"


@pytest.mark.parametrize("name", scopes.NAMED)
def test_named_scopes(name):
    assert scopes.parse(name) == NamedScope(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "read",
        "patient",
        "patient/",
        "patient/Observation",
        "patient/Observation.",
        "patient/Observation.sr",
        "patient/Observation.rr",
        "patient/Observation.x",
        "patient/observation.rs",
        "patient/**.rs",
        "Patient/*.rs",
        "encounter/*.rs",
        "patient/Observation.read?category=x",
        "patient/Observation.rs?",
        "patient/Observation.rs?category",
        "patient/Observation.rs?category=",
        "patient/Observation.rs?=x",
        "patient/Observation.rs?category=x&",
        "patient/Observation.rs?code:in=x",
        "patient/Observation.rs?subject.name=x",
        "patient/Observation.rs?_filter=x",
        "patient/Observation.rs?category=%zz",
        "patient/Observation.rs?category=%ff",
        'patient/Observation.rs?category="x"',
        "patient/Observation.rs?category=a b",
        "patient/Observation.rs\n",
        "launch/Patient",
        "openid ",
        "offline-access",
        "patient/Observation.rs?category=" + "x" * 2000,
    ],
)
def test_what_is_no_scope_is_refused(text):
    with pytest.raises(InvalidScope):
        scopes.parse(text)


@given(st.text(max_size=60) | st.text("patientuser/*.crudsObservation?=&%|", max_size=40))
def test_any_text_is_a_scope_or_refused(text):
    try:
        scope = scopes.parse(text)
    except InvalidScope:
        return

    assert scopes.parse(str(scope)) == scope


def test_list_of_scopes_keeps_order_and_each_once():
    found = scopes.parse_all("openid patient/*.rs openid")

    assert found == (NamedScope("openid"), ResourceScope("patient", "*", "rs"))


@pytest.mark.parametrize("text", ["", " ", "openid  fhirUser", " openid", "openid "])
def test_empty_scope_in_a_list_is_refused(text):
    with pytest.raises(InvalidScope):
        scopes.parse_all(text)


@pytest.mark.parametrize(
    ("wider", "narrower"),
    [
        ("patient/*.rs", "patient/Observation.r"),
        ("patient/*.cruds", "patient/*.rs"),
        ("patient/Observation.rs", f"patient/Observation.rs?category={LABORATORY}"),
        ("patient/Observation.rs?category=a", "patient/Observation.s?category=a&code=b"),
        ("patient/*.read", "patient/Observation.rs"),
        ("openid", "openid"),
    ],
)
def test_wider_scope_covers_the_narrower_and_not_the_other_way(wider, narrower):
    one, other = scopes.parse(wider), scopes.parse(narrower)

    assert scopes.covers(one, other)
    assert scopes.covers(other, one) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("patient/*.rs", "user/*.rs"),
        ("patient/Observation.rs", "patient/Condition.rs"),
        ("patient/*.r", "patient/*.s"),
        ("patient/List.rs?a=1", "patient/List.rs?a=2"),
        ("openid", "fhirUser"),
        ("openid", "patient/*.rs"),
    ],
)
def test_scopes_side_by_side_do_not_cover_each_other(one, other):
    assert not scopes.covers(scopes.parse(one), scopes.parse(other))
    assert not scopes.covers(scopes.parse(other), scopes.parse(one))


@given(SCOPES, SCOPES, SCOPES)
def test_covering_is_an_order(a, b, c):
    assert scopes.covers(a, a)
    if scopes.covers(a, b) and scopes.covers(b, c):
        assert scopes.covers(a, c)


@given(SCOPES, SCOPES)
def test_nothing_is_permitted_by_a_scope_that_its_cover_does_not_permit(wider, narrower):
    if scopes.covers(wider, narrower):
        for type_, letter in itertools.product(["Observation", "Patient", "Condition"], "cruds"):
            assert not scopes.permits(narrower, type_, letter) or scopes.permits(wider, type_, letter)


def test_scope_permits_its_letters_on_its_type():
    scope = scopes.parse("patient/Observation.rs")

    assert [letter for letter in "cruds" if scopes.permits(scope, "Observation", letter)] == ["r", "s"]
    assert not scopes.permits(scope, "Condition", "r")
    assert not scopes.permits(scopes.parse("openid"), "Observation", "r")


def test_granular_scopes_are_us_cores_and_readable():
    texts = [str(scope) for scope in scopes.granular("patient")]

    assert len(texts) == 9
    assert f"patient/Observation.rs?category={LABORATORY}" in texts
    assert [scopes.parse(text) for text in texts] == list(scopes.granular("patient"))
