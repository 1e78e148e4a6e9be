"""A registered connection, its gateway's lease, and an account."""

import pytest

from apps.accounts.services import (
    next_session,
    record_identity,
    register_connection,
    take_lease,
)
from apps.domain.mode import Mode, prove_mode

PAPER_PORT = 4002


@pytest.fixture
def connection(db):
    return register_connection(
        name="main",
        host="127.0.0.1",
        port=PAPER_PORT,
        client_id=1,
        mode=Mode.PAPER,
        simulator=False,
        wanted=True,
    )


@pytest.fixture
def epoch(connection):
    return take_lease(connection_name="main", owner="gateway-a")


@pytest.fixture
def account(epoch):
    return sign_in(epoch, "DU1234567")


def sign_in(epoch, *codes):
    """Begin a broker session that shows these accounts; returns the first one if it is proven."""
    seen = record_identity(
        connection_name="main",
        epoch=epoch,
        session=next_session(connection_name="main", epoch=epoch),
        server_version=176,
        accounts=codes,
        proof=prove_mode(Mode.PAPER, port=PAPER_PORT, managed_accounts=codes),
    )
    return seen[0] if seen else None
