"""The few settings that differ under test: no env file, a throw-away state, fast hashes."""

import atexit
import os
import shutil
import tempfile

os.environ["JAXBROKER_ENV_FILE"] = os.devnull
if not os.environ.get("JAXBROKER_STATE_DIR"):
    os.environ["JAXBROKER_STATE_DIR"] = tempfile.mkdtemp(prefix="jaxbroker-test-")
    atexit.register(shutil.rmtree, os.environ["JAXBROKER_STATE_DIR"], ignore_errors=True)
os.environ.setdefault("SECRET_KEY", "only-for-tests-" * 5)
os.environ.setdefault("LOG_LEVEL", "WARNING")

from jaxbroker.settings import *
from jaxbroker.settings import (
    DATABASES,
    JAXBROKER_STATE_DIR,
    STORAGES,
)

JAXBROKER_TEST = True
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1", "[::1]"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
JAXBROKER_BELL_DIR = None  # tests that run side by side share the folder
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
SESSION_COOKIE_NAME = "jaxbroker_session"
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_NAME = "jaxbroker_csrf"
CSRF_COOKIE_SECURE = False
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: threads and processes of one test must meet in it.
    DATABASES["default"]["TEST"] = {"NAME": str(JAXBROKER_STATE_DIR / "test.sqlite3")}
    # Waiting for the disk only guards against a power cut, which no test provokes.
    _pragmas = DATABASES["default"]["OPTIONS"]["init_command"]
    DATABASES["default"]["OPTIONS"]["init_command"] = _pragmas.replace("=FULL", "=OFF")
else:
    DATABASES["default"]["OPTIONS"].pop("pool", None)
