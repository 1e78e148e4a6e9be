"""Accounts, people and machines taken out of frames before anything is kept of them.

Each name gets a stand-in that is the same everywhere in one recording, so that answers
still fit their requests: DU1234567 becomes DU0000001 wherever it stands. Binary frames
cannot be looked into; that is said by whoever meets them (proxy.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from apps.simulator.frames.describe import Described

# The letters tell paper from live and advisor from client, so they stay: DU, U, DF, F, DI, I.
_ACCOUNT = r"(?<![A-Za-z0-9])(?:D?[UFI][A-Z]{0,2})\d{5,9}[A-Z]?(?![A-Za-z0-9])"
# Every part has a greatest length, or a text of megabytes without a blank would be searched for hours.
_MAIL = r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
_HOST = (
    r"(?<=://)[^/\s:\"<>]{1,255}"
    r"|(?<![\w.-])(?:[A-Za-z0-9-]{1,63}\.){1,8}(?:com|net|org|io|dev|app|cloud|local|localdomain|lan|home|internal|corp)\b"
)
_ADDRESS = r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])"
# What is looked for everywhere, and the mark without which it need not be looked for.
_ALWAYS = (
    ("account", re.compile(_ACCOUNT), ""),
    ("mail", re.compile(_MAIL), "@"),
    ("host", re.compile(_HOST), "."),
    ("address", re.compile(_ADDRESS), "."),
)
_STAND_INS = {
    "mail": "MAIL",
    "host": "host",
    "address": "host",
    "word": "MASKED",
    "name": "NAME",
    "ref": "REF",
}

_ACCOUNT_FIELDS = frozenset({
    "account", "accounts", "accountId", "clearingAccount", "deltaNeutralClearingAccount",
})  # fmt: skip
_PERSONAL_FIELDS = frozenset({
    "group", "faGroup", "faProfile", "modelCode", "settlingFirm", "deltaNeutralSettlingFirm", "extOperator",
    "mifid2DecisionMaker", "mifid2DecisionAlgo", "mifid2ExecutionTrader", "mifid2ExecutionAlgo",
    "whiteBrandingId", "familyCode", "apiName", "apiData", "opaqueIsvKey", "xyzResponse",
})  # fmt: skip
# Where people write, a learned name is taken out of the middle; elsewhere it could be an exchange's.
_FREE_TEXTS = frozenset({
    "text", "xml", "json", "message", "warningText", "completedStatus", "headline", "orderRef", "value",
    "advancedOrderRejectJson", "groups",
})  # fmt: skip
_PERSONAL_KEY = re.compile("name|alias|owner|holder|user", re.IGNORECASE)
_PERSONAL_XML = re.compile(r"<(?:name|alias|account|acct|String|defaultAccount)>([^<]+)<")
_ACCOUNT_NUMBER = re.compile(_ACCOUNT)
_NO_NAMES = frozenset({"", "all", "default", "none"})
# Shorter names would be found inside ordinary words.
_SHORTEST_NAME = 4


class Mask:
    """The stand-ins of one recording; it learns names as it meets them."""

    def __init__(self, *, words: Iterable[str] = (), masks_order_ref: bool = False) -> None:
        self._masks_order_ref = masks_order_ref
        self._stand_ins: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._anywhere = {one.lower(): "word" for one in words if one}
        self._in_texts: dict[str, str] = {}
        self._compile()

    def masked(self, told: Described) -> Described:
        """Return a frame without names."""
        for name, text in told.fields:
            self._learn_from(_plain(name), text)
        self._learn_from_pairs(told)
        fields = tuple((name, self._field(_plain(name), text)) for name, text in told.fields)
        return replace(told, fields=fields, left=tuple(self.text(one) for one in told.left))

    def text(self, text: str) -> str:
        """Return a free text with a stand-in for every name in it."""
        return self._replaced(text, self._text_pattern)

    def _replaced(self, text: str, learned: re.Pattern[str] | None) -> str:
        if learned is not None:
            text = learned.sub(self._learned_stand_in, text)
        for kind, pattern, mark in _ALWAYS:
            if mark in text:
                text = pattern.sub(partial(self._stand_in_of, kind), text)
        return text

    def _field(self, name: str, text: str) -> str:
        if not text or text.isdecimal():
            return text
        if name == "orderRef" and self._masks_order_ref:
            return self._stand_in("ref", text)
        if name in _PERSONAL_FIELDS and text.lower() not in _NO_NAMES:
            return self._stand_in("name", text.lower())
        return self._replaced(text, self._text_pattern if name in _FREE_TEXTS else self._pattern)

    # --- learning ------------------------------------------------------------------------

    def _learn_from(self, name: str, text: str) -> None:
        if name in _ACCOUNT_FIELDS:
            for one in text.split(","):
                self._learn(one, self._anywhere)
        elif name in _PERSONAL_FIELDS:
            self._learn(text, self._in_texts)
        elif name == "xml":
            for one in _PERSONAL_XML.findall(text):
                self._learn(one, self._in_texts)

    def _learn_from_pairs(self, told: Described) -> None:
        key = told.value("key") or told.value("tag")
        if key and _PERSONAL_KEY.search(key):
            self._learn(told.value("value") or "", self._in_texts)

    def _learn(self, text: str, names: dict[str, str]) -> None:
        text = text.strip()
        if len(text) < _SHORTEST_NAME or text.isdecimal() or _ACCOUNT_NUMBER.fullmatch(text):
            return
        if text.lower() not in (*names, *_NO_NAMES):
            names[text.lower()] = "name"
            self._compile()

    def _compile(self) -> None:
        self._pattern = _pattern_of(self._anywhere)
        self._text_pattern = _pattern_of({**self._in_texts, **self._anywhere})

    # --- standing in ---------------------------------------------------------------------

    def _learned_stand_in(self, found: re.Match[str]) -> str:
        name = found[0].lower()
        return self._stand_in(self._anywhere.get(name) or self._in_texts[name], name)

    def _stand_in_of(self, kind: str, found: re.Match[str]) -> str:
        return self._account(found[0]) if kind == "account" else self._stand_in(kind, found[0])

    def _account(self, text: str) -> str:
        number = text.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        letters = number.rstrip("0123456789")
        return self._numbered("account", number, form=f"{letters}{{:07d}}") + text.removeprefix(number)

    def _stand_in(self, kind: str, text: str) -> str:
        form = "{:04d}.invalid" if kind in ("host", "address") else "{:04d}"
        return self._numbered(_STAND_INS[kind], text, form=_STAND_INS[kind] + form)

    def _numbered(self, kind: str, text: str, *, form: str) -> str:
        key = f"{kind}:{text}"
        if key not in self._stand_ins:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._stand_ins[key] = form.format(self._counts[kind])
        return self._stand_ins[key]


def _pattern_of(learned: dict[str, str]) -> re.Pattern[str] | None:
    longest_first = sorted(learned, key=lambda one: (-len(one), one))
    names = "|".join(re.escape(one) for one in longest_first)
    return re.compile(rf"(?<![A-Za-z0-9])(?:{names})(?![A-Za-z0-9])", re.IGNORECASE) if names else None


def _plain(name: str) -> str:
    """Return a field's name without its place in a list."""
    return name.rpartition(".")[2]
