"""Would an order priced on this quote pass the rules of freshness and session now?

For callers who show a quote. The gates judge by their own rules and never ask here.
"""

from decimal import Decimal

from apps.domain.quotes import STALE_AFTER_S, MarketDataType, Quote

#: A spread above this share of the mid is too wide to price an order on.
WIDE_SPREAD = Decimal("0.05")

_TRADING = frozenset({"regular", "pre", "post"})


def tradeable(quote: Quote, session: str, *, now_boottime: float, proof_ok: bool) -> tuple[bool, list[str]]:
    """Return whether nothing speaks against it, and the codes of what does, in a fixed order.

    `session` is a word of `calendar.session_word` or `halted`; `now_boottime` is BOOTTIME of
    the host that received the quote, in seconds; `proof_ok` says that the mode is proven.
    """
    checks = (
        ("QUOTE_DELAYED", _is_delayed(quote)),
        ("QUOTE_STALE", quote.age_s(now_boottime) > STALE_AFTER_S or _is_frozen(quote)),
        ("SESSION_CLOSED", session not in _TRADING and session != "halted"),
        ("NO_BID", quote.bid is None or quote.bid <= 0),
        ("NO_ASK", quote.ask is None or quote.ask <= 0),
        ("WIDE_SPREAD", _is_wide(quote)),
        ("HALTED", quote.halted or session == "halted"),
        ("MODE_UNPROVEN", not proof_ok),
    )
    reasons = [code for code, found in checks if found]
    return not reasons, reasons


def _is_delayed(quote: Quote) -> bool:
    """Count prices of unknown kind as delayed: nobody said that they are not."""
    return quote.market_data_type is MarketDataType.UNKNOWN or quote.market_data_type.delay_seconds > 0


def _is_frozen(quote: Quote) -> bool:
    return quote.market_data_type in {MarketDataType.FROZEN, MarketDataType.DELAYED_FROZEN}


def _is_wide(quote: Quote) -> bool:
    if quote.bid is None or quote.ask is None or quote.mid is None or quote.mid <= 0:
        return False
    return (quote.ask - quote.bid) / quote.mid > WIDE_SPREAD
