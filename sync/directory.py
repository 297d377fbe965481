"""The directory: thousands of names by which a person finds her hospital, by its name, its place or its portal's.

A name is found by the beginning of each of its words, whatever the accents, in one index scan. Lists come and go
(sync.listings); what this site's staff entered stands in the listing ``OWN``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from sync.models import Brand, Hospital
from sync.sources.wearables import makers

OWN: Final = "entered here"
WORDS_MAX: Final = 8
_NO_WORD: Final = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Without accents, case and marks: words with one space between."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return _NO_WORD.sub(" ", plain.casefold()).strip()


def found(text: str, *, limit: int) -> list[Brand]:
    """Names that have, for each word of ``text``, one that begins with it: first those that begin as ``text`` does,
    then those we are registered at. Without any word: the hospitals we are registered at."""
    words = fold(text).split()[:WORDS_MAX]
    brands = Brand.objects.filter(hospital__active=True).exclude(hospital__vendor__in=makers.MAKERS)
    brands = brands.select_related("hospital__source")
    if not words:
        return list(brands.exclude(hospital__client_id="").order_by("name", "pk")[:limit])
    query = SearchQuery(" & ".join(f"{word}:*" for word in words), config="simple", search_type="raw")
    matching = brands.annotate(vector=SearchVector("words", config="simple")).filter(vector=query)
    return list(_ranked(matching, " ".join(words))[:limit])


def _ranked(brands: QuerySet[Brand], text: str) -> QuerySet[Brand]:
    rank = Case(
        When(Q(words__startswith=text) & ~Q(hospital__client_id=""), then=Value(0)),
        When(words__startswith=text, then=Value(1)),
        When(~Q(hospital__client_id=""), then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    return brands.annotate(rank=rank).order_by("rank", "name", "pk")


def enter(hospital: Hospital, *, name: str, place: str) -> None:
    """The entry of a hospital that this site's staff registered."""
    changing = {"name": name, "place": place, "words": fold(f"{name} {place}")}
    Brand.objects.update_or_create(hospital=hospital, listing=OWN, key="", defaults=changing)
