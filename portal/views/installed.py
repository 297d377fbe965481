"""What a browser needs to install the portal as an app: a manifest, a worker, and a page for when there is no network.

None of it is anybody's: the worker keeps the page and its files, and nothing that was ever shown to a person.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import languages


@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    """Web App Manifest (W3C)."""
    sizes = {
        "icon-192": ("192x192", "any"),
        "icon-512": ("512x512", "any"),
        "icon-maskable-512": ("512x512", "maskable"),
    }
    icons = [
        {"src": static(f"img/{name}.png"), "sizes": size, "type": "image/png", "purpose": purpose}
        for name, (size, purpose) in sizes.items()
    ]
    told = {
        "id": "/",
        "name": settings.SITE_NAME,
        "short_name": settings.SITE_NAME[:12],
        "description": _("Your health record in one place"),
        "lang": languages.current(),
        "start_url": reverse("portal:home"),
        "scope": "/",
        "display": "standalone",
        "background_color": "#f6f5f1",
        "theme_color": "#0b5a6e",
        "icons": icons,
    }
    return JsonResponse(told, content_type="application/manifest+json")


@never_cache
@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """At the root: a worker reaches no further up than where it lies. Its bytes change with the files it keeps."""
    return render(request, "portal/service_worker.js", content_type="text/javascript")


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """The same for everybody, in every language at once: it is kept once, whoever reads it later."""
    return render(request, "portal/offline.html", {"languages": settings.LANGUAGES})
