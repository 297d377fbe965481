"""A PDF as a page of ours: one of its pages as a picture, its words for who cannot see it, the way to the others."""

from __future__ import annotations

import base64
from html import escape
from typing import Final

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import readable
from portal.pdf import sheets
from portal.pdf.sheets import Sheet, Trouble, Undrawn

_FAR: Final = 10
_WHY: Final[dict[Trouble, str | Promise]] = {
    Trouble.LOCKED: gettext_lazy("This document is locked with a password, so it cannot be shown here."),
    Trouble.LARGE: gettext_lazy("This document is too large to be shown here."),
    Trouble.BUSY: gettext_lazy("Many documents are being opened just now. Please try again in a minute."),
    Trouble.BROKEN: gettext_lazy("This document cannot be shown here."),
    Trouble.OPEN: gettext_lazy("This document cannot be shown here."),
}


def page(data: bytes, number: int, *, version: str) -> str | None:
    """Page ``number`` of it, or why it is not shown; None where it has no such page.

    ``version``: the version of the record that is asked for; "" for the newest.
    """
    try:
        sheet = sheets.draw(data, number)
    except Undrawn as error:
        return None if error.trouble is Trouble.ABSENT else unshown(_WHY[error.trouble])
    return readable.whole(_ways(sheet, version) + _picture(sheet) + _words(sheet))


def unshown(why: str | Promise = "") -> str:
    """A page in place of a document that is not shown."""
    return readable.whole(
        _headed(why or _("This document cannot be shown here.")) + _told(_("You can download it as we received it."))
    )


def _headed(words: str | Promise) -> str:
    return f"<h1>{escape(str(words))}</h1>"


def _told(words: str | Promise) -> str:
    return f"<p>{escape(str(words))}</p>"


def _ways(sheet: Sheet, version: str) -> str:
    head = _headed(_place(sheet))
    if sheet.count == 1:
        return head
    near = (1, sheet.number - _FAR, sheet.number - 1, sheet.number, sheet.number + 1, sheet.number + _FAR, sheet.count)
    ways = "".join(_way(each, sheet, version) for each in sorted({*near} & {*range(1, sheet.count + 1)}))
    name = escape(_("Pages of the document"))
    return f'{head}<nav aria-label="{name}">{ways}</nav>'


def _way(number: int, sheet: Sheet, version: str) -> str:
    if number == sheet.number:
        return f'<strong aria-current="page">{number}</strong>'
    query = QueryDict(mutable=True)
    query.update({"page": str(number), **({"version": version} if version else {})})
    said = _("Page %(number)s") % {"number": number}
    return f'<a href="?{escape(query.urlencode())}" aria-label="{escape(said)}">{number}</a>'


def _place(sheet: Sheet) -> str:
    return _("Page %(number)s of %(count)s") % {"number": sheet.number, "count": sheet.count}


def _picture(sheet: Sheet) -> str:
    data = base64.b64encode(sheet.picture).decode()
    alt = _("%(page)s as a picture. Its words stand below it.") if sheet.words.strip() else _("%(page)s as a picture.")
    return f'<img src="data:image/png;base64,{data}" alt="{escape(alt % {"page": _place(sheet)})}">'


def _words(sheet: Sheet) -> str:
    if not sheet.words.strip():
        return _told(_("This page holds no text, only a picture: a program that reads aloud cannot read it."))
    name = escape(_("The text of this page"))
    order = _told(_("In the order in which the document holds it, which can differ from the picture."))
    cut = _told(_("There is more; download the document to read all of it.")) if sheet.cut else ""
    return f"<details><summary>{name}</summary>{order}<pre>{escape(_tidied(sheet.words))}</pre>{cut}</details>"


def _tidied(words: str) -> str:
    """Without what no reader sees: control characters, and the marks of PDFium for hyphens and images."""
    return "".join(each for each in words.replace("\r\n", "\n") if each == "\n" or each.isprintable()).strip()
