"""What became of an acceptance whose COMMIT was not answered: reading again decides, nothing else.

A caller who is told "no" and has an order after all sends it twice; one who is told "yes" and
has none thinks he is covered. So neither is said before the row was looked for.
"""

import logging
from collections.abc import Sequence

from apps.accounts.models import Account
from apps.common.bell import ring
from apps.common.db import NO_ANSWER, CommitUnanswered, for_update, short_transaction
from apps.orders.models import Order
from apps.safety.models import AccountRisk

logger = logging.getLogger(__name__)


def what_was_stored(orders: Sequence[Order], account: Account, *, lost: CommitUnanswered) -> list[Order]:
    """Return the orders if their COMMIT happened, and raise what broke it if it did not.

    The lost transaction held the account's risk row: whoever gets that lock sees how it ended.
    Raises CommitUnanswered if nobody can say.
    """
    try:
        with short_transaction():
            for_update(AccountRisk.objects.filter(account=account)).first()  # its first order makes the row
            rows = Order.objects.select_related("account", "instrument", "group", "parent")
            found = list(rows.filter(uuid__in=[order.uuid for order in orders]).order_by("pk"))
    except NO_ANSWER:
        raise lost from None
    logger.warning("answer to a commit lost", extra={"stored": len(found), "asked": len(orders)})
    if not found and lost.__cause__ is not None:
        raise lost.__cause__
    ring("orders")
    return found
