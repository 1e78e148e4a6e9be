"""What can be traded, and what the broker is being asked about it.

The same for every account. Prices stand in marketdata, who may trade what in safety.
"""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from apps.domain.instruments import InstrumentSpec, TickRule


class Instrument(models.Model):
    """One contract as the broker resolved it, under its contract id; `symbol` is normalised.

    Trading hours are IB's own text and reach a few days ahead, hence `refreshed_at`.
    """

    ib_con_id = models.PositiveBigIntegerField("IB contract ID", unique=True)
    symbol = models.CharField(max_length=32)
    sec_type = models.CharField("security type", max_length=8)
    exchange = models.CharField(max_length=32)
    primary_exchange = models.CharField(max_length=32, blank=True)
    currency = models.CharField(max_length=8)
    local_symbol = models.CharField(max_length=64, blank=True)
    trading_class = models.CharField(max_length=32, blank=True)
    name = models.CharField(max_length=255, blank=True)
    multiplier = models.CharField(max_length=16, blank=True)
    min_tick = models.DecimalField("smallest price step", max_digits=24, decimal_places=8)
    lot_size = models.DecimalField(max_digits=24, decimal_places=8, default=Decimal(1))
    time_zone = models.CharField(max_length=64, blank=True)
    trading_hours = models.TextField(blank=True)
    liquid_hours = models.TextField("regular hours", blank=True)
    tick_rules = models.JSONField(
        default=list, blank=True, help_text="Pairs of low edge and price step, as text."
    )
    pinned = models.BooleanField(
        default=False, help_text="Chosen by a person where the symbol means several contracts."
    )
    refreshed_at = models.DateTimeField()

    class Meta:
        ordering = ("symbol", "ib_con_id")
        constraints = [
            models.CheckConstraint(condition=Q(ib_con_id__gte=1), name="instrument_has_a_con_id"),
            models.CheckConstraint(condition=Q(min_tick__gt=0), name="instrument_tick_is_positive"),
            models.CheckConstraint(condition=Q(lot_size__gt=0), name="instrument_lot_is_positive"),
        ]
        indexes = [models.Index(fields=("symbol", "sec_type"), name="instrument_symbol")]

    def __str__(self) -> str:
        return f"{self.symbol} {self.sec_type} {self.currency}"

    @property
    def spec(self) -> InstrumentSpec:
        """Return the row as the value that rules and the broker port use."""
        return InstrumentSpec(
            ib_con_id=self.ib_con_id,
            symbol=self.symbol,
            sec_type=self.sec_type,
            exchange=self.exchange,
            primary_exchange=self.primary_exchange,
            currency=self.currency,
            local_symbol=self.local_symbol,
            trading_class=self.trading_class,
            name=self.name,
            multiplier=self.multiplier,
            min_tick=self.min_tick,
            lot_size=self.lot_size,
            time_zone=self.time_zone,
            trading_hours=self.trading_hours,
            liquid_hours=self.liquid_hours,
            tick_rules=tuple(TickRule(Decimal(edge), Decimal(step)) for edge, step in self.tick_rules),
        )


class LookupState(models.TextChoices):
    """How far a question to the broker has come."""

    PENDING = "PENDING", "Pending"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"


class LookupRequest(models.Model):
    """One question to the broker: which contracts does this symbol mean?

    An intent of the web side while PENDING, with at most one row per question; then the
    gateway's answer. `candidates` are the contract ids found, none for an unknown symbol.
    """

    symbol = models.CharField(max_length=32)
    sec_type = models.CharField("security type", max_length=8, default="STK")
    exchange = models.CharField(max_length=32, default="SMART")
    currency = models.CharField(max_length=8, default="USD")
    state = models.CharField(max_length=8, choices=LookupState, default=LookupState.PENDING)
    code = models.CharField(max_length=64, blank=True)
    detail = models.TextField(blank=True)
    candidates = models.JSONField(default=list, blank=True)
    asked_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("symbol", "sec_type", "exchange", "currency"),
                condition=Q(state="PENDING"),
                name="lookup_asked_once",
            ),
            models.CheckConstraint(
                condition=Q(state="PENDING", done_at__isnull=True)
                | Q(state__in=("DONE", "FAILED"), done_at__isnull=False),
                name="lookup_done_has_a_time",
            ),
        ]
        indexes = [models.Index(fields=("state", "id"), name="lookup_state")]

    def __str__(self) -> str:
        return f"{self.symbol} {self.sec_type}: {self.state}"
