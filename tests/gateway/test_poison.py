"""A fact that cannot be booked is seen, narrows trading, and stops nothing behind it."""

import pytest

from apps.common.aio import in_db
from apps.gateway.poison import insist
from apps.safety.selectors import EVERYTHING, states

pytestmark = pytest.mark.django_db(transaction=True)


def unbookable(fact: str) -> None:
    raise ValueError(fact)


class TestInsist:
    async def test_reduces_trading_and_lets_the_lane_move_on(self, transactional_db):
        assert await insist(unbookable, "nobody expected this") is None

        assert [row.state for row in await in_db(states, [EVERYTHING])] == ["REDUCING"]
        assert await insist(len, "abc") == 3
