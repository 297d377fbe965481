"""Addresses on pages that show either her own record or that of somebody she acts for."""

from __future__ import annotations

from django import template
from django.urls import reverse

from portal.acting import Acting
from portal.kinds import Kind

register = template.Library()


@register.simple_tag
def whose_url(acting: Acting | str | None, view: str, *parts: str) -> str:
    """The page ``view`` of the record that this page is about; ``acting`` is empty on her own."""
    if isinstance(acting, Acting):
        return reverse(f"portal:for_{view}", args=[acting.uid, *parts])
    return reverse(f"portal:{view}", args=parts)


@register.simple_tag
def kind_url(acting: Acting | str | None, kind: Kind) -> str:
    """Where she sees a kind first: one list of all sources, a page of its own, or its records."""
    if kind.together:
        return whose_url(acting, "same_kind", kind.together.value)
    # Her own entries are written on their page, which is hers alone; whoever acts for her reads them as records.
    has_page = kind.page and not (acting and kind.page == "own")
    return whose_url(acting, kind.page) if has_page else whose_url(acting, "records", kind.slug)
