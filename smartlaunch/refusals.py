"""Why a launch from an EHR came to nothing: codes for the organisation's diagnosis, words for the clinician."""

from __future__ import annotations

from typing import Final

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from sync.problems import Problem, SourceError


class Reason(TextChoices):
    """The labels are for whoever runs the EHR; WORDS are for whoever clicked."""

    UNKNOWN_EHR = "unknown_ehr", _("This iss is not in the list, letter by letter.")
    NO_LAUNCH = "no_launch", _("The EHR opened us without a launch value.")
    NO_COOKIE = "no_cookie", _("The browser refused our cookie inside the frame.")
    UNREACHABLE = "unreachable", _("The EHR could not be reached, or answered with an error of its own.")
    NOT_SMART = "not_smart", _("Its smart-configuration is missing, unreadable or without PKCE by S256.")
    EXPIRED = "expired", _("The answer came too late, or a second time.")
    MISMATCH = "mismatch", _("The answer belongs to no launch of this browser at this EHR.")
    REFUSED_THERE = "refused_there", _("The EHR's authorization server said no.")
    NOT_REGISTERED = "not_registered", _("The EHR does not accept our client: check client_id, secret or key.")
    WRONG_ISSUER = "wrong_issuer", _("The issuer of the answer or of the id_token is not this EHR's.")
    BAD_IDENTITY = "bad_identity", _("The id_token is missing, forged, for another client or launch, or too old.")
    BAD_USER = "bad_user", _("The id_token names no fhirUser under this iss.")
    NOT_ADMITTED = "not_admitted", _("No rule of the organization lets this person in.")
    DEACTIVATED = "deactivated", _("The organization shut this clinician out.")
    BUSY = "busy", _("There were too many requests from this address.")
    NO_PATIENT = "no_patient", _("The token response names no patient.")


class ArrivalRefused(Exception):
    """The launch ends here. The message carries codes, never a name, a value or a token."""

    def __init__(self, reason: Reason, message: str = "") -> None:
        super().__init__(message or reason.value)
        self.reason = reason


_AGAIN: Final = _("Close this and open it again from the patient's chart.")
_TELL: Final = _("Please tell whoever runs your EHR. Nothing was opened.")

WORDS: Final[dict[Reason, tuple[str | Promise, str | Promise]]] = {
    Reason.UNKNOWN_EHR: (_("The EHR that opened this page is not registered here."), _TELL),
    Reason.NO_LAUNCH: (_("This page opens from a patient's chart in your EHR."), _AGAIN),
    Reason.NO_COOKIE: (_("Your browser keeps nothing for pages inside your EHR."), ""),
    Reason.UNREACHABLE: (_("Your EHR did not answer us."), _AGAIN),
    Reason.NOT_SMART: (_("Your EHR did not tell us how to sign you in safely."), _TELL),
    Reason.EXPIRED: (_("This attempt is over: it took too long or was used already."), _AGAIN),
    Reason.MISMATCH: (_("The answer does not belong to an attempt that this browser began."), _AGAIN),
    Reason.REFUSED_THERE: (_("Your EHR did not let us in."), _AGAIN),
    Reason.NOT_REGISTERED: (_("Your EHR does not accept our registration."), _TELL),
    Reason.WRONG_ISSUER: (_("The answer did not come from your EHR, so we did not accept it."), _TELL),
    Reason.BAD_IDENTITY: (_("Your EHR did not prove who you are, so we did not accept it."), _TELL),
    Reason.BAD_USER: (_("Your EHR did not say as whom you work there."), _TELL),
    Reason.NOT_ADMITTED: (
        _("Your organization's rules do not let you in here."),
        _("Please ask whoever looks after this service in your organization."),
    ),
    Reason.DEACTIVATED: (
        _("Your organization ended your access."),
        _("Please ask whoever looks after this service in your organization."),
    ),
    Reason.BUSY: (_("There were too many requests from here. Wait a minute, then try again."), ""),
    Reason.NO_PATIENT: (_("Your EHR did not say whose chart is open."), _AGAIN),
}

_OF_PROBLEM: Final = {
    Problem.UNREACHABLE: Reason.UNREACHABLE,
    Problem.SERVER_ERROR: Reason.UNREACHABLE,
    Problem.BUSY: Reason.UNREACHABLE,
    Problem.UNREADABLE: Reason.UNREACHABLE,
    Problem.NOT_SMART: Reason.NOT_SMART,
    Problem.FOREIGN_ADDRESS: Reason.NOT_SMART,
    Problem.NOT_REGISTERED: Reason.NOT_REGISTERED,
    Problem.WRONG_ISSUER: Reason.WRONG_ISSUER,
}


def of(error: SourceError) -> ArrivalRefused:
    """What went wrong on our way to the EHR, as a refusal."""
    return ArrivalRefused(_OF_PROBLEM.get(error.problem, Reason.REFUSED_THERE), str(error))
