"""Who watches which prices, what prices were used, and candles with the questions for them.

The newest quotes are a picture in memory (board); rows here are intents and what must outlive it.
"""

from django.db import models
from django.db.models import Q

from apps.common.models import PublicIdModel
from apps.domain.candles import CandleInterval
from apps.domain.quotes import MarketDataType
from apps.instruments.models import Instrument


class WatchPriority(models.IntegerChoices):
    """Who gets a market-data line first when they run out."""

    POSITION = 1, "Position"
    ORDER = 2, "Order"
    API = 3, "API"
    BROWSER = 4, "Browser"


class Watch(models.Model):
    """The wish of one holder that quotes of an instrument flow until `expires_at`.

    Held positions need none. All watches of an instrument share one line at the broker.
    """

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="watches")
    holder = models.CharField(max_length=128)
    priority = models.PositiveSmallIntegerField(choices=WatchPriority)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ("priority", "id")
        verbose_name_plural = "watches"
        constraints = [
            models.UniqueConstraint(fields=("instrument", "holder"), name="watch_once_per_holder"),
            models.CheckConstraint(
                condition=Q(priority__in=WatchPriority.values), name="watch_priority_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=("expires_at",), name="watch_expires"),
            models.Index(fields=("holder",), name="watch_holder"),
        ]

    def __str__(self) -> str:
        return f"{self.holder} on instrument {self.instrument_id}"


class ReferencePrice(models.Model):
    """The newest prices of an instrument that a gate may use, at most a second behind the feed.

    `refusal_code` is IB's number if it refused the line; a later price clears it. Without
    `received_at` there never was a price.
    """

    instrument = models.OneToOneField(Instrument, on_delete=models.CASCADE, related_name="reference_price")
    bid = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    ask = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    last = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    close = models.DecimalField("previous close", max_digits=24, decimal_places=8, null=True, blank=True)
    market_data_type = models.CharField(
        max_length=16,
        choices=[(word.value, word.value) for word in MarketDataType],
        default=MarketDataType.UNKNOWN.value,
    )
    halted = models.BooleanField(default=False)
    received_at = models.DateTimeField(null=True, blank=True)
    refusal_code = models.IntegerField("IB's refusal", null=True, blank=True)
    refusal_text = models.TextField(blank=True)

    class Meta:
        ordering = ("instrument_id",)

    def __str__(self) -> str:
        return f"{self.bid} / {self.ask} of instrument {self.instrument_id}"


class CandleRow(models.Model):
    """One candle of an instrument; a final one is never asked of the broker again."""

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="candles")
    interval = models.CharField(max_length=4, choices=[(word.value, word.value) for word in CandleInterval])
    what_to_show = models.CharField(max_length=32, default="TRADES")
    regular_hours_only = models.BooleanField(default=True)
    start = models.DateTimeField()
    session_date = models.DateField("trading day")
    open = models.DecimalField(max_digits=24, decimal_places=8)
    high = models.DecimalField(max_digits=24, decimal_places=8)
    low = models.DecimalField(max_digits=24, decimal_places=8)
    close = models.DecimalField(max_digits=24, decimal_places=8)
    volume = models.DecimalField(max_digits=24, decimal_places=8)
    vwap = models.DecimalField("VWAP", max_digits=24, decimal_places=8, null=True, blank=True)
    final = models.BooleanField()

    class Meta:
        ordering = ("start", "id")
        verbose_name = "candle"
        constraints = [
            models.UniqueConstraint(
                fields=("instrument", "interval", "what_to_show", "regular_hours_only", "start"),
                name="candle_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.interval} from {self.start:%Y-%m-%d %H:%M}"


class CandleState(models.TextChoices):
    """How far a question for candles has come."""

    PENDING = "PENDING", "Pending"
    DONE = "DONE", "Done"
    REFUSED = "REFUSED", "Refused"


class CandleRequest(PublicIdModel):
    """One question to the broker for candles up to now, shared by all who ask the same.

    An intent while PENDING, with at most one row per question; then the answer: `first` and
    `last` bound the candles stored, or `code` and IB's own number say why there are none.
    """

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="candle_requests")
    interval = models.CharField(max_length=4, choices=[(word.value, word.value) for word in CandleInterval])
    duration = models.CharField(max_length=16)
    what_to_show = models.CharField(max_length=32, default="TRADES")
    regular_hours_only = models.BooleanField(default=True)
    state = models.CharField(max_length=8, choices=CandleState, default=CandleState.PENDING)
    code = models.CharField(max_length=64, blank=True)
    detail = models.TextField(blank=True)
    ib_code = models.IntegerField("IB's code", null=True, blank=True)
    ib_message = models.TextField("IB's message", blank=True)
    first = models.DateTimeField(null=True, blank=True)
    last = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("instrument", "interval", "duration", "what_to_show", "regular_hours_only"),
                condition=Q(state="PENDING"),
                name="candles_asked_once",
            ),
            models.CheckConstraint(
                condition=Q(state="PENDING", done_at__isnull=True)
                | Q(state__in=("DONE", "REFUSED"), done_at__isnull=False),
                name="candles_done_have_a_time",
            ),
        ]
        indexes = [models.Index(fields=("state", "id"), name="candle_request_state")]

    def __str__(self) -> str:
        return f"{self.duration} of {self.interval}: {self.state}"
