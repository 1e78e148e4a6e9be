"""Where an instrument stands in its trading day."""

from datetime import UTC, datetime

import pytest

from apps.instruments.selectors import session_of
from apps.instruments.services import store_instrument

pytestmark = pytest.mark.django_db


class TestSessionOf:
    @pytest.mark.parametrize(
        ("utc", "word"),
        [
            ("2026-11-20T10:00", "pre"),
            ("2026-11-20T14:30", "regular"),
            ("2026-11-20T21:00", "post"),
            ("2026-11-21T15:00", "closed"),
        ],
    )
    def test_goes_by_the_hours_of_the_instrument(self, aapl, utc, word):
        row = store_instrument(aapl)

        assert session_of(row, datetime.fromisoformat(utc).replace(tzinfo=UTC)) == word
