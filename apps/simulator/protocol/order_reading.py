"""From the fields of a placeOrder to an order of the venue."""

from __future__ import annotations

from apps.simulator.exchange.admission import price_of
from apps.simulator.exchange.combo_orders import legs_of, side_of
from apps.simulator.exchange.kinds import kind_named, uses_aux, uses_limit
from apps.simulator.exchange.orders import Order
from apps.simulator.instruments.combos import BAG
from apps.simulator.instruments.instrument import Instrument
from apps.simulator.instruments.listings import AskedContract, right_of
from apps.simulator.layout import Values
from apps.simulator.wire import BadField, flag_of, number_of, whole

# Kept with the order because openOrder tells them back; the rest is either ours or already a field of Order.
_NOT_ECHOED = frozenset({
    "orderId", "conId", "symbol", "secType", "expiry", "strike", "right", "multiplier", "exchange",
    "primaryExchange", "currency", "localSymbol", "tradingClass", "secIdType", "secId", "transmit", "whatIf",
})  # fmt: skip
#: 0 is none; a request whose fields are off by one is caught here at the latest.
OCA_TYPES = range(4)


def _oca_type(text: str) -> int:
    value = whole(text)
    if value not in OCA_TYPES:
        raise BadField(f"not a type of an OCA group: {text[:40]}")
    return value


def asked_contract(values: Values) -> AskedContract:
    """Return the contract an order names."""
    return AskedContract(
        con_id=whole(values["conId"]),
        symbol=values["symbol"],
        sec_type=values["secType"],
        expiry=values["expiry"],
        strike=number_of(values["strike"]) or 0.0,
        right=right_of(values["right"]),
        exchange=values["exchange"],
        currency=values["currency"],
        local_symbol=values["localSymbol"],
        multiplier=values["multiplier"],
        trading_class=values["tradingClass"],
        sec_id_type=values["secIdType"],
        sec_id=values["secId"],
        legs=legs_of(values.get("legs", "")),
    )


def order_of(values: Values, instrument: Instrument, *, client_id: int) -> Order:
    """Return the order a client wants, not yet known to the venue. Raises BadField."""
    number_of(values["cashQty"])
    kind = kind_named(values["orderType"])
    return Order(
        perm_id=0,
        order_id=whole(values["orderId"]),
        client_id=client_id,
        con_id=instrument.con_id,
        exchange=values["exchange"] or instrument.exchange,
        action=side_of(values["action"]),
        quantity=number_of(values["totalQuantity"]) or 0.0,
        kind=kind,
        limit_price=price_of(values["lmtPrice"], used=uses_limit(kind)),
        aux_price=price_of(values["auxPrice"], used=uses_aux(kind)),
        tif=values["tif"].upper() or "DAY",
        oca_group=values["ocaGroup"],
        oca_type=_oca_type(values["ocaType"]),
        parent_id=whole(values["parentId"]),
        order_ref=values["orderRef"],
        transmit=flag_of(values["transmit"], default=True),
        account=values["account"],
        terms=_terms(values),
    )


def _terms(values: Values) -> dict[str, str]:
    """Return what is kept as it came; a combination has no other name than the one it was given."""
    left_out = _NOT_ECHOED - {"symbol", "currency"} if values["secType"] == BAG else _NOT_ECHOED
    return {name: text for name, text in values.items() if text and name not in left_out}
