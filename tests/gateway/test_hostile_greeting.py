"""What IB Gateway says first, or half says (spec/faults.md 5.4): no safe id, no order."""

import os
from contextlib import suppress

import pytest

from apps.accounts.selectors import ConnectionNotFound
from apps.gateway import connection
from apps.orders.services.flight import HIGHEST_IB_ORDER_ID
from tests.broker import peer as wire
from tests.broker.peer import PLACE_ORDER, Peer, frame
from tests.gateway.house import CODE, config_for, start_gateway, until
from tests.gateway.test_hostile_broker import scene

pytestmark = pytest.mark.django_db(transaction=True)

ACCOUNTS = ("15", "1", CODE)
#: The first ids a broker session may name: none of these is one to count from.
BAD_IDS = ("-1", "0", "2147483648", "9999999999999", "abc", "", "1.5", "NaN")
STEP = 1 if os.environ.get("MATRIX") == "chaos" else 9


class TestNextId:
    async def test_without_it_nothing_is_ready(self, transactional_db, tmp_path):
        async with Peer() as peer:
            peer.greeting = [ACCOUNTS]
            gateway = start_gateway(config_for(peer.port, tmp_path))
            try:

                async def refused():
                    with suppress(ConnectionNotFound):
                        row = await gateway.row()
                        return row if row.reasons and row.phase == "DISCONNECTED" else None

                row = await until(refused, what="a refusal")

                assert row.mode_proof != "proven"
                assert peer.of_kind(PLACE_ORDER) == peer.of_kind(wire.OPEN_ORDERS) == []
            finally:
                await gateway.end()

    async def test_of_several_the_highest_counts(self, transactional_db, tmp_path):
        async with scene(tmp_path) as hostile:
            session = (await hostile.gateway.row()).session
            hostile.peer.greeting = [("9", "1", "700"), ACCOUNTS, ("9", "1", "5"), ("9", "1", "500")]
            hostile.peer.hang_up()
            await hostile.gateway.until_next_session(session)

            await hostile.place()

            assert (await hostile.row()).ib_order_id >= 700

    async def test_one_that_is_none_gives_no_order_a_used_or_impossible_id(
        self, transactional_db, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(connection, "STABLE_S", 0.0)
        monkeypatch.setattr(connection, "SHORTEST_WAIT_S", 0.05)
        monkeypatch.setattr(connection, "LONGEST_WAIT_S", 0.1)
        async with scene(tmp_path) as hostile:
            await hostile.place()
            used = (await hostile.row()).ib_order_id
            for said in BAD_IDS:
                asked = len(hostile.peer.of_kind("71"))
                hostile.peer.greeting = [ACCOUNTS, ("9", "1", said)]
                hostile.peer.hang_up()
                await until(
                    lambda asked=asked: self._signed_in(hostile, asked), what=f"a sign-in after {said}"
                )

            session = (await hostile.gateway.row()).session
            hostile.peer.greeting = [ACCOUNTS, ("9", "1", "1")]
            hostile.peer.hang_up()
            await hostile.gateway.until_next_session(session, within_s=30)
            await hostile.until_working()

            assert len(hostile.peer.of_kind(PLACE_ORDER)) == 1
            await hostile.place()
            assert used < (await hostile.row()).ib_order_id < HIGHEST_IB_ORDER_ID
            assert not hostile.gateway.task.done()

    async def _signed_in(self, hostile, asked):
        return len(hostile.peer.of_kind("71")) > asked


class TestCutInMidFrame:
    async def test_what_was_not_said_to_its_end_was_not_said(self, transactional_db, tmp_path, monkeypatch):
        monkeypatch.setattr(connection, "STABLE_S", 0.0)
        monkeypatch.setattr(connection, "SHORTEST_WAIT_S", 0.05)
        async with scene(tmp_path) as hostile:
            await hostile.place()
            number = (await hostile.row()).ib_order_id
            filled = frame(*wire.order_status(number, "Cancelled", filled="0", remaining="10"))

            for place in range(1, len(filled), STEP):
                session = (await hostile.gateway.row()).session
                hostile.peer.send_bytes(filled[:place])
                hostile.peer.hang_up(reset=bool(place % 2))
                await hostile.gateway.until_next_session(session, within_s=30)

                assert (await hostile.row()).status == "WORKING", place
            assert len(hostile.peer.of_kind(PLACE_ORDER)) == 1
            assert not hostile.gateway.task.done()
