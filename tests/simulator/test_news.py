"""News and scans: what an unmodified ib_insync gets, and the exact fields behind it."""

from __future__ import annotations

import asyncio
import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from ib_insync import ScannerSubscription

from apps.simulator.config import SimulatorConfig
from apps.simulator.instruments.hours import HOURS, eastern_date, midnight
from apps.simulator.instruments.universe import BY_CON_ID, BY_SYMBOL, INSTRUMENTS
from apps.simulator.market.headlines import headline_with_id, headlines_before, headlines_of
from apps.simulator.market.quotes import Market
from apps.simulator.market.scans import Scan, ranked, standing_of
from tests.simulator.raw_client import PATIENCE_S

AAPL = BY_SYMBOL["AAPL"]
ALL_PROVIDERS = "BRFG+BRFUPDN+DJNL"
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def market() -> Market:
    return Market(seed=SimulatorConfig().seed, hours=HOURS["always"])


def scan_request(request_id: int, code: str, **filters: object) -> list[object]:
    """Return reqScannerSubscription in the positions of the protocol's table."""
    rows, kind = filters.get("rows", 5), filters.get("kind", "STK")
    location = filters.get("location", "STK.US.MAJOR")
    prices = [filters.get("above", ""), filters.get("below", ""), filters.get("volume", "")]
    return [22, request_id, rows, kind, location, code, *prices, *[""] * 13, filters.get("type", ""), "", ""]


class TestNewsOfIbInsync:
    async def test_goes_from_provider_to_headline_to_article(self, ib):
        providers = await asyncio.wait_for(ib.reqNewsProvidersAsync(), PATIENCE_S)
        codes = "+".join(one.code for one in providers)
        day = datetime.now(UTC)
        end, start = f"{day:%Y%m%d %H:%M:%S UTC}", f"{day - timedelta(days=60):%Y%m%d %H:%M:%S UTC}"

        ib.client.reqHistoricalNews(900, AAPL.con_id, codes, start, end, 5, [])
        headlines = await asyncio.wait_for(ib.wrapper.startReq(900), PATIENCE_S)
        newest = headlines[0]
        article = await asyncio.wait_for(
            ib.reqNewsArticleAsync(newest.providerCode, newest.articleId), PATIENCE_S
        )

        assert codes == ALL_PROVIDERS
        assert len(headlines) == 5
        assert newest.headline in article.articleText
        assert article.articleType == 0


class TestHistoricalNews:
    async def test_has_the_counts_of_the_protocol(self, raw):
        raw.send(86, 1, AAPL.con_id, ALL_PROVIDERS, "", "", 3, "")
        end = await raw.until(87)
        rows = [one for one in raw.frames if one[0] == "86"]

        assert [len(one) for one in rows] == [6, 6, 6]
        assert end == ["87", "1", "1"]
        assert all(later[2] >= earlier[2] for later, earlier in pairwise(rows))
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.0", rows[0][2])

    async def test_keeps_to_the_wanted_days_and_providers(self, raw):
        raw.send(86, 1, AAPL.con_id, "DJNL", "20260901 00:00:00 UTC", "20261001-00:00:00", 300, "")
        end = await raw.until(87)
        rows = [one for one in raw.frames if one[0] == "86"]

        assert rows
        assert all(one[3] == "DJNL" and one[2].startswith("2026-09") for one in rows)
        assert end[2] == "0"

    @pytest.mark.parametrize(
        ("code", "fields"),
        [
            (200, [1, ALL_PROVIDERS, "", ""]),
            (321, [AAPL.con_id, "NOSUCH", "", ""]),
            (10314, [AAPL.con_id, "DJNL", "yesterday", ""]),
            (10314, [AAPL.con_id, "DJNL", "", "20260901 00:00:00 Nowhere/City"]),
        ],
    )
    async def test_refuses_what_it_cannot_read(self, raw, code, fields):
        raw.send(86, 5, *fields, 10, "")

        assert (await raw.error(code))[2] == "5"


class TestArticle:
    async def test_is_refused_if_nobody_wrote_it(self, raw):
        for article_id in ("DJNL$nonsense", "DJNL$00040d7effffff0", "DJNL", "DJNL$00040d7e0000000"):
            raw.send(84, 6, "DJNL", article_id, "")

            assert (await raw.error(10172))[2] == "6"

    def test_is_not_published_before_its_time(self, market):
        newest = next(headlines_before(market, AAPL, NOON))

        assert headline_with_id(market, newest.article_id, now=newest.at) == newest
        assert headline_with_id(market, newest.article_id, now=newest.at - 1) is None

    def test_tells_the_move_of_the_day_before(self, market):
        day = next(
            one for one in map(date.fromordinal, range(739000, 739100)) if headlines_of(market, AAPL, one)
        )
        before = [market.last_points(AAPL, midnight(day - timedelta(days=back)) + 1) for back in (1, 0)]
        moved = "rose" if before[1] >= before[0] else "fell"
        percent = abs(before[1] / before[0] - 1) * 100

        text = headlines_of(market, AAPL, day)[0].text
        assert moved in text
        assert float(text.split("%")[0].split()[-1]) == pytest.approx(percent, abs=0.15)


class TestBulletins:
    async def test_are_accepted_in_silence(self, raw):
        raw.send(12, 1, 1)
        raw.send(13, 1)

        assert await raw.settle() == []


class TestScannerParameters:
    async def test_name_every_scan_that_is_answered(self, raw):
        message = await raw.ask(19, 24, 1)
        root = ET.fromstring(message[2])  # noqa: S314  our own answer
        codes = [one.text for one in root.iter("scanCode")]
        locations = [one.text for one in root.iter("locationCode")]

        assert len(message) == 3
        assert codes == ["TOP_PERC_GAIN", "TOP_PERC_LOSE", "MOST_ACTIVE", "HOT_BY_VOLUME"]
        for request_id, code in enumerate(codes):
            raw.send(*scan_request(request_id, code, location=locations[request_id]))
            assert (await raw.until(20))[2] == str(request_id)


class TestScan:
    async def test_gives_ib_insync_what_it_asks(self, ib):
        wanted = ScannerSubscription(5, "STK", "STK.US.MAJOR", "MOST_ACTIVE")
        found = await asyncio.wait_for(ib.reqScannerDataAsync(wanted), PATIENCE_S)
        parameters = await asyncio.wait_for(ib.reqScannerParametersAsync(), PATIENCE_S)

        assert [one.rank for one in found] == [0, 1, 2, 3, 4]
        assert all(BY_CON_ID[one.contractDetails.contract.conId] for one in found)
        assert "MOST_ACTIVE" in parameters

    async def test_has_the_counts_of_the_protocol(self, raw):
        message = await raw.ask(20, *scan_request(3, "TOP_PERC_GAIN"))

        assert message[:4] == ["20", "3", "3", "5"]
        assert len(message) == 4 + 5 * 16

    async def test_filters_and_may_find_nothing(self, raw):
        dear = await raw.ask(20, *scan_request(1, "MOST_ACTIVE", above=400, type="ETF", rows=-1))
        nothing = await raw.ask(20, *scan_request(2, "MOST_ACTIVE", below=0.5))

        assert set(dear[6::16]) <= {"SPY", "QQQ", "DIA", "VOO"}
        assert nothing == ["20", "3", "2", "0"]

    @pytest.mark.parametrize(
        "wrong", [{"code": "NO_SUCH_SCAN"}, {"kind": "FUT.US"}, {"location": "STK.EU"}], ids=str
    )
    async def test_refuses_what_it_does_not_know(self, raw, wrong):
        filters = {"code": "MOST_ACTIVE"} | wrong
        raw.send(*scan_request(9, filters.pop("code"), **filters))

        assert (await raw.error(162))[2] == "9"

    async def test_ends_when_cancelled(self, raw, simulator):
        await raw.ask(20, *scan_request(4, "MOST_ACTIVE"))
        raw.send(*scan_request(4, "MOST_ACTIVE"))
        await raw.error(102)
        raw.send(23, 1, 4)
        cancelled = await raw.error(162)
        raw.send(23, 1, 4)

        assert "cancelled" in cancelled[4]
        assert (await raw.error(365))[2] == "4"

    async def test_is_told_again_after_half_a_minute(self, raw, simulator):
        before = simulator.venue.clock.epoch()
        await raw.ask(20, *scan_request(4, "MOST_ACTIVE"))
        (stream,) = simulator.sessions[1].streams.values()
        after = simulator.venue.clock.epoch()

        stream.pulse(before + 29)
        assert [one[0] for one in await raw.settle()] == []
        stream.pulse(after + 31)
        assert [one[0] for one in await raw.settle()] == ["20"]

    def test_orders_by_the_day_so_far(self, market):
        standings = [standing_of(market, one, NOON) for one in INSTRUMENTS]
        change = {one.instrument.symbol: one.change for one in standings}
        gainers = ranked(Scan(code="TOP_PERC_GAIN", location="STK.US"), standings)
        losers = ranked(Scan(code="TOP_PERC_LOSE", location="STK.US", rows=3), standings)

        assert [one.symbol for one in gainers] == sorted(change, key=lambda one: -change[one])[:50]
        assert [one.symbol for one in losers] == sorted(change, key=lambda one: change[one])[:3]
        assert eastern_date(NOON) == date(2026, 11, 18)
