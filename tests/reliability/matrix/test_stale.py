"""Rows 8 and 9: prices that stop without a word, or never change."""

import time
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.common.aio import in_db
from apps.common.clock import boottime
from apps.instruments.services import resolve_symbol
from apps.marketdata import board
from apps.marketdata.services import renew_watch
from tests.gateway.house import as_web, until
from tests.reliability.matrix.stage import RESTING, widen_limits
from tests.reliability.tap import Way

pytestmark = pytest.mark.django_db(transaction=True)

SUBSCRIBE = "1"
TICKS = ("1", "2")  # of a price, of a size
#: So many of them come each second when nothing is new; all kinds were told after some of these.
A_ROUND_OF_TICKS = 4
FLAGGED_WITHIN_S = 60.0
SYMBOLS = ("AAPL", "MSFT", "AMD", "KO", "F", "T", "INTC", "NVDA", "AMZN", "GOOG")


async def watch_all(count):
    """Want quotes of some symbols and wait for the first of each."""
    instruments = [await as_web(resolve_symbol, symbol) for symbol in SYMBOLS[:count]]
    for instrument in instruments:
        await in_db(renew_watch, instrument=instrument, holder="tara", priority=3, ttl_s=900)
    for instrument in instruments:
        await until_ticks(instrument)
    return instruments


async def until_ticks(instrument, *, after=0.0, within_s=15.0):
    async def ticked():
        quote = board.get(instrument.ib_con_id)
        return quote if quote is not None and quote.received_boottime > after else None

    return await until(ticked, within_s=within_s, what=f"a tick of {instrument.symbol}")


@pytest.mark.row(8)
class TestFarmBlip:
    async def test_every_symbol_is_back_under_a_new_id(self, stage, count):
        instruments = await watch_all(count)
        for _ in range(-(-count // len(SYMBOLS))):
            asked_before = {frame.fields[2] for frame in stage.tap.sent(SUBSCRIBE)}
            began, moment = boottime(), time.time()

            stage.simulator.fault("farm_blip", seconds=3, farm="market")

            for instrument in instruments:
                await until_ticks(instrument, after=began + 3, within_s=began + 15 - boottime())
            again = [frame for frame in stage.tap.sent(SUBSCRIBE) if frame.at >= moment]
            assert not asked_before & {frame.fields[2] for frame in again}
            assert len(again) >= len(instruments)

    async def test_no_order_is_taken_on_a_price_that_stopped(self, stage):
        await as_web(widen_limits, max_quote_age_s=Decimal(3))
        (instrument,) = await watch_all(1)
        await stage.until_status(await stage.place(), "FILLED")
        frames = stage.order_frames()
        stage.simulator.fault("stop_streams")

        async def aged():
            quote = board.get(instrument.ib_con_id)
            return quote.age_s(boottime()) > 3

        await until(aged)
        order = await stage.submit(**RESTING)

        assert (order.status, order.reason_codes) == ("DENIED", ["RISK_STALE_QUOTE"])
        assert stage.order_frames() == frames


@pytest.mark.row(9)
class TestFrozenPrices:
    async def test_a_price_that_only_repeats_grows_old_and_denies(self, stage, count):
        await as_web(widen_limits, max_quote_age_s=Decimal(3))
        instruments = await watch_all(count)
        began = boottime()
        stage.simulator.fault("stale_ticks", seconds=900)

        for instrument in instruments:
            await self._until_old(stage, instrument, within_s=began + FLAGGED_WITHIN_S - boottime())
            order = await stage.submit(symbol=instrument.symbol, quantity=Decimal(1))

            # By the gate of the web or, if the newest row is younger, of the gateway; never sent.
            refused = await stage.until_status(order, "DENIED", "EXPIRED_UNSENT", within_s=60)
            assert refused.reason_codes == ["RISK_STALE_QUOTE"] or refused.status == "EXPIRED_UNSENT"
            quote = board.get(instrument.ib_con_id)
            assert quote.provider_timestamp < quote.received_at - timedelta(seconds=600)
        assert stage.order_frames() == 0

    async def _until_old(self, stage, instrument, *, within_s):
        """Wait until the price is older than allowed though IB goes on telling it; each kind is news once."""

        async def old_though_told():
            age_s = board.get(instrument.ib_con_id).age_s(boottime())
            ticks = [one.at for one in stage.tap.frames if one.way is Way.IN and one.number in TICKS]
            told_since = sum(at > time.time() - age_s for at in ticks)
            return age_s > 3.5 and told_since >= 2 * A_ROUND_OF_TICKS

        await until(old_though_told, within_s=within_s, what=f"an old price of {instrument.symbol}")
