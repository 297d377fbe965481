"""Production settings, only faster: servers of the test run's own, and password hashes that cost nothing."""

from __future__ import annotations

import os

from local import options, postgres
from tests import servers

_test_database = servers.start()
os.environ.setdefault("SECRET_KEY", "a key that signs nothing outside the tests")
os.environ.setdefault("SANDBOX", "yes")

from config.settings import *  # noqa: E402, F403 - the settings may be read only now that their servers exist
from config.settings import DATABASES, MIDDLEWARE, PASSWORD_HASHERS, RATE_LIMITS, STATIC_ROOT, STORAGES  # noqa: E402

DATABASES["default"]["TEST"] = {"NAME": _test_database}
# No thread may write into a test's database after it.
USAGE_SECONDS = 0
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *PASSWORD_HASHERS]
# The suite asks more in a minute than any caller may; what is tested of limits sets its own.
RATE_LIMITS = dict.fromkeys(RATE_LIMITS, 10_000_000)
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# Where `collectstatic` has not run yet, whitenoise would warn.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
if servers.ROLE_URLS:
    DATABASE_ROLE_NAMES = {"web": postgres.WEB_ROLE, "worker": postgres.WORKER_ROLE}
# WEB_ROLE=yes: every request of the tests under the role of the web server, which shows who was never bound.
if options.flag("WEB_ROLE"):
    MIDDLEWARE.insert(0, "tests.web_role.WebRoleMiddleware")
