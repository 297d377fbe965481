#!/usr/bin/env python
"""Django's command line for this project."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line
from django.db import ProgrammingError
from psycopg.errors import InsufficientPrivilege


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except (ProgrammingError, InsufficientPrivilege) as error:
        if not isinstance(error.__cause__ or error, InsufficientPrivilege):
            raise
        # An order that saw only some rows would be worse than none: the database refused it (docs/adr/0024).
        sys.exit(f"{error}\nNothing was done: run this under the role that owns the tables (DATABASE_URL).")


if __name__ == "__main__":
    main()
