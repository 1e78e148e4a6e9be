"""Take back executions that the broker has declared void.

IB tells a bust by silence: the execution is no longer in the day's list and the position is what it
would be without it. Either alone proves nothing; together, and to the share, they are the broker's
word. The bust is booked as a revision of quantity 0, so what was reported stays to read.
"""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from apps.accounts.models import Account
from apps.accounts.services import append_event
from apps.common.db import database_now, short_transaction
from apps.instruments.models import Instrument
from apps.orders.models import Execution, Order
from apps.orders.services.fills import fill_data, recount, signed
from apps.orders.services.transitions import lock_orders
from apps.positions.services import move_ledger


def take_back_vanished(
    account: Account,
    instrument: Instrument,
    *,
    surplus: Decimal,
    named_roots: Collection[str],
    since: datetime,
    until: datetime,
) -> int:
    """Book busts if the executions a complete list no longer names are exactly the surplus.

    `surplus` is ledger minus position, signed; the list covers what was executed from `since` on
    and what we had booked before `until`. Returns how many were taken back: all of them or none.
    """
    with short_transaction():
        booked = Execution.objects.filter(
            account=account,
            instrument=instrument,
            superseded=False,
            synthetic=False,
            quantity__gt=0,
            executed_at__gte=since,
            booked_at__lt=until,
        )
        vanished = [one for one in booked.order_by("pk") if one.root not in named_roots]
        if not vanished or sum(signed(one) for one in vanished) != surplus:
            return 0
        ids = {one.order_id for one in vanished if one.order_id is not None}
        orders = {order.pk: order for order in lock_orders(ids)}
        for execution in vanished:
            _take_back(execution, orders.get(execution.order_id or 0))
    return len(vanished)


def _take_back(execution: Execution, order: Order | None) -> None:
    revision = execution.revision + 1
    bust = Execution.objects.create(
        account=execution.account,
        order=order,
        instrument=execution.instrument,
        ib_exec_id=f"{execution.root}.{revision:02d}",
        root=execution.root,
        revision=revision,
        side=execution.side,
        quantity=Decimal(0),
        price=execution.price,
        exchange=execution.exchange,
        order_ref=execution.order_ref,
        ib_perm_id=execution.ib_perm_id,
        executed_at=execution.executed_at,
        booked_at=database_now(),
    )
    Execution.objects.filter(pk=execution.pk).update(superseded=True)
    move_ledger(account=execution.account, instrument=execution.instrument, change=-signed(execution))
    append_event(account=execution.account, type="fill", data=fill_data(bust, order))
    if order is not None:
        recount(order, bust)
