"""Order books: ten prices a side, the quote on top, and changes that keep a client's copy right."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ib_insync import Stock

from apps.simulator.clock import ManualClock
from apps.simulator.instruments.universe import BY_SYMBOL, DIRECT_EXCHANGES
from tests.simulator.conftest import until
from tests.simulator.raw_client import contract


@pytest.fixture
def clock():
    """A clock that moves when a test says so."""
    return ManualClock(datetime(2026, 11, 18, 15, 0, 2, tzinfo=UTC))


@pytest.fixture
def wait(simulator, clock):
    """Let time pass in small steps, as it does."""

    def pass_time(seconds):
        for _ in range(int(seconds * 4)):
            clock.advance(0.25)
            simulator.pulse()

    return pass_time


def ask(request_id, *, symbol="AAPL", exchange="SMART", rows=10, smart=1, con_id=0):
    fields = contract(symbol, con_id=con_id)
    fields[7] = exchange
    return [10, 5, request_id, *fields, rows, smart, ""]


def apply(frames):
    """Return both sides of the book a client has after these messages: rows of price, size, exchange."""
    book = {"0": [], "1": []}
    for frame in frames:
        if frame[0] == "13":
            row, exchange, operation, side, price, size = frame[3:9]
        elif frame[0] == "12":
            row, operation, side, price, size = frame[3:8]
            exchange = ""
        else:
            continue
        entry = (float(price), float(size), exchange)
        if operation == "0":
            book[side].insert(int(row), entry)
        elif operation == "1":
            book[side][int(row)] = entry
        else:
            del book[side][int(row)]
    return book["1"], book["0"]


class TestIbInsync:
    @pytest.mark.parametrize(("exchange", "is_smart"), [("SMART", True), ("NASDAQ", False)])
    async def test_keeps_a_book(self, ib, wait, simulator, exchange, is_smart):
        stock = Stock("AAPL", exchange, "USD")
        ticker = ib.reqMktDepth(stock, 10, isSmartDepth=is_smart)
        await until(lambda: len(ticker.domBids) == len(ticker.domAsks) == 10)
        wait(5)
        await ib.reqCurrentTimeAsync()
        quote = simulator.venue.market.quote(BY_SYMBOL["AAPL"], simulator.venue.clock.epoch())

        assert (ticker.domBids[0].price, ticker.domBids[0].size) == (quote.bid / 100, quote.bid_size)
        assert (ticker.domAsks[0].price, ticker.domAsks[0].size) == (quote.ask / 100, quote.ask_size)
        assert [one.price for one in ticker.domBids] == sorted(
            (one.price for one in ticker.domBids), reverse=True
        )
        assert all(bool(one.marketMaker) is is_smart for one in ticker.domAsks)

        ib.cancelMktDepth(stock, isSmartDepth=is_smart)
        await ib.reqCurrentTimeAsync()
        assert simulator.sessions[7].count_streams("market depth") == 0

    async def test_lists_the_exchanges_of_books_and_quotes(self, ib):
        books = await ib.reqMktDepthExchangesAsync()
        parts = await ib.reqSmartComponentsAsync("9c0001")

        assert {one.exchange for one in books if one.secType == "STK"} == set(DIRECT_EXCHANGES)
        assert [one.exchange for one in parts] == [*DIRECT_EXCHANGES]
        assert len({one.exchangeLetter for one in parts}) == len(parts)


class TestMarketDepth:
    @pytest.mark.parametrize(
        ("exchange", "smart", "code", "fields"), [("SMART", 1, 13, 10), ("ARCA", 0, 12, 8)]
    )
    async def test_has_the_fields_of_its_kind(self, raw, exchange, smart, code, fields):
        raw.send(*ask(1, exchange=exchange, smart=smart))
        rows = [one for one in await raw.settle() if one[0] in ("12", "13")]

        assert {(one[0], len(one)) for one in rows} == {(str(code), fields)}
        assert len(rows) == 20
        if exchange == "SMART":
            assert {one[4] for one in rows} <= set(DIRECT_EXCHANGES)
            assert {one[9] for one in rows} == {"1"}

    async def test_follows_the_quote(self, raw, wait):
        raw.send(*ask(1))
        raw.send(1, 11, 2, *contract("AAPL"), 0, "", 0, 0, "")
        start = len(raw.frames)
        await raw.settle()
        for _ in range(8):
            wait(1)
            await raw.settle()
            bids, asks = apply(raw.frames[start:])
            quotes = {one[3]: one[4:6] for one in raw.frames if one[0] == "1" and one[2] == "2"}

            assert [bids[0][0], asks[0][0]] == [float(quotes["1"][0]), float(quotes["2"][0])]
            assert [round((bids[0][0] - one[0]) * 100) for one in bids] == list(range(10))
            assert [round((one[0] - asks[0][0]) * 100) for one in asks] == list(range(10))

    async def test_is_the_same_for_every_client(self, connect, wait):
        early, late = await connect(client_id=1), await connect(client_id=2)
        early.send(*ask(1))
        await early.settle()
        wait(7)
        late.send(*ask(5))
        await early.settle()
        await late.settle()

        assert apply(early.frames) == apply(late.frames)

    async def test_sends_only_what_changed(self, raw, wait, simulator):
        raw.send(*ask(1, rows=4))
        await raw.settle()
        simulator.pulse()
        assert await raw.settle() == []
        wait(5)
        changes = [one for one in await raw.settle() if one[0] == "13"]
        assert {one[5] for one in changes} == {"1"}

    async def test_loses_the_rows_below_one_cent_and_finds_them_again(self, raw, simulator):
        instrument = BY_SYMBOL["F"]
        simulator.venue.set_price(instrument, 500, hold=True)
        raw.send(*ask(1, symbol="F"))
        await raw.settle()
        simulator.venue.set_price(instrument, 6, hold=True)
        simulator.pulse()
        await raw.settle()
        bids, asks = apply(raw.frames)
        assert [one[0] for one in bids] == [0.05, 0.04, 0.03, 0.02, 0.01]
        assert len(asks) == 10
        simulator.venue.set_price(instrument, 500, hold=True)
        simulator.pulse()
        await raw.settle()
        assert len(apply(raw.frames)[0]) == 10

    async def test_is_cleared_for_a_client_that_fell_behind(self, raw, wait, monkeypatch):
        raw.send(*ask(1))
        await raw.settle()
        monkeypatch.setattr("apps.simulator.clients.client_session.MAX_UNSENT_BYTES", -1)
        wait(3)
        assert await raw.settle() == []
        monkeypatch.undo()
        wait(0.25)
        frames = await raw.settle()

        assert frames[0][2:4] == ["1", "317"]
        assert [len(one) for one in apply(frames)] == [10, 10]

    async def test_rests_while_the_symbol_is_halted(self, raw, wait, simulator):
        raw.send(*ask(1))
        await raw.settle()
        simulator.halt_symbol("AAPL", is_halted=True)
        wait(3)

        assert [one for one in await raw.settle() if one[0] == "13"] == []


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "options"),
        [
            (200, {"symbol": "NOSUCH"}),
            (321, {"rows": 0}),
            (10092, {"smart": 0}),
            (10092, {"exchange": "MOON", "con_id": 265598}),
        ],
    )
    async def test_have_ib_s_code(self, raw, code, options):
        raw.send(*ask(1, **options))

        assert (await raw.error(code))[2] == "1"

    async def test_a_fourth_book_is_one_too_many(self, raw):
        for request_id in range(1, 5):
            raw.send(*ask(request_id))
        assert (await raw.error(309))[2] == "4"
        raw.send(11, 1, 1, 1)
        raw.send(*ask(4))

        assert (await raw.until(13))[2] == "4"

    async def test_know_the_ids(self, raw):
        raw.send(*ask(1))
        raw.send(*ask(1))
        assert (await raw.error(102))[2] == "1"
        raw.send(11, 1, 1, 1)
        raw.send(11, 1, 1, 1)
        assert (await raw.error(310))[2] == "1"

    async def test_quotes_of_unknown_make_are_refused(self, raw):
        raw.send(83, 1, "moon")

        assert (await raw.error(321))[2] == "1"


class TestLists:
    async def test_have_the_counts_of_the_protocol(self, raw):
        books = await raw.ask(80, 82)
        parts = await raw.ask(82, 83, 1, "9c0001")

        assert len(books) == 2 + 5 * int(books[1])
        assert "" not in books[6::5]
        assert len(parts) == 3 + 3 * int(parts[2])
