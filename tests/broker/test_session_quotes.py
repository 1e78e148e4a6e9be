"""The quotes lane of the real session, with a peer that sends ticks by hand."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.broker.ib.session import IbSession
from apps.domain.events import BrokerNotice
from apps.domain.quotes import MarketDataType, Quote
from tests.broker import peer as wire
from tests.broker.conftest import Heard, apple
from tests.broker.peer import CANCEL_MARKET_DATA, MARKET_DATA, Peer


@pytest.fixture
async def line(peer: Peer, session: IbSession) -> str:
    """The request id of the open line for Apple."""
    session.subscribe(apple())
    await peer.until(lambda: bool(peer.of_kind(MARKET_DATA)))
    return peer.of_kind(MARKET_DATA)[0][2]


async def next_quote(session: IbSession) -> Quote:
    quotes: AsyncIterator = session.quotes()
    return (await anext(quotes))[-1]


class TestQuotes:
    async def test_are_whole(self, peer: Peer, session: IbSession, line: str) -> None:
        peer.send_bytes(
            b"".join(
                wire.frame(*fields)
                for fields in [
                    ("58", "1", line, "1"),
                    ("1", "6", line, "1", "215.49", "300", "1"),
                    ("1", "6", line, "2", "215.51", "200", "1"),
                    ("1", "6", line, "4", "215.5025", "100", "0"),
                    ("2", "6", line, "8", "8422381"),
                    ("1", "6", line, "9", "213.25", "0", "0"),
                    ("46", "6", line, "45", "1795186800"),
                    ("45", "6", line, "49", "0"),
                ]
            )
        )

        quote = await next_quote(session)

        assert quote.market_data_type is MarketDataType.LIVE
        assert (quote.bid, quote.ask, quote.last) == (
            Decimal("215.49"),
            Decimal("215.51"),
            Decimal("215.5025"),
        )
        assert (quote.bid_size, quote.ask_size, quote.last_size) == (300, 200, 100)
        assert (quote.volume, quote.close, quote.high) == (8422381, Decimal("213.25"), None)
        assert quote.provider_timestamp == datetime.fromtimestamp(1795186800, UTC)
        assert not quote.halted

    async def test_delayed_ticks_fill_the_same_fields(
        self, peer: Peer, session: IbSession, line: str
    ) -> None:
        peer.send_bytes(
            wire.frame("58", "1", line, "3")
            + wire.frame("1", "6", line, "66", "215.49", "300", "0")
            + wire.frame("1", "6", line, "67", "215.51", "200", "0")
            + wire.frame("1", "6", line, "68", "215.5", "100", "0")
            + wire.frame("2", "6", line, "74", "8422381")
            + wire.frame("1", "6", line, "75", "213.25", "0", "0")
            + wire.frame("46", "6", line, "88", "1795186800")
            + wire.frame("45", "6", line, "90", "1")
        )

        quote = await next_quote(session)

        assert quote.market_data_type is MarketDataType.DELAYED
        assert (quote.bid, quote.ask, quote.last) == (Decimal("215.49"), Decimal("215.51"), Decimal("215.5"))
        assert (quote.volume, quote.close) == (8422381, Decimal("213.25"))
        assert quote.provider_timestamp == datetime.fromtimestamp(1795186800, UTC)
        assert quote.halted

    @pytest.mark.parametrize("text", ["-1", "0", "nan", "inf", "1.7976931348623157E308"])
    async def test_no_price_is_none(self, peer: Peer, session: IbSession, line: str, text: str) -> None:
        peer.send_bytes(
            wire.frame("1", "6", line, "4", "215.5", "100", "0")
            + wire.frame("1", "6", line, "1", "215.49", "300", "1")
            + wire.frame("1", "6", line, "1", text, "0", "1")
        )

        quote = await next_quote(session)

        assert quote.bid is None
        assert quote.last == Decimal("215.5")

    async def test_newest_wins_for_a_slow_reader(self, peer: Peer, session: IbSession, line: str) -> None:
        for cents in range(1_000):
            peer.send("1", "6", line, "4", f"215.{cents:03d}", "100", "0")
        await peer.until(lambda: True)
        await session.current_time()

        assert (await next_quote(session)).last == Decimal("215.999")

    async def test_a_type_without_ticks_says_nothing(self, peer: Peer, session: IbSession, line: str) -> None:
        peer.send("58", "1", line, "2")
        await session.current_time()
        peer.send("1", "6", line, "4", "215.5", "100", "0")

        assert (await next_quote(session)).market_data_type is MarketDataType.FROZEN


class TestLines:
    async def test_one_line_per_instrument(self, peer: Peer, session: IbSession, line: str) -> None:
        session.subscribe(apple())
        session.unsubscribe(999)

        await session.current_time()
        assert len(peer.of_kind(MARKET_DATA)) == 1
        assert peer.of_kind(MARKET_DATA)[0][3:6] == ["265598", "AAPL", "STK"]

    async def test_giving_back_cancels_it(self, peer: Peer, session: IbSession, line: str) -> None:
        session.unsubscribe(265598)

        await peer.until(lambda: bool(peer.of_kind(CANCEL_MARKET_DATA)))
        assert peer.of_kind(CANCEL_MARKET_DATA)[0][2] == line
        peer.send("1", "6", line, "4", "215.5", "100", "0")
        await session.current_time()
        assert session._lines.quote(265598) is None

    async def test_opening_again_takes_a_new_id(self, peer: Peer, session: IbSession, line: str) -> None:
        session.unsubscribe(265598)
        session.subscribe(apple())

        await peer.until(lambda: len(peer.of_kind(MARKET_DATA)) == 2)
        assert peer.of_kind(MARKET_DATA)[1][2] != line

    async def test_lost_subscriptions_are_asked_for_again(
        self, peer: Peer, session: IbSession, line: str
    ) -> None:
        pnl_before = len(peer.of_kind("92"))
        peer.send("1", "6", line, "1", "215.4", "100", "0")
        await next_quote(session)

        peer.send(*wire.error(-1, 1101))

        await peer.until(lambda: len(peer.of_kind(MARKET_DATA)) == 2)
        await peer.until(lambda: len(peer.of_kind("92")) > pnl_before)
        renewed = peer.of_kind(MARKET_DATA)[1][2]
        peer.send("1", "6", line, "4", "1.0", "100", "0")
        peer.send("1", "6", renewed, "4", "215.5", "100", "0")
        quote = await next_quote(session)
        assert (quote.last, quote.bid) == (Decimal("215.5"), None)

    @pytest.mark.parametrize("code", [101, 200, 354, 10089, 10168, 10186, 10197])
    async def test_a_refused_line_says_why(
        self, peer: Peer, session: IbSession, line: str, code: int
    ) -> None:
        heard = Heard(session)

        peer.send(*wire.error(line, code, "not subscribed"))

        await heard.until(lambda events: bool(heard.of(BrokerNotice)))
        assert session.ticker_refusal(265598) == (code, "not subscribed")
        assert heard.of(BrokerNotice)[0].code == code

    @pytest.mark.parametrize("code", [10090, 10167])
    async def test_a_line_that_still_brings_prices_is_not_refused(
        self, peer: Peer, session: IbSession, line: str, code: int
    ) -> None:
        heard = Heard(session)

        peer.send(*wire.error(line, code))

        await heard.until(lambda events: bool(heard.of(BrokerNotice)))
        assert session.ticker_refusal(265598) is None

    async def test_a_price_takes_a_refusal_back(self, peer: Peer, session: IbSession, line: str) -> None:
        peer.send(*wire.error(line, 10197))
        peer.send("1", "6", line, "4", "215.5", "100", "0")

        await next_quote(session)

        assert session.ticker_refusal(265598) is None

    async def test_many_lines_are_opened_within_the_budget(self, peer: Peer, session: IbSession) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()

        for number in range(60):
            session.subscribe(apple(1_000 + number))

        await peer.until(lambda: len(peer.of_kind(MARKET_DATA)) == 60)
        assert loop.time() - started > 1.9
