"""Gauges for Prometheus, read from rows at each scrape; no label names an account or a symbol."""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import DatabaseError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.accounts.selectors import ConnectionNotFound, connection
from apps.gateway.health import health_facts
from apps.orders.selectors import order_counts

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
            _gauge("broker_sessions", "Broker sessions so far", row.session),
            _gauge("market_data_lines", "Market-data lines in use", row.lines_used),
            _gauge("market_data_lines_limit", "Market-data lines allowed", row.lines_limit),
        ]


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"jaxbroker_{name}", text, value=value)
