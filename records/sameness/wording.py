"""Names of problems, substances, medicines, people and places, brought to what two systems would both write."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_REMEMBERED: Final = 20_000
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
# SNOMED's semantic tags, brand names in brackets, and asides.
_ASIDE: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_ALLERGY: Final = re.compile(
    r"^(?:propensity to )?(?:(?:drug|food|environmental|animal) )?(?:allergy|allergic|adverse reactions?|intolerance)"
    r"(?: reaction)? (?:to|of) | (?:allergy|intolerance|allergenic extract|allergen)$"
)
_NONE_KNOWN: Final = re.compile(
    r"\b(?:no|nil|not) (?:known |current )?(?:(?P<of>drug|medication|medicine|food|environmental)s? )?allerg|^nkf?d?a$"
)
_OF: Final = {"drug": "medication", "medicine": "medication", "environmental": "environment"}
_NONE_CODES: Final = {
    "716186003": "",
    "160244002": "",
    "409137002": "medication",
    "429625007": "food",
    "428607008": "environment",
}
_STRENGTH: Final = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*(mcg|µg|ug|mg|g|meq|unt|units?|iu|%)(?:\s*/\s*(\d*\.?\d*\s*(?:ml|hr|h|actuat|spray)))?\b",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"\d")
_PARTED: Final = re.compile(r"\s+/\s+|\s*\+\s*|\s+(?:and|with|w/)\s+|\s*;\s*|(?<=[a-z]{4})[-/](?=[a-z]{4})")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Where the name of a medicine ends: how it is made up and given.
_FORMS: Final = _words(
    "actuat actuation aerosol blister buccal cap caps capsule capsules chewable coated cream cr delayed dose drops dr"
    " elixir enteric er extended film gel granules hour hr im implant inhalant inhalation inhaler injectable injection"
    " intramuscular intravenous ir iv kit la liquid lotion lozenge metered mouthwash nasal ointment ophthalmic oral"
    " otic pack packet patch pen po powder prefilled rectal release sl soln solution spray subcutaneous sublingual"
    " suppository suspension sustained syringe syrup tab tablet tablets tabs topical transdermal vaginal vial xl xr sr"
)
_SALTS: Final = _words(
    "acetate anhydrous besylate bitartrate bromide calcium citrate dihydrate fumarate hcl hydrate hydrobromide"
    " hydrochloride maleate magnesium medoxomil mesylate monohydrate phosphate potassium propionate sodium succinate"
    " sulfate sulphate tartrate trihydrate"
)
_UNITS: Final = _words("mg mcg ml g unt unit units meq hr iu")
_TITLES: Final = _words("dr drs prof mr mrs ms miss md do np pa rn phd mph facp jr sr ii iii dds dpm")
_CORPORATE: Final = _words("inc llc ltd pc pllc corp the of and")


def _folded(text: str) -> str:
    split = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(sign for sign in split if not unicodedata.combining(sign))


@lru_cache(maxsize=_REMEMBERED)
def name(text: str) -> str:
    """A name without case, accents, punctuation and asides: ``Sinusitis, viral (disorder)`` is "sinusitis viral"."""
    folded = _folded(text)
    return " ".join(_WORD.findall(_ASIDE.sub(" ", folded)) or _WORD.findall(folded))


@lru_cache(maxsize=_REMEMBERED)
def substance(text: str) -> str:
    """What an allergy is to: ``Allergy to peanuts (finding)`` and ``Peanut`` are both "peanut"."""
    plain = _ALLERGY.sub("", name(text)).strip()
    return " ".join(_singular(word) for word in plain.split())


@lru_cache(maxsize=_REMEMBERED)
def none_known(text: str) -> str | None:
    """That there is no known allergy: to what ("medication", "food", "environment", or "" for any); else None."""
    folded = _folded(text)
    found = _NONE_KNOWN.search(folded.strip())
    if found is None:
        return None
    if folded.strip() == "nkda":
        return "medication"
    kind = found["of"] or ""
    return _OF.get(kind, kind)


def none_known_code(code: str) -> str | None:
    """The same by SNOMED's codes."""
    return _NONE_CODES.get(code)


@lru_cache(maxsize=_REMEMBERED)
def ingredients(text: str) -> frozenset[str]:
    """The active ingredients of a medicine by its name: no strength, form, brand or salt.

    ``Lisinopril 10 MG Oral Tablet [Zestril]`` is {lisinopril}; empty where nothing is left.
    """
    plain = _ASIDE.sub(" ", _folded(text))
    return frozenset(found for part in _PARTED.split(plain) if (found := _ingredient(part)))


def _ingredient(text: str) -> str:
    words: list[str] = []
    for word in _WORD.findall(text):
        if _NUMBER.match(word) or word in _FORMS:
            if words:
                break
        elif not _NUMBER.search(word) and word not in _UNITS:
            words.append(word)
    while len(words) > 1 and words[-1] in _SALTS:
        words.pop()
    return " ".join(words)


@lru_cache(maxsize=_REMEMBERED)
def strengths(text: str) -> frozenset[str]:
    """The strengths a medicine's name says, grams as milligrams: {"10 mg"}, {"0.09 mg/actuat"}."""
    return frozenset(_strength(*found) for found in _STRENGTH.findall(text))


_MILLIGRAMS: Final = {"g": 1000.0, "mg": 1.0, "mcg": 0.001, "ug": 0.001, "µg": 0.001}


def _strength(number: str, unit: str, per: str) -> str:
    value, unit = float(number.replace(",", ".")), unit.lower()
    if unit in _MILLIGRAMS:
        value, unit = value * _MILLIGRAMS[unit], "mg"
    elif unit.startswith(("un", "iu")):
        unit = "unit"
    return f"{value:.6g} {unit}" + (f"/{per.lower().replace(' ', '')}" if per else "")


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def person(text: str) -> str:
    """The words of a person's name in no order, without titles and initials; "" where fewer than two are left."""
    words = sorted({word for word in name(text).split() if len(word) > 1 and word not in _TITLES})
    return " ".join(words) if len(words) > 1 else ""


def organization(text: str) -> str:
    return " ".join(word for word in name(text).split() if word not in _CORPORATE)
