"""A site's configuration, from its file and its environment."""

from __future__ import annotations

import os
from pathlib import Path


def read() -> dict[str, str]:
    lines = Path(os.environ["ENV_FILE"]).read_text().splitlines()
    return dict(os.environ) | dict(line.split("=", 1) for line in lines)
