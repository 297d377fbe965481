from __future__ import annotations

from tests.browser import chromium, open_page

__all__ = ["chromium", "open_page"]
