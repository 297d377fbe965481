"""What her care cost and who paid it, as far as her health plans say so: by year, each claim once.

A plan says the same amount in several ways, so one is chosen for each question and the rest are left alone: the amounts
of the whole claim where it has them, else the sum over its lines. What no plan said is not counted as nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from django.utils import formats
from django.utils.translation import gettext as _

from accounts.models import Person
from portal import elements, lines, names, origins, when
from portal.acting import Acting
from records import reading
from records.query import Query

CLAIMS_MAX: Final = 1000
SHOWN_MAX: Final = 100
"""Claims of one year on the page; all of them are counted."""
COVERAGES_MAX: Final = 100


class Share(StrEnum):
    BILLED = "billed"
    PLAN = "plan"
    HERS = "hers"


# What CMS (Blue Button 2.0) means is told by its own variable: the general code beside it is sometimes of another
# amount (``line_sbmtd_chrg_amt`` is a charge, ``rev_cntr_rate_amt`` beside the same code is a rate).
# https://bluebutton.cms.gov/resources/variables/
_VARIABLES: Final = "https://bluebutton.cms.gov/resources/variables/"
_CMS: Final = {
    "clm_tot_chrg_amt": Share.BILLED,
    "line_sbmtd_chrg_amt": Share.BILLED,
    "rev_cntr_tot_chrg_amt": Share.BILLED,
    "tot_rx_cst_amt": Share.BILLED,
    "line_nch_pmt_amt": Share.PLAN,
    "cvrd_d_plan_pd_amt": Share.PLAN,
    "line_bene_ptb_ddctbl_amt": Share.HERS,
    "line_coinsrnc_amt": Share.HERS,
    "rev_cntr_ptnt_rspnsblty_pmt": Share.HERS,
    "ptnt_pay_amt": Share.HERS,
}
# http://terminology.hl7.org/CodeSystem/adjudication and CARIN's C4BBAdjudication; the first that a claim has counts.
_GENERAL: Final[Mapping[Share, tuple[tuple[str, ...], ...]]] = {
    Share.BILLED: (("submitted",), ("drugcost",)),
    Share.PLAN: (("paidtoprovider", "paidtopatient"), ("benefit",)),
    Share.HERS: (("memberliability",), ("paidbypatient",), ("copay", "coinsurance", "deductible")),
}
_COUNTED: Final = frozenset({"active", ""})


@dataclass(frozen=True)
class Amount:
    value: Decimal
    currency: str

    def __str__(self) -> str:
        figure = formats.number_format(self.value, decimal_pos=2, use_l10n=True, force_grouping=True)
        return f"{figure} {self.currency}".strip()


@dataclass(frozen=True)
class Claim:
    """``amounts``: what it says of each share. ``why``: the reason where the totals leave it out."""

    line: lines.Line
    moment: str
    plan: str
    provider: str
    amounts: Mapping[Share, Amount]
    place: origins.Place
    why: str = ""

    @property
    def parts(self) -> tuple[tuple[str, Amount], ...]:
        called = ((Share.BILLED, _("Billed")), (Share.PLAN, _("The plan paid")), (Share.HERS, _("Your share")))
        return tuple((name, self.amounts[share]) for share, name in called if share in self.amounts)


@dataclass(frozen=True)
class Year:
    """``says``: the totals in words, a sentence for each currency and share; ``left``: claims not on the page."""

    year: str
    says: tuple[str, ...]
    claims: tuple[Claim, ...]
    left: int


@dataclass(frozen=True)
class Coverage:
    line: lines.Line
    plan: str
    payer: str
    period: str
    state: str
    place: origins.Place


def coverages(records: reading.RecordSet) -> list[reading.Stored]:
    return records.first(Query.of("Coverage"), COVERAGES_MAX)


def claims(records: reading.RecordSet) -> tuple[list[reading.Stored], bool]:
    """The newest explanations of benefits, and whether these are all."""
    found = records.first(Query.of("ExplanationOfBenefit"), CLAIMS_MAX + 1)
    return found[:CLAIMS_MAX], len(found) <= CLAIMS_MAX


def covered(found: Iterable[reading.Stored], owner: Person, acting: Acting | None) -> list[Coverage]:
    entries = list(found)
    called = origins.places(owner, (each.source_id for each in entries), acting=acting)
    return [_coverage(each, called.get(each.source_id, origins.Place(""))) for each in entries]


def _coverage(stored: reading.Stored, place: origins.Place) -> Coverage:
    resource = stored.resource
    named = [elements.text(each, "name") or elements.text(each, "value") for each in elements.every(resource, "class")]
    payers = [_party(each) for each in elements.every(resource, "payor")]
    return Coverage(
        line=lines.of(stored, source=""),
        plan=", ".join(filter(None, named)),
        payer=", ".join(filter(None, payers)),
        period=when.span(elements.first(resource, "period")),
        state=names.word(elements.text(resource, "status")),
        place=place,
    )


def years(found: Iterable[reading.Stored], owner: Person, acting: Acting | None) -> list[Year]:
    """Newest first; claims of no known year last."""
    entries = list(found)
    called = origins.places(owner, (each.source_id for each in entries), acting=acting)
    told: dict[tuple[str, str], int] = {}
    by_year: dict[str, list[Claim]] = defaultdict(list)
    for each in entries:
        resource = each.resource
        why = _left_out(resource) or _again(resource, each.source_id, told)
        by_year[_year(resource)].append(_claim(each, resource, called.get(each.source_id, origins.Place("")), why))
    return [_told(year, by_year[year]) for year in sorted(by_year, reverse=True)]


def _year(resource: Any) -> str:
    said = elements.text(resource, "billablePeriod", "start") or elements.text(resource, "created")
    return said[:4] if said[:4].isdigit() else ""


def _left_out(resource: Any) -> str:
    if elements.text(resource, "use") in ("preauthorization", "predetermination"):
        return _("asked beforehand, nothing was paid for it")
    if elements.text(resource, "status") not in _COUNTED:
        return _("the plan no longer counts it")
    return ""


def _again(resource: Any, source_id: int, told: dict[tuple[str, str], int]) -> str:
    """Whether another source told of this claim already, by a number of its own."""
    numbers = [
        (elements.text(each, "system"), elements.text(each, "value")) for each in elements.every(resource, "identifier")
    ]
    named = [each for each in numbers if all(each)]
    again = any(told.get(each, source_id) != source_id for each in named)
    told.update({each: told.get(each, source_id) for each in named})
    return _("another of your sources tells of the same claim") if again else ""


def _claim(stored: reading.Stored, resource: Any, place: origins.Place, why: str) -> Claim:
    return Claim(
        line=lines.of(stored, source=""),
        moment=when.span(elements.first(resource, "billablePeriod")) or when.happened(resource),
        plan=_party(elements.first(resource, "insurer")),
        provider=_party(elements.first(resource, "provider")) or _party(elements.first(resource, "facility")),
        amounts=amounts(resource),
        place=place,
        why=why,
    )


def _party(reference: Any) -> str:
    return elements.text(reference, "display") or elements.text(reference, "identifier", "value")


def amounts(resource: Any) -> dict[Share, Amount]:
    """What an ExplanationOfBenefit says of each share; a share it says nothing of is not there."""
    whole = list(elements.every(resource, "total"))
    parts = [*elements.every(resource, "adjudication")]
    items = [each for item in elements.every(resource, "item") for each in elements.every(item, "adjudication")]
    found: dict[Share, Amount] = {}
    for share in Share:
        paid = _money(elements.first(resource, "payment", "amount")) if share is Share.PLAN else None
        said = paid or _stated(share, whole) or _stated(share, parts) or _stated(share, items)
        if said is not None:
            found[share] = said
    return found


def _stated(share: Share, told: Iterable[Any]) -> Amount | None:
    """The sum of what these say of a share, in one currency; None where they say nothing of it, or mix currencies."""
    by_code: dict[str, list[Amount]] = defaultdict(list)
    for each in told:
        amount = _money(elements.first(each, "amount"))
        code = _code(share, each)
        if amount is not None and code:
            by_code[code].append(amount)
    for codes in ((str(share),), *_GENERAL[share]):
        if amounts := [amount for code in codes for amount in by_code.get(code, ())]:
            return _sum(amounts)
    return None


def _code(share: Share, told: Any) -> str:
    """CMS's variable where there is one, as the share it means; else the general code."""
    codes = [code for code in elements.every(told, "category", "coding", "code") if isinstance(code, str)]
    variables = [code.removeprefix(_VARIABLES) for code in codes if code.startswith(_VARIABLES)]
    if variables:
        return str(share) if any(_CMS.get(variable) is share for variable in variables) else ""
    known = {code for group in _GENERAL[share] for code in group}
    return next((code for code in codes if code in known), "")


def _sum(amounts: list[Amount]) -> Amount | None:
    currencies = {amount.currency for amount in amounts}
    return Amount(sum((each.value for each in amounts), Decimal(0)), currencies.pop()) if len(currencies) == 1 else None


def _money(node: Any) -> Amount | None:
    value = elements.first(node, "value")
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Amount(Decimal(value), elements.text(node, "currency"))


def _told(year: str, every: list[Claim]) -> Year:
    return Year(year, tuple(_says(every)), tuple(every[:SHOWN_MAX]), max(len(every) - SHOWN_MAX, 0))


def _says(every: list[Claim]) -> Iterator[str]:
    counted = [claim for claim in every if not claim.why]
    for currency in sorted({amount.currency for claim in counted for amount in claim.amounts.values()}):
        for share, sentence in (
            (Share.BILLED, _("%(amount)s was billed (claims that say so: %(said)s of %(claims)s).")),
            (Share.PLAN, _("Your plan paid %(amount)s (claims that say so: %(said)s of %(claims)s).")),
            (Share.HERS, _("Your share was %(amount)s (claims that say so: %(said)s of %(claims)s).")),
        ):
            said = [claim.amounts[share] for claim in counted if share in claim.amounts]
            said = [amount for amount in said if amount.currency == currency]
            total = _sum(said) if said else None
            if total is not None:
                yield sentence % {"amount": total, "said": len(said), "claims": len(counted)}
    if counted and not any(claim.amounts for claim in counted):
        yield _("None of the claims says what was paid.")
