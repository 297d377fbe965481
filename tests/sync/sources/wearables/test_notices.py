"""What a maker's notice, or its answer, may hold beside what it should."""

from __future__ import annotations

import pytest
import requests

from sync.sources.wearables import notices
from sync.sources.wearables.client import Client
from sync.sources.wearables.withings import facts


def test_a_notice_names_accounts_in_a_form_and_in_json():
    told = notices.Notices(member="userid")

    assert notices.accounts(told, b"userid=7&appli=1") == ["7"]
    assert notices.accounts(told, b'[{"userid": 7}, {"userid": "8"}, {"userid": 7}]') == ["7", "8"]


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"userid": [7]}', b'"userid"', b"\xff\xfe", b""])
def test_a_notice_that_cannot_be_read_names_nobody(body):
    assert notices.accounts(notices.Notices(member="userid"), body) == []


@pytest.mark.parametrize(
    ("status", "counts_as"), [("0", 200), ("601", 429), ('"0"', 400), ("null", 400), ("[0]", 400), ("{}", 400)]
)
def test_a_status_inside_an_answer_counts_and_one_that_is_no_number_is_no_success(status, counts_as):
    client = Client(facts.WITHINGS.base, facts.WITHINGS, bearer=None, pulse=lambda: None, spend=lambda: None)
    answer = requests.Response()
    answer.status_code, answer._content = 200, b'{"status": %b, "body": {}}' % status.encode()

    assert client.status(answer) == counts_as
