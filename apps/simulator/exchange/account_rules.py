"""What the account and the settings of its gateway let an order be, with IB's codes.

Rules look and answer, like those of admission.py, which asks them among its own. The
settings are policies.py.
"""

from __future__ import annotations

import json

from apps.simulator.exchange.orders import Order
from apps.simulator.exchange.refusals import Admission, Refusal, Rule, invalid
from apps.simulator.instruments.universe import instrument_of
from apps.simulator.wire import flag_of, number_of

# What advancedErrorOverride must name to pass a precaution; told with the refusal since 166.
SIZE_QUESTION, PRICE_QUESTION = "8229=SIZELIMIT", "8229=PRICEPERCENT"
_SEE_SETTINGS = "Restriction is specified in Precautionary Settings of Global Configuration/Presets."


def right_account(asked: Admission) -> Refusal | None:
    order = asked.order
    if order.account in ("", asked.account):
        if order.account or not asked.policies.must_name_account:
            return None
        if order.terms.get("faGroup"):
            return Refusal(
                436, "You must specify an allocation (either a single account, group, or profile)."
            )
        return Refusal(435, "You must specify an account.")
    return Refusal(321, "Error validating request.-'bP' : cause - Invalid account code")


def permitted(asked: Admission) -> Refusal | None:
    instrument = instrument_of(asked.order.con_id)
    if instrument.sec_type in asked.policies.no_permission:
        return Refusal(460, "No trading permissions.")
    if instrument.symbol in asked.policies.not_allowed:
        return Refusal(203, "The security is not available or allowed for this account.")
    return None


def within_size_limit(asked: Admission) -> Refusal | None:
    limit = asked.policies.size_limit
    if not limit or asked.order.quantity <= limit or _is_overridden(asked.order, SIZE_QUESTION):
        return None
    text = f"The following order size exceeds the Size Limit of {limit:g}.\n{_SEE_SETTINGS}"
    return Refusal(383, text, reject_json=_question(SIZE_QUESTION, text))


def within_price_limits(asked: Admission) -> Refusal | None:
    """Refuse prices that are far from the market: 163 limits, 109 stops, 164 without a market, 382 ticks."""
    order, policies = asked.order, asked.policies
    if not (policies.price_percent or policies.tick_limit) or _passes_precautions(order):
        return None
    for price, code in ((order.limit_price, 163), (order.aux_price if order.is_stop else None, 109)):
        refusal = _too_far(asked, price, code) if price else None
        if refusal is not None:
            return refusal
    return None


def _too_far(asked: Admission, price: float, code: int) -> Refusal | None:
    policies = asked.policies
    if asked.price <= 0:
        return Refusal(164, "There is no market data to check price percent violations.")
    away = abs(price - asked.price)
    if policies.price_percent and away > asked.price * policies.price_percent / 100:
        text = f"The following order price exceeds the Percentage constraint of {policies.price_percent:g}%."
        text = f"{text}\n{_SEE_SETTINGS}"
        return Refusal(code, text, reject_json=_question(PRICE_QUESTION, text))
    if policies.tick_limit and away > policies.tick_limit * instrument_of(asked.order.con_id).point:
        text = f"The following order price exceeds the Number of ticks constraint of {policies.tick_limit:g}."
        return Refusal(382, f"{text}\n{_SEE_SETTINGS}", reject_json=_question(PRICE_QUESTION, text))
    return None


def _passes_precautions(order: Order) -> bool:
    is_waved_through = flag_of(order.terms.get("overridePercentageConstraints", ""))
    return is_waved_through or _is_overridden(order, PRICE_QUESTION)


def _is_overridden(order: Order, question: str) -> bool:
    return question in order.terms.get("advancedErrorOverride", "").split(",")


def _question(code: str, text: str) -> str:
    """Return what a client may show its user: the question, and the words that answer it."""
    return json.dumps({"rejects": [{"text": text, "options": [{"type": "FIX", "id": code}]}]})


def sound_cash_quantity(asked: Admission) -> Refusal | None:
    order = asked.order
    cash = number_of(order.terms.get("cashQty", "")) or 0.0
    if not cash:
        return None
    if instrument_of(order.con_id).sec_type not in ("STK", "CASH", "CRYPTO") or order.kind not in (
        "MKT",
        "LMT",
    ):
        return Refusal(10244, "Cash quantity cannot be used for this order.")
    return None if cash > 0 else invalid("Please enter a positive cash quantity")


ACCOUNT_RULES: tuple[Rule, ...] = (
    right_account, permitted, sound_cash_quantity, within_size_limit, within_price_limits,
)  # fmt: skip
