"""Typed readers of the environment, on top of django-environ.

A wrong value stops the start with one clear line; a blank value is an absent one and
never means live. Which settings exist and how they belong together stands in settings.py.
"""

import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import time
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import environ

TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off"})
EXIT_WRONG_SETTING = 2
DATABASE_SCHEMES = frozenset({"sqlite", "postgres", "postgresql"})

Network = IPv4Network | IPv6Network


class SettingError(Exception):
    """A setting has a value we will not start with."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")


def leave(error: SettingError) -> NoReturn:
    """Say what is wrong in one line and end the process with code 2."""
    sys.stderr.write(f"jaxbroker: {error}\n")
    raise SystemExit(EXIT_WRONG_SETTING)


def reraise(error: SettingError) -> NoReturn:
    """Hand the error to the caller, for code that is not the edge of a process."""
    raise error


class Environment:
    """Reads one environment; every reader takes a blank value for an absent one.

    `on_error` is called with the SettingError of a wrong value and must not return.
    """

    def __init__(
        self,
        values: Mapping[str, str],
        *,
        on_error: Callable[[SettingError], NoReturn] = reraise,
    ) -> None:
        self._values = values
        self._on_error = on_error

    def refuse(self, name: str, problem: str) -> NoReturn:
        """Stop the start because of setting `name`."""
        self._on_error(SettingError(name, problem))

    def text(self, name: str, default: str = "") -> str:
        """Return the value without the spaces around it."""
        return self._values.get(name, "").strip() or default

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a boolean written as true/false, yes/no, on/off or 1/0."""
        word = self.text(name).lower()
        if not word:
            return default
        if word not in TRUE | FALSE:
            self.refuse(name, f"{self.text(name)!r} is not true or false")
        return word in TRUE

    def whole(self, name: str, *, default: int, low: int, high: int) -> int:
        """Return an integer between `low` and `high`, both allowed."""
        word = self.text(name)
        if not word:
            return default
        if not re.fullmatch(r"-?[0-9]{1,12}", word):
            self.refuse(name, f"{word!r} is not a whole number")
        if not low <= int(word) <= high:
            self.refuse(name, f"{word} is not between {low} and {high}")
        return int(word)

    def port(self, name: str, *, default: int) -> int:
        """Return a TCP port."""
        return self.whole(name, default=default, low=1, high=65535)

    def seconds(self, name: str, *, default: str, low: str, high: str) -> Decimal:
        """Return a duration in seconds, fractions allowed."""
        word = self.text(name, default)
        try:
            value = Decimal(word)
        except InvalidOperation:
            self.refuse(name, f"{word!r} is not a number of seconds")
        if not (value.is_finite() and Decimal(low) <= value <= Decimal(high)):
            self.refuse(name, f"{word} is not between {low} and {high}")
        return value

    def daily(self, name: str) -> tuple[time, ZoneInfo] | None:
        """Return a time of day with its zone, written `23:59 America/New_York`; None if absent."""
        word = self.text(name)
        if not word:
            return None
        clock, _, zone = word.partition(" ")
        if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", clock):
            self.refuse(name, f"{word!r} is not a time such as 23:59 America/New_York")
        try:
            return time.fromisoformat(clock), ZoneInfo(zone.strip())
        except (KeyError, ValueError, OSError):
            self.refuse(name, f"{zone.strip()!r} is no time zone; write 23:59 America/New_York")

    def choice(self, name: str, *, choices: Sequence[str], default: str) -> str:
        """Return one of `choices`, read in either case."""
        word = self.text(name)
        if not word:
            return default
        known = {choice.lower(): choice for choice in choices}
        if word.lower() not in known:
            self.refuse(name, f"{word!r} is not one of {', '.join(choices)}")
        return known[word.lower()]

    def words(self, name: str, *, default: Sequence[str] = ()) -> list[str]:
        """Return a comma separated list without blanks."""
        given = [word.strip() for word in self.text(name).split(",")]
        return [word for word in given if word] or list(default)

    def origins(self, name: str) -> list[str]:
        """Return exact web origins: scheme, host and perhaps port, nothing else."""
        found = self.words(name)
        for origin in found:
            if not re.fullmatch(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?", origin):
                self.refuse(name, f"{origin!r} is not an origin such as https://desk.example:8443")
        return found

    def networks(self, name: str) -> list[Network]:
        """Return IP networks; a single address is a network of one."""
        return [self._network(name, word) for word in self.words(name)]

    def port_modes(self, name: str) -> dict[int, str]:
        """Return which mode unusual ports are bound to, from `5000=paper,5001=live`."""
        return dict(self._port_mode(name, word) for word in self.words(name))

    def secret(self, name: str) -> str:
        """Return a secret from `name`, or from the file that `name`_FILE names."""
        path = self.text(f"{name}_FILE")
        if not path:
            return self.text(name)
        if self.text(name):
            self.refuse(name, f"is set twice, here and by {name}_FILE")
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            self.refuse(f"{name}_FILE", f"cannot be read: {error.strerror}")

    def database(self, name: str, *, default: Path) -> dict[str, Any]:
        """Return Django's settings of the database that a URL names; SQLite at `default` if none."""
        url = self.text(name)
        if not url:
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(default)}
        if url.partition("://")[0] not in DATABASE_SCHEMES:
            self.refuse(name, "is neither sqlite:// nor postgresql://")
        try:
            return dict(environ.Env.db_url_config(url))
        except (environ.ImproperlyConfigured, ValueError, KeyError):
            self.refuse(name, "is not a database URL")  # the value may hold a password

    def _network(self, name: str, word: str) -> Network:
        try:
            return ip_network(word)
        except ValueError:
            self.refuse(name, f"{word!r} is not an IP network")

    def _port_mode(self, name: str, word: str) -> tuple[int, str]:
        found = re.fullmatch(r"([0-9]{1,5})\s*=\s*(paper|live)", word)
        if not found or not 1 <= int(found[1]) <= 65535:
            self.refuse(name, f"{word!r} is not of the form 5000=paper")
        return int(found[1]), found[2]


def load(base: Path, *, on_error: Callable[[SettingError], NoReturn] = leave) -> Environment:
    """Return the environment of this process, completed by an env file if there is one.

    The file is `.env` in `base` unless JAXBROKER_ENV_FILE names another; a variable that
    is set already wins over the file.
    """
    path = Path(os.environ.get("JAXBROKER_ENV_FILE") or base / ".env")
    if path.is_file():
        environ.Env.read_env(path)
    return Environment(os.environ, on_error=on_error)


def own_secret(path: Path) -> str:
    """Return the secret kept in `path`; make it once, readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(64))
    return path.read_text(encoding="utf-8").strip()
