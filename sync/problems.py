"""What can go wrong with a source: one error, its codes, and the words a patient reads for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Remedy(StrEnum):
    """What helps: trying again later, the person signing in at the hospital again, or nothing we can do."""

    RETRY = "retry"
    REAUTHORIZE = "reauthorize"
    GIVE_UP = "give up"


class Problem(TextChoices):
    """Codes kept in the ledger; what they say in words is below."""

    UNREACHABLE = "unreachable"
    BUSY = "busy"
    SERVER_ERROR = "server_error"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    FOREIGN_ADDRESS = "foreign_address"
    LOOP = "loop"
    SIGNED_OUT = "signed_out"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    MISSING = "missing"
    UNUSABLE = "unusable"
    SHORT = "short"
    OLD_FHIR = "old_fhir"
    OUR_TURN = "our_turn"
    STOPPED = "stopped"
    NOT_HERS = "not_hers"
    STUCK = "stuck"
    # Only while connecting:
    CONSENT_REFUSED = "consent_refused"
    EXPIRED = "expired"
    MISMATCH = "mismatch"
    WRONG_ISSUER = "wrong_issuer"
    NOT_SMART = "not_smart"
    NOT_REGISTERED = "not_registered"
    UNREGISTERED = "unregistered"
    NO_PATIENT = "no_patient"


class SourceError(Exception):
    """Whatever a source did, in one shape. The message carries ids and codes, never a value, a name or a token.

    ``status``: the HTTP status, if there was an answer. ``wait``: how long the source asked us to stay away.
    ``tries``: how often it was tried in place before this was raised.
    """

    tries: int = 1

    def __init__(
        self,
        message: str,
        *,
        problem: Problem,
        remedy: Remedy = Remedy.GIVE_UP,
        status: int | None = None,
        wait: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.problem = problem
        self.remedy = remedy
        self.status = status
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Words:
    """``says``: what happened; ``do``: what the person can do. Both may name ``%(hospital)s``, and nothing else:
    it may be a health plan or a maker of devices."""

    says: str | Promise
    do: str | Promise


_LATER = _("You need not do anything: we will try again by ourselves.")
_AGAIN = _("Try again later. If it keeps happening, please tell %(hospital)s.")
_ANEW = _("Nothing was changed. Please look for %(hospital)s in the list and start again.")

WORDS: dict[Problem, Words] = {
    Problem.UNREACHABLE: Words(_("We could not reach %(hospital)s."), _LATER),
    Problem.BUSY: Words(_("%(hospital)s is busy and asked us to wait."), _LATER),
    Problem.OUR_TURN: Words(_("Many people are being updated from %(hospital)s at this moment."), _LATER),
    Problem.SERVER_ERROR: Words(_("%(hospital)s answered with an error of its own."), _AGAIN),
    Problem.UNREADABLE: Words(_("%(hospital)s sent something that could not be read."), _AGAIN),
    Problem.TOO_LARGE: Words(_("%(hospital)s sent more at once than we can accept."), _AGAIN),
    Problem.FOREIGN_ADDRESS: Words(
        _("%(hospital)s sent us on to an address that is not its own, so we stopped there to keep your data safe."),
        _("Please tell %(hospital)s."),
    ),
    Problem.LOOP: Words(_("%(hospital)s kept sending the same page."), _AGAIN),
    Problem.SIGNED_OUT: Words(
        _("%(hospital)s no longer lets us in for you."),
        _("Connect again: you sign in there once more, and everything you have stays."),
    ),
    Problem.REFUSED: Words(
        _("%(hospital)s does not let us read this."),
        _("Connect again and allow it there, or ask %(hospital)s whether this is shared with you."),
    ),
    Problem.UNSUPPORTED: Words(_("%(hospital)s does not offer this."), _("There is nothing you need to do.")),
    Problem.MISSING: Words(
        _("%(hospital)s mentions this but does not have it."), _("There is nothing you need to do.")
    ),
    Problem.UNUSABLE: Words(
        _("%(hospital)s sent some records that are too damaged to keep."), _("Please tell %(hospital)s.")
    ),
    Problem.SHORT: Words(
        _("%(hospital)s says that it has more of these than it gave us."),
        _("Fetch again what is missing. If the number stays the same, please tell %(hospital)s."),
    ),
    Problem.OLD_FHIR: Words(
        _("%(hospital)s speaks an older form of FHIR that we do not read, so nothing was taken from it by halves."),
        _("Ask %(hospital)s for access by “FHIR R4”."),
    ),
    Problem.STOPPED: Words(_("You stopped the updates from %(hospital)s."), _("Connect again whenever you like.")),
    Problem.NOT_HERS: Words(
        _("The record at %(hospital)s seems to be about somebody else, so nothing was taken from it."),
        _("Look whom it names, and say whether it is yours."),
    ),
    Problem.STUCK: Words(
        _("The update did not get any further after several tries. What had arrived is kept."),
        _("Start an update again. If it stops again, please tell us."),
    ),
    Problem.CONSENT_REFUSED: Words(
        _("You did not allow the connection at %(hospital)s."),
        _("Nothing was changed. If that was not what you meant, connect again and allow it there."),
    ),
    Problem.EXPIRED: Words(_("This attempt to connect has ended: it took too long or was used already."), _ANEW),
    Problem.MISMATCH: Words(
        _("The answer from %(hospital)s does not belong to an attempt that you began here."), _ANEW
    ),
    Problem.WRONG_ISSUER: Words(
        _("The answer did not come from %(hospital)s, so we did not accept it."),
        _("Nothing was changed. If it happens again, please tell us and %(hospital)s."),
    ),
    Problem.NOT_SMART: Words(
        _("%(hospital)s has not turned on the kind of access that patients connect with, or its address is wrong."),
        _("Ask %(hospital)s for “SMART on FHIR” access for patients."),
    ),
    Problem.NOT_REGISTERED: Words(
        _("%(hospital)s does not accept our registration."), _("Please tell us; you cannot mend this yourself.")
    ),
    Problem.UNREGISTERED: Words(
        _("This site is not registered at %(hospital)s, and cannot register there by itself."),
        _("Ask whoever runs this site to register it there. With the text below you can ask %(hospital)s as well."),
    ),
    Problem.NO_PATIENT: Words(
        _("%(hospital)s let us in but did not say whose record it is, so nothing was read."),
        _("Try again and choose a patient there. If you are not asked to, please tell %(hospital)s."),
    ),
}


@dataclass(frozen=True, slots=True)
class Explained:
    """A problem in the person's words, ready to show."""

    code: str
    says: str
    do: str


def explain(code: str, hospital: str) -> Explained | None:
    """The words for a code in the current language; None where there is no problem."""
    if not code:
        return None
    words = WORDS[Problem(code)]
    return Explained(
        code=code, says=str(words.says) % {"hospital": hospital}, do=str(words.do) % {"hospital": hospital}
    )
