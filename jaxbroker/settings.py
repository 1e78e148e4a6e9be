"""All settings, one file, all from the environment (.env.example names every variable).

Whatever could mean live is decided here: a blank or missing value means paper, a value
that contradicts another one stops the start.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from apps.console.unfold import UNFOLD_SETTINGS
from apps.domain.mode import PORT_CLASSES, Mode, declared_mode, port_class
from apps.domain.restart import RestartSchedule
from jaxbroker import VERSION, env
from jaxbroker.timetable import TIMETABLE

BASE_DIR = Path(__file__).resolve().parent.parent
_env = env.load(BASE_DIR)

# --- What kind of process this is -----------------------------------------------------------
JAXBROKER_TEST = False
JAXBROKER_PACED = True  # anything else counts under test settings only
JAXBROKER_VERSION = VERSION
DEBUG = _env.flag("DEBUG", default=False)
JAXBROKER_STANDALONE = _env.flag("JAXBROKER_STANDALONE", default=False)
JAXBROKER_STATE_DIR = Path(_env.text("JAXBROKER_STATE_DIR", str(BASE_DIR / "var"))).absolute()
JAXBROKER_STANDALONE_API_KEY = _env.secret("JAXBROKER_STANDALONE_API_KEY")
JAXBROKER_STANDALONE_ADMIN_PASSWORD = _env.secret("JAXBROKER_STANDALONE_ADMIN_PASSWORD")

HOST = _env.text("HOST", "127.0.0.1")
PORT = _env.port("PORT", default=8092)
_ON_LOOPBACK = HOST in {"127.0.0.1", "::1", "localhost"}

# --- The broker -----------------------------------------------------------------------------
JAXBROKER_CONNECTION = _env.text("JAXBROKER_CONNECTION", "main")
IB_GATEWAY_HOST = _env.text("IB_GATEWAY_HOST", "127.0.0.1")
IB_GATEWAY_PORT = _env.port("IB_GATEWAY_PORT", default=4002)
IB_CLIENT_ID = _env.whole("IB_CLIENT_ID", default=1, low=1, high=2**31 - 1)
IB_MARKET_DATA_TYPE = _env.choice(
    "IB_MARKET_DATA_TYPE", choices=("live", "frozen", "delayed", "delayed-frozen"), default="live"
)
IB_LIBRARY = _env.choice(
    "JAXBROKER_IB_LIBRARY" if _env.text("JAXBROKER_IB_LIBRARY") else "IB_LIBRARY",
    choices=("ib_insync", "ib_async"),
    default="ib_insync",
)
AUTO_CONNECT = _env.flag("AUTO_CONNECT", default=True)
RECONNECT_DELAY = _env.seconds("RECONNECT_DELAY", default="1", low="0.05", high="3600")
RECONNECT_MAX_ATTEMPTS = _env.whole("RECONNECT_MAX_ATTEMPTS", default=0, low=0, high=1_000_000)
_restart = _env.daily("IB_RESTART_AT")
_restart_lead = timedelta(minutes=_env.whole("IB_RESTART_LEAD_MIN", default=5, low=0, high=120))
JAXBROKER_RESTART = RestartSchedule(*_restart, lead=_restart_lead) if _restart else None
JAXBROKER_SIMULATOR = _env.flag("JAXBROKER_SIMULATOR", default=JAXBROKER_STANDALONE)

# --- Paper or live --------------------------------------------------------------------------
PAPER_TRADING = _env.flag("PAPER_TRADING", default=True)
JAXBROKER_LIVE_ALLOWED = _env.flag("JAXBROKER_LIVE_ALLOWED", default=False)
JAXBROKER_MODE = declared_mode(PAPER_TRADING)
JAXBROKER_PORT_MODES = {port: Mode(mode) for port, mode in _env.port_modes("JAXBROKER_PORT_MODES").items()}
for _port in JAXBROKER_PORT_MODES.keys() & PORT_CLASSES.keys():
    _env.refuse("JAXBROKER_PORT_MODES", f"port {_port} has a mode of its own")
_port_mode = port_class(IB_GATEWAY_PORT, JAXBROKER_PORT_MODES)
if _port_mode is None:
    _env.refuse(
        "IB_GATEWAY_PORT",
        f"{IB_GATEWAY_PORT} belongs to no mode; bind it with JAXBROKER_PORT_MODES={IB_GATEWAY_PORT}=paper",
    )
if _port_mode is not JAXBROKER_MODE:
    _env.refuse(
        "PAPER_TRADING",
        f"{str(PAPER_TRADING).lower()} does not go with IB_GATEWAY_PORT {IB_GATEWAY_PORT},"
        f" a {_port_mode} port",
    )
if JAXBROKER_MODE is Mode.LIVE:
    if not JAXBROKER_LIVE_ALLOWED:
        _env.refuse("PAPER_TRADING", "false needs JAXBROKER_LIVE_ALLOWED=true")
    if JAXBROKER_SIMULATOR:
        _env.refuse("JAXBROKER_SIMULATOR", "the simulator never trades live")
    if JAXBROKER_STANDALONE:
        _env.refuse("JAXBROKER_STANDALONE", "standalone never trades live")
    if DEBUG:
        _env.refuse("DEBUG", "true is not allowed in live")

# --- Rows -----------------------------------------------------------------------------------
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
    " PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=33554432;"
)
_database: dict[str, Any] = _env.database("DATABASE_URL", default=JAXBROKER_STATE_DIR / "jaxbroker.sqlite3")
if _database["ENGINE"] == "django.db.backends.sqlite3":
    if JAXBROKER_MODE is Mode.LIVE:
        _env.refuse("DATABASE_URL", "live needs PostgreSQL, not SQLite")
    if not _env.text("DATABASE_URL"):
        JAXBROKER_STATE_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    _database["OPTIONS"] = {
        "init_command": _SQLITE_PRAGMAS,
        "transaction_mode": "IMMEDIATE",
        "timeout": 2,
    }
else:
    # No wait for the store is longer than 2 s. The pool gives up trying as soon: whoever asks
    # next makes it try again, where its own pauses would grow with the length of an outage.
    _database["ENGINE"] = "apps.common.postgresql"
    _database["OPTIONS"] = _database.get("OPTIONS", {}) | {
        "connect_timeout": 2,
        "pool": {"min_size": 2, "max_size": 16, "timeout": 2, "reconnect_timeout": 2},
    }
DATABASES = {"default": _database | {"CONN_MAX_AGE": 0, "ATOMIC_REQUESTS": False}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

#: Where processes of this machine ring each other; a single process has nobody to ring.
JAXBROKER_BELL_DIR = None if JAXBROKER_STANDALONE else JAXBROKER_STATE_DIR / "bell"

# --- Hints and pictures: with REDIS_URL between processes, without it inside one ----------------
REDIS_URL = _env.text("REDIS_URL")
CACHES: dict[str, dict[str, Any]] = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
if REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "jaxbroker",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
    # redis-py 8 ends a quiet subscription after 5 s unless its socket has no time-out.
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [{"address": REDIS_URL, "socket_timeout": None, "socket_connect_timeout": 1}],
            "prefix": "jaxbroker",
        },
    }

# --- Clock work: Celery may be late, so nothing it does is order business ------------------------
CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {"socket_timeout": None, "socket_connect_timeout": 1} if REDIS_URL else {"polling_interval": 0.05}
)
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = "UTC"
#: What is done by the clock and how often in seconds, for whoever watches that it is.
JAXBROKER_CLOCK_WORK = {work.name: work.period_s for work in TIMETABLE}

# --- Secrets and who may come in ------------------------------------------------------------
_secret_file = JAXBROKER_STATE_DIR / "secret_key"
SECRET_KEY = _env.secret("SECRET_KEY")
if not SECRET_KEY:
    if not (JAXBROKER_STANDALONE or DEBUG or _secret_file.exists()):
        _env.refuse("SECRET_KEY", "is missing; set it, or SECRET_KEY_FILE, to 50 characters or more")
    SECRET_KEY = env.own_secret(_secret_file)
if len(SECRET_KEY) < 50 or SECRET_KEY.startswith("change-me"):
    _env.refuse("SECRET_KEY", "is the sample value or shorter than 50 characters")

_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
ALLOWED_HOSTS = _env.words("ALLOWED_HOSTS", default=_LOCAL_NAMES)
if "*" in ALLOWED_HOSTS:
    _env.refuse("ALLOWED_HOSTS", "'*' is not allowed; name each host")
CSRF_TRUSTED_ORIGINS = _env.origins("CSRF_TRUSTED_ORIGINS")
JAXBROKER_TRUSTED_NETWORKS = _env.networks("JAXBROKER_TRUSTED_NETWORKS")
JAXBROKER_PROXY_COUNT = _env.whole("JAXBROKER_PROXY_COUNT", default=0, low=0, high=5)

CORS_ALLOWED_ORIGINS = _env.origins("CORS_ALLOWED_ORIGINS")
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_METHODS = ("GET", "POST", "PATCH", "DELETE")
CORS_ALLOW_HEADERS = (
    "authorization",
    "content-type",
    "idempotency-key",
    "prefer",
    "x-api-key",
    "x-request-id",
    "x-flow-id",
)
CORS_EXPOSE_HEADERS = (
    "X-Request-ID",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-RateLimit-Bucket",
    "Retry-After",
    "Location",
    "Idempotent-Replayed",
    "X-JaxBroker-Mode",
)
CORS_PREFLIGHT_MAX_AGE = 600

# --- The house ------------------------------------------------------------------------------
ROOT_URLCONF = "jaxbroker.urls"
ASGI_APPLICATION = "jaxbroker.asgi.application"
INSTALLED_APPS = [
    "jaxbroker",  # for the command run_standalone
    "apps.console",  # first, so that its templates win over the admin's
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.common",
    "apps.audit",
    "apps.access",
    "apps.instruments",
    "apps.accounts",
    "apps.positions",
    "apps.marketdata",
    "apps.safety",
    "apps.orders",
    "apps.gateway",
    "apps.bridge",
]
MIDDLEWARE = [
    "apps.common.middleware.RequestIdMiddleware",
    "apps.common.middleware.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "apps.common.middleware.ModeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
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
            ],
        },
    },
]
APPEND_SLASH = False  # a redirected POST comes back as GET (W2)
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"

#: Everything else is an API path: its errors are problem+json, never a page.
JAXBROKER_PAGE_PREFIXES = ("/admin", "/static/", "/api/docs", "/api/schema")
#: Where the mode shown in X-JaxBroker-Mode is read; common imports nothing above itself.
JAXBROKER_MODE_WORD = "apps.accounts.selectors.mode_word"
#: Waits of this process at once; one more is told to come back.
JAXBROKER_MAX_WAITS = 32

# --- Static files -----------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = JAXBROKER_STANDALONE or DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if JAXBROKER_STANDALONE or DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- Browsers -----------------------------------------------------------------------------------
_TLS = not (DEBUG or (JAXBROKER_STANDALONE and _ON_LOOPBACK))
_COOKIE_PREFIX = "__Host-" if _TLS else ""
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
SESSION_SAVE_EVERY_REQUEST = False
SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}jaxbroker_session"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_SECURE = _TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}jaxbroker_csrf"
CSRF_COOKIE_SECURE = _TLS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if _TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _TLS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if JAXBROKER_PROXY_COUNT else None
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
DATA_UPLOAD_MAX_NUMBER_FILES = 1
SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # no redirect to TLS: programs re-send a redirected POST as GET
    "security.W021",  # HSTS preload binds a whole domain, which is its owner's choice
]
PERMISSIONS_POLICY = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
    }
}
UNFOLD = UNFOLD_SETTINGS
#: What the stock pages of the admin need beyond that: their skin's Alpine evaluates attributes.
#: Our own pages below /admin/ keep the strict policy.
JAXBROKER_CSP_ADMIN = {"script-src": ["'self'", "'unsafe-eval'"]}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
] + [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    }
]
LOGIN_URL = "/admin/login/"

# --- APIs -----------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.access.authentication.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["apps.access.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["apps.common.strict.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["apps.common.rendering.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "apps.common.rendering.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.common.problems.handle",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "URL_FORMAT_OVERRIDE": None,
    "COERCE_DECIMAL_TO_STRING": True,
    "NUM_PROXIES": JAXBROKER_PROXY_COUNT,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "JaxBroker",
    "DESCRIPTION": "Brokerage console and API in front of Interactive Brokers.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {"OrderTypeEnum": ["MKT", "LMT", "STP"], "EntryTypeEnum": ["MKT", "LMT"]},
    "SERVE_AUTHENTICATION": ["rest_framework.authentication.SessionAuthentication"],
    "SERVE_PERMISSIONS": [
        "rest_framework.permissions.AllowAny"
        if JAXBROKER_STANDALONE
        else "rest_framework.permissions.IsAdminUser"
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Logs: one line per event, JSON unless a person watches ---------------------------------
LOG_LEVEL = _env.choice(
    "LOG_LEVEL", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), default="INFO"
)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"secrets": {"()": "apps.common.logs.SecretFilter"}},
    "formatters": {
        "line": {
            "()": "apps.common.logs.line_formatter",
            "pretty": sys.stderr.isatty() and "NO_COLOR" not in os.environ,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["secrets"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"handlers": [], "propagate": True},
        "django.request": {"level": "ERROR"},
        "daphne": {"level": "WARNING"},
    },
}
