"""What must hold for whatever is placed, changed, cancelled and whatever the market does meanwhile."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.simulator.exchange.events import OrderChanged
from apps.simulator.exchange.orders import Status
from apps.simulator.instruments.universe import BY_SYMBOL
from tests.simulator.floor import Floor

EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
AAPL = BY_SYMBOL["AAPL"]
CENTS = st.integers(-60, 60).map(lambda cents: 230 + cents / 100)
SIDES = st.sampled_from(["BUY", "SELL"])
SIZES = st.integers(1, 40).map(lambda lots: lots * 50)


@st.composite
def orders(draw, kinds=("MKT", "LMT", "STP", "STP LMT", "TRAIL", "MIT", "LIT", "REL", "MIDPRICE", "MTL")):
    kind = draw(st.sampled_from(kinds))
    terms = {"kind": kind, "action": draw(SIDES), "quantity": draw(SIZES)}
    if kind in ("LMT", "STP LMT", "LIT"):
        terms["limit"] = draw(CENTS)
    if kind in ("STP", "STP LMT", "MIT", "LIT"):
        terms["aux"] = draw(CENTS)
    if kind in ("TRAIL", "REL"):
        terms["aux"] = draw(st.integers(1, 30)) / 100
    if kind in ("MKT", "LMT"):
        terms["tif"] = draw(st.sampled_from(["DAY", "GTC", "IOC", "FOK"]))
    if kind == "LMT":
        terms |= draw(
            st.sampled_from([{}, {}, {"allOrNone": 1}, {"displaySize": 100}, {"hidden": 1}, {"minQty": 150}])
        )
    return terms


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("place"), orders()),
        st.tuples(st.just("price"), CENTS),
        st.tuples(st.just("wait"), st.sampled_from([0.25, 1.0, 7.0, 90.0])),
        st.tuples(st.just("cancel"), st.integers(0, 20)),
        st.tuples(st.just("resize"), st.tuples(st.integers(0, 20), SIZES)),
    ),
    min_size=3,
    max_size=14,
)


class Play:
    """Plays steps on a floor, and watches what may only be seen on the way."""

    def __init__(self):
        self.floor = Floor()
        self.floor.price(230)
        self.cash = self.floor.venue.state.ledger.cash
        self.placed = {}
        self.cancelled = {}
        self.stops = defaultdict(list)

    def run(self, steps):
        for verb, argument in steps:
            getattr(self, verb)(argument)
            for order in self.floor.book.open_orders():
                if order.stop_price is not None:
                    self.stops[order.order_id].append(order.stop_price)
        return self

    def place(self, terms, **more):
        order_id = len(self.placed) + 1
        self.placed[order_id] = {**terms, **more}
        self.floor.place(order_id, **{**terms, **more})

    def price(self, dollars):
        self.floor.price(dollars)

    def wait(self, seconds):
        self.floor.jump(seconds)

    def cancel(self, order_id):
        order = self.floor.book.find(1, order_id)
        if order is not None and not order.is_done:
            self.cancelled[order_id] = order.filled
            self.floor.cancel(order_id)

    def resize(self, argument):
        order_id, quantity = argument
        order = self.floor.book.find(1, order_id)
        if order is not None and not order.is_done and not order.parent_id:
            self.floor.place(order_id, **{**self.placed[order_id], "quantity": quantity})

    def all_orders(self):
        return list(self.floor.book.all_orders())


class TestEveryOrder:
    @EXAMPLES
    @given(STEPS)
    def test_adds_up_and_never_trades_beyond_its_limit(self, steps):
        play = Play().run(steps)

        for order in play.all_orders():
            fills = play.floor.fills(order.order_id)
            assert sum(one.shares for one in fills) == pytest.approx(order.filled)
            assert order.filled <= order.quantity
            assert (order.status == "Filled") == (order.remaining == 0)
            assert sum(one.shares * one.price for one in fills) == pytest.approx(order.filled_value)
            limit = play.placed[order.order_id].get("limit")
            if limit is not None:
                sign = 1 if order.is_buy else -1
                assert all(sign * one.price <= sign * limit for one in fills)

    @EXAMPLES
    @given(STEPS)
    def test_keeps_cash_and_position_in_balance(self, steps):
        play = Play().run(steps)
        ledger, fills = play.floor.venue.state.ledger, play.floor.fills()
        signed = [one.shares if one.side == "BOT" else -one.shares for one in fills]
        paid = sum(shares * one.price + one.commission for shares, one in zip(signed, fills, strict=True))

        assert ledger.position(AAPL.con_id).quantity == pytest.approx(sum(signed))
        assert ledger.cash == pytest.approx(play.cash - paid)
        assert len({one.exec_id for one in fills}) == len(fills)

    @EXAMPLES
    @given(STEPS)
    def test_is_dead_once_cancelled(self, steps):
        play = Play().run([*steps, ("price", 229.5), ("wait", 90.0)])

        for order_id, filled in play.cancelled.items():
            assert play.floor.order(order_id).filled == filled
            assert play.floor.order(order_id).status == Status.CANCELLED

    @EXAMPLES
    @given(STEPS)
    def test_happens_again_the_same_way(self, steps):
        first, second = Play().run(steps), Play().run(steps)

        assert first.floor.events == second.floor.events


class TestTheBook:
    @EXAMPLES
    @given(st.lists(orders(kinds=("MKT", "LMT")), min_size=2, max_size=10), st.integers(0, 10_000))
    def test_hands_out_no_share_twice_in_one_second(self, wanted, offset):
        play = Play()
        play.floor.clock.advance(offset)
        play.floor.exchange.pulse()
        quote, offered = play.floor.quote(), defaultdict(float)
        for terms in wanted:
            play.place(terms)
        for one in play.floor.fills():
            if one.liquidity == 2:
                offered[one.side, one.price] += one.shares

        assert offered.get(("BOT", AAPL.price(quote.ask)), 0) <= quote.ask_size
        assert offered.get(("SLD", AAPL.price(quote.bid)), 0) <= quote.bid_size
        assert all(shares <= 1900 for shares in offered.values())

    @EXAMPLES
    @given(
        st.lists(st.tuples(st.integers(0, 5), SIZES), min_size=2, max_size=8),
        st.lists(st.sampled_from([1.0, 5.0, 60.0]), min_size=1, max_size=5),
        st.integers(0, 6),
    )
    def test_serves_the_better_price_first_and_then_the_earlier(self, wanted, waits, fall):
        play = Play()
        for ticks, quantity in wanted:
            play.place({"kind": "LMT", "action": "SELL", "quantity": quantity, "limit": 230 + ticks / 100})
            play.wait(0.25)
        play.price(230 + fall / 100)
        for seconds in waits:
            play.wait(seconds)

        resting = [one for one in play.all_orders() if one.filled < one.quantity]
        for later in play.all_orders():
            for earlier in resting:
                goes_first = (earlier.limit_price, earlier.perm_id) < (later.limit_price, later.perm_id)
                if goes_first and later.filled:
                    # The better one may only be behind if trades never came down to the worse price alone.
                    assert earlier.limit_price == later.limit_price or earlier.filled
                    assert earlier.limit_price != later.limit_price

    @EXAMPLES
    @given(st.lists(SIZES, min_size=2, max_size=6), st.integers(0, 5000), st.integers(1, 20))
    def test_serves_one_price_in_order_and_with_no_share_the_market_did_not_trade(
        self, wanted, offset, seconds
    ):
        play = Play()
        play.wait(float(offset))
        play.price(230)
        for quantity in wanted:
            # So large that most of them are still waiting when the time is over.
            play.place({"kind": "LMT", "action": "SELL", "quantity": 5 * quantity, "limit": 230.0})
            play.wait(1.0)
        start = int(play.floor.clock.epoch()) - len(wanted)
        play.wait(float(seconds))
        end = int(play.floor.clock.epoch()) + 1

        filled = [one.filled for one in play.all_orders()]
        unfinished = next(
            (place for place, one in enumerate(play.all_orders()) if one.remaining), len(wanted)
        )
        assert not any(filled[unfinished + 1 :])
        assert sum(filled) <= play.floor.venue.market.stretch(AAPL, start, end).volume


class TestTrailingStops:
    @EXAMPLES
    @given(SIDES, st.integers(1, 40), st.lists(CENTS, min_size=2, max_size=12))
    def test_never_move_away_from_the_market(self, side, distance, path):
        play = Play()
        play.place({"kind": "TRAIL", "action": side, "quantity": 100, "aux": distance / 100})
        play.run([("price", dollars) for dollars in path])
        stops = play.stops[1]

        assert stops == sorted(stops, reverse=side == "BUY")


class TestOcaGroups:
    @EXAMPLES
    @given(
        st.sampled_from([1, 2, 3]),
        st.lists(st.tuples(CENTS, SIZES, SIDES), min_size=2, max_size=5),
        st.lists(CENTS, min_size=1, max_size=6),
    )
    def test_never_overfill(self, oca_type, members, path):
        play = Play()
        for limit, quantity, side in members:
            terms = {"kind": "LMT", "limit": limit, "quantity": quantity, "action": side}
            play.place(terms, oca="g", oca_type=oca_type)
        play.run([step for dollars in path for step in (("price", dollars), ("wait", 7.0))])
        # Orders placed after the group has ended are a group of their own.
        ended = [one for one in play.all_orders() if one.is_done]
        parts = [one.filled / play.placed[one.order_id]["quantity"] for one in play.all_orders()]

        assert sum(1 for one in play.all_orders() if one.filled) <= 1 or oca_type != 1 or _came_later(play)
        assert sum(parts) <= 1 + 1e-9 or _came_later(play)
        assert all(not one.remaining or one.status != "Filled" for one in ended)


def _came_later(play):
    """Return whether a member was placed when the group had traded already."""
    fills = play.floor.fills()
    return any(
        order.placed_at >= fills[0].at and order.perm_id > fills[0].perm_id for order in play.all_orders()
    )


class TestBrackets:
    @EXAMPLES
    @given(
        SIZES,
        st.integers(-10, 60).map(lambda cents: 230 + cents / 100),
        st.integers(1, 20),
        st.lists(
            st.one_of(
                st.tuples(st.just("price"), CENTS),
                st.tuples(st.just("wait"), st.sampled_from([1.0, 30.0])),
                st.tuples(st.just("cancel"), st.integers(1, 3)),
            ),
            min_size=1,
            max_size=10,
        ),
    )
    def test_never_orphan_and_never_close_more_than_they_opened(self, quantity, entry, width, steps):
        play = Play()
        parent = {"kind": "LMT", "quantity": quantity, "limit": entry}
        child = {"action": "SELL", "quantity": quantity, "parent": 1}
        play.place(parent, transmit=False)
        play.place({"kind": "LMT", "limit": round(entry + width / 100, 2), **child}, transmit=False)
        play.place({"kind": "STP", "aux": round(entry - width / 100, 2), **child})

        for step in steps:
            play.run([step])
            opened = play.floor.order(1)
            children = [play.floor.order(2), play.floor.order(3)]
            for one in children:
                is_awake = one.active_at > 0
                assert not is_awake or opened.status == "Filled" or (opened.is_done and opened.filled)
                assert opened.status != "Cancelled" or opened.filled or one.is_done
            assert sum(one.filled for one in children) <= opened.filled

        closed = [one for one in play.floor.fills() if one.side == "SLD"]
        assert all(one.at >= play.floor.fills(1)[-1].at for one in closed)


class TestEvents:
    @EXAMPLES
    @given(STEPS)
    def test_tell_each_order_no_way_back(self, steps):
        play = Play().run(steps)
        filled, ended = defaultdict(float), set()
        for event in play.floor.events:
            if isinstance(event, OrderChanged):
                order = event.order
                assert order.filled >= filled[order.order_id]
                assert order.order_id not in ended or order.status in ("Filled", "Cancelled", "Inactive")
                filled[order.order_id] = order.filled
                if order.is_done:
                    ended.add(order.order_id)
