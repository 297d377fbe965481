"""How a line of the log is written: without the secrets that a link in a mail carries in its path."""

from __future__ import annotations

import logging
import re
from typing import Final

_SECRET: Final = re.compile(r"(/people/invitation/|/password/reset/key/|/confirm-email/)[^/\s?\"']+")


class Formatter(logging.Formatter):
    """Frameworks write down the path of what failed; whoever reads the log must not be able to follow the link."""

    def format(self, record: logging.LogRecord) -> str:
        return _SECRET.sub(r"\1[secret]", super().format(record))
