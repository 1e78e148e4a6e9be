"""Every control: at the limit it passes, one step beyond it refuses; whatever raises refuses."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.domain.instruments import InstrumentSpec, TickRule, normalise_symbol
from apps.domain.mode import Mode, ProofState
from apps.domain.orders import OrderTicket, OrderType, Side, TimeInForce
from apps.domain.risk.gate import evaluate
from apps.domain.risk.limits import (
    CEILINGS,
    LIVE_DEFAULTS,
    PAPER_DEFAULTS,
    UnreadableLimits,
    defaults_for,
    from_values,
    to_values,
)
from apps.domain.risk.rules import RULES, notional, shrinks
from apps.domain.risk.snapshot import Exposure, Snapshot, TradingStateName, worst_case

SPEC = InstrumentSpec(
    ib_con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    primary_exchange="NASDAQ",
    currency="USD",
    local_symbol="AAPL",
    trading_class="NMS",
    name="Apple Inc",
    multiplier="",
    min_tick=Decimal("0.01"),
    lot_size=Decimal(1),
    time_zone="US/Eastern",
    trading_hours="",
    liquid_hours="",
    tick_rules=(TickRule(Decimal(0), Decimal("0.0001")), TickRule(Decimal(1), Decimal("0.01"))),
)
SEEN = Snapshot(
    states=(TradingStateName.ACTIVE,),
    proof=ProofState.PROVEN,
    instrument=SPEC,
    position=Decimal(0),
    position_most=Decimal(0),
    same_instrument=(),
    not_closed=0,
    reference=Decimal(100),
    reference_source="quote",
    quote_age_s=Decimal("0.2"),
    quote_is_live=True,
    is_halted_at_exchange=False,
)
BUY = OrderTicket(
    account="DU1",
    symbol="AAPL",
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    quantity=Decimal(10),
    limit_price=Decimal(100),
)
SELL = replace(BUY, side=Side.SELL)
LONG_10 = replace(SEEN, position=Decimal(10), position_most=Decimal(10))


def codes(ticket: OrderTicket, seen: Snapshot = SEEN) -> list[str]:
    return evaluate(ticket, seen, PAPER_DEFAULTS).codes


class TestControls:
    @pytest.mark.parametrize(
        ("ticket", "seen", "code"),
        [
            ({"quantity": Decimal(1000)}, {}, None),
            ({"quantity": Decimal(1001), "limit_price": Decimal(90)}, {}, "RISK_MAX_QTY"),
            ({"quantity": Decimal(1000), "limit_price": Decimal("100.01")}, {}, "RISK_MAX_NOTIONAL"),
            ({"limit_price": Decimal(110)}, {}, None),
            ({"limit_price": Decimal("110.01")}, {}, "RISK_PRICE_COLLAR"),
            ({"limit_price": Decimal(80)}, {}, None),
            ({"limit_price": Decimal("79.99")}, {}, "RISK_PRICE_COLLAR"),
            ({}, {"quote_age_s": Decimal(60)}, None),
            ({}, {"quote_age_s": Decimal("60.001")}, "RISK_STALE_QUOTE"),
            ({}, {"reference": None, "quote_age_s": None}, "RISK_STALE_QUOTE"),
            ({}, {"is_halted_at_exchange": True}, "RISK_STALE_QUOTE"),
            ({"limit_price": Decimal("100.001")}, {}, "RISK_TICK_SIZE"),
            ({}, {"not_closed": 49}, None),
            ({}, {"not_closed": 50}, "RISK_MAX_OPEN_ORDERS"),
            ({}, {"earlier_duplicate": "order 7"}, "RISK_DUPLICATE_ORDER"),
            ({}, {"position_most": Decimal(4990)}, None),
            ({}, {"position_most": Decimal(4991)}, "RISK_MAX_POSITION"),
            ({}, {"states": (TradingStateName.ACTIVE, TradingStateName.HALTED)}, "TRADING_HALTED"),
            ({}, {"states": (TradingStateName.REDUCING,)}, "TRADING_REDUCING"),
            ({}, {"proof": ProofState.UNPROVEN}, "MODE_MISMATCH"),
            ({}, {"proof": ProofState.CONTRADICTED}, "MODE_MISMATCH"),
            ({}, {"instrument": replace(SPEC, sec_type="OPT")}, "RISK_INSTRUMENT"),
            ({"quantity": Decimal("0.5")}, {}, "VALIDATION_RANGE"),
        ],
    )
    def test_refuses_beyond_its_limit_and_not_at_it(
        self, ticket: dict[str, Any], seen: dict[str, Any], code: str | None
    ) -> None:
        found = codes(replace(BUY, **ticket), replace(SEEN, **seen))

        assert found == [] if code is None else code in found

    def test_selling_needs_what_is_held_and_not_being_sold(self) -> None:
        selling_6 = replace(LONG_10, same_instrument=(Exposure(Side.SELL, Decimal(6)),))

        assert codes(SELL, LONG_10) == []
        assert codes(replace(SELL, quantity=Decimal(4)), selling_6) == []
        assert codes(replace(SELL, quantity=Decimal(5)), selling_6) == ["RISK_SHORT_NOT_ALLOWED"]

    def test_orders_that_cancel_each_other_count_once(self) -> None:
        pair = tuple(Exposure(Side.SELL, Decimal(6), oca_group="g") for _ in range(2))

        assert codes(replace(SELL, quantity=Decimal(4)), replace(LONG_10, same_instrument=pair)) == []

    def test_market_orders_have_a_notional_too(self) -> None:
        market = replace(BUY, order_type=OrderType.MARKET, limit_price=None, quantity=Decimal(910))

        assert notional(market, SEEN, PAPER_DEFAULTS) == Decimal("100100.00")
        assert "RISK_MAX_NOTIONAL" in codes(market)

    def test_types_that_are_switched_off_are_refused(self) -> None:
        market = replace(BUY, order_type=OrderType.MARKET, limit_price=None)
        verdict = evaluate(
            replace(market, time_in_force=TimeInForce.GTC), replace(SEEN, quote_is_live=False), LIVE_DEFAULTS
        )

        assert {"RISK_ORDER_TYPE", "RISK_STALE_QUOTE"} <= set(verdict.codes)

    def test_all_refusals_are_listed_the_first_control_first(self) -> None:
        found = codes(replace(BUY, quantity=Decimal(2000)), replace(SEEN, states=(TradingStateName.HALTED,)))

        assert found[0] == "TRADING_HALTED"
        assert {"RISK_MAX_QTY", "RISK_MAX_NOTIONAL"} <= set(found)


class TestFailClosed:
    @pytest.mark.parametrize("rule", RULES)
    def test_a_control_that_raises_denies(self, rule: Any) -> None:
        broken = replace(
            SEEN, instrument=None, position=None, position_most=None, reference="x", quote_age_s="x"
        )  # type: ignore[arg-type]

        verdict = evaluate(SELL, broken, PAPER_DEFAULTS)

        assert not verdict.passed
        assert "RISK_UNAVAILABLE" in verdict.codes

    def test_nan_denies(self) -> None:
        assert codes(BUY, replace(SEEN, reference=Decimal("NaN"), quote_age_s=Decimal("NaN"))) != []


class TestReducing:
    @given(
        st.integers(-20, 20),
        st.sampled_from(Side),
        st.integers(1, 30),
        st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 10)), max_size=4),
    )
    def test_no_passing_order_makes_the_worst_case_grow_or_cross_zero(
        self, position: int, side: Side, quantity: int, others: list[tuple[Side, int]]
    ) -> None:
        open_orders = tuple(Exposure(s, Decimal(q)) for s, q in others)
        seen = replace(SEEN, position=Decimal(position), same_instrument=open_orders)
        ticket = replace(BUY, side=side, quantity=Decimal(quantity))

        before = worst_case(Decimal(position), open_orders)
        after = worst_case(Decimal(position), (*open_orders, Exposure(side, Decimal(quantity))))

        if shrinks(ticket, seen):
            assert after <= max(before, abs(Decimal(position)))
            assert (position + side.sign * quantity) * position >= 0


class TestLimits:
    @pytest.mark.parametrize("mode", Mode)
    def test_survive_the_database(self, mode: Mode) -> None:
        limits = defaults_for(mode)

        assert from_values(to_values(limits), version=1) == limits

    @pytest.mark.parametrize("name", sorted(to_values(PAPER_DEFAULTS)))
    def test_a_missing_value_is_never_no_limit(self, name: str) -> None:
        values = to_values(PAPER_DEFAULTS)
        del values[name]

        with pytest.raises(UnreadableLimits):
            from_values(values, version=1)

    @pytest.mark.parametrize("name", sorted(CEILINGS))
    def test_nothing_is_read_above_its_ceiling(self, name: str) -> None:
        values = to_values(PAPER_DEFAULTS) | {name: str(CEILINGS[name] + 1)}

        with pytest.raises(UnreadableLimits):
            from_values(values, version=1)

    @pytest.mark.parametrize("bad", ["NaN", "Infinity", "", None, "-1"])
    def test_refuses_what_is_no_number(self, bad: str | None) -> None:
        with pytest.raises(UnreadableLimits):
            from_values(to_values(PAPER_DEFAULTS) | {"max_notional": bad}, version=1)


class TestNormaliseSymbol:
    @pytest.mark.parametrize("text", ["BRK.B", "BRK-B", "BRK B", "brk.b"])
    def test_spells_a_share_class_one_way(self, text: str) -> None:
        assert normalise_symbol(text) == "BRK B"
