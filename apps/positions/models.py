"""What is held, per account and instrument, and the profit and equity of accounts by day.

Facts of the broker, written by the gateway. Orders that could change them stand in orders.
"""

from django.db import models
from django.utils import timezone

from apps.accounts.models import Account
from apps.instruments.models import Instrument


class Position(models.Model):
    """What the broker last said is held of one instrument in one account.

    `quantity` is signed and 0 once closed; the row stays. It was told at `quantity_at`. Marks are
    the broker's own, in the instrument's currency, and come on their own. `ledger_quantity` is what
    our executions add up to since the account's `Ledger` was opened; null until then.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="positions")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="positions")
    quantity = models.DecimalField(max_digits=24, decimal_places=8)
    average_cost = models.DecimalField(max_digits=24, decimal_places=8)
    market_price = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    market_value = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    unrealized_pnl = models.DecimalField(
        "unrealised P&L", max_digits=24, decimal_places=8, null=True, blank=True
    )
    realized_pnl = models.DecimalField("realised P&L", max_digits=24, decimal_places=8, null=True, blank=True)
    daily_pnl = models.DecimalField("daily P&L", max_digits=24, decimal_places=8, null=True, blank=True)
    quantity_at = models.DateTimeField("quantity told at", default=timezone.now)
    ledger_quantity = models.DecimalField(
        "quantity by our executions", max_digits=24, decimal_places=8, null=True, blank=True
    )
    as_of = models.DateTimeField()

    class Meta:
        ordering = ("account_id", "instrument__symbol", "id")
        constraints = [
            models.UniqueConstraint(fields=("account", "instrument"), name="position_once"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} of instrument {self.instrument_id}"


class Ledger(models.Model):
    """Since when the books of an account follow its executions.

    Opened with the first complete list of positions: what is held then is where each
    `ledger_quantity` begins, and an instrument that is not in the list begins at 0.
    """

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="ledger")
    opened_at = models.DateTimeField()

    class Meta:
        ordering = ("account_id",)

    def __str__(self) -> str:
        return f"Open since {self.opened_at:%Y-%m-%d %H:%M}"


class AccountPnl(models.Model):
    """The broker's profit and loss of an account today; null where it does not know."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="pnl")
    daily = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    unrealized = models.DecimalField("unrealised", max_digits=24, decimal_places=8, null=True, blank=True)
    realized = models.DecimalField("realised", max_digits=24, decimal_places=8, null=True, blank=True)
    as_of = models.DateTimeField()

    class Meta:
        ordering = ("account_id",)
        verbose_name = "account P&L"
        verbose_name_plural = "account P&L"

    def __str__(self) -> str:
        return f"{self.daily} today"


class DayStart(models.Model):
    """The equity with which an account began a trading day; the base of the daily loss limit."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="day_starts")
    session_date = models.DateField("trading day")
    equity = models.DecimalField(max_digits=24, decimal_places=8)

    class Meta:
        ordering = ("-session_date", "account_id")
        constraints = [
            models.UniqueConstraint(fields=("account", "session_date"), name="day_start_once"),
        ]

    def __str__(self) -> str:
        return f"{self.session_date}: {self.equity}"


class EquityDay(models.Model):
    """The last equity and cash seen in an account on one trading day, in its base currency."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="equity_days")
    session_date = models.DateField("trading day")
    equity = models.DecimalField(max_digits=24, decimal_places=8)
    cash = models.DecimalField(max_digits=24, decimal_places=8)
    taken_at = models.DateTimeField()

    class Meta:
        ordering = ("-session_date", "account_id")
        constraints = [
            models.UniqueConstraint(fields=("account", "session_date"), name="equity_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.session_date}: {self.equity}"
