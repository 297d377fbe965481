"""Addresses on pages that show either her own record or that of somebody she acts for."""

from __future__ import annotations

from django import template
from django.urls import reverse

from portal.acting import Acting

register = template.Library()


@register.simple_tag
def whose_url(acting: Acting | str | None, view: str, *parts: str) -> str:
    """The page ``view`` of the record that this page is about; ``acting`` is empty on her own."""
    if isinstance(acting, Acting):
        return reverse(f"portal:for_{view}", args=[acting.uid, *parts])
    return reverse(f"portal:{view}", args=parts)
