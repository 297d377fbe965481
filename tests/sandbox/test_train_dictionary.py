"""The record store's dictionary: what shipped never changes, and it does its work on people it has not seen."""

from __future__ import annotations

import hashlib
import random
import sys

import pytest

from sandbox import population, staff, train_dictionary
from standards.fhir import json

SHIPPED = {1: "a8da3fd36b395e58ea45680d2e72133e6b6629b9870991440a1bee0e6d4843fd"}


@pytest.mark.parametrize(("number", "digest"), SHIPPED.items())
def test_shipped_dictionary_never_changes(number, digest):
    data = (train_dictionary.DIRECTORY / f"fhir-{number}.zdict").read_bytes()

    assert hashlib.sha256(data).hexdigest() == digest


def test_dictionary_packs_people_it_has_not_seen_six_to_one():
    data = (train_dictionary.DIRECTORY / "fhir-1.zdict").read_bytes()
    bodies = [json.dumps(resource) for resource in population.all_resources(staff.RIVERSIDE, seed=4711)]

    assert train_dictionary.ratio(data, bodies) > 6


def test_training_makes_a_usable_dictionary(monkeypatch):
    monkeypatch.setattr(train_dictionary, "SEEDS", range(2, 3))
    monkeypatch.setattr(train_dictionary, "CROWD_SEEDS", range(100, 101))
    bodies = train_dictionary.samples(random.Random(1))  # noqa: S311 - which samples, not a secret

    dictionary = train_dictionary.train(bodies)

    assert len(dictionary) <= train_dictionary.BYTES
    assert train_dictionary.ratio(dictionary, bodies[:500]) > 5


def test_shipped_number_is_not_trained_again(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train_dictionary", "1"])

    with pytest.raises(SystemExit) as refused:
        train_dictionary.main()

    assert refused.value.code == 1
    assert "fhir-1.zdict has shipped" in capsys.readouterr().err
