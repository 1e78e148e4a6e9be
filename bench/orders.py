"""Plain orders as a bench sends them."""

from __future__ import annotations

from bench.tick_client import contract


def place_order(
    order_id: int,
    symbol: str,
    *,
    action: str = "BUY",
    quantity: int = 1,
    kind: str = "MKT",
    limit: float | str = "",
) -> list[object]:
    """Return the fields of a placeOrder for a stock, as a client at 176 writes them."""
    head: list[object] = [3, order_id, *contract(symbol), "", ""]
    terms: list[object] = [action, quantity, kind, limit, "", "DAY", "", "", "O", 0, "", 1, 0]
    flags: list[object] = [0, 0, 0, 0, 0, 0]
    advanced: list[object] = ["", "", "", "", "", "", "", ""]
    sale: list[object] = ["", 0, "", -1, 0, "", "", 0, "", "", 0, 0, "", 0]
    volatility: list[object] = ["", "", "", "", "", 0, "", "", "", ""]
    scale: list[object] = [0, "", "", "", "", "", ""]
    rest: list[object] = ["", "", "", "", 0, "", "", 0, 0, "", "", 0]
    flags_of_dice: list[object] = ["", 0, 0, 0, 0]
    adjusted: list[object] = [""] * 11
    regulation: list[object] = ["", "", "", "", 0, 0, 0, ""]
    since: list[object] = ["", "", 0, "", ""]
    parts = (head, terms, flags, advanced, sale, volatility, scale, rest, flags_of_dice, adjusted, regulation)
    return [one for part in (*parts, since) for one in part]
