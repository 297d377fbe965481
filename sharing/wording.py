"""What the viewer calls things: sections of a summary by their LOINC code, kinds of records, and common codes."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from gateway import wording

Text = str | Promise

_SECTIONS: Final[dict[str, Text]] = {
    "11450-4": _("Problems"),
    "48765-2": _("Allergies and intolerances"),
    "10160-0": _("Medications"),
    "11369-6": _("Immunizations"),
    "30954-2": _("Results"),
    "47519-4": _("Procedures"),
    "46264-8": _("Medical devices"),
    "42348-3": _("Advance directives"),
    "104605-1": _("Alerts"),
    "47420-5": _("Functional status"),
    "11348-0": _("Past illnesses"),
    "10162-6": _("Pregnancies"),
    "18776-5": _("Plan of care"),
    "29762-2": _("Social history"),
    "8716-3": _("Vital signs"),
}
_CODES: Final[dict[str, Text]] = {
    "female": _("female"),
    "male": _("male"),
    "other": _("other"),
    "unknown": _("unknown"),
    "active": _("active"),
    "inactive": _("inactive"),
    "resolved": _("resolved"),
    "remission": _("in remission"),
    "recurrence": _("has come back"),
    "completed": _("completed"),
    "final": _("final"),
    "amended": _("amended"),
    "corrected": _("corrected"),
    "preliminary": _("preliminary"),
    "finished": _("finished"),
    "current": _("current"),
    "stopped": _("stopped"),
    "on-hold": _("on hold"),
    "high": _("high"),
    "low": _("low"),
    "true": _("yes"),
    "false": _("no"),
}
_SAID: Final[dict[str, Text]] = {
    "what": _("What"),
    "found": _("Details"),
    "when": _("When"),
    "unnamed": _("not named"),
    "empty": _("Nothing is listed here. That does not mean that there is nothing."),
    "reference": _("usual"),
    "reaction": _("reaction"),
    "risk": _("risk"),
    "lot": _("lot"),
    "by": _("by"),
    "born": _("born"),
    "asof": _("As of"),
    "others": _("Other records"),
    "left": _("Wrong passcodes left"),
    "more": _("Show the others"),
    "latest": _("The latest of each kind: there may be earlier ones."),
    "needed": _("as needed"),
    "time min": pgettext_lazy("rhythm", "a minute"),
    "time h": pgettext_lazy("rhythm", "an hour"),
    "time d": pgettext_lazy("rhythm", "a day"),
    "time wk": pgettext_lazy("rhythm", "a week"),
    "time mo": pgettext_lazy("rhythm", "a month"),
    "time a": pgettext_lazy("rhythm", "a year"),
}


def words() -> dict[str, Text]:
    """All of them by what the viewer looks them up with."""
    types = {f"type {name}": kind.name for name, kind in wording.KINDS.items()}
    sections = {f"section {code}": name for code, name in _SECTIONS.items()}
    return {**_SAID, **types, **sections, **{f"code {code}": name for code, name in _CODES.items()}}
