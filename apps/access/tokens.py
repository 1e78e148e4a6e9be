"""The form of an API key: `jb_<mode>_<id>_<secret>`, letters and digits only.

So it needs no escaping, neither in a header nor as user and password of a URL.
"""

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass, field
from typing import Self

ID_LENGTH = 8
SECRET_LENGTH = 40

_TOKEN = re.compile(r"jb_(paper|live)_([a-z0-9]{8})_([A-Za-z0-9]{40})")
_ID = re.compile(r"[a-z0-9]{8}")
_SECRET = re.compile(r"[A-Za-z0-9]{40}")
_NO_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class Token:
    """A key as it was presented; `mode` is empty if the carrier does not tell it."""

    mode: str
    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the token, or None if the text has not its form."""
        found = _TOKEN.fullmatch(text)
        return cls(found[1], found[2], found[3]) if found else None

    @classmethod
    def from_parts(cls, key_id: str, secret: str) -> Self | None:
        """Return the token of an id and a secret, or None if either has not its form."""
        if not (_ID.fullmatch(key_id) and _SECRET.fullmatch(secret)):
            return None
        return cls("", key_id, secret)

    @classmethod
    def new(cls, mode: str) -> Self:
        """Return a new token with 238 random bits in its secret."""
        small, all_letters = string.ascii_lowercase + string.digits, string.ascii_letters + string.digits
        return cls(mode, _random(small, ID_LENGTH), _random(all_letters, SECRET_LENGTH))

    @property
    def text(self) -> str:
        """Return the whole token, to be shown once."""
        return f"jb_{self.mode}_{self.key_id}_{self.secret}"

    @property
    def secret_hash(self) -> str:
        """Return what is stored of the secret."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def matches(self, stored_hash: str | None) -> bool:
        """Compare in constant time; an unknown key (None) costs the same and never matches."""
        return hmac.compare_digest(self.secret_hash, stored_hash or _NO_HASH) and stored_hash is not None


def tokens_in(text: str) -> list[Token]:
    """Return the tokens that stand anywhere in a text, such as a query string."""
    return [Token(*found) for found in _TOKEN.findall(text)]


def _random(letters: str, length: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(length))
