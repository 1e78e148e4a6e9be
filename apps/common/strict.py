"""A JSON parser and fields that refuse what DRF forgives.

A typo, a homoglyph or a number in a strange spelling must not become another order than
the caller meant. Numbers go to Decimal from their own text and never through float; what
is refused, and with which code, is the table of spec/faults.md 5.1 and 5.2.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from io import BytesIO
from typing import IO, Any, NoReturn

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.parsers import BaseParser

from apps.domain.errors import DomainError
from apps.domain.instruments import InvalidSymbol, normalise_symbol

MAX_BYTES = 16 * 1024
MAX_DEPTH = 8
MAX_DIGITS = 40
MAX_EXPONENT = 400

_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_PLAIN_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class InvalidJson(DomainError):
    """The body is not one JSON object in UTF-8."""

    code = "VALIDATION_JSON"


class BodyTooLarge(DomainError):
    """The body is larger than 16 KiB."""

    code = "BODY_TOO_LARGE"


class ExponentDecimal(Decimal):
    """A number that was written with an exponent; no field of ours accepts it."""


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON text: integers as int, other numbers as Decimal.

    Raises BodyTooLarge or InvalidJson: over 16 KiB or 8 levels, duplicate keys, NaN or
    Infinity, a number of more than 40 digits, not UTF-8, a BOM, a NUL or a lone surrogate.
    """
    if len(body) > MAX_BYTES:
        raise BodyTooLarge
    if _depth(body) > MAX_DEPTH:
        raise InvalidJson(f"Nested deeper than {MAX_DEPTH} levels")
    try:
        value = _decoder.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidJson("Not UTF-8") from error
    except json.JSONDecodeError as error:
        raise InvalidJson(f"Not JSON at character {error.pos}") from error
    _refuse_bad_text(value)
    return value


class StrictJSONParser(BaseParser):
    """Reads one JSON object.

    An empty body and `null` count as `{}` where the view sets `empty_body_is_object`.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the object in the stream."""
        body = stream.read(MAX_BYTES + 1)
        forgiving = getattr((parser_context or {}).get("view"), "empty_body_is_object", False)
        if forgiving and len(body) <= MAX_BYTES and not body.strip(b" \t\r\n"):
            return {}
        value = parse_json(body)
        if value is None and forgiving:
            return {}
        if not isinstance(value, dict):
            raise InvalidJson("Not a JSON object")
        return value


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know; a known field that is null counts as absent.

    Every error carries one of our codes, and all errors of a body are told at once.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated values or raise a ValidationError with our codes."""
        if not isinstance(data, Mapping):
            error = ErrorDetail("Must be a JSON object", code="VALIDATION_JSON")
            raise ValidationError({"non_field_errors": [error]})
        known = {field.field_name for field in self._writable_fields}
        errors: dict[str, Any] = {
            name: [ErrorDetail("Unknown field", code="VALIDATION_UNKNOWN_FIELD")]
            for name in data
            if name not in known
        }
        try:
            values = super().to_internal_value(
                {name: value for name, value in data.items() if value is not None}
            )
        except ValidationError as error:
            detail = error.detail
            raise ValidationError(errors | detail if isinstance(detail, dict) else detail) from error
        if errors:
            raise ValidationError(errors)
        return values


class _Strict(serializers.Field[Any, Any, Any, Any]):
    """What all strict fields share: `code` is the code of a malformed or missing value."""

    default_code = "VALIDATION_CHOICE"

    def __init__(self, *, code: str = "", **options: Any) -> None:
        self.code = code or self.default_code
        super().__init__(**options)

    def fail(self, key: str, **values: Any) -> NoReturn:
        """Raise the error `key` under our code of this field."""
        text = "Is required" if key in {"required", "null"} else f"Is not valid: {key}"
        self.refuse(text)

    def refuse(self, text: str, code: str = "") -> NoReturn:
        """Raise an error with a sentence for the caller."""
        raise ValidationError(text, code=code or self.code)

    def to_representation(self, value: Any) -> Any:
        """Return the value as it is."""
        return value


class StrictIntegerField(_Strict):
    """A JSON integer literal: no point, no exponent, no string, no boolean."""

    default_code = "VALIDATION_RANGE"

    def __init__(
        self,
        *,
        min_value: int = 0,
        max_value: int = 2**63 - 1,
        low_code: str = "VALIDATION_RANGE",
        **options: Any,
    ) -> None:
        self.min_value, self.max_value, self.low_code = min_value, max_value, low_code
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> int:
        """Return the integer or refuse."""
        if not isinstance(data, int) or isinstance(data, bool):
            self.refuse("Must be a whole number without quotes, point or exponent")
        if data < self.min_value:
            self.refuse(f"Must be at least {self.min_value}", self.low_code)
        if data > self.max_value:
            self.refuse(f"Must be at most {self.max_value}", "VALIDATION_RANGE")
        return data


class StrictDecimalField(_Strict):
    """A JSON number, or a string, in plain ASCII decimal form with at most `places` decimals.

    `whole` demands an integer value, in whatever form it is written.
    """

    default_code = "VALIDATION_PRICE"

    def __init__(
        self,
        *,
        min_value: Decimal | None = None,
        max_value: Decimal | None = None,
        places: int = 8,
        whole: bool = False,
        low_code: str = "VALIDATION_RANGE",
        **options: Any,
    ) -> None:
        self.min_value, self.max_value, self.low_code = min_value, max_value, low_code
        self.places, self.whole = places, whole
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Decimal:
        """Return the decimal or refuse."""
        value = self._number(data)
        if self.min_value is not None and value < self.min_value:
            self.refuse(f"Must be at least {self.min_value}", self.low_code)
        if self.max_value is not None and value > self.max_value:
            self.refuse(f"Must be at most {self.max_value}", "VALIDATION_RANGE")
        if isinstance(value, ExponentDecimal):
            self.refuse("Must be written without an exponent")
        if self.whole and value != value.to_integral_value():
            self.refuse("Must be a whole number")
        if _significant_places(value) > self.places:
            self.refuse(f"Must have at most {self.places} decimals", "VALIDATION_RANGE")
        return value

    def to_representation(self, value: Any) -> str:
        """Return the decimal as plain text."""
        return format(Decimal(value), "f")

    def _number(self, data: Any) -> Decimal:
        match data:
            case bool():
                return self.refuse("Must be a number")
            case Decimal():
                return data
            case int():
                return Decimal(data)
            case str() if len(data) <= MAX_DIGITS and _PLAIN_DECIMAL.fullmatch(data):
                return Decimal(data)
        return self.refuse("Must be a number, or a string in plain decimal form")


class QuantityField(StrictIntegerField):
    """Shares on the frozen surfaces: a JSON integer literal from 1 to 10,000,000."""

    default_code = "VALIDATION_QUANTITY"

    def __init__(
        self,
        *,
        min_value: int = 1,
        max_value: int = 10_000_000,
        low_code: str = "VALIDATION_QUANTITY",
        **options: Any,
    ) -> None:
        super().__init__(min_value=min_value, max_value=max_value, low_code=low_code, **options)


class NativeQuantityField(StrictDecimalField):
    """Shares on the native surface: any plain form with an integer value, 1 to 10,000,000."""

    default_code = "VALIDATION_QUANTITY"

    def __init__(self, **options: Any) -> None:
        options.setdefault("min_value", Decimal(1))
        options.setdefault("max_value", Decimal(10_000_000))
        super().__init__(whole=True, low_code="VALIDATION_QUANTITY", **options)

    def to_internal_value(self, data: Any) -> Decimal:
        """Return the quantity without decimals, so that 10, "10" and "10.0" are one."""
        return super().to_internal_value(data).to_integral_value()


class PriceField(StrictDecimalField):
    """A price inside the absolute envelope: 0.0001 to 1,000,000, at most 8 decimals."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("min_value", Decimal("0.0001"))
        options.setdefault("max_value", Decimal(1_000_000))
        super().__init__(**options)


class StrictBooleanField(_Strict):
    """A JSON boolean and nothing that looks like one."""

    def to_internal_value(self, data: Any) -> bool:
        """Return the boolean or refuse."""
        if not isinstance(data, bool):
            self.refuse("Must be true or false")
        return data


class StrictChoiceField(_Strict):
    """One of some words. With `upper` ASCII lower case is read as upper case."""

    def __init__(self, choices: Iterable[str], *, upper: bool = False, **options: Any) -> None:
        self.choices = {str(choice): choice for choice in choices}
        self.upper = upper
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Any:
        """Return the choice or refuse."""
        word = data.upper() if self.upper and isinstance(data, str) and data.isascii() else data
        if not isinstance(word, str) or word not in self.choices:
            self.refuse(f"Must be one of {', '.join(self.choices)}")
        return self.choices[word]


class StrictTextField(_Strict):
    """A string of visible characters, taken as it is: nothing is stripped or converted.

    `pattern` must match the whole text. Control characters, zero-width characters, line
    breaks and unassigned code points are refused, and blank edges too.
    """

    def __init__(self, *, max_length: int, min_length: int = 1, pattern: str = "", **options: Any) -> None:
        self.max_length, self.min_length = max_length, min_length
        self.pattern = re.compile(pattern) if pattern else None
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> str:
        """Return the text or refuse."""
        if not isinstance(data, str):
            self.refuse("Must be a string")
        if not self.min_length <= len(data) <= self.max_length:
            self.refuse(f"Must have {self.min_length} to {self.max_length} characters")
        if data != data.strip() or any(unicodedata.category(char) in _FORBIDDEN_CATEGORIES for char in data):
            self.refuse("Must not have invisible characters or blank edges")
        if self.pattern and not self.pattern.fullmatch(data):
            self.refuse("Is not of the required form")
        return data


class ClientKeyField(StrictTextField):
    """A caller's idempotency key: 8 to 64 of A-Z a-z 0-9 . _ : - beginning with a letter or digit."""

    default_code = "VALIDATION_KEY"

    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=8, max_length=64, pattern=r"[A-Za-z0-9][A-Za-z0-9._:-]{7,63}", **options)


class SymbolField(_Strict):
    """The symbol of an instrument, brought to its one spelling: `brk.b` becomes `BRK B`."""

    default_code = "VALIDATION_SYMBOL"

    def to_internal_value(self, data: Any) -> str:
        """Return the normalised symbol or refuse."""
        if not isinstance(data, str):
            self.refuse("Must be a string")
        try:
            return normalise_symbol(data)
        except InvalidSymbol as error:
            self.refuse(error.detail)


def stream_of(body: bytes) -> IO[bytes]:
    """Return a body as the stream a parser reads."""
    return BytesIO(body)


def _depth(body: bytes) -> int:
    depth = deepest = 0
    for token in _STRUCTURE.finditer(body):
        first = token[0][:1]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise InvalidJson("A number has too many digits")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise InvalidJson("A number has too many digits")
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise InvalidJson("A number is out of any range") from error
    if abs(value.adjusted()) > MAX_EXPONENT:
        raise InvalidJson("A number is out of any range")
    return ExponentDecimal(value) if "e" in text.lower() else value


def _constant(text: str) -> NoReturn:
    raise InvalidJson(f"{text} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidJson("An object names a key twice")
    return found


def _refuse_bad_text(value: Any) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_bad_text(name)
            _refuse_bad_text(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_bad_text(inner)
    elif isinstance(value, str) and any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
        raise InvalidJson("A string holds NUL or half a surrogate pair")


def _significant_places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer, parse_constant=_constant
)
