"""The role of the web server cannot reach another person's rows, whatever SQL it is made to run."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.management import CommandError, call_command
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.utils import timezone

from accounts import binding, rows
from accounts.database import proofs
from accounts.database.proofs import About
from accounts.models import Person
from audit import checkpoints
from consent import delegations, emergencies, ledger
from consent.models import Delegation, Relationship
from consent.terms import Terms
from custody import downloads, erasures
from custody.models import DownloadPiece
from gateway import bearer, tokens
from gateway.models import AccessToken
from local import postgres
from portal.models import Reminder, Wish
from records import marks
from records.models import SamenessVerdict
from records.sameness import words
from records.sameness.said import Ref
from sharing.models import Card
from smartlaunch import asks
from smartlaunch.models import FollowUp
from sync import connections, device_orders, feeds, hospitals, pieces
from sync.models import PageEntry, PageOutcome, Pointer, RunStep, Shipment, ShipmentShare, ShipmentState, StepKind
from sync.sources.wearables.garmin.facts import GARMIN
from sync.sources.wearables.pushes import Entry
from sync.tokens import Tokens
from sync.upload_models import Upload, UploadedDocument
from tests import servers, web_role
from tests.clinic import charts
from tests.fhirapi import people, population
from tests.fhirapi.people import App
from tests.sharing import makers
from tests.smartlaunch import clinics

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not servers.ROLE_URLS, reason="a server that was given has no roles of ours"),
]
OWNED = (*rows.OWNED, *rows.PARTS, *rows.PERSONAL)


def ask(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def refused(statement: str, *values: Any) -> str:
    """What the server says to a statement it does not run."""
    with pytest.raises(DatabaseError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
    return str(error.value)


def count(table: str) -> int:
    return ask(f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608 - names from the catalogue


def owners_in(table: str) -> set[int]:
    """Whose rows a statement without any condition finds."""
    if column := {**rows.OWNED, **rows.PERSONAL}.get(table):
        return {owner for (owner,) in ask(f"SELECT DISTINCT {column} FROM {table}")}  # noqa: S608
    joined, whole = f"FROM {table}", table
    while whole in rows.PARTS:
        column, above = rows.PARTS[whole]
        joined += f" JOIN {above} ON {above}.id = {whole}.{column}"
        whole = above
    return {owner for (owner,) in ask(f"SELECT DISTINCT {whole}.owner_id {joined}")}


def lead_a_life() -> App:
    """Somebody with a row in every table that has an owner, and an app she let in."""
    person, at = people.with_observation(), timezone.now()
    people.delete_record(person, "Observation", "one")
    people.store_records(person, [population.observation(person.patient_id, "two")])
    marks.mark(person.pk, ("Observation", "two"), sensitive=True, actor=person, at=at)
    words.say(
        person.pk,
        [frozenset({Ref("Observation", "one"), Ref("Observation", "two")})],
        SamenessVerdict.SAME,
        actor=person,
        at=at,
    )
    app = people.let_in(person, "patient/*.rs")
    ledger.hide(owner=person, actor=person, record="Observation/two", read=ledger.Reading("1", "en"), at=at)
    assert app.get("/Patient").status_code == 200
    checkpoints.take(at=at)
    fetch_from_a_hospital(person)
    be_looked_after(person)
    DownloadPiece.objects.create(download=downloads.ask(person, at=at), number=1, path="a", lines=1, name="a")
    Wish.objects.create(owner=person, occasion="appointment", how="mail")
    Reminder.objects.create(owner=person, about="a digest", sent=at)
    erasures.ask(person, at=at)
    makers.make(person, live=False, content="records")
    Card.objects.create(owner=person, kid="a key", shots=1, made=at)
    upload = Upload.objects.create(owner=person, digest=b"one", size=1, sealed_name=b"one", received=at)
    UploadedDocument.objects.create(owner=person, upload=upload, number=1, sealed_name=b"one")
    device_orders.ask_first(person, "steps", "a-watch")
    be_seen_in_a_clinic(person)
    Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data={"secret": "sealed"})
    UserSession.objects.create(user=person, ip="192.0.2.1", session_key=secrets.token_hex(20), user_agent="a browser")
    return app


def be_seen_in_a_clinic(person: Person) -> None:
    """Linked, asked, with a code to show, and opened in an emergency."""
    at, ehr = timezone.now(), clinics.ehr()
    charts.link(person, ehr)
    visit, _ = charts.opened(ehr)
    charts.asked(person, visit)
    asks.show_code(person, at=at)
    told = {"clinician": "Dr. A", "organization": "Riverside", "reason": "Does not wake up"}
    sent = charts.write(person, ehr.organization, "Hello")
    told_of = {"ask": sent, "questionnaire": "asked", "asked": at}
    FollowUp.objects.create(owner=person, organization=ehr.organization, **told_of)
    emergencies.begin(person.pk, visit=visit.uid, **told, ends=visit.ends, at=at)


def be_looked_after(person: Person) -> Delegation:
    """By somebody who has taken it on."""
    at = timezone.now()
    delegate = Person.objects.create_user(f"{secrets.token_hex(8)}@example.org")
    offer = delegations.Offer(
        "Bea", delegate.email, Relationship.FRIEND, False, ("patient/*.rs",), Terms(), at + timedelta(days=1)
    )
    delegation, _ = delegations.invite(person, offer, read=ledger.Reading("1", "en"), at=at)
    delegations.accept(delegation, delegate, at=at)
    delegation.refresh_from_db()
    return delegation


def fetch_from_a_hospital(person: Person) -> None:
    at = timezone.now()
    connected = connections.connect(
        person,
        hospital=hospitals.register("https://ehr.example/fhir", name="Riverside", client_id="tributary"),
        patient="p1",
        tokens_given=Tokens("an-access-token", "a-refresh-token", expires=at, scope="patient/*.rs"),
        token_endpoint="https://ehr.example/token",
        at=at,
    )
    step = RunStep.objects.create(run=connected.runs.get(), number=1, kind=StepKind.SEARCH, resource_type="Condition")
    PageEntry.objects.create(
        step=step, number=1, outcome=PageOutcome.STORED, requested=at, took_ms=1, digest=b"sixteen bytes of"
    )
    Pointer.objects.create(connection=connected, resource_type="Medication", remote_id="m1")
    pieces.put(connected, GARMIN, [Entry("bodyComps", "one", {})], at=at)
    every = timedelta(days=1)
    feed = feeds.enter(connected.hospital, client_id="us", private_jwk="{}", every=every, at=at)
    shipment = Shipment.objects.create(feed=feed, queued=at, due=at, state=ShipmentState.FAILED, finished=at)
    ShipmentShare.objects.create(shipment=shipment, connection=connected, resource_type="Condition")


def test_every_table_of_the_schema_is_known_here():
    tables = {name for (name,) in ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    known = [*OWNED, *rows.OPEN, *rows.CLOSED]

    assert sorted(known) == sorted(tables)


def test_every_table_with_an_owner_keeps_its_rows_to_her():
    held = "SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relrowsecurity"

    assert {name for (name,) in ask(held)} == set(OWNED)


def test_hostile_sql_finds_only_the_rows_of_whom_the_request_is_about():
    ana, ben = lead_a_life().person.pk, lead_a_life().person.pk
    assert {table: owners_in(table) for table in OWNED} == {
        table: {ana, ben} for table in OWNED
    }  # there is a lot to see

    with web_role.stepped_down():
        binding.bind(ana)
        seen = {table: owners_in(table) for table in OWNED}

    assert seen == {table: {ana} for table in OWNED}


def test_who_is_about_nobody_finds_nothing():
    lead_a_life()

    with web_role.stepped_down():
        seen = {table: count(table) for table in OWNED}

    assert seen == dict.fromkeys(OWNED, 0)


def test_no_row_of_another_is_written_changed_or_removed():
    ana, ben = lead_a_life().person.pk, lead_a_life().person.pk

    with web_role.stepped_down():
        binding.bind(ana)
        answers = [
            refused(
                "INSERT INTO consent_hiddenrecord (owner_id, grantee_kind, grantee, record)"
                " VALUES (%s, 'everyone', '', 'Condition/1')",
                ben,
            ),
            refused("UPDATE consent_hiddenrecord SET owner_id = %s", ben),
        ]
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM consent_hiddenrecord WHERE owner_id = %s", [ben])
            removed = cursor.rowcount

    assert all("violates row-level security policy" in answer for answer in answers)
    assert removed == 0


def test_who_signs_in_is_asked_for_what_is_hers_and_reaches_nothing_else():
    ana, ben = lead_a_life().person.pk, lead_a_life().person.pk
    passkey = "INSERT INTO mfa_authenticator (user_id, type, data, created_at) VALUES (%s, 'webauthn', '{}', now())"

    with web_role.stepped_down():
        binding.ask(ana)
        seen = {table: owners_in(table) for table in OWNED}
        answers = [refused(passkey, ana), refused("UPDATE mfa_authenticator SET user_id = %s", ben)]
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM mfa_authenticator")
            removed = cursor.rowcount
        binding.bind(ana)
        answers.append(refused(passkey, ben))

    assert seen == {table: {ana} if table == "mfa_authenticator" else set() for table in OWNED}
    assert all("violates row-level security policy" in answer for answer in answers)
    assert removed == 0


def test_naming_somebody_takes_more_than_saying_it():
    ana, ben = people.with_observation().pk, people.with_observation().pk
    proof = proofs.bound(About(ana, ana))[:64]

    with web_role.stepped_down():
        binding.bind(ana)
        assert owners_in("records_record") == {ana}
        others = (
            f"owner {ben}",
            f"{proof}:owner {ben}",
            f"{proof}:owner {ana} person {ben}",
            f"{proof}:owner {ben} person {ana}",
            f"{proofs.of(str(ben))}:owner {ben}",
            f"{proof}:service {ana}",
            f"{proof}:asking {ana}",
        )
        for said in (*others, "", ":", "x" * 65):
            ask("SELECT set_config('tributary.about', %s, false)", said)
            assert owners_in("records_record") == set()


def test_the_digest_of_a_token_is_not_enough_to_be_its_owner():
    app = lead_a_life()
    digest = tokens.digest(app.token)

    with web_role.stepped_down():
        assert ask("SELECT binding_enter(%s, %s)", digest, proofs.of(digest)) == [(None,)]
        assert owners_in("records_record") == set()

        assert ask("SELECT binding_enter(%s, %s)", digest, binding.proof_of_token(digest)) == [(app.person.pk,)]
        assert owners_in("records_record") == {app.person.pk}


def test_the_web_role_has_no_way_round():
    with web_role.stepped_down():
        answers = [
            refused("SELECT key FROM accounts_bindingkey"),
            refused("SELECT binding_proof('owner 1')"),
            refused("ALTER TABLE records_record DISABLE ROW LEVEL SECURITY"),
            refused("DROP POLICY kept_to_its_owner ON records_record"),
            refused("CREATE TABLE public.mine (id int)"),
            refused("TRUNCATE records_record"),
            refused("DELETE FROM audit_event"),
            refused("COPY (SELECT 1) TO PROGRAM 'true'"),
        ]

    assert [one for one in answers if "permission denied" not in one and "must be owner" not in one] == []


def test_the_web_servers_own_connection_cannot_become_another_role():
    web = psycopg.connect(servers.url_of(connection.settings_dict["NAME"], role=postgres.WEB_ROLE), autocommit=True)
    with web:
        assert web.execute("SELECT count(*) FROM records_record").fetchone() == (0,)
        for role in (postgres.ROLE, postgres.WORKER_ROLE, postgres.SUPERUSER):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                web.execute(f"SET ROLE {role}")


@pytest.mark.parametrize("role", [postgres.ROLE, postgres.WORKER_ROLE])
def test_a_web_role_that_no_policy_holds_is_refused(settings, role):
    settings.DATABASE_ROLE_NAMES = {"web": role, "worker": ""}

    with pytest.raises(CommandError, match="no policy holds"):
        call_command("secure_rows")


@pytest.mark.parametrize("order", ["verify_audit", "verify_ledger", "relabel", "rotate_master_key"])
def test_an_order_that_would_see_only_some_rows_fails(order):
    lead_a_life()
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {postgres.WEB_ROLE}")

    with pytest.raises(ProgrammingError, match="affected by row-level security"):
        call_command(order)


def test_a_request_does_not_inherit_whom_the_one_before_was_about():
    ana, ben = (people.let_in(people.with_observation(), "patient/*.rs") for _ in range(2))
    stranger = App(ben.person, ben.application, ben.decision, ben.authorization, "no such token")

    with web_role.requests():
        answers = [app.get("/Observation/one").status_code for app in (ana, ben, stranger, ana)]
        left = connection.wanted

    assert answers == [200, 200, 401, 200]
    assert left == About(ana.person.pk)


def test_a_service_is_told_the_decisions_that_name_it_and_nothing_else():
    app, other = (people.let_in(people.with_observation(), "patient/*.rs") for _ in range(2))

    with web_role.stepped_down():
        binding.bind_service(app.application.client_id)
        told = ask("SELECT id FROM consent_decision")
        seen = {table: count(table) for table in OWNED if table != "consent_decision"}

    assert other.decision.pk != app.decision.pk
    assert told == [(app.decision.pk,)]
    assert set(seen.values()) == {0}


def test_a_delegate_is_told_what_was_decided_about_her_and_no_other_row():
    owner, other = lead_a_life().person, lead_a_life().person
    delegation = be_looked_after(owner)
    decided = ledger.current(owner.pk, str(delegation.uid), kind="person")

    with web_role.stepped_down():
        binding.bind(delegation.delegate_id)
        told = ask("SELECT id FROM consent_decision"), ask("SELECT uid FROM consent_delegation")
        seen = {table: count(table) for table in OWNED if table not in ("consent_decision", "consent_delegation")}

    assert other.pk != owner.pk
    assert told == ([(decided.pk,)], [(delegation.uid,)])
    assert set(seen.values()) == {0}


def test_a_delegate_changes_nothing_that_she_is_told():
    delegation = be_looked_after(people.with_observation())

    with web_role.stepped_down(), connection.cursor() as cursor:
        binding.bind(delegation.delegate_id)
        cursor.execute("UPDATE consent_delegation SET guardian = true")
        changed = cursor.rowcount
        cursor.execute("DELETE FROM consent_delegation")
        removed = cursor.rowcount

    assert (changed, removed) == (0, 0)


def test_an_expired_token_is_about_nobody():
    app = people.let_in(people.with_observation(), "patient/*.rs")
    AccessToken.objects.filter(authorization=app.authorization).update(expires=timezone.now() - timedelta(seconds=1))

    with web_role.stepped_down():
        answer = app.get("/Observation/one")
        seen = count("records_record")

    assert (answer.status_code, seen) == (401, 0)


def test_what_was_undone_is_said_again():
    ana = people.with_observation().pk

    with web_role.stepped_down():
        with transaction.atomic():
            binding.bind(ana)
            assert owners_in("records_record") == {ana}
            transaction.set_rollback(True)

        assert owners_in("records_record") == {ana}


@pytest.mark.parametrize("remembered", ["herself", "somebody else", "nobody"])
def test_a_token_speaks_for_its_owner_whomever_this_process_remembers(monkeypatch, remembered):
    app, other = (people.let_in(people.with_observation(), "patient/*.rs") for _ in range(2))
    owners = {"herself": app.person.pk, "somebody else": other.person.pk, "nobody": None}
    monkeypatch.setattr(
        bearer, "_owners", {} if remembered == "nobody" else {tokens.digest(app.token): owners[remembered]}
    )

    with web_role.requests():
        answer = app.get("/Observation/one")
        bound = connection.wanted

    assert (answer.status_code, bound) == (200, About(app.person.pk))


def test_a_token_that_is_gone_is_about_nobody_though_it_is_remembered():
    app = people.let_in(people.with_observation(), "patient/*.rs")

    with web_role.requests():
        before = app.get("/Observation/one").status_code
        AccessToken.objects.filter(authorization=app.authorization).delete()
        after, bound = app.get("/Observation/one").status_code, connection.wanted

    assert (before, after, bound) == (200, 401, None)
