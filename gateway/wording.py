"""The plain words of the consent page. VERSION names them in every decision, and follows each change by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from gateway import selections
from gateway.choices import EVERYTHING_ELSE, Box, Wish
from gateway.models import Application, Deletion, Resale, Retention

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of record is called, and one sentence on what is in it."""

    name: Text
    about: Text


KINDS: Final[dict[str, Kind]] = {
    "Patient": Kind(_("About you"), _("Your name, birth date, address, phone and the numbers your clinics use.")),
    "Observation": Kind(_("Measurements and findings"), _("What was measured, tested or asked about you.")),
    "Condition": Kind(_("Conditions"), _("Diagnoses, problems and health concerns.")),
    "MedicationRequest": Kind(_("Prescriptions"), _("What was prescribed to you, how much and how often.")),
    "MedicationDispense": Kind(_("Medications dispensed"), _("What a pharmacy gave you, and when.")),
    "AllergyIntolerance": Kind(_("Allergies"), _("What you react to, and how.")),
    "Immunization": Kind(_("Immunizations"), _("Which vaccines you had, and when.")),
    "Procedure": Kind(_("Procedures"), _("Operations and treatments you had.")),
    "DiagnosticReport": Kind(_("Reports"), _("Laboratory and imaging reports.")),
    "DocumentReference": Kind(_("Documents and notes"), _("Letters, notes and files from your clinics.")),
    "Encounter": Kind(_("Visits"), _("When and where you were seen, and why.")),
    "CarePlan": Kind(_("Care plans"), _("What you and your clinics plan to do.")),
    "CareTeam": Kind(_("Care teams"), _("Who looks after you.")),
    "Goal": Kind(_("Goals"), _("What your treatment aims at.")),
    "ServiceRequest": Kind(_("Orders"), _("Tests and treatments that were ordered.")),
    "Specimen": Kind(_("Samples"), _("Blood and other samples that were taken.")),
    "Device": Kind(_("Devices"), _("Implants and devices you use.")),
    "QuestionnaireResponse": Kind(_("Questionnaires"), _("Questionnaires and your answers.")),
    "Coverage": Kind(_("Coverage"), _("Your health insurance.")),
    "RelatedPerson": Kind(_("Family and contacts"), _("People your clinics noted as close to you.")),
    "Practitioner": Kind(_("Clinicians"), _("Doctors and nurses named in your record.")),
    "PractitionerRole": Kind(_("Roles of clinicians"), _("Where they work and what they do.")),
    "Organization": Kind(_("Organizations"), _("Clinics and hospitals named in your record.")),
    "Location": Kind(_("Places"), _("Where you were seen.")),
    "Medication": Kind(_("Medication details"), _("What is in the medicines named in your record.")),
    "Consent": Kind(_("Consents"), _("What you decided about apps, and consents your clinics keep.")),
    "AuditEvent": Kind(_("Who looked"), _("Which people and apps looked at your record, and when.")),
    "Provenance": Kind(_("Where records come from"), _("Who wrote or sent a record.")),
    "MedicationStatement": Kind(_("Medications reported"), _("Medicines you said you take.")),
    "FamilyMemberHistory": Kind(_("Family history"), _("Illnesses in your family.")),
    EVERYTHING_ELSE: Kind(_("Everything else"), _("Kinds of records not listed here, also new ones later.")),
}

CATEGORIES: Final[dict[str, Text]] = {
    "laboratory": _("Laboratory results"),
    "vital-signs": _("Vital signs, such as blood pressure and weight"),
    "social-history": _("Social history, such as smoking"),
    "survey": _("Questionnaires you answered"),
    "sdoh": _("Living situation, such as housing and food"),
    "encounter-diagnosis": _("Diagnoses made at a visit"),
    "problem-list-item": _("Your list of ongoing problems"),
    "health-concern": _("Health concerns"),
    "clinical-note": _("Notes by doctors and nurses"),
}

WRITING: Final[dict[str, Kind]] = {
    "c": Kind(_("Add to your record"), _("New records, marked as coming from this app.")),
    "u": Kind(_("Change what it added"), _("Only its own records. Earlier versions are kept.")),
    "d": Kind(_("Remove what it added"), _("Only its own records.")),
}

# What sources of ours are kept under.
SOURCES: Final[dict[str, Text]] = {"Own entries": _("Own entries"), "Uploaded file": _("A file you gave us")}
REST: Final = _("Everything else of this kind (only together with all of the above)")
REST_OF_ALL: Final = _("Everything else (only together with all of the above)")
ABOUT_ANOTHER: Final = Kind(
    _("About this person"), _("Name, birth date, address, phone and the numbers the clinics use.")
)
WHO_SHE_IS: Final = Kind(_("Know who you are"), _("The app can recognise you when you come back."))
KEEP_ACCESS: Final = Kind(
    _("Keep access when you are not using it"),
    _("Without this, the app must ask you again after one hour."),
)
STAY: Final = Kind(
    _("Keep access while you are signed in here"),
    _("It ends when you sign out. Without this, the app must ask you again after one hour."),
)
SENSITIVITY: Final[dict[str, Text]] = {
    "R": _("Marked as restricted by a clinic"),
    "SUD": _("Alcohol and drugs"),
    "PSY": _("Mental health"),
    "SEX": _("Sexual and reproductive health"),
    "HIV": _("HIV"),
    "GDIS": _("Genetic conditions"),
    "SDV": _("Violence at home"),
    "VIO": _("Violence and abuse"),
    "OTHER": _("Marked as sensitive for another reason"),
    "OWN": _("What you marked as sensitive yourself"),
    "MSG": _("Messages with clinics"),
}


def sensitivity(label: str) -> Text:
    """The words for a sensitive kind; one that has none is called by its code."""
    return SENSITIVITY.get(label, label)


def length(value: str, ends: datetime) -> Text:
    """How long, and until which day."""
    day = formats.date_format(timezone.localtime(ends), "DATE_FORMAT")
    if value == selections.ONCE:
        return pgettext("how long", "Just this once (one hour)")
    if value == selections.STUDY:
        last = formats.date_format(timezone.localtime(ends - timedelta(microseconds=1)), "DATE_FORMAT")
        return pgettext("how long", "Until the study ends, %(day)s") % {"day": last}
    if value == selections.USUAL:
        return pgettext("how long", "90 days, until %(day)s") % {"day": day}
    return pgettext("how long", "13 months, until %(day)s") % {"day": day}


def as_long_as_she_acts(ends: datetime) -> Text:
    """For a delegate: an end that comes before the one she could choose."""
    day = formats.date_format(timezone.localtime(ends), "DATE_FORMAT")
    return pgettext("how long", "As long as you act for this person, until %(day)s") % {"day": day}


def promises(application: Application) -> tuple[Text, ...]:
    """The app's privacy label in plain sentences; what it does not say is said too."""
    return promised(
        {
            "retention": application.retention,
            "resale": application.resale,
            "deletion": application.deletion,
        }
    )


def promised(said: Mapping[str, str]) -> tuple[Text, ...]:
    """The same of a decision's ``shown``: what the app promised then."""
    return (
        Retention(said.get("retention", "")).label,
        Resale(said.get("resale", "")).label,
        Deletion(said.get("deletion", "")).label,
    )


def label(box: Box, *, of_another: bool = False) -> Text:
    """The words beside a box."""
    if box.resource == EVERYTHING_ELSE:
        return REST_OF_ALL
    if box.rest:
        return REST
    if box.category:
        code = box.category.rpartition("|")[2]
        return CATEGORIES.get(code, code)
    return kind(box.resource, of_another=of_another).name


def wish(choice: Wish) -> Text:
    """The words beside a box about writing."""
    code = choice.category.rpartition("|")[2]
    return CATEGORIES.get(code, code) if code else kind(choice.resource).name


def source(name: str) -> str:
    """A source's name, in her language where it is one of ours."""
    return str(SOURCES.get(name, name))


def kind(resource: str, *, of_another: bool = False) -> Kind:
    """The words for a kind; one that has none is called by FHIR's own name. ``of_another``: not of who reads them."""
    if of_another and resource == "Patient":
        return ABOUT_ANOTHER
    return KINDS.get(resource) or Kind(resource, _("A kind of record that apps seldom ask for."))


def _version() -> str:
    """A digest of these words and of the page they stand on."""
    pages = Path(settings.BASE_DIR) / "templates" / "gateway"
    shown = ("consent.html", "group.html", "choice.html", "clinician.html")
    written = (Path(__file__), *(pages / name for name in shown))
    return hashlib.sha256(b"".join(path.read_bytes() for path in written)).hexdigest()[:16]


VERSION: Final = _version()
