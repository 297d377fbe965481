"""English: Django writes "4:16 p.m.", which ends a sentence with two full stops."""

from __future__ import annotations

from typing import Final

DATETIME_FORMAT: Final = "N j, Y, g:i A"
TIME_FORMAT: Final = "g:i A"
