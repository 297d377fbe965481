"""What ticks grant: never more than was asked, never more for unticking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import contributions
from gateway import choices, scopes, wording
from standards.smart import scopes as grammar
from standards.smart.scopes import ResourceScope
from tests.gateway.parties import LAB, VITALS

GRANULAR = [str(scope) for scope in grammar.granular("patient")]
ASKED = st.lists(
    st.sampled_from(
        [
            "patient/*.rs",
            "patient/*.read",
            "patient/Observation.rs",
            "patient/Observation.r",
            "patient/Condition.read",
            "patient/Immunization.s",
            "patient/Appointment.rs",
            "patient/Observation.rs?category=imaging",
            "patient/Observation.cruds",
            "patient/Observation.cu?category=imaging",
            "patient/Condition.write",
            "patient/Goal.d",
            "patient/Immunization.*",
            *GRANULAR,
            *scopes.NAMED,
        ]
    ),
    min_size=1,
    unique=True,
)


def keys(offered: list[str]) -> list[str]:
    found = [*choices.boxes(offered), *choices.wishes(offered)]
    return [box.key for box in found] + [choices.WHO_SHE_IS, choices.KEEP_ACCESS, choices.STAY]


@given(ASKED)
def test_everything_ticked_grants_what_was_asked_as_spelt(offered):
    granted = choices.granted(offered, keys(offered))

    records = [text for text in offered if "/" in text and not text.startswith("launch/")]
    expected = [text for text in offered if not text.startswith("launch/") or records]
    assert set(granted) == set(expected)


@given(ASKED)
def test_nothing_ticked_grants_nothing(offered):
    assert choices.granted(offered, []) == []


@given(ASKED, st.data())
def test_granted_lies_under_what_was_asked(offered, data):
    ticked = data.draw(st.sets(st.sampled_from(keys(offered))))

    granted = choices.granted(offered, ticked)

    wider = scopes.parse(offered)
    assert all(any(grammar.covers(wide, scope) for wide in wider) for scope in scopes.parse(granted))


@given(ASKED, st.data())
def test_unticking_never_widens(offered, data):
    ticked = data.draw(st.sets(st.sampled_from(keys(offered)), min_size=1))
    fewer = ticked - {data.draw(st.sampled_from(sorted(ticked)))}

    more, less = (scopes.parse(choices.granted(offered, some)) for some in (ticked, fewer))

    assert all(any(grammar.covers(wide, scope) for wide in more) for scope in less)


@given(ASKED, st.data())
def test_unticked_category_is_out_of_reach(offered, data):
    boxes = [box for box in choices.boxes(offered) if box.category]
    if not boxes:
        return
    left_out = data.draw(st.sampled_from(boxes))
    granted = scopes.parse(choices.granted(offered, [key for key in keys(offered) if key != left_out.key]))

    category = ResourceScope("patient", left_out.resource, "r", frozenset({("category", left_out.category)}))
    assert not any(grammar.covers(scope, category) for scope in granted)


@pytest.mark.parametrize(
    ("offered", "ticked", "granted"),
    [
        (["patient/Observation.rs"], [f"Observation?{LAB}"], [f"patient/Observation.rs?category={LAB}"]),
        (["patient/Observation.read"], [f"Observation?{LAB}"], [f"patient/Observation.rs?category={LAB}"]),
        (["patient/Observation.rs"], ["Observation"], []),
        (["patient/*.rs"], ["Immunization"], ["patient/Immunization.rs"]),
        (["patient/*.read"], ["Immunization"], ["patient/Immunization.read"]),
        (["patient/*.rs"], ["*"], []),
        (
            ["patient/*.s"],
            [f"Observation?{LAB}", f"Observation?{VITALS}", "Goal"],
            [
                f"patient/Observation.s?category={LAB}",
                f"patient/Observation.s?category={VITALS}",
                "patient/Goal.s",
            ],
        ),
        (["launch/patient", "patient/Goal.rs"], ["Goal"], ["launch/patient", "patient/Goal.rs"]),
        (["launch/patient", "openid"], ["identity"], ["openid"]),
    ],
)
def test_ticks_grant_exactly_this(offered, ticked, granted):
    assert choices.granted(offered, ticked) == granted


def test_every_listed_kind_and_category_has_plain_words():
    assert set(scopes.KINDS) <= wording.KINDS.keys()
    codes = {value.rpartition("|")[2] for values in grammar.US_CORE_GRANULAR.values() for value in values}
    assert codes <= wording.CATEGORIES.keys()


def test_kind_without_words_is_called_by_its_own_name():
    (box,) = choices.boxes(["patient/Appointment.rs"])

    assert wording.label(box) == "Appointment"


def test_same_wording_has_the_same_version():
    assert wording._version() == wording.VERSION
    assert len(wording.VERSION) == 16


@pytest.mark.parametrize(
    ("asked", "unticked", "granted"),
    [
        ("patient/Goal.cruds", "c:Goal", ["patient/Goal.ruds"]),
        ("patient/Goal.cruds", "Goal", ["patient/Goal.cud"]),
        ("patient/Goal.write", "d:Goal", ["patient/Goal.cu"]),
        ("patient/Goal.*", "Goal", ["patient/Goal.write"]),
        ("patient/Goal.*", "u:Goal", ["patient/Goal.crds"]),
        ("patient/Goal.c", "c:Goal", []),
    ],
)
def test_each_kind_of_writing_is_a_choice_of_its_own(asked, unticked, granted):
    assert choices.granted([asked], [key for key in keys([asked]) if key != unticked]) == granted


def test_leaving_out_a_category_leaves_writing_as_it_was_ticked():
    asked = ["patient/DocumentReference.crs"]
    (category,) = (box.key for box in choices.boxes(asked) if box.category)

    granted = choices.granted(asked, [category, "c:DocumentReference"])

    assert granted == [
        f"patient/DocumentReference.rs?category={category.partition('?')[2]}",
        "patient/DocumentReference.c",
    ]


@pytest.mark.parametrize(
    ("asked", "policy", "offered"),
    [
        (["patient/Goal.cruds"], ["patient/*.rs"], ["patient/Goal.rs"]),
        (["patient/Goal.cruds"], ["patient/*.cruds"], ["patient/Goal.cruds"]),
        (["patient/Goal.write"], ["patient/Goal.c"], ["patient/Goal.c"]),
        (["patient/Encounter.cruds"], ["patient/*.cruds"], ["patient/Encounter.rs"]),
        (["patient/Encounter.write"], ["patient/*.cruds"], []),
        (["patient/Patient.*"], ["patient/*.*"], ["patient/Patient.read"]),
        (["patient/*.cruds"], ["patient/*.rs", "patient/Goal.cu"], ["patient/*.rs", "patient/Goal.cu"]),
        (["patient/Goal.crs", "patient/Goal.write"], ["patient/Goal.*"], ["patient/Goal.crs", "patient/Goal.write"]),
    ],
)
def test_an_app_is_offered_what_it_is_registered_for_and_apps_may_write(asked, policy, offered):
    assert scopes.offerable(asked, policy) == offered


def test_writing_everything_is_writing_each_kind_that_apps_write():
    offered = scopes.offerable(["patient/*.cruds"], ["patient/*.cruds"])

    assert offered == ["patient/*.rs", *(f"patient/{name}.cud" for name in contributions.ABOUT)]


def test_every_kind_that_apps_write_has_words():
    assert contributions.ABOUT.keys() <= wording.KINDS.keys()
    assert list(wording.WRITING) == list(contributions.LETTERS)
