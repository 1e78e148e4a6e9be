"""Market-data lines agree with what is wanted, and a silent one is opened anew."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.broker.memory import MemorySession
from apps.broker.port import SessionIdentity
from apps.domain.instruments import InstrumentSpec
from apps.domain.mode import Mode, prove_mode
from apps.domain.orders import Sender
from apps.gateway.lines import REFUSED_REST_S, Lines
from apps.gateway.session_state import Brake, SessionState

MARKET_OPEN = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
AT_NIGHT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
AAPL = InstrumentSpec(
    ib_con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    primary_exchange="NASDAQ",
    currency="USD",
    local_symbol="AAPL",
    trading_class="NMS",
    name="APPLE INC",
    multiplier="",
    min_tick=Decimal("0.01"),
    lot_size=Decimal(1),
    time_zone="US/Eastern",
    trading_hours="20261120:0400-20261120:2000",
    liquid_hours="20261120:0930-20261120:1600",
)
MSFT = replace(AAPL, ib_con_id=272093, symbol="MSFT", local_symbol="MSFT")


@pytest.fixture
async def state(tmp_path):
    session = MemorySession()
    await session.connect()
    return SessionState(
        number=1,
        sender=Sender("main", "here", 1, session=1, client_id=1, next_valid_id=1),
        session=session,
        identity=SessionIdentity(176, ("DU1",), 1, MARKET_OPEN),
        proof=prove_mode(Mode.PAPER, port=4002, managed_accounts=["DU1"]),
        opened_at=MARKET_OPEN,
        brake=Brake(tmp_path / "HALT"),
    )


class TestAgree:
    async def test_opens_what_is_wanted_and_closes_the_rest(self, state):
        lines = Lines(state)
        lines.agree([AAPL], 0.0)

        lines.agree([MSFT], 1.0)

        assert set(state.session.lines) == state.lines == {MSFT.ib_con_id}

    async def test_forgets_the_price_of_a_closed_line(self, state):
        lines = Lines(state)
        lines.agree([AAPL], 0.0)
        state.picture[AAPL.ib_con_id] = state.session.quote(AAPL.ib_con_id, last=Decimal(227))

        lines.agree([], 1.0)

        assert state.picture == {}


class TestRefusals:
    async def test_a_refused_line_is_told_once_and_rests(self, state):
        lines = Lines(state)
        lines.agree([AAPL], 0.0)
        state.session.refuse_ticker(AAPL.ib_con_id, 354, "Requested market data is not subscribed.")

        told = [lines.new_refusals(1.0), lines.new_refusals(2.0)]
        lines.agree([AAPL], 3.0)

        assert told == [[(AAPL.ib_con_id, (354, "Requested market data is not subscribed."))], []]
        assert state.lines == set()
        lines.agree([AAPL], 2.0 + REFUSED_REST_S)
        assert state.lines == {AAPL.ib_con_id}


class TestSilence:
    async def test_a_line_without_a_tick_for_a_minute_is_opened_anew(self, state, caplog):
        lines = Lines(state)
        lines.agree([AAPL], 100.0)

        lines.wake_silent(MARKET_OPEN, 159.0)
        assert caplog.records == []
        lines.wake_silent(MARKET_OPEN, 161.0)
        lines.wake_silent(MARKET_OPEN, 162.0)

        assert [record.message for record in caplog.records] == ["line silent, asked for again"]

    async def test_silence_at_night_is_no_fault(self, state, caplog):
        lines = Lines(state)
        lines.agree([AAPL], 100.0)

        lines.wake_silent(AT_NIGHT, 500.0)

        assert caplog.records == []
