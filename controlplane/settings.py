"""Django settings, read from the environment. docs/reference/configuration.md describes every setting."""

import sys
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured

from access.session_age import MAX_AGE
from controlplane.database import database_config
from controlplane.environment import Environment
from controlplane.logs import configure_structlog, logging_config
from controlplane.places import BASE_DIR, home_dir
from gateway.logged_checks import parse_logged_checks
from latchkey import __version__
from latchkey.credential_headers import DEFAULT, parse_credential_headers
from latchkey.redaction import redact_fields
from latchkey.strict_json import MAX_BYTES
from ratelimit.limit import MAX_BURST

env = Environment(home_dir())

DATA_DIR = env.data_dir
try:
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
except OSError as error:
    raise ImproperlyConfigured(f"DATA_DIR: {DATA_DIR} cannot be created: {error.strerror}.") from None
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.secret_key(debug=DEBUG)
SECRET_PEPPERS = env.peppers(debug=DEBUG)
IMPORT_HMAC_SECRETS = env.text("IMPORT_HMAC_SECRETS", "")
PORT = env.integer("PORT", 8000, minimum=1, maximum=65535)
WORKERS = env.integer("WORKERS", 2, minimum=1, maximum=256)
SOCKET_MODE = env.file_mode("SOCKET_MODE", "0660")
SOCKET_GROUP = env.text("SOCKET_GROUP", "")
SHUTDOWN_DELAY_SECONDS = env.integer("SHUTDOWN_DELAY_SECONDS", 0, minimum=0, maximum=300)
_public = env.url("PUBLIC_URL", f"http://localhost:{PORT}", ("http", "https"))
if (
    not _public.hostname
    or _public.query
    or _public.fragment
    or _public.username is not None
    or not _public.hostname.isascii()
    or not _public.geturl().isprintable()
    or " " in _public.geturl()
):
    raise ImproperlyConfigured(
        "PUBLIC_URL: must be the URL by which clients reach this server: ASCII, without user name, query or fragment."
    )
PUBLIC_URL = _public.geturl().rstrip("/")
ALLOWED_HOSTS = [*env.listed("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]"), _public.hostname]

BUCKET_STORE_URL = env.text("BUCKET_STORE_URL", f"lmdb://{DATA_DIR / 'buckets'}")
BUCKET_STORE_FALLBACK = env.choice("BUCKET_STORE_FALLBACK", "local", ("local", "deny", "allow"))
BUCKET_STORE_TIMEOUT_MS = env.integer("BUCKET_STORE_TIMEOUT_MS", 50, minimum=5, maximum=5000)
TOKEN_LEASE = env.integer("TOKEN_LEASE", 0, minimum=0, maximum=10_000)
DIRECTORY_STALE_SECONDS = env.integer("DIRECTORY_STALE_SECONDS", 120, minimum=0, maximum=86_400)
HEALTH_CHECK_FILE = env.absolute_path("HEALTH_CHECK_FILE")
DEFAULT_RATE_LIMIT = env.limit_text("DEFAULT_RATE_LIMIT", 60, 60)
AUTH_FAILURE_LIMIT = env.limit_text("AUTH_FAILURE_LIMIT", 20, 60)
GUARD_RAIL_MAX_BURST = env.integer("GUARD_RAIL_MAX_BURST", 100_000, minimum=1, maximum=MAX_BURST)
SECRET_MAX_AGE = env.duration("SECRET_MAX_AGE", "365d")
EVENT_RETENTION = env.duration("EVENT_RETENTION", "36525d")
RECORD_CALLERS = env.flag("RECORD_CALLERS", default=True)
USAGE_ROWS = env.integer("USAGE_ROWS", 50_000_000, minimum=100_000, maximum=100_000_000_000)
METRICS_PUBLIC = env.flag("METRICS_PUBLIC", default=False)
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOG_FORMAT = env.choice("LOG_FORMAT", "console" if sys.stderr.isatty() else "json", ("json", "console"))
try:
    LOG_CHECKS = parse_logged_checks(env.listed("LOG_CHECKS", "refused"))
except ValueError as error:
    raise ImproperlyConfigured(f"LOG_CHECKS: {error}.") from None
if LOG_CHECKS and LOG_LEVEL not in ("DEBUG", "INFO"):
    raise ImproperlyConfigured("LOG_CHECKS: needs LOG_LEVEL INFO or DEBUG, because its lines have the level INFO.")
try:
    CREDENTIAL_HEADERS = parse_credential_headers(env.listed("CREDENTIAL_HEADERS", ",".join(DEFAULT.names)))
except ValueError as error:
    raise ImproperlyConfigured(f"CREDENTIAL_HEADERS: {error}.") from None
redact_fields(CREDENTIAL_HEADERS.own_names)
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
WEBHOOK_ALLOWED_NETWORKS = env.networks("WEBHOOK_ALLOWED_NETWORKS")
ADMIN_REQUIRE_TOTP = env.flag("ADMIN_REQUIRE_TOTP", default=False)
ADMIN_IDLE_TIMEOUT = env.duration("ADMIN_IDLE_TIMEOUT", "30m")
ADMIN_LOCKOUT_FAILURES = env.integer("ADMIN_LOCKOUT_FAILURES", 5, minimum=1, maximum=1000)
ADMIN_LOCKOUT_DURATION = env.duration("ADMIN_LOCKOUT_DURATION", "15m")

INSTALLED_APPS = [
    "controlplane",
    "backup",
    "apikeys",
    "gateway",
    "ratelimit",
    "events",
    "health",
    "console",
    "controlplane.admin_site.OperatorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "access",
    "rest_framework",
    "drf_problems",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_prometheus",
]
MIDDLEWARE = [
    "controlplane.middleware.RequestContextMiddleware",
    "api.security_headers.SecurityHeadersMiddleware",
    "controlplane.middleware.ProblemMiddleware",
    "controlplane.known_methods.KnownMethodMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "httpserver.static_files.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "access.middleware.SessionAgeMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "controlplane.urls"
WSGI_APPLICATION = "controlplane.wsgi.application"
ASGI_APPLICATION = "controlplane.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


DATABASES = {"default": database_config(env)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = ["controlplane.formats"]

PASSWORD_HASHERS = ["access.password_hasher.SerialArgon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

AUTHENTICATION_BACKENDS = [
    "access.sign_in_limit.SignInLimitBackend",
    "axes.backends.AxesStandaloneBackend",
    "access.backend.OperatorBackend",
]
AXES_FAILURE_LIMIT = ADMIN_LOCKOUT_FAILURES
AXES_COOLOFF_TIME = ADMIN_LOCKOUT_DURATION
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "access.lockout.lockout_address"
AXES_USERNAME_CALLABLE = "access.lockout.lockout_name"
AXES_LOCKOUT_CALLABLE = "api.rejected_sign_in.locked_page"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code", "csrfmiddlewaretoken", "next"]
# The event log records sign-ins, and axes' own pages would show what was typed.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# How long a one-time link works.
PASSWORD_RESET_TIMEOUT = 72 * 60 * 60
OTP_TOTP_ISSUER = f"Latchkey ({_public.hostname})"

SESSION_COOKIE_AGE = int(MAX_AGE.total_seconds())
_https = _public.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_FAILURE_VIEW = "api.problems.csrf_failure"
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SILENCED_SYSTEM_CHECKS = [
    # HSTS for subdomains: only the operator of the proxy knows whether they have TLS too.
    "security.W005",
    # The proxy in front terminates TLS, and it redirects.
    "security.W008",
    # HSTS preloading commits a whole domain, so its owner decides.
    "security.W021",
]
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BYTES
APPEND_SLASH = False

LOGIN_REDIRECT_URL = "admin:index"
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "api.operation_schema.OperationSchema",
    "EXCEPTION_HANDLER": "api.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}

LOGGING = logging_config(LOG_LEVEL, LOG_FORMAT)
configure_structlog()
structlog.contextvars.clear_contextvars()

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Latchkey",
    "DESCRIPTION": "Issue, limit, rotate, watch and revoke API keys.",
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "TAGS": [
        {"name": "keys", "description": "API keys: issue, show, change, rotate, revoke, and their use."},
        {"name": "plans", "description": "Plans: several limits by name, for the keys and owners that have them."},
        {"name": "owners", "description": "Owners of keys: their plan, and the limits that their keys share."},
        {"name": "overrides", "description": "Other amounts of single limits, for a key or an owner, until a moment."},
        {"name": "gateway", "description": "For proxies and services: check whether to allow a request."},
        {"name": "reservations", "description": "Estimated costs of work, settled later by what the work cost."},
        {"name": "whoami", "description": "The calling key."},
        {"name": "events", "description": "The event log: what happened to which key, and who did it."},
        {"name": "webhooks", "description": "URLs that events are sent to."},
        {"name": "waivers", "description": "Guard rails that are silenced for a time, with a reason."},
        {"name": "health", "description": "The state of the server, for probes and monitoring."},
    ],
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SERVERS": [{"url": "/"}],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "/static/latchkey/icon.svg",
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_NAME_OVERRIDES": {
        "GuardRailName": "api.schemas.health.GUARD_RAIL_NAMES",
        "ReadyStatus": "api.schemas.health.READY",
        "UnreadyStatus": "api.schemas.health.UNREADY",
        "VerdictCode": "gateway.verify.Code",
        "AttemptKind": "events.models.webhook_attempt.AttemptKind",
        "CallerKind": "apikeys.models.CallerKind",
        "KeyState": "apikeys.models.KeyState",
        "SecretState": "apikeys.models.SecretState",
        "LimitMode": "api.schemas.plans.MODES",
        "EventType": "api.schemas.fields.EVENT_TYPES",
        "QuotaPer": "api.schemas.plans.PERS",
        "QuotaStarts": "api.schemas.plans.STARTS",
        "LimitShared": "api.schemas.plans.SHARED",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "api.openapi.complete",
    ],
}
