"""Gauges for Prometheus, read from rows at each scrape; no label names an account or a symbol."""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import DatabaseError
from django.db.models import Count
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.accounts.selectors import ConnectionNotFound, accounts, connection
from apps.common.clock import boottime
from apps.gateway.health import health_facts
from apps.marketdata import board
from apps.orders.selectors import order_counts, orders_visible

_STATE_NUMBERS = {"ACTIVE": 0, "REDUCING": 1, "HALTED": 2}


def exposition(clock: Callable[[], datetime]) -> bytes:
    """Return the text that Prometheus scrapes."""
    registry = CollectorRegistry()
    registry.register(RowCollector(clock))
    return generate_latest(registry)


class RowCollector(Collector):
    """Makes the gauges anew for each scrape."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def describe(self) -> list[Metric]:
        """Register without a first look at the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; only `jaxbroker_database_up` if the database does not answer."""
        try:
            yield from self._gauges(self._clock())
        except DatabaseError:
            yield _gauge("database_up", "Whether the database answers", 0)

    def _gauges(self, now: datetime) -> list[Metric]:
        facts, counts = health_facts(now), order_counts()
        found: list[Metric] = [
            _gauge("database_up", "Whether the database answers", 1),
            _gauge("orders_in_doubt", "Orders nobody knows the state of", counts.in_doubt),
            _gauge("orders_open", "Orders the broker has", counts.open),
            _gauge("orders_unsent", "Accepted orders that wait for the gateway", counts.unsent),
            _gauge("broker_ready", "Whether the broker session is READY", int(facts.connected)),
            _gauge(
                "trading_state",
                "0 active, 1 reducing, 2 halted",
                _STATE_NUMBERS[facts.trading_state],
            ),
        ]
        try:
            row = connection()
        except ConnectionNotFound:
            return found
        if row.heartbeat_at is not None:
            age_s = (now - row.heartbeat_at).total_seconds()
            found.append(
                _gauge("broker_heartbeat_age_seconds", "Since the gateway's last sign of life", age_s)
            )
        return [
            *found,
            _orders_by_status(),
            *_quote_age(),
            _gauge("events_seq", "Account events so far", sum(account.last_seq for account in accounts())),
            _gauge("broker_reconnects_total", "Broker sessions after the first", max(0, row.session - 1)),
            _gauge("market_data_lines", "Market-data lines in use", row.lines_used),
            _gauge("market_data_lines_limit", "Market-data lines allowed", row.lines_limit),
        ]


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"jaxbroker_{name}", text, value=value)


def _orders_by_status() -> Metric:
    family = GaugeMetricFamily("jaxbroker_orders_total", "Orders by where they stand", labels=["status"])
    counts = orders_visible().order_by().values_list("status").annotate(count=Count("pk"))
    for status, count in counts:
        family.add_metric([status], count)
    return family


def _quote_age() -> list[Metric]:
    """Return the age of the newest quote this process knows, if it knows any."""
    now = boottime()
    ages = [quote.age_s(now) for quote in board.picture().values()]
    return [_gauge("quote_age_seconds", "Since the newest quote", min(ages))] if ages else []
