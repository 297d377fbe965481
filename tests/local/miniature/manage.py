"""Stands in for the product's command line: notes which order was given to which site."""

from __future__ import annotations

import sys
from pathlib import Path

from config import values

if __name__ == "__main__":
    with (Path(values.read()["VAR_DIR"]) / "orders").open("a") as orders:
        orders.write(f"{sys.argv[1]}\n")
