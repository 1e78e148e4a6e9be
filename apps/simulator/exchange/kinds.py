"""The kinds of orders: what each needs, what it waits for, and where it is not taken.

A table and look-ups. How a kind is priced is pricing.py, when it is triggered triggers.py.
"""

from __future__ import annotations

from dataclasses import dataclass

ANYWHERE: frozenset[str] = frozenset()
_FUTURES = frozenset({"FUT", "FOP"})
_STOCKS = frozenset({"STK", "CFD"})
_OPTIONS = frozenset({"OPT", "FOP", "BAG"})
_LISTED = frozenset({"STK", "CFD", "FUT", "OPT", "FOP", "BAG"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of order. `sec_types` are those it is taken for; empty means all."""

    name: str
    needs_limit: bool = False
    takes_limit: bool = False
    needs_aux: bool = False
    takes_aux: bool = False
    is_stop: bool = False
    is_touched: bool = False
    trails: bool = False
    is_pegged: bool = False
    is_snapped: bool = False
    is_at_close: bool = False
    is_played: bool = True
    sec_types: frozenset[str] = ANYWHERE

    @property
    def waits_for_trigger(self) -> bool:
        """Return whether it sleeps until the market reaches a price."""
        return self.is_stop or self.is_touched

    @property
    def is_market(self) -> bool:
        """Return whether, once it is awake, it takes any price."""
        return self.name in ("MKT", "STP", "TRAIL", "MIT", "MOC")


_KINDS = (
    Kind("MKT"),
    Kind("LMT", needs_limit=True),
    Kind("STP", needs_aux=True, is_stop=True),
    Kind("STP LMT", needs_limit=True, needs_aux=True, is_stop=True),
    Kind("TRAIL", takes_aux=True, is_stop=True, trails=True),
    Kind("TRAIL LIMIT", takes_limit=True, takes_aux=True, is_stop=True, trails=True),
    Kind("MIT", needs_aux=True, is_touched=True),
    Kind("LIT", needs_limit=True, needs_aux=True, is_touched=True),
    Kind("MOC", is_at_close=True, sec_types=_STOCKS | _FUTURES),
    Kind("LOC", needs_limit=True, is_at_close=True, sec_types=_STOCKS | _FUTURES),
    Kind("MTL"),
    Kind("REL", takes_limit=True, takes_aux=True, is_pegged=True, sec_types=_LISTED),
    Kind("PASSV REL", takes_limit=True, takes_aux=True, is_pegged=True, sec_types=_LISTED),
    Kind("PEG MKT", takes_limit=True, takes_aux=True, is_pegged=True, sec_types=_STOCKS),
    Kind("PEG MID", takes_limit=True, takes_aux=True, is_pegged=True, sec_types=_STOCKS),
    Kind("PEG BEST", takes_limit=True, takes_aux=True, is_pegged=True, sec_types=_STOCKS),
    Kind("PEG BENCH", takes_limit=True, takes_aux=True, is_pegged=True, sec_types=_LISTED),
    Kind("MIDPRICE", takes_limit=True, is_pegged=True, sec_types=_STOCKS),
    Kind("SNAP MKT", takes_aux=True, is_snapped=True, sec_types=_STOCKS),
    Kind("SNAP MID", takes_aux=True, is_snapped=True, sec_types=_STOCKS),
    Kind("SNAP PRIM", takes_aux=True, is_snapped=True, sec_types=_STOCKS),
    Kind("MKT PRT", sec_types=_FUTURES),
    Kind("STP PRT", needs_aux=True, is_stop=True, sec_types=_FUTURES),
    Kind("BOX TOP", sec_types=_OPTIONS),
    Kind("VOL", is_played=False),
    Kind("PEG STK", is_played=False),
)
KINDS = {one.name: one for one in _KINDS}
_BY_SPELLING = {
    **{one.name.replace(" ", ""): one.name for one in _KINDS},
    "PEGPRI": "REL",
    "PEGPRIM": "REL",
    "TRAILLMT": "TRAIL LIMIT",
    "STOP": "STP",
    "STOPLIMIT": "STP LMT",
    "MIDPX": "MIDPRICE",
}


def kind_named(text: str) -> str:
    """Return IB's name of a kind from any client's spelling; an unknown one comes back as it is."""
    return _BY_SPELLING.get(text.upper().replace(" ", "").replace("_", ""), text)


def uses_limit(kind: str) -> bool:
    """Return whether the limit price of an order means something; unused ones arrive as 0.0."""
    found = KINDS.get(kind)
    return found is not None and (found.needs_limit or found.takes_limit)


def uses_aux(kind: str) -> bool:
    """Return whether the auxiliary price (stop, trailing amount, offset) means something."""
    found = KINDS.get(kind)
    return found is not None and (found.needs_aux or found.takes_aux)
