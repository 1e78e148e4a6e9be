"""Contracts of every kind and the small requests: ib_insync's view, and the exact fields."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import pytest
from ib_insync import Contract, Forex, Index, Option, Stock

from apps.simulator.instruments.hours import NYSE_HOLIDAYS
from apps.simulator.instruments.listings import AskedContract
from apps.simulator.instruments.lookup import matching_instruments
from apps.simulator.instruments.market_rules import increment_at
from apps.simulator.instruments.option_chains import monthly_expirations, option_root, options_of
from apps.simulator.instruments.small_stocks import FIRST_ID, small_stock_with_id
from apps.simulator.instruments.spot_instruments import SPOT
from apps.simulator.instruments.universe import BY_CON_ID, INSTRUMENTS
from tests.simulator.raw_client import PATIENCE_S, contract, place_order

TODAY = date(2026, 11, 20)
SPX, EUR_USD = 416904, 12087792
NO_ISSUER = [0, "", "", ""]


def other(**terms: object) -> list[object]:
    """Return CONTRACT12 of anything; a term left out is empty."""
    names = "conId symbol secType expiry strike right multiplier exchange primary currency local class"
    return [terms.get(name, 0 if name in ("conId", "strike") else "") for name in names.split()]


async def details_of(client: object, request_id: int, block: list[object]) -> list[list[str]]:
    """Return every contractData of one request."""
    start = len(client.frames)
    await client.ask(52, 9, 8, request_id, *block, *NO_ISSUER)
    return [one for one in client.frames[start:] if one[0] == "10"]


class TestContractsOfIbInsync:
    async def test_are_qualified_whatever_their_kind(self, ib):
        wanted = [Forex("EURUSD"), Forex("USDJPY"), Index("SPX", "CBOE"), Index("NDX", "NASDAQ")]
        found = await ib.qualifyContractsAsync(*wanted)

        assert [one.conId for one in found] == [12087792, 15016059, 416904, 416843]
        assert [one.localSymbol for one in found] == ["EUR.USD", "USD.JPY", "SPX", "NDX"]

    async def test_leads_from_a_stock_over_its_chain_to_an_option(self, ib):
        (stock,) = await ib.qualifyContractsAsync(Stock("AAPL", "SMART", "USD"))
        chains = await asyncio.wait_for(
            ib.reqSecDefOptParamsAsync("AAPL", "", "STK", stock.conId), PATIENCE_S
        )
        chain = next(one for one in chains if one.exchange == "SMART")
        wanted = Option("AAPL", chain.expirations[0], 230.0, "C", "SMART")
        (details,) = await asyncio.wait_for(ib.reqContractDetailsAsync(wanted), PATIENCE_S)
        option = details.contract
        (again,) = await asyncio.wait_for(
            ib.reqContractDetailsAsync(Contract(conId=option.conId)), PATIENCE_S
        )

        assert (chain.multiplier, chain.tradingClass, chain.underlyingConId) == ("100", "AAPL", "265598")
        assert 230.0 in chain.strikes
        assert len(chain.expirations) >= 12
        assert (option.multiplier, option.right, option.strike) == ("100", "C", 230.0)
        assert option.localSymbol == f"AAPL  {chain.expirations[0][2:]}C00230000"
        assert (details.underConId, details.underSymbol, details.underSecType) == (265598, "AAPL", "STK")
        assert details.contractMonth == chain.expirations[0][:6]
        assert again.contract == option

    async def test_are_all_named_when_a_request_is_ambiguous(self, ib):
        day = f"{monthly_expirations(datetime.now(UTC).date())[2]:%Y%m%d}"
        found = await asyncio.wait_for(
            ib.reqContractDetailsAsync(Option("MSFT", day, 0, "P", "SMART")), PATIENCE_S
        )

        assert {one.contract.strike for one in found} == set(option_root("MSFT").strikes())
        assert {one.contract.right for one in found} == {"P"}


class TestContractData:
    @pytest.mark.parametrize("version", [157, 163, 164, 176, 178])
    async def test_has_one_secid_less_for_what_is_no_stock(self, connect, version):
        client = await connect(version=version)
        issuer = [""] if version >= 176 else []
        block = other(symbol="SPX", secType="IND", exchange="CBOE", currency="USD")

        data = await client.ask(10, 9, 8, 50, *block, 0, "", "", *issuer)
        stock = await client.ask(10, 9, 8, 51, *contract("AAPL"), 0, "", "", *issuer)

        assert len(data) == len(stock) - 2
        assert len(stock) == {157: 41, 163: 42}.get(version, 42)

    async def test_puts_every_field_of_an_option_in_its_place(self, raw):
        day = f"{monthly_expirations(datetime.now(UTC).date())[0]:%Y%m%d}"
        block = other(symbol="AAPL", secType="OPT", expiry=day, strike=230, right="CALL", exchange="CBOE")
        (data,) = await details_of(raw, 1, block)

        local = f"AAPL  {day[2:]}C00230000"
        assert data[2:12] == ["AAPL", "OPT", day, "230", "C", "CBOE", "USD", local, "AAPL", "AAPL"]
        assert data[13] == "0.01"
        assert data[14] == "100"
        assert (data[18], data[21]) == ("265598", day[:6])
        assert data[30:36] == ["0", "2", "AAPL", "STK", ",".join(["109"] * 6), day]
        assert len(data) == 40

    async def test_names_ticks_that_the_market_rules_know(self, raw):
        for one in SPOT:
            if one.sec_type != "BOND":
                (data,) = await details_of(raw, one.con_id, other(conId=one.con_id))
                rule = await raw.ask(93, 91, data[34].split(",")[0])

                assert rule[4] == data[13]
                assert float(data[13]) == increment_at(one, one.start_price)

    @pytest.mark.parametrize(
        "unknown",
        [
            {"symbol": "EUR", "secType": "CASH", "currency": "XXX"},
            {"symbol": "SPX", "secType": "IND", "exchange": "NYSE"},
            {"symbol": "SPX", "secType": "STK"},
            {"symbol": "NOSUCH", "secType": "OPT"},
            {"symbol": "AAPL", "secType": "OPT", "expiry": "20200117"},
            {"symbol": "AAPL", "secType": "OPT", "strike": 230.1},
            {"symbol": "AAPL", "secType": "FUT"},
            {"conId": 669_000_001},
            {"secType": "OPT"},
            {"secType": "CASH"},
        ],
        ids=str,
    )
    async def test_is_refused_for_what_does_not_exist(self, raw, unknown):
        raw.send(9, 8, 5, *other(**unknown), *NO_ISSUER)

        assert (await raw.error(200))[2] == "5"

    async def test_finds_a_pair_by_its_first_currency_and_by_its_name(self, raw):
        by_symbol = await details_of(raw, 1, other(symbol="EUR", secType="CASH"))
        by_name = await details_of(raw, 2, other(local="GBP.USD", secType="CASH"))

        assert [(one[2], one[7], one[8], one[13]) for one in by_symbol] == [
            ("EUR", "IDEALPRO", "USD", "0.00005")
        ]
        assert [one[9] for one in by_name] == ["GBP.USD"]


class TestSearch:
    async def test_finds_indices_and_pairs_with_the_counts_of_the_protocol(self, raw):
        index = await raw.ask(79, 81, 1, "SPX")
        pair = await raw.ask(79, 81, 2, "eur.u")

        assert index == [
            "79",
            "1",
            "1",
            str(SPX),
            "SPX",
            "IND",
            "CBOE",
            "USD",
            "1",
            "OPT",
            "S&P 500 Stock Index",
            "",
        ]
        assert pair[3:7] == [str(EUR_USD), "EUR", "CASH", ""]

    async def test_says_which_stocks_have_options(self, raw):
        tesla = await raw.ask(79, 81, 1, "TSLA")
        none = await raw.ask(79, 81, 2, small_stock_with_id(FIRST_ID + 1).symbol)

        assert tesla[8:11] == ["2", "CFD", "OPT"]
        assert none[8:10] == ["1", "CFD"]


class TestOptionChain:
    async def test_has_the_counts_of_the_protocol(self, raw):
        await raw.ask(76, 78, 4, "TSLA", "", "STK", 76792991)
        chains = [one for one in raw.frames if one[0] == "75"]

        for one in chains:
            days = int(one[6])
            assert len(one) == 7 + days + 1 + int(one[7 + days])
        assert {one[2] for one in chains} >= {"SMART", "CBOE"}

    async def test_is_empty_for_a_stock_without_options(self, raw):
        stock = small_stock_with_id(FIRST_ID + 1)
        await raw.ask(76, 78, 4, stock.symbol, "", "STK", stock.con_id)

        assert [one for one in raw.frames if one[0] == "75"] == []

    @pytest.mark.parametrize("wrong", [("AAPL", "", "STK", 1), ("MSFT", "", "STK", 265598)])
    async def test_is_refused_for_what_does_not_exist(self, raw, wrong):
        raw.send(78, 4, *wrong)

        assert (await raw.error(200))[2] == "4"

    def test_expires_monthly_on_trading_days(self):
        days = monthly_expirations(TODAY)

        assert days[:3] == [date(2026, 11, 20), date(2026, 12, 18), date(2027, 1, 15)]
        assert date(2027, 6, 17) in days
        assert not NYSE_HOLIDAYS & set(days)
        assert monthly_expirations(date(2026, 11, 21))[0] == date(2026, 12, 18)

    def test_gives_every_option_a_number_of_its_own(self):
        roots = [option_root(one.symbol) for one in INSTRUMENTS[::9]] + [option_root("ES", "FOP")]
        options = [one for root in roots for one in options_of(root, TODAY)]
        numbers = {one.con_id for one in options}

        assert len(numbers) == len(options)
        assert not numbers & BY_CON_ID.keys()
        assert max(numbers) < 2**31
        for one in options[::97]:
            assert matching_instruments(AskedContract(con_id=one.con_id), TODAY) == [one]

    def test_keeps_an_option_while_days_pass(self):
        root = option_root("AAPL")
        before = {one.con_id: one for one in options_of(root, TODAY)}
        after = {one.con_id: one for one in options_of(root, date(2027, 3, 1))}

        common = before.keys() & after.keys()
        assert len(common) > 100
        assert all(before[one] == after[one] for one in common)


class TestAnIndex:
    async def test_has_no_history_of_quotes(self, raw):
        raw.send(20, 2, *other(conId=SPX), 0, "", "1 day", "5 D", 1, "MIDPOINT", 1, 0, "")

        assert (await raw.error(162))[2] == "2"

    async def test_is_refused_orders(self, raw):
        raw.send(*place_order(176, 1, "SPX", con_id=SPX))
        refusal = await raw.error(387)
        raw.send(*place_order(176, 1, "NOSUCH"))
        unknown = await raw.error(200)
        raw.send(*place_order(176, 1, "AAPL"))

        assert (refusal[2], unknown[2]) == ("1", "1")
        assert (await raw.until(11))[2] == "1"


class TestSmallRequests:
    async def test_are_answered_with_the_fields_of_the_protocol(self, raw):
        assert await raw.ask(107, 104, 1) == ["107", "1", ""]
        assert await raw.ask(78, 80) == ["78", "1", "DU1234567", ""]
        assert await raw.ask(77, 79, 2) == ["77", "2", "0"]
        assert await raw.ask(15, 17, 1) == ["15", "1", "DU1234567"]
        assert await raw.ask(67, 67, 1, 3) == ["67", "1", "3", "1|2|3|4|5|6|7"]

    @pytest.mark.parametrize(
        ("code", "request_id", "fields"),
        [
            (321, "-1", [18, 1, 1]),
            (321, "8", [19, 1, 1, "<xml/>", 8]),
            (10276, "8", [100, 8]),
            (10276, "8", [101, 8]),
            (10277, "8", [102, 8, 265598, "", 0, 0, 0, "", "", ""]),
            (10277, "8", [103, 8]),
            (430, "8", [52, 2, 8, 265598, "AAPL", "STK", "SMART", "", "USD", "", "ReportSnapshot", 0, ""]),
            (300, "8", [53, 1, 8]),
            (319, "-1", [14, 1, 6]),
        ],
        ids=lambda one: str(one[0]) if isinstance(one, list) else None,
    )
    async def test_are_refused_with_their_code(self, raw, code, request_id, fields):
        raw.send(*fields)
        answers = await raw.settle()

        assert [(one[0], one[2], one[3]) for one in answers] == [("4", request_id, str(code))]

    async def test_are_silent_about_verification_and_a_good_log_level(self, raw):
        raw.send(65, 1, "program", "1.0")
        raw.send(66, 1, "data")
        raw.send(14, 1, 5)

        assert await raw.settle() == []

    async def test_refuse_user_info_to_an_old_client(self, connect):
        client = await connect(version=166)
        client.send(104, 1)

        assert (await client.error(321))[2] == "1"

    async def test_return_to_ib_insync_at_once(self, ib):
        assert await asyncio.wait_for(ib.reqUserInfoAsync(), PATIENCE_S) == []
        assert not await asyncio.wait_for(
            ib.reqFundamentalDataAsync(Stock("AAPL", "SMART", "USD"), "ReportSnapshot"), 3
        )


class TestDisplayGroups:
    async def test_tell_every_subscription_of_a_group(self, raw):
        first = await raw.ask(68, 68, 1, 1, 4)
        raw.send(68, 1, 2, 4)
        raw.send(68, 1, 3, 5)
        raw.send(69, 1, 1, "265598@SMART")
        answers = await raw.settle()
        later = await raw.ask(68, 68, 1, 6, 4)

        assert first == ["68", "1", "1", "none"]
        assert [one[2:] for one in answers[2:]] == [["1", "265598@SMART"], ["2", "265598@SMART"]]
        assert later[2:] == ["6", "265598@SMART"]

    async def test_say_nothing_more_when_left(self, raw):
        await raw.ask(68, 68, 1, 1, 4)
        raw.send(70, 1, 1)
        raw.send(69, 1, 1, "265598@SMART")

        assert (await raw.error(321))[2] == "1"

    async def test_are_seven(self, raw):
        raw.send(68, 1, 1, 8)

        assert (await raw.error(321))[2] == "1"


class TestPositionsMulti:
    async def test_has_the_counts_of_the_protocol(self, raw):
        raw.send(*place_order(176, 1))
        await raw.until(59)
        raw.send(74, 1, 5, "DU1234567", "model")
        end = await raw.until(72)
        (position,) = [one for one in raw.frames if one[0] == "71"]

        assert end == ["72", "1", "5"]
        assert len(position) == 18
        assert (position[2], position[-1]) == ("5", "model")
