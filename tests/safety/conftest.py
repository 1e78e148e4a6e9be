"""An account, the risk officers, and the row of everything in its first state."""

import pytest
from django.utils import timezone

from apps.accounts.models import Account
from apps.accounts.services import register_connection
from apps.domain.mode import Mode

RITA = "staff:rita"
RAVI = "staff:ravi"


@pytest.fixture
def account(db):
    connection = register_connection(
        name="main", host="127.0.0.1", port=4002, client_id=1, mode=Mode.PAPER, simulator=False, wanted=True
    )
    now = timezone.now()
    return Account.objects.create(
        code="DU1234567", connection=connection, mode="paper", first_seen_at=now, last_seen_at=now
    )
