"""Steps about prices: lines, books, single ticks, bars of the present and of the past."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

from tests.interop.desk import ASK, BID, LAST, Desk, day_of, epoch_of, is_refused, price_of

BID_SIZE, ASK_SIZE, LAST_SIZE, HIGH, LOW, VOLUME, CLOSE, OPEN, LAST_TIME, HALTED = (
    0, 3, 5, 6, 7, 8, 9, 14, 45, 49,
)  # fmt: skip
ALWAYS_TOLD = frozenset({
    BID_SIZE, BID, ASK, ASK_SIZE, LAST, LAST_SIZE, HIGH, LOW, VOLUME, CLOSE, OPEN, LAST_TIME, HALTED,
})  # fmt: skip
#: Generic tick list and the tick types it adds for a stock.
GENERIC = "100,101,104,106,165,221,233,236,293,294,295,375,456"
GENERIC_TOLD = frozenset({
    15, 16, 17, 18, 19, 20, 21, 23, 24, 27, 28, 29, 30, 37, 46, 48, 54, 55, 56, 59, 77, 89,
})  # fmt: skip
DELAYED_TOLD = frozenset({66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 88})
SHARES_SINCE = 159
#: What the login of these sessions may see only late, and not at all; who starts the simulator sees to it.
DELAYED_SYMBOL, UNPAID_SYMBOL = "CRM", "ADBE"


def _least_size(desk: Desk) -> int:
    """Return the smallest size of a trade: a share, or less than a lot where sizes come in lots."""
    return 1 if desk.version >= SHARES_SINCE else 0


def _ascend(moments: list[float]) -> None:
    assert moments == sorted(moments), f"not in the order of time: {moments[:10]}"


async def quotes(desk: Desk) -> None:
    quote = await desk.peer.quote(await desk.stock("GS"), wanted=ALWAYS_TOLD)
    ticks = quote.ticks
    bid, ask, last = (price_of(ticks[kind]) for kind in (BID, ASK, LAST))
    assert 0 < bid < ask, (bid, ask)
    assert price_of(ticks[LOW]) <= last <= price_of(ticks[HIGH]), ticks
    assert abs(price_of(ticks[CLOSE]) / last - 1) < 0.5, ticks
    assert all(float(ticks[kind]) > 0 for kind in (BID_SIZE, ASK_SIZE, VOLUME)), ticks
    assert float(ticks[LAST_SIZE]) >= _least_size(desk), ticks
    assert float(ticks[HALTED]) == 0, ticks[HALTED]
    assert abs(int(ticks[LAST_TIME]) - time.time()) < 60, ticks[LAST_TIME]
    assert quote.market_data_type == 1, quote.market_data_type
    assert quote.min_tick in (0.01, None), quote.min_tick
    assert quote.bbo_exchange, "no BBO exchange"


async def generic_ticks(desk: Desk) -> None:
    quote = await desk.peer.quote(await desk.stock("NVDA"), wanted=GENERIC_TOLD, generic=GENERIC)
    ticks = quote.ticks
    assert price_of(ticks[15]) <= price_of(ticks[16]), "13-week low above high"
    assert price_of(ticks[19]) <= price_of(ticks[20]), "52-week low above high"
    assert price_of(ticks[37]) > 0, ticks[37]
    assert len(ticks[48].split(";")) == 6, ticks[48]


async def snapshot(desk: Desk) -> None:
    ticks = (await desk.peer.snapshot(await desk.stock("AMZN"))).ticks
    assert set(ticks) >= {BID, ASK, LAST, CLOSE}, sorted(ticks)
    assert 0 < price_of(ticks[BID]) < price_of(ticks[ASK]), ticks


async def error_10089(desk: Desk) -> None:
    await is_refused(desk.peer.snapshot(await desk.stock(DELAYED_SYMBOL)), 10089)


async def delayed_quotes(desk: Desk) -> None:
    await desk.peer.market_data_type(3)
    quote = await desk.peer.quote(await desk.stock(DELAYED_SYMBOL), wanted=DELAYED_TOLD)
    ticks = quote.ticks
    assert quote.market_data_type == 3, quote.market_data_type
    assert 0 < price_of(ticks[66]) < price_of(ticks[67]), ticks
    assert price_of(ticks[73]) <= price_of(ticks[68]) <= price_of(ticks[72]), ticks
    assert not set(ticks) & {BID, ASK, LAST}, sorted(ticks)
    assert await desk.peer.journal.until(lambda: desk.peer.journal.told(10167), "notice 10167")


async def error_354(desk: Desk) -> None:
    await is_refused(desk.peer.snapshot(await desk.stock(UNPAID_SYMBOL)), 354)
    await desk.peer.market_data_type(1)
    await is_refused(desk.peer.snapshot(await desk.stock(UNPAID_SYMBOL)), 354, 10168)


BOOK_TRIES = 5


async def _book_is_sound(desk: Desk, contract: Any, *, rows: int, smart: bool) -> None:
    for _ in range(BOOK_TRIES):
        book = await desk.peer.book(contract, rows=rows, smart=smart)
        bids, asks = [one[0] for one in book.bids], [one[0] for one in book.asks]
        # A book is told row by row: looked at in the middle of a change it is not in order.
        if bids == sorted(bids, reverse=True) and asks == sorted(asks):
            break
    assert bids == sorted(bids, reverse=True), bids
    assert asks == sorted(asks), asks
    assert bids[0] < asks[0], book
    assert all(size > 0 for _, size, _ in (*book.bids, *book.asks)), book
    assert all(bool(maker) == smart for _, _, maker in (*book.bids, *book.asks)), book


async def depth_direct(desk: Desk) -> None:
    contract = desk.peer.at(await desk.stock("IBM"), "NYSE")
    await _book_is_sound(desk, contract, rows=5, smart=False)


async def depth_nasdaq(desk: Desk) -> None:
    contract = desk.peer.at(await desk.stock("GOOGL"), "NASDAQ")
    await _book_is_sound(desk, contract, rows=3, smart=False)


async def depth_smart(desk: Desk) -> None:
    await _book_is_sound(desk, await desk.stock("MSFT"), rows=5, smart=True)


def ticks_of_trades(kind: str, symbol: str, code: int) -> Callable[[Desk], Awaitable[None]]:
    """Return the step that follows every trade of a stock."""

    async def follow(desk: Desk) -> None:
        found = await desk.peer.ticks(await desk.stock(symbol), kind, count=4)
        _ascend([float(one[1]) for one in found])
        for told, moment, price, size, *_ in found:
            assert told == code, told
            assert abs(float(moment) - time.time()) < 60, moment
            assert price > 0, price
            assert float(size) >= _least_size(desk), size

    return follow


async def ticks_of_quotes(desk: Desk) -> None:
    found = await desk.peer.ticks(await desk.stock("TSLA"), "BidAsk", count=3)
    _ascend([float(one[0]) for one in found])
    assert all(0 < bid < ask for _, bid, ask, *_ in found), found


async def ticks_of_middles(desk: Desk) -> None:
    found = await desk.peer.ticks(await desk.stock("AMD"), "MidPoint", count=3)
    _ascend([float(one[0]) for one in found])
    assert all(price > 0 for _, price in found), found


def _bar_is_sound(bar: Any) -> None:
    assert 0 < bar.low <= min(bar.open, bar.close), bar
    assert max(bar.open, bar.close) <= bar.high, bar


async def real_time_bars(desk: Desk) -> None:
    bar = await desk.peer.five_second_bar(await desk.stock("KO"))
    _bar_is_sound(bar)
    assert int(bar.time) % 5 == 0, bar.time
    assert float(bar.volume) > 0, bar.volume


async def history(desk: Desk) -> None:
    contract = await desk.stock("AAPL")
    bars = await desk.peer.history(contract, bar="5 mins", duration="7200 S", what="TRADES")
    moments = [epoch_of(one.date) for one in bars]
    assert 20 <= len(bars) <= 26, len(bars)
    assert all(later - earlier >= 300 for earlier, later in pairwise(moments)), moments
    for one in bars:
        _bar_is_sound(one)
        assert float(one.volume) > 0, one


async def history_daily(desk: Desk) -> None:
    bars = await desk.peer.history(await desk.stock("SPY"), bar="1 day", duration="10 D", what="TRADES")
    days = [day_of(one.date) for one in bars]
    assert len(set(days)) == len(days) >= 7, days
    assert days == sorted(days), days


async def history_quotes(desk: Desk) -> None:
    contract = await desk.stock("QQQ")
    for what in ("MIDPOINT", "BID", "ASK", "BID_ASK"):
        bars = await desk.peer.history(contract, bar="1 hour", duration="1 D", what=what)
        assert bars, what
        for one in bars:
            assert float(one.volume) == -1, (what, one)


async def history_kept_up(desk: Desk) -> None:
    past, update = await desk.peer.live_history(await desk.stock("SPY"))
    assert len(past) >= 55, len(past)
    assert epoch_of(update.date) >= epoch_of(past[-1].date), (past[-1].date, update.date)
    _bar_is_sound(update)


async def head_timestamp(desk: Desk) -> None:
    first = epoch_of(await desk.peer.head_timestamp(await desk.stock("GE")))
    assert 0 < first < time.time() - 365 * 86_400, first


def _start() -> str:
    """Return a moment two minutes ago, in UTC."""
    return time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(time.time() - 120))


async def past_trades(desk: Desk) -> None:
    found = await desk.peer.past_ticks(await desk.stock("BAC"), "TRADES", start=_start(), count=20)
    _ascend([epoch_of(one.time) for one in found])
    assert len(found) >= 20, len(found)
    assert all(one.price > 0 and one.exchange for one in found), found[:3]


async def past_quotes(desk: Desk) -> None:
    found = await desk.peer.past_ticks(await desk.stock("WFC"), "BID_ASK", start=_start(), count=20)
    _ascend([epoch_of(one.time) for one in found])
    assert len(found) >= 20, len(found)
    assert all(0 < one.priceBid < one.priceAsk for one in found), found[:3]


async def past_middles(desk: Desk) -> None:
    found = await desk.peer.past_ticks(await desk.stock("JPM"), "MIDPOINT", start=_start(), count=20)
    _ascend([epoch_of(one.time) for one in found])
    assert len(found) >= 20, len(found)
    assert all(one.price > 0 for one in found), found[:3]


async def histogram(desk: Desk) -> None:
    found = await desk.peer.histogram(await desk.stock("INTC"))
    assert len(found) > 3, found
    assert all(one.price > 0 for one in found), found
    assert len({one.price for one in found}) == len(found), found


async def schedule(desk: Desk) -> None:
    found = await desk.peer.schedule(await desk.stock("CSCO"), 5)
    assert len(found) >= 3, found
    for one in found:
        assert one.startDateTime < one.endDateTime, one
        assert len(one.refDate) == 8, one
