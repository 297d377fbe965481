"""Reports sent into the chart: what the preview says, by the EHR's own token, and what became of it told as it is."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from audit.models import Event
from smartlaunch.models import Clinician, ClinicRole, Ehr
from smartlaunch.visits import Context
from standards.fhir import json as fhir_json
from standards.fhir import validation
from tests.clinic import charts
from tests.clinic.test_pages import page, patient_with_record, said
from tests.portal import people
from tests.portal.test_readings import measured
from tests.smartlaunch import clinics

pytestmark = pytest.mark.django_db
SCOPE = "patient/DocumentReference.c patient/Observation.cu launch"


class Chart(ThreadingHTTPServer):
    """An EHR that keeps what it is given, or answers with ``statuses`` first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, str, dict]] = []
        self.statuses: list[int] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/fhir"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, self.headers["Authorization"], fhir_json.loads(body)))
        status = self.server.statuses.pop(0) if self.server.statuses else 201
        self.send_response(status)
        if status == 201:
            self.send_header("Location", f"{self.server.base}{self.path[5:]}/n{len(self.server.got)}/_history/1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def chart() -> Iterator[Chart]:
    with Chart() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def opened(chart):
    person = patient_with_record()
    measured(person)
    ehr = clinics.ehr(iss=chart.base)
    Ehr.objects.update(write_back=True)
    charts.link(person, ehr)
    charts.share(person, ehr.organization)
    context = Context(charts.PATIENT, "visit-7", "ehr-access-token", SCOPE)
    visit, browser = clinics.visit(clinics.clinician(ehr), at_ehr=ehr, context=context)
    return person, visit, browser


def send(visit, browser, what="pressure", **changes):
    preview = page(browser, visit, "send/", what=what).content.decode()
    names = ("csrfmiddlewaretoken", "digest", "once")
    form = {name: re.search(rf'name="{name}" value="(\w+)"', preview)[1] for name in names}
    return browser.post(f"/ehr/{visit.uid}/send/?what={what}", {**form, **changes})


def test_report_on_pressure_is_sent_as_the_preview_shows_it(opened, chart):
    person, visit, browser = opened
    preview = page(browser, visit, "send/").content.decode()

    answer = said(send(visit, browser))

    assert [(path, token) for path, token, _ in chart.got] == [
        ("/fhir/Observation", "Bearer ehr-access-token"),
        ("/fhir/DocumentReference", "Bearer ehr-access-token"),
    ]
    mean, document = (resource for _, _, resource in chart.got)
    assert mean["code"]["coding"][0]["code"] == "96607-7"
    assert [str(part["valueQuantity"]["value"]) for part in mean["component"]] == ["150.0", "95.0"]
    text = base64.b64decode(document["content"][0]["attachment"]["data"]).decode()
    assert "At home: 150.0/95.0 mmHg (12 readings, on 3 days" in text
    assert text.splitlines()[2] in preview
    assert document["subject"] == mean["subject"] == {"reference": "Patient/at-the-ehr"}
    assert document["context"] == {"encounter": [{"reference": "Encounter/visit-7"}]}
    assert [validation.problems(each) for each in (mean, document)] == [[], []]
    assert "The EHR has kept it." in answer
    assert "Observation kept Observation/n1 HTTP 201" in answer
    log = Event.objects.filter(owner_id=person.pk, interaction__in=["send-report", "report-kept"])
    assert [each.detail["parts"] for each in log.order_by("sequence")] == [2, 2]


def test_a_second_click_sends_nothing_and_a_new_form_sends_again(opened, chart):
    _, visit, browser = opened
    assert "The EHR has kept it." in said(send(visit, browser, once="f1"))

    assert "This was sent already" in said(send(visit, browser, once="f1"))
    assert len(chart.got) == 2

    assert "The EHR has kept it." in said(send(visit, browser))
    assert len(chart.got) == 4


def test_summary_is_one_document_without_what_she_withholds(opened, chart):
    person, visit, browser = opened
    charts.share(person, visit.ehr.organization, "patient/AllergyIntolerance.rs", "patient/Patient.rs")

    send(visit, browser, "summary")

    ((_, _, document),) = chart.got
    text = base64.b64decode(document["content"][0]["attachment"]["data"]).decode()
    assert "Penicillin" in text
    assert "High blood pressure" not in text


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        ([403], "Observation refused HTTP 403 1 part was not sent after that."),
        ([503], "Observation not known HTTP 503 1 part was not sent after that."),
        ([201, 422], "DocumentReference refused HTTP 422"),
    ],
)
def test_what_was_not_kept_is_told_as_it_is_and_nothing_is_tried_again(opened, chart, statuses, told):
    _, visit, browser = opened
    chart.statuses = list(statuses)

    answer = said(send(visit, browser))

    assert "Not all of it was kept" in answer
    assert told in answer
    assert len(chart.got) == len(statuses)


def test_no_answer_is_told_as_not_known(opened, chart):
    _, visit, browser = opened
    Ehr.objects.update(iss="http://127.0.0.1:9/fhir")

    assert "Observation not known no answer" in said(send(visit, browser))


def test_what_changed_since_the_preview_is_not_sent(opened, chart):
    _, visit, browser = opened

    answer = send(visit, browser, digest="0" * 32)

    assert "The record changed since the preview, and nothing was sent." in said(answer)
    assert chart.got == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda visit: Ehr.objects.update(write_back=False), "has not allowed reports"),
        (lambda visit: Clinician.objects.update(role=ClinicRole.READER), "you look only"),
    ],
)
def test_where_it_is_not_allowed_nothing_can_be_sent(opened, chart, change, told):
    _, visit, browser = opened
    assert 'name="digest"' in page(browser, visit, "send/").content.decode()
    change(visit)

    assert told in said(page(browser, visit, "send/"))
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page(browser, visit).content.decode())[1]
    browser.post(f"/ehr/{visit.uid}/send/", {"digest": "x", "csrfmiddlewaretoken": token})
    assert chart.got == []


@pytest.mark.parametrize("scope", ["", "patient/Observation.c", "patient/DocumentReference.rs", "system/*.c", "what?"])
def test_token_that_does_not_reach_to_writing_sends_nothing(chart, scope):
    person = patient_with_record()
    measured(person)
    ehr = clinics.ehr(iss=chart.base)
    Ehr.objects.update(write_back=True)
    charts.link(person, ehr)
    charts.share(person, ehr.organization)
    context = Context(charts.PATIENT, "", "t", scope)
    visit, browser = clinics.visit(clinics.clinician(ehr), at_ehr=ehr, context=context)

    assert "does not reach to writing this" in said(page(browser, visit, "send/"))


def test_nothing_shared_nothing_to_send(opened, chart):
    person, visit, browser = opened
    people.browser_of(person).post(f"/clinics/{visit.ehr.organization.uid}/stop/")

    assert "Nothing is shared" in said(page(browser, visit, "send/"))
