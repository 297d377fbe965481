"""What she is told of and how: mail she can do without, reminders she asks for, a telephone shown to be hers."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core import mail
from django.utils import timezone

from accounts import phones
from accounts.models import Person
from audit import events
from gateway.models import Authorization
from portal import ahead, reminders
from portal.models import Wish
from sharing import notices
from sharing.models import HealthLink
from tests.clinic import charts
from tests.portal import people
from tests.sharing import makers

pytestmark = pytest.mark.django_db
ALL = ["opened", "ending", "acting"]


def save(person: Person, **said) -> None:
    answer = people.browser_of(person).post(
        "/account/notices/", {"told": ALL, "appointment": "", "renewal": "", **said}
    )
    assert answer.status_code == 302, answer.content
    person.refresh_from_db()


def test_all_is_told_and_nothing_reminded_of_until_she_says_otherwise():
    page = people.browser_of(people.sign_up()).get("/account/notices/").content.decode()

    assert len(re.findall(r'name="told"[^>]*checked', page)) == 4
    assert not Wish.objects.exists()


def test_she_does_without_mail_of_a_kind():
    owner = makers.owner()
    made = makers.make(owner).link
    HealthLink.objects.filter(pk=made.pk).update(opened=timezone.now())
    save(owner, told=["ending", "acting"])

    assert notices.tell_opened(made.pk, at=timezone.now()) is False
    assert mail.outbox == []

    save(owner)
    HealthLink.objects.filter(pk=made.pk).update(told=None)
    assert notices.tell_opened(made.pk, at=timezone.now()) is True


def test_access_that_ends_is_not_told_to_who_does_without():
    person = people.sign_up()
    authorization = people.let_in(person, "patient/Observation.rs", "offline_access")
    soon = {
        "created": timezone.now() - timezone.timedelta(days=80),
        "expires": timezone.now() + timezone.timedelta(days=5),
    }
    Authorization.objects.filter(pk=authorization.pk).update(**soon)
    save(person, told=[])

    assert reminders.remind(at=timezone.now()) == 0
    Authorization.objects.filter(pk=authorization.pk).update(reminded=None)
    save(person)
    assert reminders.remind(at=timezone.now()) == 1


def test_reminders_are_her_choice_and_stand_in_her_log():
    person = people.sign_up()

    save(person, appointment="mail")

    assert list(Wish.objects.filter(owner=person).values_list("occasion", "how")) == [("appointment", "mail")]
    event = events.of(person.pk)[0]
    chosen = {"appointment": "mail", "renewal": "", "questions": ""}
    assert (event.interaction, event.detail) == ("reminders", {"reminders": chosen})
    save(person)
    assert not Wish.objects.exists()
    assert ahead.remind(at=timezone.now()) == 0


def test_a_telephone_is_offered_only_once_it_is_hers(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    person = people.sign_up()
    browser = people.browser_of(person)
    assert browser.post("/account/notices/", {"told": ALL, "appointment": "text"}).status_code == 200
    assert not Wish.objects.exists()

    browser.post("/account/phone/", {"number": "+1 (555) 010-0199"})
    (file,) = (tmp_path / "phone").iterdir()
    told = json.loads(file.read_text())
    assert told["to"] == "+15550100199"
    assert Person.objects.get(pk=person.pk).phone == ""
    code = re.match(r"\d{6}", told["words"])[0]
    browser.post("/account/phone/code/", {"code": "000000" if code != "000000" else "111111"})
    assert Person.objects.get(pk=person.pk).phone == ""
    browser.post("/account/phone/code/", {"code": code})

    assert Person.objects.get(pk=person.pk).phone == "+15550100199"
    save(Person.objects.get(pk=person.pk), appointment="text")
    browser.post("/account/phone/remove/")
    assert Person.objects.get(pk=person.pk).phone == ""
    assert Wish.objects.get(owner=person).how == "mail"


def test_codes_are_not_guessed_and_not_sent_without_end(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    person = people.sign_up()
    browser = people.browser_of(person)
    for _ in range(phones.CODES_A_DAY + 2):
        browser.post("/account/phone/", {"number": "+15550100199"})
    files = sorted((tmp_path / "phone").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    assert len(files) == phones.CODES_A_DAY
    code = json.loads(files[-1].read_text())["words"][:6]
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(phones.TRIES):
        browser.post("/account/phone/code/", {"code": wrong})

    browser.post("/account/phone/code/", {"code": code})

    assert Person.objects.get(pk=person.pk).phone == ""


@pytest.mark.parametrize("number", ["555", "+0123456789", "+1555010019955555", "+1555a100199", ""])
def test_what_is_no_number_is_refused(number):
    answer = people.browser_of(people.sign_up()).post("/account/phone/", {"number": number})

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()


def test_a_gateway_takes_messages_with_its_token(settings):
    heard = []

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.headers["Authorization"], json.loads(body)))
            self.send_response(202 if len(heard) == 1 else 503)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        settings.SANDBOX = False
        settings.PHONE_GATEWAYS = {"text": f"http://127.0.0.1:{server.server_port}/", "call": ""}
        settings.PHONE_GATEWAY_TOKEN = "its-token"
        answers = [phones.send(phones.Way.TEXT, "+15550100199", "Hello") for _ in range(2)]
        reached = phones.ways()
        server.shutdown()
        thread.join()

    assert answers == [True, False]
    assert heard[0] == ("Bearer its-token", {"to": "+15550100199", "words": "Hello", "language": "en"})
    assert reached == (phones.Way.TEXT,)
    assert phones.send(phones.Way.CALL, "+15550100199", "Hello") is False
    assert phones.send(phones.Way.TEXT, "+15550100199", "Hello") is False, "nobody listens there any more"


def test_the_page_of_data_use_names_who_may_see_something_and_where_to_stop_it():
    person = people.sign_up()
    people.store_records(person, [people.condition(person, "a")])
    authorization = people.let_in(person, "patient/*.rs", name="Heart Diary")
    browser = people.browser_of(person)
    page = browser.get("/account/data/").content.decode()
    assert "1 record, every version of it" in page
    assert f'<a href="/apps/{authorization.pk}/withdraw/">Heart Diary</a>' in page
    assert "Nobody but you." not in page

    browser.post(f"/apps/{authorization.pk}/withdraw/")

    assert "Nobody but you." in browser.get("/account/data/").content.decode()


def test_the_page_of_data_use_names_clinics_too():
    person = people.sign_up()
    charts.open_for(person)

    page = people.browser_of(person).get("/account/data/").content.decode()

    assert '<a href="/clinics/">Riverside General Hospital</a>' in page
    assert "Nobody but you." not in page


def test_settings_are_gathered_on_one_page():
    page = people.browser_of(people.sign_up()).get("/account/").content.decode()

    for path in ("email/", "password/change/", "factors/", "sessions/"):
        assert f'href="/accounts/{path}"' in page
    for path in (
        "/people/",
        "/clinics/",
        "/account/notices/",
        "/account/data/",
        "/private/",
        "/account/download/",
        "/account/erase/",
    ):
        assert f'href="{path}"' in page
