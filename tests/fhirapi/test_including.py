"""What comes along and what is found through others: ``_include``, ``_revinclude``, chains, compartments."""

from __future__ import annotations

import pytest

from audit import events
from fhirapi import catalogue, including
from standards.fhir import extraction, references, search_parameters, types
from tests.fhirapi import people, population

pytestmark = pytest.mark.django_db

LAB = f"{population.OBSERVATION_CATEGORY}|laboratory"


@pytest.fixture
def person():
    person = people.with_record()
    people.store_records(person, roles())
    return person


def roles():
    practitioners = [
        {
            "resourceType": "Practitioner",
            "id": f"pra-{number}",
            "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": f"91000000{number}"}],
            "name": [{"family": family, "given": ["Ada"]}],
        }
        for number, family in ((2, "Brandt"), (3, "Brand"), (4, "Cole"))
    ]
    return [
        *practitioners,
        *(
            {
                "resourceType": "PractitionerRole",
                "id": f"role-{number}",
                "practitioner": {"reference": f"Practitioner/pra-{number}"},
                "organization": {"reference": "Organization/org-1"},
            }
            for number in (2, 3, 4)
        ),
    ]


def held(person):
    return [*population.resources(person.patient_id), *roles()]


def name(resource):
    return f"{resource['resourceType']}/{resource['id']}"


def test_every_include_brings_what_the_matches_point_at(app, person):
    known = {name(resource): resource for resource in held(person)}
    followed = 0

    for kind in sorted({resource["resourceType"] for resource in held(person)}):
        for path in including.includes(kind):
            parameter = search_parameters.for_type(kind)[path.partition(":")[2]]
            pointed_at = {
                text
                for resource in known.values()
                if resource["resourceType"] == kind
                for text in extraction.references(parameter, resource)
                if text in known and not text.startswith(f"{kind}/")
            }
            bundle = app.bundle(f"/{kind}?_include={path}&_count=1000")
            assert set(people.included(bundle)) == pointed_at, path
            assert len(people.included(bundle)) == len(pointed_at)
            followed += bool(pointed_at)
    assert followed > 15


def test_every_revinclude_brings_what_points_at_the_matches(app, person):
    known = {name(resource): resource for resource in held(person)}
    followed = 0

    for kind in ("Patient", "Encounter", "Observation", "Practitioner", "Organization", "Medication", "Condition"):
        matches = {text for text in known if text.startswith(f"{kind}/")}
        # Every record that can name a patient is about the owner: Provenance too, whatever its targets.
        for path in set(including.revincludes(kind)) - {"Provenance:patient"}:
            holder, _, code = path.partition(":")
            parameter = search_parameters.for_type(holder)[code]
            pointing = {
                text
                for text, resource in known.items()
                if text.startswith(f"{holder}/")
                and matches & set(extraction.references(parameter, resource))
                and text not in matches
            }
            if not pointing and holder not in ("Provenance", "Observation"):
                continue  # nothing held points that way; asking all of them again would only take time
            bundle = app.bundle(f"/{kind}?_revinclude={path}&_count=1000")
            assert set(people.included(bundle)) == pointing, path
            followed += bool(pointing)
    assert followed > 15


@pytest.mark.spec("US Core 6.1.0", "CapabilityStatement", "_revinclude=Provenance:target on every type")
def test_provenance_may_come_along_with_every_type():
    for kind in catalogue.SEARCHED:
        assert "Provenance:target" in including.revincludes(kind)


def test_an_include_may_name_the_type_it_wants(app):
    path = "/Provenance?_include=Provenance:target"

    assert len(people.included(app.bundle(path))) == 3
    assert people.included(app.bundle(f"{path}:Condition")) == ["Condition/con-1"]


@pytest.mark.parametrize(
    "pair",
    [
        "_include=Observation:colour",
        "_include=Condition:encounter",
        "_include=*",
        "_include=Observation:*",
        "_include=Observation",
        "_include=Observation:encounter:Practitioner",
        "_include:iterate=Observation:encounter",
        "_revinclude=Observation:colour",
        "_revinclude=Nothing:target",
        "_revinclude=PractitionerRole:practitioner",
    ],
)
def test_an_include_we_do_not_have_is_left_out_or_refused(app, pair):
    bundle = app.bundle(f"/Observation?_count=1&{pair}")

    assert "nclude" not in people.link(bundle, "self")
    assert people.included(bundle) == []
    assert app.get(f"/Observation?{pair}", Prefer="handling=strict").status_code == 400


def test_what_comes_along_needs_a_scope_of_its_own(person, app):
    path = "/Condition?_include=Condition:encounter&_revinclude=Provenance:target"
    assert {one.partition("/")[0] for one in people.included(app.bundle(path))} == {"Encounter", "Provenance"}

    assert people.included(people.let_in(person, "patient/Condition.rs").bundle(path)) == []
    encounters = people.let_in(person, "patient/Condition.rs", "patient/Encounter.rs")
    assert {one.partition("/")[0] for one in people.included(encounters.bundle(path))} == {"Encounter"}


def test_what_comes_along_is_held_to_the_category_of_its_scope(person, app):
    path = "/Patient?_revinclude=Observation:patient"
    lab = people.let_in(person, "patient/Patient.rs", f"patient/Observation.rs?category={LAB}")
    assert len(people.included(app.bundle(path))) == 72

    assert sorted(people.included(lab.bundle(path))) == sorted(lab.ids("/Observation"))


def test_what_comes_along_is_counted_in_the_log(app, person):
    app.bundle("/Condition?_include=Condition:encounter")

    assert events.of(person.id, 1)[0].detail["types"] == {"Condition": 4, "Encounter": 3}


def test_more_than_a_page_can_bring_along_is_said(app, monkeypatch):
    monkeypatch.setattr(including, "INCLUDED_MAX", 10)

    bundle = app.bundle("/Patient?_revinclude=Observation:patient")

    assert len(people.included(bundle)) == 10
    assert bundle["entry"][-1]["search"]["mode"] == "outcome"
    assert bundle["entry"][-1]["resource"]["issue"][0]["code"] == "incomplete"


# ---- chains


@pytest.mark.spec("US Core 6.1.0", "PractitionerRole", "chains practitioner.name and practitioner.identifier")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("practitioner.name=Brand", ["role-2", "role-3"]),
        ("practitioner.name:exact=Brand", ["role-3"]),
        ("practitioner.identifier=http://hl7.org/fhir/sid/us-npi|910000004", ["role-4"]),
        ("practitioner.identifier=910000002,910000004", ["role-2", "role-4"]),
        ("practitioner:Practitioner.name=Cole", ["role-4"]),
        ("practitioner.name=Nobody", []),
        ("practitioner.name=Brand&practitioner.identifier=910000002", ["role-2"]),
        ("organization.name=Riverside", ["role-2", "role-3", "role-4"]),
    ],
)
def test_a_chain_finds_through_what_is_pointed_at(app, query, expected):
    found = app.ids(f"/PractitionerRole?{query}")

    assert sorted(found) == [f"PractitionerRole/{one}" for one in expected]
    assert app.bundle(f"/PractitionerRole?{query}&_summary=count")["total"] == len(expected)
    assert query.partition("=")[0] in people.link(app.bundle(f"/PractitionerRole?{query}"), "self")


def test_a_chain_over_the_patient_is_about_the_owner(app):
    assert len(app.ids("/Condition?patient.name=Ana")) == 4
    assert app.ids("/Condition?patient.name=Berta") == []
    assert len(app.ids("/Condition?subject:Patient.gender=female")) == 4


def test_a_chain_needs_a_scope_for_what_stands_in_between(person, app):
    path = "/PractitionerRole?practitioner.name=Brand"
    assert len(app.ids(path)) == 2

    answer = people.let_in(person, "patient/PractitionerRole.rs").get(path)

    assert answer.status_code == 403
    assert "patient/Practitioner.s" in answer["WWW-Authenticate"]


def test_a_chain_tells_nothing_of_what_its_scope_does_not_reach(person, app):
    lab = people.let_in(person, "patient/Provenance.rs", f"patient/Observation.rs?category={LAB}")
    vitals = people.let_in(person, "patient/Provenance.rs", "patient/Observation.rs?category=vital-signs")
    path = "/Condition?encounter.class=AMB"
    assert app.ids(path)

    assert lab.get(path).status_code == 403
    assert vitals.get(path).status_code == 403


# ---- compartments


@pytest.mark.spec("FHIR R4", "compartmentdefinition-patient.html", "Patient/[id]/[type] is that type about her")
def test_a_compartment_search_finds_what_a_search_by_patient_finds(app, person):
    for kind in people.FIRST_TYPES[:8]:
        found = app.ids(f"/Patient/{person.patient_id}/{kind}?_count=30")
        assert found == app.ids(f"/{kind}?patient={person.patient_id}"), kind
        assert found


def test_a_compartment_takes_the_parameters_of_its_type(app, person):
    path = f"/Patient/{person.patient_id}/Observation"

    bundle = app.bundle(f"{path}?category=laboratory&date=ge2019&_count=5")

    assert people.link(bundle, "self").partition(people.BASE)[2].startswith(f"{path}?category=laboratory")
    assert people.link(bundle, "next").partition(people.BASE)[2].startswith(f"{path}?")
    assert app.ids(f"{path}?category=laboratory&_count=5") == app.ids("/Observation?category=laboratory")
    posted = app.post(f"{path}/_search", "category=laboratory&_count=1000").json()
    assert people.matches(posted) == app.ids("/Observation?category=laboratory")


def test_the_compartment_of_another_is_as_if_there_were_nobody(app):
    other = people.with_record()
    assert people.let_in(other, "patient/*.rs").ids(f"/Patient/{other.patient_id}/Observation")

    answer = app.get(f"/Patient/{other.patient_id}/Observation")

    assert (answer.status_code, answer.content) == (404, app.get("/Patient/nobody/Observation").content)


def test_a_compartment_asks_the_scopes(person, app):
    narrow = people.let_in(person, f"patient/Observation.rs?category={LAB}")
    path = f"/Patient/{person.patient_id}"
    assert len(app.ids(f"{path}/Observation")) == 72

    assert narrow.ids(f"{path}/Observation") == narrow.ids("/Observation")
    assert narrow.get(f"{path}/Condition").status_code == 403


def test_what_is_in_no_compartment_and_all_of_one_is_refused(app, person):
    assert app.get(f"/Patient/{person.patient_id}/Practitioner").status_code == 404
    assert app.get(f"/Patient/{person.patient_id}/Nothing").status_code == 404
    refused = app.get(f"/Patient/{person.patient_id}/*")
    assert refused.status_code == 400
    assert "$everything" in people.diagnostics(refused)


def test_the_references_of_the_population_are_relative(person):
    parsed = [references.parse(text) for one in held(person) for text in _texts(one)]

    assert all(one.kind is references.Kind.RELATIVE for one in parsed)
    assert {one.type for one in parsed} <= catalogue.SERVED | types.RESOURCE_TYPES


def _texts(resource):
    known = search_parameters.for_type(resource["resourceType"]).values()
    return [text for one in known if one.type == "reference" for text in extraction.references(one, resource)]
