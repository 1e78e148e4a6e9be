"""Quotes reach the board and the rows, and come back after the farm broke."""

from dataclasses import replace
from decimal import Decimal

import pytest

from apps.broker.memory import MemoryScript, MemorySession
from apps.common.aio import in_db
from apps.common.clock import boottime
from apps.domain.events import BrokerNotice
from apps.instruments.services import store_instrument
from apps.marketdata import board
from apps.marketdata.selectors import reference_price
from apps.marketdata.services import drop_watch, renew_watch
from tests.gateway.house import config_for, running_gateway, until
from tests.gateway.test_lines import AAPL, MSFT

pytestmark = pytest.mark.django_db(transaction=True)


class CountingSession(MemorySession):
    """A twin that remembers how often each line was asked for."""

    def __init__(self):
        super().__init__(MemoryScript())
        self.asked = []

    def subscribe(self, instrument):
        self.asked.append(instrument.symbol)
        super().subscribe(instrument)


@pytest.fixture
async def session(transactional_db, tmp_path):
    """The session of a gateway that is READY."""
    opened = []

    def open_session(settings):
        opened.append(CountingSession())
        return opened[-1]

    config = config_for(4002, tmp_path, line_limit=2)
    async with running_gateway(config, open_session=open_session) as gateway:
        await gateway.until_phase("READY")
        yield opened[-1]


async def watch(spec, *, holder="tara", priority=3):
    instrument = await in_db(store_instrument, spec)
    await in_db(renew_watch, instrument=instrument, holder=holder, priority=priority, ttl_s=300)
    return instrument


async def until_open(session, *specs):
    async def open_now():
        return set(session.lines) == {spec.ib_con_id for spec in specs}

    await until(open_now, within_s=5, what="the lines")


class TestQuotes:
    async def test_reach_the_board_at_once_and_the_row_within_two_seconds(self, session):
        instrument = await watch(AAPL)
        await until_open(session, AAPL)
        before = boottime()

        session.quote(AAPL.ib_con_id, bid=Decimal("227.42"), ask=Decimal("227.44"))

        async def shown():
            quote = board.get(AAPL.ib_con_id)
            return quote is not None and quote.received_boottime >= before

        await until(shown, within_s=1)

        async def stored():
            row = await in_db(reference_price, instrument)
            return row is not None and row.bid == Decimal("227.42")

        await until(stored, within_s=2.5)

    async def test_a_refusal_is_a_row_with_ibs_words(self, session):
        instrument = await watch(AAPL)
        await until_open(session, AAPL)

        session.refuse_ticker(AAPL.ib_con_id, 354, "Requested market data is not subscribed.")

        async def refused():
            row = await in_db(reference_price, instrument)
            return row is not None and row.refusal_code == 354

        await until(refused, within_s=3)


class TestLines:
    async def test_follow_the_watches(self, session):
        await watch(AAPL)
        await watch(MSFT)
        await until_open(session, AAPL, MSFT)

        await in_db(drop_watch, holder="tara")

        await until_open(session)

    async def test_never_are_more_than_allowed_the_important_first(self, session):
        ibm = replace(AAPL, ib_con_id=8314, symbol="IBM")
        await watch(AAPL, holder="browser", priority=4)
        await watch(MSFT, holder="api", priority=3)
        await until_open(session, AAPL, MSFT)

        await watch(ibm, holder="order", priority=2)

        await until_open(session, MSFT, ibm)

    async def test_are_asked_for_again_after_the_farm_blinked(self, session):
        await watch(AAPL)
        await until_open(session, AAPL)

        session.say(BrokerNotice(-1, 2103, "Market data farm connection is broken:usfarm"))

        async def again():
            return session.asked.count("AAPL") >= 2

        await until(again, within_s=5)
