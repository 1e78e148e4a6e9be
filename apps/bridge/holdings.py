"""What accounts hold and are worth, as both frozen dialects show it."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.access.callers import Caller
from apps.accounts.selectors import account_by_code, account_values, accounts
from apps.bridge import render
from apps.bridge.callers import visible_accounts
from apps.bridge.numbers import number_or_none
from apps.bridge.rows import AccountRow
from apps.common.clock import boottime
from apps.domain.errors import DomainError
from apps.domain.quotes import STALE_AFTER_S, Quote
from apps.marketdata import board
from apps.orders.selectors import open_orders
from apps.positions.selectors import pnl, positions

#: The broker repeats account values every three minutes; two misses are suspicious.
STALE_AFTER = timedelta(minutes=7)


class NeverSeen(DomainError):
    """The broker has not sent the values of this account yet"""

    code = "BROKER_NOT_READY"


def account_picture(account: AccountRow, *, caller: Caller, now: datetime) -> dict[str, Any]:
    """Return the answer of GET /account. Raises NeverSeen rather than showing zeros."""
    row = account_by_code(account.code)
    values, today = account_values(row), pnl(row)
    if values.as_of is None:
        raise NeverSeen(retry_after_s=2)
    body = render.account_body(
        values, code=account.code, mode=account.mode, is_stale=now - values.as_of > STALE_AFTER
    )
    daily = None if today is None else number_or_none(today.daily)
    codes = [row.code for row in accounts(visible_accounts(caller))]
    return body | {"daily_pnl": daily, "accounts": codes}


def positions_picture(
    codes: Collection[str] | None, *, all_types: bool, now: datetime
) -> list[dict[str, Any]]:
    """Return the elements of `positions`; marked by our own quote where it is fresh."""
    waiting = _open_quantities(codes)
    bodies = []
    for row in positions(codes, all_types=all_types):
        quote = _fresh_quote(row.instrument.ib_con_id, row.instrument.sec_type)
        body = render.position_body(
            row,
            quote=quote,
            open_quantity=waiting[row.account.code, row.instrument.ib_con_id],
            is_stale=quote is None and now - row.as_of > STALE_AFTER,
        )
        bodies.append(body)
    return bodies


def _open_quantities(codes: Collection[str] | None) -> dict[tuple[str, int], Decimal]:
    found: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for account in accounts(codes):
        for order in open_orders(account):
            found[account.code, order.instrument.ib_con_id] += order.remaining_quantity
    return found


def _fresh_quote(ib_con_id: int, sec_type: str) -> Quote | None:
    """Our quotes mark stocks only: a contract's multiplier is the broker's business."""
    quote = board.get(ib_con_id) if sec_type == "STK" else None
    return quote if quote is not None and quote.age_s(boottime()) <= STALE_AFTER_S else None
