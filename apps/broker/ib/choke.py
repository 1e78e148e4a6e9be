"""The last look at each order frame before the socket (spec/orders.md, traps F3 and F4).

First the intent itself: printable ASCII, bounded lengths, numbers inside the absolute envelope.
Then the frame the library built: its fields are read back and held against the intent, because
one NUL inside a symbol moves every field behind it. A mismatch means that nothing is written.
"""

import re
from collections.abc import Sequence
from decimal import Decimal

from apps.broker.ib.library import FIRST_REQUEST_ID
from apps.broker.ib.translate import ib_order_type, oca_type
from apps.broker.port import FrameRefused
from apps.domain.events import OrderFrame
from apps.domain.identity import plain

PLACE_ORDER = "3"

_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9 .\-/]{0,20}")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_PLAIN_NUMBER = re.compile(r"\d{1,8}(\.\d{1,8})?")
_MAX_LENGTHS = {
    "order_ref": 64,
    "account": 32,
    "symbol": 21,
    "sec_type": 8,
    "exchange": 24,
    "currency": 8,
    "time_in_force": 8,
    "oca_group": 64,
}
_OPTIONAL = frozenset({"oca_group"})

_QUANTITY = (Decimal(1), Decimal(10_000_000))
_PRICE = (Decimal("0.0001"), Decimal(1_000_000))

#: Fields of a plain order frame at 157, and the server versions that each add one more or take one away.
_FIELDS_AT_157 = 110
_ADDED_AT = (158, 160, 162, 166, 169)
_REMOVED_AT = (177,)
_OCA_TYPE, _WHAT_IF = 47, 85


def check_intent(frame: OrderFrame) -> None:
    """Let a frame pass whose every word and number is inside the envelope. Raises FrameRefused."""
    for name, cap in _MAX_LENGTHS.items():
        _check_text(name, getattr(frame, name), cap)
    if not _SYMBOL.fullmatch(frame.symbol):
        raise FrameRefused("the symbol is none", field="symbol")
    _check_ids(frame)
    _check_number("quantity", frame.quantity, _QUANTITY)
    _check_price("limit_price", frame.limit_price, is_needed=frame.order_type.needs_limit)
    _check_price("stop_price", frame.stop_price, is_needed=frame.order_type.needs_stop)


class Written:
    """The ids and references written in one broker session, each of them with one partner.

    A reference under a second id would be a second order, whatever made our rows forget the first.
    """

    def __init__(self) -> None:
        self._refs: dict[int, str] = {}
        self._ids: dict[str, int] = {}

    def check(self, frame: OrderFrame) -> None:
        """Let a frame pass whose id and reference are both new, or partners. Raises FrameRefused."""
        if self._refs.get(frame.ib_order_id, frame.order_ref) != frame.order_ref:
            raise FrameRefused("this order id belongs to another order", field="ib_order_id")
        if self._ids.get(frame.order_ref, frame.ib_order_id) != frame.ib_order_id:
            raise FrameRefused("this order was written under another id", field="order_ref")

    def keep(self, frame: OrderFrame) -> None:
        """Remember what was written."""
        self._refs[frame.ib_order_id] = frame.order_ref
        self._ids[frame.order_ref] = frame.ib_order_id


def check_built(fields: Sequence[str], frame: OrderFrame, *, server_version: int) -> None:
    """Let a built frame pass that says what the intent says, field by field. Raises FrameRefused."""
    if len(fields) != field_count(server_version):
        raise FrameRefused(f"the frame has {len(fields)} fields", field="count")
    for position, (built, meant) in enumerate(zip(fields, _head(frame), strict=False)):
        if built != meant:
            raise FrameRefused("the frame is not the intent", field=str(position))
    shift = 1 if server_version >= _REMOVED_AT[0] else 0
    if fields[_OCA_TYPE - shift] != str(oca_type(frame)):
        raise FrameRefused("the frame is not the intent", field="oca_type")
    if fields[_WHAT_IF - shift] != "0":
        raise FrameRefused("the frame is not the intent", field="what_if")


def field_count(server_version: int) -> int:
    """Return how many fields a plain order frame has, its message id included."""
    added = sum(server_version >= version for version in _ADDED_AT)
    return _FIELDS_AT_157 + added - sum(server_version >= version for version in _REMOVED_AT)


def _check_text(name: str, text: object, cap: int) -> None:
    if not isinstance(text, str) or not _PRINTABLE.fullmatch(text) or len(text) > cap:
        raise FrameRefused("a text is not printable ASCII of allowed length", field=name)
    if not text and name not in _OPTIONAL:
        raise FrameRefused("a text is missing", field=name)


def _check_ids(frame: OrderFrame) -> None:
    if not 0 < frame.ib_order_id < FIRST_REQUEST_ID:
        raise FrameRefused("the order id is out of range", field="ib_order_id")
    if not 0 <= frame.parent_ib_order_id < FIRST_REQUEST_ID:
        raise FrameRefused("the parent id is out of range", field="parent_ib_order_id")
    if not 0 < frame.ib_con_id < 2**31:
        raise FrameRefused("the contract id is out of range", field="ib_con_id")


def _check_number(name: str, value: Decimal, bounds: tuple[Decimal, Decimal]) -> None:
    low, high = bounds
    if not value.is_finite() or not low <= value <= high:
        raise FrameRefused("a number is outside the envelope", field=name)
    if not _PLAIN_NUMBER.fullmatch(plain(value)):
        raise FrameRefused("a number has too many digits", field=name)


def _check_price(name: str, value: Decimal | None, *, is_needed: bool) -> None:
    if (value is not None) is not is_needed:
        raise FrameRefused("a price does not fit the order type", field=name)
    if value is not None:
        _check_number(name, value, _PRICE)


def _head(frame: OrderFrame) -> list[str]:
    """Return the fields 0 to 34 as they must stand on the wire."""
    head = [PLACE_ORDER, str(frame.ib_order_id)]
    head += [str(frame.ib_con_id), frame.symbol, frame.sec_type, "", "0.0", "", ""]
    head += [frame.exchange, "", frame.currency, "", ""]
    head += ["", ""]  # secIdType, secId
    head += [frame.side.value, plain(frame.quantity), ib_order_type(frame.order_type)]
    head += [_price_text(frame.limit_price), _price_text(frame.stop_price)]
    head += [frame.time_in_force, frame.oca_group, frame.account, "O", "0", frame.order_ref]
    head += [_flag(frame.transmit), str(frame.parent_ib_order_id)]
    head += ["0", "0", "0", "0"]  # blockOrder, sweepToFill, displaySize, triggerMethod
    head += [_flag(frame.outside_rth), "0"]
    return head


def _price_text(price: Decimal | None) -> str:
    return "" if price is None else plain(price)


def _flag(value: bool) -> str:
    return "1" if value else "0"
