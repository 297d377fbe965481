"""Settings of both sites: the person's (Tributary itself) and a sandbox hospital (the same code, another face).

Deployments differ by environment variables only; docs/configuration.md lists every one.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONE, SELF
from django.utils.text import slugify

from config import beat, env, providers

# --- which site this process is ---------------------------------------------------------------------------------
SITE = env.read_choice("SITE", "person", ("person", "hospital"))
SITE_NAME = env.read_text("SITE_NAME", "Tributary")
BASE_DIR = env.ROOT
VAR_DIR = env.var_dir()
PUBLIC_URL = env.read_text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
FHIR_BASE = f"{PUBLIC_URL}/fhir/r4"
# Loopback addresses of upstream sources are allowed only where the sandbox is (DESIGN D14).
SANDBOX = env.read_flag("SANDBOX")

# --- Django -----------------------------------------------------------------------------------------------------
DEBUG = env.read_flag("DEBUG")
SECRET_KEY = env.read_text("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.read_list("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.read_list("ALLOWED_HOSTS", urlsplit(PUBLIC_URL).hostname or "127.0.0.1")
ROOT_URLCONF = "config.urls" if SITE == "person" else "sandbox.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.Person"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "oauth2_provider",
    "rest_framework",
    "csp",
    "audit",
    "accounts",
    "records",
    "consent",
    "sync",
    "gateway",
    "smartlaunch",
    "developers",
    "fhirapi",
    "sharing",
    "custody",
    "clinic",
    "portal",
    "sandbox",
]

MIDDLEWARE = [
    "accounts.middleware.UnboundMiddleware",
    *(["config.proxy.AddressMiddleware"] if env.read_flag("BEHIND_PROXY") else []),
    "config.headers.SafetyHeadersMiddleware",
    # A simulated hospital can be made to fail; nowhere else does this exist.
    *(["sandbox.faults.FaultMiddleware"] if SITE == "hospital" else []),
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "gateway.cors.CorsMiddleware",
    # Faults that a developer switches on for an app on trial.
    *(["developers.faults.FaultMiddleware"] if SITE == "person" else []),
    # What programs call passes by all that follows.
    "config.middleware.ProgramsMiddleware",
    "accounts.sessions.CookieMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SignedInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.sessions.SeenMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [
            # A simulated hospital's base.html stands in front of ours.
            *([BASE_DIR / "templates" / "sandbox"] if SITE == "hospital" else []),
            BASE_DIR / "templates",
        ],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.site",
            ],
        },
    },
]


# --- PostgreSQL, the only database (DESIGN D1) --------------------------------------------------------------------
def _database(url: str) -> dict[str, object]:
    """Django's settings of ``postgresql://user:password@host:port/name?host=/socket/dir&sslmode=…``."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise env.Misconfigured("DATABASE_URL must begin with postgresql://")
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "accounts.database",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": env.read_number("DATABASE_CONNECTION_SECONDS", 600),
        "CONN_HEALTH_CHECKS": True,
        # Statements that are run often are planned once; only those that go by audit.cursors bind on the server.
        "OPTIONS": {"prepare_threshold": 5, **options},
        "ATOMIC_REQUESTS": False,
    }


# Under which of its roles this process meets the database (docs/adr/0024). Each has a URL of its own; one that has none
# uses DATABASE_URL, the role that owns the tables and sees every row. So does a simulated hospital: each of its
# clinicians sees many patients.
DATABASE_ROLE = env.read_choice("DATABASE_ROLE", "owner", ("owner", "web", "worker"))
DATABASE_ROLE = "owner" if SITE == "hospital" else DATABASE_ROLE
_own = "DATABASE_URL" if DATABASE_ROLE == "owner" else f"DATABASE_URL_{DATABASE_ROLE.upper()}"
DATABASE_URL = env.read_text(_own, env.read_text("DATABASE_URL", "") or None)
# Whether rows of others are out of reach for this process, which then says before each statement whom it is about.
BIND_OWNERS = DATABASE_ROLE == "web" and bool(env.read_text("DATABASE_URL_WEB", ""))
# To which roles of the server `manage.py secure_rows` gives what they need.
DATABASE_ROLE_NAMES = {
    role: unquote(urlsplit(env.read_text(name, "")).username or "")
    for role, name in (("web", "DATABASE_URL_WEB"), ("worker", "DATABASE_URL_WORKER"))
}
DATABASES = {"default": _database(DATABASE_URL) | {"BIND_OWNERS": BIND_OWNERS}}

# --- broker, cache, background work (DESIGN D13) -------------------------------------------------------------------
BROKER_URL = env.read_text("BROKER_URL")


def _cache_of_broker() -> str:
    """The broker where it speaks Redis: rate limits must be counted by all web processes together."""
    if BROKER_URL.startswith("redis+socket://"):
        return f"unix://{BROKER_URL.removeprefix('redis+socket://').partition('?')[0]}?db=1"
    return BROKER_URL if BROKER_URL.startswith(("redis://", "rediss://")) else ""


CACHE_URL = env.read_text("CACHE_URL", _cache_of_broker())
# Keys of a cache hold no spaces.
CACHE_PREFIX = slugify(SITE_NAME, allow_unicode=True)
CACHES = {
    "default": (
        {"BACKEND": "config.cache.RedisCache", "LOCATION": CACHE_URL, "KEY_PREFIX": CACHE_PREFIX}
        if CACHE_URL
        # One process then counts its own rate limits; docs/configuration.md asks for CACHE_URL in production.
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    )
}
# Requests a minute; 0 for no limit.
RATE_LIMITS = {
    "app": env.read_number("RATE_LIMIT_APP", 60_000),
    "person": env.read_number("RATE_LIMIT_PERSON", 6_000),
    "address": env.read_number("RATE_LIMIT_ADDRESS", 60_000),
    "link": env.read_number("RATE_LIMIT_LINK", 60),
}
# How long a claimed run may be silent before another worker takes it over.
SYNC_LEASE = env.read_seconds("SYNC_LEASE_SECONDS", 60)
# How many resources a page from a hospital is asked to hold.
SYNC_PAGE_SIZE = env.read_number("SYNC_PAGE_SIZE", 100, low=1, high=1000)
CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "tributary"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A task longer than the visibility timeout runs twice, which is harmless: every task is idempotent and claims its
# work by lease. With kombu's default restore options a lost task comes back only after a minute and a half.
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "visibility_timeout": int(SYNC_LEASE.total_seconds()) + 30,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "global_keyprefix": "tributary:",
    }
    if BROKER_URL.startswith("redis")
    else {}
)
# A hospital withholds what it tagged itself; what else is sensitive is told in the person's own record.
SENSITIVITY_RULES = SITE == "person"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = beat.schedule(SYNC_LEASE)

# --- events for a security log outside -----------------------------------------------------------------------------
AUDIT_EXPORT = env.read_text("AUDIT_EXPORT", "")

# --- sign-in ------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.passwords.BreachedPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    # Last: only for client secrets the server made itself (128 random characters), never for a person's password.
    "gateway.secrets.ClientSecretHasher",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = env.read_choice("EMAIL_VERIFICATION", "optional", ("optional", "mandatory", "none"))
# A code is typed into the browser that asked for it: a mail scanner that opens links confirms nothing.
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = ACCOUNT_EMAIL_VERIFICATION == "mandatory"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "signup": "accounts.forms.SignUpForm",
    "login": "accounts.forms.SignInForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "reauthenticate": "accounts.forms.ConfirmPasswordForm",
    "add_email": "accounts.forms.ChangeEmailForm",
}
# One address per person; a new one counts once it is confirmed, and asking for it needs the password again.
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# Whoever asks for a new password gets a mail, known or not: the answer says and takes the same.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {
    "login_failed": "10/m/ip,5/5m/key",
    # Many people behind one address (a clinic, a library) need more than one household does.
    "login": env.read_text("SIGN_IN_LIMIT", "30/m/ip"),
    "signup": env.read_text("SIGN_UP_LIMIT", "20/m/ip"),
}
SESSION_ENGINE = "accounts.sessions"
SESSION_LIFETIME = env.read_seconds("SESSION_SECONDS", 43_200)
# Without a page opened for so long, a sign-in is over.
SESSION_COOKIE_AGE = env.read_number("SESSION_IDLE_SECONDS", 1800, low=120)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
# How long a sign-in, or a proof given again, is enough for what matters (accounts.stepup).
STEP_UP_AFTER = env.read_seconds("STEP_UP_SECONDS", 600)
MFA_ADAPTER = "gateway.authenticators.Adapter"
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {
    "add_webauthn": "accounts.passkeys.AddForm",
    "login_webauthn": "accounts.passkeys.SignInForm",
    "authenticate_webauthn": "accounts.passkeys.SecondStepForm",
    "reauthenticate_webauthn": "accounts.passkeys.ConfirmForm",
}
MFA_WEBAUTHN_USER_VERIFICATION = "required"
# A code of the half minute before still counts: clocks differ, and people type slowly.
MFA_TOTP_TOLERANCE = 1
# Who signs in elsewhere may sign in here with it: one OpenID Connect provider, where one is named.
OIDC_ISSUER = env.read_text("OIDC_ISSUER", "").rstrip("/")
SOCIALACCOUNT_ADAPTER = "accounts.providers.Adapter"
SOCIALACCOUNT_FORMS = {"signup": "accounts.forms.ProviderSignUpForm"}
SOCIALACCOUNT_PROVIDERS = providers.of(OIDC_ISSUER) if OIDC_ISSUER else {}

# --- mail ---------------------------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = env.read_text("MAIL_FROM", "Tributary <no-reply@localhost>")
EMAIL_HOST = env.read_text("MAIL_HOST", "")
if EMAIL_HOST:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_PORT = env.read_number("MAIL_PORT", 587)
    EMAIL_HOST_USER = env.read_text("MAIL_USER", "")
    EMAIL_HOST_PASSWORD = env.read_text("MAIL_PASSWORD", "")
    EMAIL_USE_TLS = env.read_flag("MAIL_TLS", default=True)
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = VAR_DIR / "mail"

# Where text messages and calls are handed over (accounts/phones.py); without, only a sandbox has a stand-in.
PHONE_GATEWAYS = {"text": env.read_text("TEXT_GATEWAY_URL", ""), "call": env.read_text("CALL_GATEWAY_URL", "")}
PHONE_GATEWAY_TOKEN = env.read_text("PHONE_GATEWAY_TOKEN", "")

# --- keys and stored bodies (DESIGN D3, D4) -----------------------------------------------------------------------
KEYS_DIR = env.read_path("KEYS_DIR", VAR_DIR / "keys")
# The key of AWS KMS that wraps data keys instead of the files above; another address of KMS (a VPC endpoint).
KMS_KEY_ID = env.read_text("KMS_KEY_ID", "")
KMS_ENDPOINT = env.read_text("KMS_ENDPOINT", "")
# How long she can still change her mind after asking to be erased.
ERASURE_COOLING = env.read_seconds("ERASURE_COOLING_SECONDS", 7 * 86_400)
# How long base backups and WAL of the database are kept, which hold wrapped keys too. 0: there are none.
PHYSICAL_BACKUP_LIFE = env.read_seconds("PHYSICAL_BACKUP_SECONDS", 0)
# How long a copy of her whole record can be fetched.
DOWNLOAD_LIFE = env.read_seconds("DOWNLOAD_SECONDS", 3 * 86_400)
# What archives are sealed with, where they go and for how long; the copy of the wrapped keys goes elsewhere.
BACKUP_KEY = env.read_text("BACKUP_KEY", "")
BACKUP_DIR = env.read_text("BACKUP_DIR", "")
BACKUP_KEYS_DIR = env.read_text("BACKUP_KEYS_DIR", "")
BACKUP_LIFE = env.read_seconds("BACKUP_SECONDS", 30 * 86_400)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": VAR_DIR / "files"}},
    "attachments": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": env.read_path("ATTACHMENTS_DIR", VAR_DIR / "attachments")},
    },
    "exports": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": env.read_path("EXPORTS_DIR", VAR_DIR / "exports")},
    },
    "uploads": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": env.read_path("UPLOADS_DIR", VAR_DIR / "uploads")},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- OAuth authorization server (GATEWAY.md sections 8 and 11) ----------------------------------------------------
OAUTH2_PROVIDER_APPLICATION_MODEL = "gateway.Application"
OAUTH2_PROVIDER_GRANT_MODEL = "gateway.Grant"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "gateway.AccessToken"  # noqa: S105 - the name of a model
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "gateway.RefreshToken"  # noqa: S105 - the name of a model
OAUTH2_PROVIDER_ID_TOKEN_MODEL = "gateway.IDToken"  # noqa: S105 - the name of a model
OAUTH2_PROVIDER = {
    "OAUTH2_VALIDATOR_CLASS": "gateway.validator.SmartValidator",
    "OAUTH2_SERVER_CLASS": "gateway.server.SmartServer",
    "SCOPES_BACKEND_CLASS": "gateway.scopes.SmartScopes",
    "CLIENT_SECRET_HASHER": "sha256_secret",
    "OIDC_ENABLED": True,
    "OIDC_ISS_ENDPOINT": PUBLIC_URL,
    "OIDC_RSA_PRIVATE_KEY": "the signing keys are rows of gateway.SigningKey",
    "OIDC_RP_INITIATED_LOGOUT_DELETE_TOKENS": False,
    "PKCE_REQUIRED": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "REFRESH_TOKEN_EXPIRE_SECONDS": timedelta(days=90),
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
}

# Who runs this site, for apps that list where records lie (SMART user-access brands).
BRAND_WEBSITE = env.read_text("BRAND_WEBSITE", PUBLIC_URL)
# More identifiers of it, as "system|value".
BRAND_IDENTIFIERS = [text for text in env.read_list("BRAND_IDENTIFIERS") if "|" in text]

# --- FHIR API -----------------------------------------------------------------------------------------------------
REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
}
# How long the files of a bulk export can be fetched.
EXPORT_LIFE = env.read_seconds("EXPORT_SECONDS", 86_400)
# How long figures of what apps do are gathered in memory before they are written down; 0: until somebody looks.
USAGE_SECONDS = env.read_number("USAGE_SECONDS", 5)
# The largest body we read at all; a page from a hospital has its own bound in sync.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.read_number("REQUEST_BYTES_MAX", 2_500_000)

# --- people who act for an owner -----------------------------------------------------------------------------------
# From this age on, confidential kinds of care are withheld from a minor's parents (consent/guardians.py) …
GUARDIAN_TEEN_AGE = env.read_number("GUARDIAN_TEEN_AGE", 12, low=1, high=25)
# … and at this age nobody is a minor's guardian any more.
GUARDIAN_END_AGE = env.read_number("GUARDIAN_END_AGE", 18, low=1, high=25)

# --- the home of app developers ------------------------------------------------------------------------------------
# What writes the record of a made-up person for a developer; the sandbox stands above the rooms that may not know it.
SYNTHETIC_RECORDS = "sandbox.trials.fill"
# Apps that register themselves (RFC 7591) are approved at once: for sandboxes that test suites knock at.
REGISTRATION_OPEN = env.read_flag("REGISTRATION_OPEN")

# --- browser safety (DESIGN D15) ----------------------------------------------------------------------------------
SECURE_COOKIES = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_NAME = env.read_text("SESSION_COOKIE_NAME", "session")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = f"{SESSION_COOKIE_NAME}_csrf"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_COOKIES else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_COOKIES
SECURE_SSL_REDIRECT = SECURE_COOKIES
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.read_flag("BEHIND_PROXY") else None
# With "no-referrer" browsers send our own forms with `Origin: null`, which the CSRF check refuses.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "worker-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# A form of ours has a few dozen fields; a file that is uploaded is bounded by whoever takes it.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
# The largest file a person may give us at once, and how many; a document in a zip is no larger either. What is kept as
# it came must fit into one sealed body (records.sealing.BODY_BYTES_MAX), a third longer in base64.
UPLOAD_BYTES_MAX = env.read_number("UPLOAD_BYTES_MAX", 40_000_000, low=1_000, high=45_000_000)
# What a phone exports of its health app is read as a stream: as a file, and unpacked, it may be far larger.
HEALTH_EXPORT_BYTES_MAX = env.read_number("HEALTH_EXPORT_BYTES_MAX", 2_000_000_000, low=1_000_000, high=20_000_000_000)
UPLOAD_FILES_MAX = DATA_UPLOAD_MAX_NUMBER_FILES = env.read_number("UPLOAD_FILES_MAX", 20, low=1, high=100)
FILE_UPLOAD_PERMISSIONS = 0o600

# --- words and places ---------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "config.formats"
LANGUAGE_COOKIE_NAME = "language"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = env.read_path("STATIC_ROOT", VAR_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]

# --- logs: ids only, never a name, a value or a token (GATEWAY.md pitfall 2) --------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "config.logs.Formatter", "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.read_choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING"))},
    "loggers": {
        # These print codes, tokens and verifiers at DEBUG.
        name: {"level": "INFO"}
        for name in ("oauthlib", "oauth2_provider", "authlib", "fhirclient", "requests_oauthlib", "urllib3")
    },
}
