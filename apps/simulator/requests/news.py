"""Requests about news: providers, headlines of the past, articles, bulletins."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from apps.simulator.instruments.universe import known_instrument
from apps.simulator.market.headlines import PROVIDERS, Headline, headline_with_id, headlines_before
from apps.simulator.protocol.messages import In, Out
from apps.simulator.requests.contracts import NOT_FOUND
from apps.simulator.requests.handler import Handler
from apps.simulator.time_texts import zone_of
from apps.simulator.wire import Fields

if TYPE_CHECKING:
    from apps.simulator.clients.client_session import ClientSession

MAX_RESULTS = 300
_DATE_FORMATS = ("%Y%m%d-%H:%M:%S", "%Y%m%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y%m%d")
_TEXT_ARTICLE = 0


def req_news_providers(session: ClientSession, fields: Fields) -> None:
    names = [text for provider in PROVIDERS.items() for text in provider]
    session.send([Out.NEWS_PROVIDERS, len(PROVIDERS), *names])


def req_historical_news(session: ClientSession, fields: Fields) -> None:
    request_id, con_id = fields.integer(), fields.integer()
    codes = {one.strip() for one in fields.text().split("+")}
    since_text, until_text = fields.text(), fields.text()
    wanted = fields.integer(default=MAX_RESULTS)
    fields.skip()
    instrument = known_instrument(con_id)
    if instrument is None:
        session.send_error(request_id, 200, NOT_FOUND)
        return
    if not codes <= set(PROVIDERS):
        unknown = "+".join(sorted(codes - set(PROVIDERS)))
        session.send_error(request_id, 321, f"Error validating request:-no news provider {unknown}")
        return
    now = session.venue.clock.epoch()
    try:
        since, until = _moment(since_text, default=0.0), _moment(until_text, default=now)
    except ValueError:
        text = "Start or End Date/Time: The date, time, or time-zone entered is invalid."
        session.send_error(request_id, 10314, text)
        return
    news = headlines_before(session.venue.market, instrument, min(until, now))
    matching = (one for one in takewhile(lambda one: one.at > since, news) if one.provider in codes)
    _send_headlines(session, request_id, matching, count=min(max(wanted, 0), MAX_RESULTS))


def _send_headlines(session: ClientSession, request_id: int, news: Iterator[Headline], *, count: int) -> None:
    for one in islice(news, count):
        stamp = f"{datetime.fromtimestamp(one.at, UTC):%Y-%m-%d %H:%M:%S}.0"
        session.send([Out.HISTORICAL_NEWS, request_id, stamp, one.provider, one.article_id, one.text])
    session.send([Out.HISTORICAL_NEWS_END, request_id, next(news, None) is not None])


def _moment(text: str, *, default: float) -> float:
    """Return an edge of the wanted time, UTC unless it names a zone; an empty text leaves it open."""
    text = text.strip()
    if not text:
        return default
    stem, _, zone = text.rpartition(" ")
    moment = _parsed(stem, zone_of([zone])) if zone[:1].isalpha() else _parsed(text, UTC)
    # Nothing was told before there were prices, and the first of all years has no date in every zone.
    return max(0.0, moment.timestamp())


def _parsed(text: str, zone: tzinfo) -> datetime:
    for form in _DATE_FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=zone)
        except ValueError:
            continue
    raise ValueError(text)


def req_news_article(session: ClientSession, fields: Fields) -> None:
    request_id, provider, article_id = fields.integer(), fields.text(), fields.text()
    fields.skip()
    found = headline_with_id(session.venue.market, article_id, now=session.venue.clock.epoch())
    if found is None or found.provider != provider:
        session.send_error(request_id, 10172, "Failed to request news article:No data available")
        return
    text = f"<html><body><p>{html.escape(found.text)}.</p><p>Invented by the simulator.</p></body></html>"
    session.send([Out.NEWS_ARTICLE, request_id, _TEXT_ARTICLE, text])


def req_news_bulletins(session: ClientSession, fields: Fields) -> None:
    """Accept the subscription: this venue has nothing to announce."""
    fields.skip(2)


def cancel_news_bulletins(session: ClientSession, fields: Fields) -> None:
    fields.skip()


REQUESTS: dict[int, Handler] = {
    In.REQ_NEWS_PROVIDERS: req_news_providers,
    In.REQ_HISTORICAL_NEWS: req_historical_news,
    In.REQ_NEWS_ARTICLE: req_news_article,
    In.REQ_NEWS_BULLETINS: req_news_bulletins,
    In.CANCEL_NEWS_BULLETINS: cancel_news_bulletins,
}
