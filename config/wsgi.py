"""The WSGI entry point of both sites."""

from __future__ import annotations

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DATABASE_ROLE", "web")
application = get_wsgi_application()
import_module(settings.ROOT_URLCONF)
# What is loaded by now stays as long as the process does: a page of thousands of records would have the collector go
# through it again and again.
gc.collect()
gc.freeze()
