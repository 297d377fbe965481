from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from records.sameness import clusters
from records.sameness.rules import Rule
from records.sameness.said import Ref
from tests.records.sameness.telling import form, ids, medicine, problem, read, result


def pair(one: str, other: str, resource_type: str = "Condition") -> clusters.Pair:
    return frozenset((Ref(resource_type, one), Ref(resource_type, other)))


def test_three_sources_that_tell_one_fact_are_one_cluster():
    found = form(
        (1, problem("a")), (2, problem("b")), (3, problem("c", text="asthma", code="")), (1, problem("d", "Gout", "1"))
    )

    assert ids(found) == {frozenset("abc"), frozenset("d")}
    cluster = next(each for each in found if len(each.members) == 3)
    assert {link.rule for link in cluster.links} == {Rule.CODE, Rule.NAME}
    assert cluster.sources == {1, 2, 3}
    reason = cluster.reasons[Ref("Condition", "c")]
    assert reason is not None
    assert reason.rule is Rule.NAME


def test_her_word_parts_and_a_third_record_does_not_bring_them_together_again():
    told = [(1, problem("a")), (2, problem("b"))]
    assert ids(form(*told)) == {frozenset("ab")}

    words = {pair("a", "b"): False}

    assert ids(form(*told, words=words)) == {frozenset("a"), frozenset("b")}
    found = ids(form(*told, (3, problem("c")), words=words))
    assert len(found) == 2
    assert not any({"a", "b"} <= each for each in found)


def test_her_word_joins_what_no_rule_would():
    told = [(1, problem("a")), (2, problem("b", "Gout", "90560007"))]
    assert ids(form(*told)) == {frozenset("a"), frozenset("b")}

    (cluster,) = form(*told, words={pair("a", "b"): True})

    assert [link.rule for link in cluster.links] == [Rule.HER_WORD]


def test_of_what_a_source_tells_once_two_of_its_records_are_never_one():
    at = "2024-05-06T07:08:09Z"
    twice = [(1, result("a", Decimal(1), at)), (1, result("b", Decimal(1), at))]

    assert ids(form(*twice)) == {frozenset("a"), frozenset("b")}
    found = ids(form(*twice, (2, result("c", Decimal(1), at))))
    assert sorted(map(len, found)) == [1, 2]


def test_the_better_partner_is_taken():
    at = "2024-05-06T07:08:09Z"

    found = form((1, result("a", Decimal(5), at)), (2, result("b", Decimal(7), at)), (2, result("c", Decimal(5), at)))

    assert ids(found) == {frozenset("ac"), frozenset("b")}


def test_hundreds_of_prescriptions_of_one_medicine_are_one_line_and_parting_one_leaves_the_rest():
    told = [(number % 3, medicine(f"m{number}", "Metformin 500 mg", authoredOn=f"20{number % 20:02}-01-01"))
            for number in range(400)]  # fmt: skip
    assert [len(cluster.members) for cluster in form(*told)] == [400]

    words = {pair("m7", f"m{number}", "MedicationRequest"): False for number in range(400) if number != 7}

    assert sorted(len(cluster.members) for cluster in form(*told, words=words)) == [1, 399]


def test_a_long_problem_reaches_over_many_short_ones():
    short = [(1, problem(f"s{day}", onsetDateTime=f"2020-{day:02}-01", abatementDateTime=f"2020-{day:02}-02"))
             for day in range(1, 13)]  # fmt: skip
    long = (2, problem("long", onsetDateTime="2001-01-01"))

    assert len(form(long, *short, *((1, problem(f"t{n}", onsetDateTime="2021-01-01")) for n in range(20)))) == 1


def test_of_a_record_that_is_not_there_her_words_do_nothing():
    told = [(1, problem("a")), (2, problem("b"))]
    words = {pair("a", "gone"): False, pair("b", "gone"): True}

    assert form(*told, words=words) == form(*told)


_told = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(["Asthma", "Gout", "asthma (disorder)"]), st.integers(2000, 2030)),
    max_size=9,
)


@given(_told, st.sets(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=5), st.randoms())
def test_every_record_is_in_one_cluster_and_no_parted_pair_is_in_any(told, apart, random):
    every = [read(problem(f"r{number}", text, "", onsetDateTime=str(year)), source)
             for number, (source, text, year) in enumerate(told)]  # fmt: skip
    words = {pair(f"r{one}", f"r{other}"): False for one, other in apart if one != other}
    shuffled = random.sample(every, len(every))

    found = clusters.form(every, words)

    assert sorted(member.ref for cluster in found for member in cluster.members) == sorted(one.ref for one in every)
    assert not any(parted <= {member.ref for member in cluster.members} for cluster in found for parted in words)
    assert ids(clusters.form(shuffled, words)) == ids(found)
