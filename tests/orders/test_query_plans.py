"""On PostgreSQL every query of the order path finds its rows by an index, also when orders are many."""

from collections.abc import Iterator

import pytest
from django.db import connection

from bench.query_plans import claim_ms, explain_everything, fill, table

ROWS = 20_000


@pytest.fixture
def years_of_orders(db: None) -> Iterator[None]:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no planner that counts rows")
    fill(ROWS)
    return


class TestPlans:
    def test_read_no_growing_table_from_end_to_end(self, years_of_orders: None) -> None:
        plans = explain_everything()

        assert [line for line in table(plans) if "WHOLE TABLE" in line] == []
        assert {"accept", "claim", "open orders", "facts", "reconciliation"} <= {p.asked_by for p in plans}
        assert claim_ms(plans) <= 50
