"""What a complete look can know of: since when the broker's list of executions is whole."""

from datetime import UTC, datetime

import pytest

from apps.domain.reconcile import window_start

AFTERNOON = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)  # 17:00 in New York, 06:00 of the 21st in Hong Kong


class TestWindow:
    @pytest.mark.parametrize(
        ("zone", "covered_from"),
        [
            ("", datetime(2026, 11, 20, 5, 0, tzinfo=UTC)),
            ("US/Eastern", datetime(2026, 11, 20, 5, 0, tzinfo=UTC)),
            ("Asia/Hong_Kong", datetime(2026, 11, 20, 16, 0, tzinfo=UTC)),
            ("Europe/Berlin", datetime(2026, 11, 20, 5, 0, tzinfo=UTC)),
        ],
    )
    def test_begins_at_the_later_midnight(self, zone: str, covered_from: datetime) -> None:
        assert window_start(AFTERNOON, zone) == covered_from
