from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standards.fhir import references
from standards.fhir.references import Kind, ParsedReference

BASE = "https://own.example/fhir/r4"
IDS = st.from_regex(r"[A-Za-z0-9\-.]{1,64}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "kind", "type_", "id_", "version"),
    [
        ("Patient/1", Kind.RELATIVE, "Patient", "1", None),
        ("Patient/1/_history/2", Kind.RELATIVE, "Patient", "1", "2"),
        (f"{BASE}/Patient/1", Kind.OWN, "Patient", "1", None),
        (f"{BASE}/Patient/1/_history/2", Kind.OWN, "Patient", "1", "2"),
        ("https://other.example/fhir/Patient/1", Kind.FOREIGN, "Patient", "1", None),
        ("https://own.example/fhir/r4x/Patient/1", Kind.FOREIGN, "Patient", "1", None),
        ("https://other.example/", Kind.FOREIGN, None, None, None),
        ("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", Kind.URN, None, None, None),
        ("#med", Kind.CONTAINED, None, "med", None),
        ("#", Kind.CONTAINED, None, None, None),
        ("Practitioner?identifier=http://x|1", Kind.CONDITIONAL, "Practitioner", None, None),
        (f"{BASE}/Practitioner?identifier=1", Kind.CONDITIONAL, "Practitioner", None, None),
        ("Organization/Organization/x", Kind.ODD, "Organization", "x", None),
        ("/Patient/1", Kind.ODD, "Patient", "1", None),
        ("Patient/1|source", Kind.ODD, None, None, None),
        ("nonsense", Kind.ODD, None, None, None),
    ],
)
def test_reference_is_taken_apart(text, kind, type_, id_, version):
    assert references.parse(text, base=BASE) == ParsedReference(text, kind, type_, id_, version)


@pytest.mark.parametrize("text", ["", "  ", None, 5, {}])
def test_nothing_is_no_reference(text):
    assert references.parse(text) is None


@given(IDS)
def test_relative_and_own_say_the_same(id_):
    relative, own = references.parse(f"Patient/{id_}"), references.parse(f"{BASE}/Patient/{id_}", base=BASE + "/")

    assert (relative.type, relative.id) == (own.type, own.id) == ("Patient", id_)


@given(st.text(max_size=80))
def test_any_text_is_taken_apart_without_failing(text):
    references.parse(text, base=BASE)


def test_rewriting_reaches_every_reference_and_binary_and_nothing_else():
    resource = {
        "resourceType": "DocumentReference",
        "text": {"div": "<div>Patient/1</div>"},
        "subject": {"reference": "Patient/1", "display": "Patient/1"},
        "author": [{"reference": "Practitioner/2"}, {"reference": "#self"}, {"reference": "urn:uuid:3"}],
        "content": [{"attachment": {"url": "Binary/4"}}, {"attachment": {"url": "https://x.example/a.pdf"}}],
        "extension": [{"url": "http://x/Patient/1", "valueReference": {"reference": "Patient/1"}}],
        "contained": [{"resourceType": "Consent", "id": "self", "patient": {"reference": "Patient/1"}}],
    }
    new = {"Patient/1": "Patient/a", "Practitioner/2": "Practitioner/b", "Binary/4": "Binary/d"}

    seen = references.rewrite(resource, new.get)

    assert sorted(seen) == ["Binary/4", "Patient/1", "Patient/1", "Patient/1", "Practitioner/2", "urn:uuid:3"]
    assert resource == {
        "resourceType": "DocumentReference",
        "text": {"div": "<div>Patient/1</div>"},
        "subject": {"reference": "Patient/a", "display": "Patient/1"},
        "author": [{"reference": "Practitioner/b"}, {"reference": "#self"}, {"reference": "urn:uuid:3"}],
        "content": [{"attachment": {"url": "Binary/d"}}, {"attachment": {"url": "https://x.example/a.pdf"}}],
        "extension": [{"url": "http://x/Patient/1", "valueReference": {"reference": "Patient/a"}}],
        "contained": [{"resourceType": "Consent", "id": "self", "patient": {"reference": "Patient/a"}}],
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["reference", "url", "subject", "x"]), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(JSON)
def test_rewriting_takes_any_json_and_without_translation_changes_nothing(value):
    before = repr(value)

    references.rewrite(value, lambda _: None)

    assert repr(value) == before
