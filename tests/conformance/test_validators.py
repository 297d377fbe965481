"""Where our validation and HL7's differ, somebody has said why."""

from __future__ import annotations

import pytest

from tests.conformance import validators

pytestmark = pytest.mark.skipif(
    not validators.DATA.exists(), reason="the shared data sets are not beside this checkout"
)


def test_every_difference_from_hl7s_validator_is_intended_and_explained():
    differing = {one.case for one in validators.verdicts() if not one.agrees}

    assert differing == set(validators.DIFFERENCES["cases"])
    assert set(validators.DIFFERENCES["cases"].values()) <= set(validators.DIFFERENCES["kinds"])


def test_every_file_refused_of_another_servers_tests_is_explained():
    assert validators.refused_files() == sorted(validators.DIFFERENCES["files"])
