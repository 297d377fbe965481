"""The systems records come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from records.models import Source, SourceKind

SELF_URL: Final = "urn:tributary:self"
HERS_URL: Final = "urn:tributary:own-entries"
"""Of what a person writes herself."""
CONVERSATION_URL: Final = "urn:tributary:conversation:"
CONVERSATION_NAME: Final = "Messages with "
ENTRY_CATEGORIES: Final = "urn:tributary:entry-category"
PHONE_URL: Final = "urn:tributary:apple-health"
"""Of what a phone exports. One source however often she exports: the next brings the same readings, and those since."""


def ensure(kind: str, name: str, url: str) -> Source:
    """The source with this address, made on first use; a changed name or kind is taken over."""
    source, made = Source.objects.get_or_create(url=url, defaults={"kind": kind, "name": name})
    if not made and (source.name, source.kind) != (name, kind):
        source.name, source.kind = name, kind
        source.save(update_fields=["name", "kind"])
    return source


def own() -> Source:
    """The source of what we compute for the person."""
    return ensure(SourceKind.SELF, "Tributary", SELF_URL)


def hers() -> Source:
    """The source of what a person writes herself: kept apart from all others, and chosen by itself when she shares."""
    return ensure(SourceKind.SELF, "Own entries", HERS_URL)


def of_app(client_id: str, name: str) -> Source:
    """The source of what one app writes: by its client_id, because nothing else of it is nobody else's."""
    return ensure(SourceKind.APP, name[:200], f"urn:tributary:app:{client_id}")


def of_conversation(organization: UUID, name: str) -> Source:
    """The source of what she and this organisation write each other."""
    return ensure(SourceKind.SELF, f"{CONVERSATION_NAME}{name}"[:200], conversation_url(organization))


def conversation(organization: UUID) -> Source | None:
    """The same where anything was ever written."""
    return Source.objects.filter(url=conversation_url(organization)).first()


def conversations(ids: Iterable[int]) -> dict[int, tuple[UUID, str]]:
    """Of these sources those that are conversations: the organisation's uid and name."""
    found = Source.objects.filter(pk__in=list(ids), url__startswith=CONVERSATION_URL)
    return {
        source.pk: (UUID(source.url.removeprefix(CONVERSATION_URL)), source.name.removeprefix(CONVERSATION_NAME))
        for source in found
    }


def conversation_url(organization: UUID) -> str:
    return f"{CONVERSATION_URL}{organization}"


def names() -> dict[int, str]:
    """Every source's name by id."""
    return dict(Source.objects.values_list("id", "name"))


def called(ids: Iterable[int]) -> dict[int, str]:
    """The names of these sources, in this order."""
    wanted = list(ids)
    found = dict(Source.objects.filter(pk__in=wanted).values_list("id", "name"))
    return {source: found[source] for source in wanted if source in found}


def addresses(ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """(name, url) of these sources."""
    found = Source.objects.filter(pk__in=list(ids)).values_list("id", "name", "url")
    return {source: (name, url) for source, name, url in found}


def kinds(ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """(kind, url) of these sources."""
    found = Source.objects.filter(pk__in=list(ids)).values_list("id", "kind", "url")
    return {source: (kind, url) for source, kind, url in found}
