"""The acceptance script: which steps there are, in which order, and what became of each.

The same for every library. Steps that do not touch each other's contracts run side by side;
orders and what they do to the account follow one another.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from tests.interop import steps_account as account
from tests.interop import steps_kinds as kinds
from tests.interop import steps_market as market
from tests.interop import steps_orders as orders
from tests.interop import steps_reference as reference
from tests.interop.desk import Desk
from tests.interop.journal import Refused
from tests.interop.peer import NotOffered

DONE, FAILED, LEFT_OUT = "✓", "✗", "–"
STEP_LIMIT_S = 40.0


@dataclass(frozen=True)
class Step:
    """One row of the table. `since`: the server version from which on the request exists."""

    name: str
    act: Callable[[Desk], Awaitable[None]]
    since: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of a step; `detail` says why it failed or was left out."""

    name: str
    mark: str
    detail: str
    seconds: float


FIRST = (Step("connect", reference.connect),)

SIDE_BY_SIDE = (
    Step("server time", reference.server_time),
    Step("quotes", market.quotes),
    Step("generic ticks", market.generic_ticks),
    Step("snapshot", market.snapshot),
    Step("depth direct", market.depth_direct),
    Step("depth Nasdaq", market.depth_nasdaq),
    Step("depth SMART", market.depth_smart),
    Step("depth exchanges", reference.depth_exchanges),
    Step("ticks Last", market.ticks_of_trades("Last", "BA", 1)),
    Step("ticks AllLast", market.ticks_of_trades("AllLast", "PLTR", 2)),
    Step("ticks BidAsk", market.ticks_of_quotes),
    Step("ticks MidPoint", market.ticks_of_middles),
    Step("real-time bars", market.real_time_bars),
    Step("history", market.history),
    Step("history daily", market.history_daily),
    Step("history of quotes", market.history_quotes),
    Step("history kept up", market.history_kept_up),
    Step("head timestamp", market.head_timestamp),
    Step("past trades", market.past_trades),
    Step("past quotes", market.past_quotes),
    Step("past middles", market.past_middles),
    Step("histogram", market.histogram),
    Step("schedule", market.schedule, since=165),
    Step("symbol search", reference.symbol_search),
    Step("details stock", reference.details_stock),
    Step("details fund", reference.details_fund),
    Step("details currency", kinds.details_currency),
    Step("details index", kinds.details_index),
    Step("details FUT", kinds.details_future),
    Step("details CONTFUT", kinds.details_continuous),
    Step("details OPT", kinds.details_option),
    Step("details FOP", kinds.details_future_option),
    Step("details crypto", kinds.details_coin),
    Step("details metal", kinds.details_metal),
    Step("details CFD", kinds.details_difference),
    Step("details bond", kinds.details_bond),
    Step("details BAG", kinds.details_combination),
    Step("quotes FUT", kinds.quote_future),
    Step("quotes currency", kinds.quote_currency),
    Step("quotes index", kinds.quote_index),
    Step("quotes crypto", kinds.quote_coin),
    Step("quotes OPT", kinds.quote_option),
    Step("option figures", kinds.option_figures),
    Step("option chain", reference.option_chain),
    Step("smart components", reference.smart_components),
    Step("scanner parameters", reference.scanner_parameters),
    Step("scanner", reference.scanner),
    Step("news providers", reference.news_providers),
    Step("historical news", reference.historical_news),
    Step("news article", reference.news_article),
    Step("user info", reference.user_info, since=167),
    Step("family codes", reference.family_codes),
    Step("soft dollar tiers", reference.soft_dollar_tiers),
    Step("display groups", reference.display_groups),
    Step("FA refused", reference.financial_advisor),
    Step("WSH refused", reference.wall_street_horizon, since=161),
    Step("fundamentals refused", reference.fundamentals),
    Step("error 200", reference.error_200),
    Step("error 300", reference.error_300),
    Step("error 321", reference.error_321),
)

LATE_DATA = (
    Step("error 10089", market.error_10089),
    Step("delayed quotes", market.delayed_quotes),
    Step("error 354", market.error_354),
)

IN_TURN = (
    Step("what-if", orders.what_if),
    Step("MKT", orders.market_order),
    Step("LMT", orders.limit_order),
    Step("cancel", orders.cancel),
    Step("modify", orders.modify),
    Step("STP", orders.stop_order),
    Step("TRAIL", orders.trailing_order),
    Step("bracket", orders.bracket),
    Step("OCA", orders.one_cancels_all),
    Step("partial fills", orders.partial_fills),
    Step("order OPT", kinds.order_option),
    Step("order FUT", kinds.order_future),
    Step("order currency", kinds.order_currency),
    Step("order BAG", kinds.order_combination),
    Step("executions", orders.executions),
    Step("commissions", orders.commissions),
    Step("completed orders", orders.completed_orders),
    Step("open orders", orders.open_orders),
    Step("error 103", orders.error_103),
    Step("error 104", orders.error_104),
    Step("error 105", orders.error_105),
    Step("error 110", orders.error_110),
    Step("error 201", orders.error_201),
    Step("error 10147", orders.error_10147),
    Step("error 10148", orders.error_10148),
    Step("account updates", account.account_updates),
    Step("account summary", account.account_summary),
    Step("error 322", reference.error_322),
    Step("account multi", account.account_updates_multi),
    Step("positions", account.positions),
    Step("positions multi", account.positions_multi),
    Step("PnL", account.pnl),
    Step("PnL single", account.pnl_single),
    # ib_insync waits one second for the answer, its own queue of requests included.
    Step("market rule", reference.market_rule),
    Step("global cancel", orders.global_cancel),
)

LAST = (
    Step("every callback", account.all_callbacks),
    Step("no surprises", account.no_surprises),
    Step("disconnect", account.disconnect),
)

STEPS = (*FIRST, *SIDE_BY_SIDE, *LATE_DATA, *IN_TURN, *LAST)


async def run_all(desk: Desk) -> list[Outcome]:
    """Run every step and return the outcomes in the order of the table."""
    first = await _in_turn(desk, FIRST)
    if first[-1].mark is not DONE:
        return [*first, *(Outcome(one.name, FAILED, "not connected", 0.0) for one in STEPS[1:])]
    together = await asyncio.gather(
        asyncio.gather(*(_run(desk, one) for one in SIDE_BY_SIDE)),
        _in_turn(desk, LATE_DATA),
        _in_turn(desk, IN_TURN),
    )
    return [*first, *(one for part in together for one in part), *await _in_turn(desk, LAST)]


async def run_only_connecting(desk: Desk, reason: str) -> list[Outcome]:
    """Connect and disconnect; leave out what would only repeat another row."""
    first = await _in_turn(desk, FIRST)
    rest = [Outcome(one.name, LEFT_OUT, reason, 0.0) for one in STEPS[1:-1]]
    return [*first, *rest, *await _in_turn(desk, LAST[-1:])]


async def _in_turn(desk: Desk, steps: Iterable[Step]) -> list[Outcome]:
    return [await _run(desk, one) for one in steps]


async def _run(desk: Desk, step: Step) -> Outcome:
    started = time.monotonic()
    mark, detail = await _result(desk, step)
    return Outcome(step.name, mark, detail, round(time.monotonic() - started, 2))


async def _result(desk: Desk, step: Step) -> tuple[str, str]:
    if step.since > desk.version:
        return LEFT_OUT, f"exists from server version {step.since} on"
    try:
        async with asyncio.timeout(STEP_LIMIT_S):
            await step.act(desk)
    except NotOffered as reason:
        return LEFT_OUT, str(reason)
    except (AssertionError, Refused, TimeoutError, ConnectionError) as error:
        return FAILED, f"{str(error)[:400]}{_place(error)}"
    except Exception as error:  # noqa: BLE001  whatever a library raises is the outcome of the step
        return FAILED, f"{error!r:.400}{_place(error)}"
    return DONE, ""


def _place(error: BaseException) -> str:
    """Return where in our own files an error came from."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "interop" in one.filename]
    return f" [{frames[-1].line}]" if frames else ""
