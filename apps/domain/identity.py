"""Names of an order that are functions of the order itself (spec/orders.md section 3).

`order_ref` depends on nothing stored, so a lost or restored database maps the same
request to the same name on the wire and cannot double it.
"""

import hashlib
import json
import re
from base64 import b32encode
from decimal import Decimal

from apps.domain.orders import OrderTicket

ORDER_REF_PREFIX = "jb:"
_ORDER_REF_BODY = 26
_CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,63}")


def order_ref(account: str, client_order_id: str) -> str:
    """Return our name of an order on the wire: 29 characters, the same for ever."""
    digest = hashlib.sha256(f"{account}|{client_order_id}".encode()).digest()
    return ORDER_REF_PREFIX + b32encode(digest).decode("ascii")[:_ORDER_REF_BODY]


def is_our_ref(text: str) -> bool:
    """Tell whether a name on the wire was made by us."""
    return text.startswith(ORDER_REF_PREFIX)


def is_client_order_id(text: str) -> bool:
    """Tell whether `text` may serve as an idempotency key."""
    return _CLIENT_ORDER_ID.fullmatch(text) is not None


def plain(number: Decimal) -> str:
    """Return `number` as plain decimal text without exponent or trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def fingerprint(ticket: OrderTicket) -> str:
    """Return the SHA-256 of what is asked for, equal for equal orders on every surface.

    The tag and the time to expiry are about the request, not the order, and stay out.
    """
    words = {
        "account": ticket.account,
        "symbol": ticket.symbol,
        "side": ticket.side,
        "order_type": ticket.order_type,
        "quantity": plain(ticket.quantity),
        "limit_price": None if ticket.limit_price is None else plain(ticket.limit_price),
        "stop_price": None if ticket.stop_price is None else plain(ticket.stop_price),
        "time_in_force": ticket.time_in_force,
        "outside_rth": ticket.outside_rth,
    }
    canonical = json.dumps(words, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
