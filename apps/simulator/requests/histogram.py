"""Requests for how many shares were traded at each price of a period."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from apps.simulator.clients.streams import Stream
from apps.simulator.instruments.universe import Instrument
from apps.simulator.market.bars import DAY, BadHistoryRequest, historical_bars, parse_start
from apps.simulator.protocol.data_messages import histogram_data
from apps.simulator.protocol.messages import In
from apps.simulator.requests.contracts import find_or_refuse, read_contract
from apps.simulator.requests.handler import Handler
from apps.simulator.requests.history import PendingHistory
from apps.simulator.requests.history_asking import SERVICE
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

KIND = "histogram"
_UNITS = {"sec": "S", "min": "S", "hour": "S", "day": "D", "week": "W", "month": "M", "year": "Y"}
_SECONDS = {"sec": 1, "min": 60, "hour": 3600}
# A longer period is counted in longer bars, each of them whole at its average price.
_BAR_SIZES = (1, 5, 60, 1800, DAY)
_ENOUGH_BARS = 2000
_BARS_WITHOUT_REST = 200


def parse_period(period: str) -> str:
    """Return a period such as `3 days` as the duration of a history request: `3 D`."""
    count, _, word = period.strip().lower().partition(" ")
    unit = word.strip().removesuffix("s").replace("second", "sec").replace("minute", "min")
    if not count.isdecimal() or len(count) > 6 or unit not in _UNITS:
        raise BadHistoryRequest(321, f"Error validating request:-Invalid period: {period}")
    return f"{int(count) * _SECONDS.get(unit, 1)} {_UNITS[unit]}"


def req_histogram_data(session: ClientSession, fields: Fields) -> Coroutine[None, None, None] | None:
    request_id = fields.integer()
    asked = read_contract(fields)
    fields.skip(2)
    period = fields.text()
    if session.has_stream(KIND, request_id):
        session.send_error(request_id, 102, "Duplicate ticker ID.")
        return None
    instrument = find_or_refuse(session, request_id, asked)
    if instrument is None:
        return None
    end = int(session.venue.clock.epoch()) + 1
    try:
        start = parse_start(
            parse_period(period), end=end, hours=session.venue.market.hours_of(instrument), bar_s=1
        )
    except BadHistoryRequest as error:
        session.send_error(request_id, error.code, error.text)
        return None
    pending = PendingHistory()
    session.open_stream(KIND, request_id, pending)
    return _send_histogram(session, request_id, instrument, span=(start, end), pending=pending)


async def _send_histogram(
    session: ClientSession, request_id: int, instrument: Instrument, *, span: tuple[int, int], pending: Stream
) -> None:
    """Count, resting now and then so that a long period does not stop the market."""
    start, end = span
    bar_s = next((one for one in _BAR_SIZES if (end - start) / one <= _ENOUGH_BARS), DAY)
    volumes: Counter[int] = Counter()
    market = session.venue.market
    bars = historical_bars(market, instrument, start=start, end=end, bar_s=bar_s, kind="TRADES", now=end - 1)
    for count, bar in enumerate(bars):
        volumes[round(bar.average)] += bar.volume
        if count % _BARS_WITHOUT_REST == 0:
            await asyncio.sleep(0)
    if session.streams.get((KIND, request_id)) is not pending:
        return
    session.close_stream(KIND, request_id)
    if volumes:
        session.send(histogram_data(session.version, request_id, instrument, volumes=volumes))
    else:
        session.send_error(request_id, 162, f"{SERVICE}HMDS query returned no data")


def cancel_histogram_data(session: ClientSession, fields: Fields) -> None:
    request_id = fields.integer()
    if not session.close_stream(KIND, request_id):
        session.send_error(request_id, 300, f"Can't find EId with tickerId:{request_id}")


REQUESTS: dict[int, Handler] = {
    In.REQ_HISTOGRAM_DATA: req_histogram_data,
    In.CANCEL_HISTOGRAM_DATA: cancel_histogram_data,
}
