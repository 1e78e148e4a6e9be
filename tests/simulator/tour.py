"""One long scripted visit that asks a simulator for nearly everything it plays.

Tests use it where the whole vocabulary matters: names of fields, recordings, determinism.
Every step waits for its answer, so that the same visit has the same course each time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.simulator.raw_client import RawClient, contract, place_order

Step = Callable[[float], Awaitable[None]]
ACCOUNT = "DU1234567"
TAGS = "NetLiquidation,TotalCashValue,BuyingPower,$LEDGER:ALL"


async def take_tour(client: RawClient, *, step: Step) -> None:
    """Visit everything; `step` lets so many seconds of the simulator's time pass."""
    await _ask_about_the_account(client)
    await _look_things_up(client)
    await _watch(client, step=step)
    await _trade(client, step=step)
    await _ask_for_the_past(client)
    await _ask_for_the_rest(client)
    await _stop_watching(client, step=step)


async def _ask_about_the_account(client: RawClient) -> None:
    client.send(61, 1)
    await client.until(62)
    client.send(6, 2, 1, ACCOUNT)
    await client.until(54)
    client.send(76, 1, 9001, ACCOUNT, "", 0)
    await client.until(74)
    client.send(74, 1, 9002, ACCOUNT, "")
    await client.until(72)
    client.send(62, 1, 9003, "All", TAGS)
    await client.until(64)
    client.send(92, 9004, ACCOUNT, "")
    client.send(94, 9005, ACCOUNT, "", 265598)
    for request in ((5, 1), (16, 1), (15, 1, 0), (17, 1), (8, 1, 1), (14, 1, 5), (49, 1), (80,)):
        client.send(*request)
    await client.settle()


async def _look_things_up(client: RawClient) -> None:
    issuer = [""] if client.version >= 176 else []
    client.send(9, 8, 9010, *contract("AAPL"), 0, "", "", *issuer)
    await client.until(52)
    client.send(9, 8, 9011, *contract("NOSUCH"), 0, "", "", *issuer)
    await client.error(200)
    for kind, symbol, exchange in (("CASH", "EUR", "IDEALPRO"), ("IND", "SPX", "CBOE"), ("FUT", "ES", "CME")):
        asked = ["0", symbol, kind, "", "0.0", "", "", exchange, "", "USD", "", ""]
        client.send(9, 8, 9012, *asked, 0, "", "", *issuer)
    client.send(81, 9013, "A")
    client.send(78, 9014, "AAPL", "", "STK", 265598)
    await client.until(76)
    client.send(91, 26)
    client.send(91, 999)
    client.send(82)
    client.send(83, 9015, "9c0001")
    await client.settle()


async def _watch(client: RawClient, *, step: Step) -> None:
    client.send(59, 1, 1)
    client.send(1, 11, 9020, *contract("AAPL"), 0, "233,236", 0, 0, "")
    client.send(1, 11, 9021, *contract("MSFT"), 0, "", 1, 0, "")
    client.send(1, 11, 9022, *contract("NOSUCH"), 0, "", 0, 0, "")
    client.send(10, 5, 9023, *contract("AAPL"), 5, 1, "")
    client.send(97, 9024, *contract("AAPL"), "Last", 3, 0)
    client.send(97, 9025, *contract("AAPL"), "BidAsk", 3, 0)
    client.send(97, 9026, *contract("AAPL"), "MidPoint", 3, 0)
    client.send(50, 3, 9027, *contract("AAPL"), 5, "TRADES", 1, "")
    await client.settle()
    for seconds in (0.25, 1.0, 5.0, 1.5):
        await step(seconds)
        await client.settle()


async def _trade(client: RawClient, *, step: Step) -> None:
    version = client.version
    client.send(*place_order(version, 11, quantity=300, ref="market"))
    await client.until(59)
    client.send(*place_order(version, 12, kind="LMT", limit=1, tif="GTC", ref="resting"))
    client.send(*place_order(version, 12, kind="LMT", limit=2, tif="GTC", ref="resting"))
    client.send(*place_order(version, 13, kind="STP", action="SELL", stop=1, ref="stop"))
    client.send(*place_order(version, 14, kind="LMT", limit=1, oca="group", oca_type=1, ref="oca"))
    client.send(*place_order(version, 15, kind="LMT", limit=1, oca="group", oca_type=1, ref="oca"))
    client.send(*place_order(version, 16, kind="LMT", limit=1, transmit=0, ref="parent"))
    client.send(*place_order(version, 17, kind="LMT", limit=999999, action="SELL", parent=16, ref="child"))
    client.send(*place_order(version, 18, what_if=1))
    client.send(*place_order(version, 19, "NOSUCH"))
    client.send(*place_order(version, 20, quantity=10, tif=""))
    client.send(*place_order(version, 11, quantity=300, ref="market"))
    await client.settle()
    await step(2)
    client.send(*_cancel(version, 14))
    client.send(*_cancel(version, 14))
    client.send(*_cancel(version, 999))
    client.send(5, 1)
    client.send(16, 1)
    client.send(7, 3, 9030, 0, "", "", "", "", "", "")
    await client.until(55)
    client.send(58, 1)
    await client.settle()
    client.send(99, 0)
    await client.until(102)
    await step(1)
    await client.settle()


def _cancel(version: int, order_id: int) -> list[object]:
    return [4, 1, order_id, *([""] if version >= 169 else [])]


async def _ask_for_the_past(client: RawClient) -> None:
    for request_id, bar, duration, kind, form in (
        (9040, "1 min", "1800 S", "TRADES", 1),
        (9041, "1 hour", "2 D", "MIDPOINT", 2),
        (9042, "1 day", "1 W", "BID_ASK", 1),
    ):
        client.send(20, request_id, *contract("AAPL"), 0, "", bar, duration, 1, kind, form, 0, "")
        await client.until(17)
    client.send(20, 9043, *contract("AAPL"), 0, "", "5 secs", "60 S", 1, "TRADES", 2, 1, "")
    await client.until(17)
    if client.version >= 165:
        client.send(20, 9044, *contract("AAPL"), 0, "", "1 day", "1 W", 1, "SCHEDULE", 1, 0, "")
        await client.until(106)
    client.send(20, 9045, *contract("AAPL"), 0, "", "nonsense", "1 W", 1, "TRADES", 1, 0, "")
    await client.error(321)
    client.send(87, 9046, *contract("AAPL"), 0, 1, "TRADES", 1)
    client.send(88, 9047, *contract("AAPL"), 0, 1, "1 day")
    await client.until(89)
    for request_id, kind, answer in ((9048, "TRADES", 98), (9049, "BID_ASK", 97), (9050, "MIDPOINT", 96)):
        client.send(96, request_id, *contract("AAPL"), 0, "", "20261118-15:00:00", 5, kind, 1, 0, "")
        await client.until(answer)


async def _ask_for_the_rest(client: RawClient) -> None:
    client.send(85)
    client.send(86, 9060, 265598, "BRFG", "", "", 5, "")
    client.send(84, 9061, "BRFG", "nonsense", "")
    client.send(12, 1, 1)
    client.send(13, 1)
    client.send(24, 1)
    client.send(22, 9062, 5, "STK", "STK.US.MAJOR", "TOP_PERC_GAIN", *[""] * 13, 0, "", "", "ALL", "", "")
    await client.until(20)
    client.send(18, 1, 1)
    client.send(19, 1, 1, "<xml/>", 9063)
    for request in ((67, 1, 9064), (68, 1, 9065, 1), (69, 1, 9065, "265598@SMART"), (70, 1, 9065)):
        client.send(*request)
    client.send(79, 9066)
    client.send(100, 9067)
    if client.version >= 173:
        client.send(102, 9068, 265598, "", 0, 0, 0, "", "", 5)
    if client.version >= 167:
        client.send(104, 9069)
    client.send(52, 2, 9070, 265598, "AAPL", "STK", "SMART", "", "USD", "", "ReportSnapshot", 0, "")
    client.send(999, 1, 2)
    client.send(1, 11, "nonsense", *contract("AAPL"))
    await client.settle()


async def _stop_watching(client: RawClient, *, step: Step) -> None:
    for request in (
        (2, 2, 9020), (2, 2, 9020), (11, 1, 9023, 1), (98, 9024), (51, 1, 9027), (25, 1, 9043), (25, 1, 9043),
        (90, 9046), (89, 9047), (23, 1, 9062), (93, 9004), (95, 9005), (63, 1, 9003), (64, 1), (75, 1, 9002),
        (77, 1, 9001), (6, 2, 0, ACCOUNT),
    ):  # fmt: skip
        client.send(*request)
    await client.settle()
    await step(200)
    await client.settle()
