"""A gateway and an IB Gateway that lies, floods and breaks off (spec/faults.md 5.4): the books stay true."""

import logging
import os
import resource
import struct
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from decimal import Decimal

import pytest

from apps.accounts.selectors import ConnectionNotFound
from apps.common.aio import in_db
from apps.domain.orders import OrderTicket, OrderType, Side
from apps.instruments.services import store_instrument
from apps.marketdata.services import renew_watch
from apps.orders.models import Execution, Order
from apps.orders.services.intake import submit_order
from tests.broker import peer as wire
from tests.broker.conftest import apple
from tests.broker.peer import PLACE_ORDER, Peer, frame
from tests.gateway.house import CODE, as_web, config_for, start_gateway, until

pytestmark = pytest.mark.django_db(transaction=True)

FLOOD = 10_000
MANY_OPEN_ORDERS = 100_000 if os.environ.get("MATRIX") == "chaos" else 3_000
PATIENCE_S = max(60.0, MANY_OPEN_ORDERS / 100)
UNSET = "1.7976931348623157E308"


def broken(*fields, cut=0):
    """Return a frame whose payload lacks its last bytes."""
    payload = frame(*fields)[4:]
    payload = payload[: len(payload) - cut]
    return struct.pack(">I", len(payload)) + payload


def status(**changed):
    return wire.order_status(7_000_001, "Submitted", **changed)


def fill(exec_id, **changed):
    return wire.execution(-1, exec_id, **changed)


#: Each is sent while an order works; none may move it, end the session or stop what comes behind.
LIES = {
    "message id that is no number": [frame("abc", "1")],
    "negative message id": [frame("-1", "1")],
    "message id of the future": [frame("99999", "1")],
    "no NUL at the end": [broken(*status(), cut=1)],
    "not UTF-8": [struct.pack(">I", 5) + b"3\0\xff\xfe\0"],
    "a field too few": [frame(*status()[:-1]), frame(*wire.open_order(7_000_001, "Submitted")[:-1])],
    "a field too many": [frame(*status(), "1"), frame(*wire.open_order(7_000_001, "Submitted"), "1")],
    "a hundred fields too few": [frame(*wire.open_order(7_000_001, "Submitted")[:-100])],
    "a hundred fields too many": [frame(*status(), *["1"] * 100)],
    "status of an unknown order": [frame(*wire.order_status(999, "Filled", filled="10", remaining="0"))],
    "negative remaining": [frame(*status(remaining="-10"))],
    "more filled than ordered": [frame(*status(filled="1000000", remaining="0"))],
    "a quantity that is no number": [frame(*status(filled="nan"))],
    "a status of its own": [frame(*wire.order_status(7_000_001, "Foo"))],
    "fills of nothing, of less, of everything": [
        frame(*fill(f"0001.{n}.01.01", shares=shares)) for n, shares in enumerate(("0", "-5", "1e308", "nan"))
    ],
    "a fill without a name": [frame(*fill(""))],
    "a fill out of the future": [frame(*fill("0001.f.01.01", time="20991231 23:59:59 UTC"))],
    "one fill with two numbers": [frame(*fill("0001.g.01.01")), frame(*fill("0001.g.01.01", shares="7"))],
    "a commission before its fill": [frame("59", "1", "0009.z.01.01", "1.0", "USD", UNSET, "", "")],
    "a next id in mid-session": [frame("9", "1", "1"), frame("9", "1", "2147483648"), frame("9", "1", "-1")],
    "accounts in mid-session": [frame("15", "1", "U7654321"), frame("15", "1", "")],
    "an order code about no order": [frame(*wire.error(-1, 201)), frame(*wire.error(0, 202))],
    "an order of our name without one": [frame(*wire.open_order(0, "Cancelled", order_ref="jb:"))],
    "two frames glued": [frame(*status()) + frame(*status(remaining="9"))],
}

#: Each ends the session; the next one finds the order where it was.
ENDS = {
    "length 0": b"\0\0\0\0",
    "length 2**32 - 1": b"\xff\xff\xff\xff",
    "length 16 MB": struct.pack(">I", 16 * 2**20) + b"x" * 1000,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "half a frame": frame(*status())[:17],
}


class Scene:
    """A gateway at a peer that has one of our orders."""

    def __init__(self, peer, gateway):
        self.peer, self.gateway = peer, gateway
        self.order, self.keys = None, 0

    async def place(self):
        instrument = await as_web(store_instrument, apple())
        await in_db(renew_watch, instrument=instrument, holder="tara", priority=1, ttl_s=600)
        await until(self._has_quotes, what="quotes")
        for _ in range(3):  # a busy machine may miss the second that a claim may take
            self.keys += 1
            key, quantity = f"hostile-{self.keys:04}", Decimal(9 + self.keys)
            ticket = OrderTicket(CODE, "AAPL", Side.BUY, OrderType.LIMIT, quantity, Decimal("215.50"))
            self.order = (await as_web(submit_order, ticket, client_order_id=key, by=Tara())).order
            assert self.order.status == "ACCEPTED", self.order.reason_codes
            if await until(self._is_decided, what="a decision") == "WORKING":
                return
        raise AssertionError("no order was sent")

    async def _is_decided(self):
        status = (await self.row()).status
        return status if status in {"WORKING", "EXPIRED_UNSENT"} else None

    async def _has_quotes(self):
        return bool(self.peer.of_kind(wire.MARKET_DATA))

    async def row(self):
        return await in_db(Order.objects.get, pk=self.order.pk)

    async def until_working(self):
        async def working():
            return (await self.row()).status == "WORKING"

        await until(working, what="the order at work")

    async def until_heard(self, mark, *, within_s=60):
        """Wait until everything sent so far is booked: a notice of our own comes out at the end."""
        number = (await self.row()).ib_order_id
        self.peer.send(*wire.error(number, 399, mark))

        async def heard():
            return (await self.row()).ib_error_text == mark

        await until(heard, within_s=within_s, what=mark)


class Tara:
    """Tara trades."""

    principal = "key:tara0001"


@asynccontextmanager
async def scene(tmp_path):
    async with Peer(accounts=CODE) as peer:
        peer.answers[wire.MARKET_DATA] = lambda asked: [
            ("1", "6", asked[2], tick, price, "100", "0") for tick, price in ((1, "215.40"), (2, "215.60"))
        ]
        peer.answers[PLACE_ORDER] = lambda asked: _acknowledge(peer, asked)
        config = config_for(peer.port, tmp_path)
        config = replace(config, settings=replace(config.settings, client_id=7))
        gateway = start_gateway(config)
        try:
            await gateway.until_phase("READY")
            yield Scene(peer, gateway)
        finally:
            await gateway.end()


def _acknowledge(peer, asked):
    shown = wire.open_order(int(asked[1]), "Submitted", order_ref=asked[26])
    peer.answers[wire.OPEN_ORDERS] = lambda _: [shown, ("53", "1")]
    return [shown, wire.order_status(int(asked[1]), "Submitted")]


class TestLies:
    async def test_move_nothing_end_nothing_and_hide_nothing_behind_them(self, transactional_db, tmp_path):
        async with scene(tmp_path) as hostile:
            await hostile.place()
            session = (await hostile.gateway.row()).session

            for name, frames in LIES.items():
                for data in frames:
                    hostile.peer.send_bytes(data)
                await hostile.until_heard(name)

                row = await hostile.row()
                assert (row.status, row.filled_quantity) == ("WORKING", 0), name

            assert (await hostile.gateway.row()).session == session
            assert not hostile.gateway.task.done()
            assert len(hostile.peer.of_kind(PLACE_ORDER)) == 1
            assert await in_db(Execution.objects.filter(order_id=hostile.order.pk).count) == 0

    async def test_other_terms_of_our_order_are_taken_over_and_told(self, transactional_db, tmp_path):
        async with scene(tmp_path) as hostile:
            await hostile.place()
            row = await hostile.row()

            shown = wire.open_order(row.ib_order_id, "Submitted", order_ref=row.order_ref, quantity="9")
            hostile.peer.send(*shown)
            await hostile.until_heard("other terms")

            row = await hostile.row()
            assert (row.status, row.quantity, row.filled_quantity) == ("WORKING", 9, 0)


class TestEnds:
    async def test_the_next_session_finds_the_order_where_it_was(self, transactional_db, tmp_path):
        async with scene(tmp_path) as hostile:
            await hostile.place()

            for name, data in ENDS.items():
                session = (await hostile.gateway.row()).session
                hostile.peer.send_bytes(data)
                if name == "half a frame":
                    hostile.peer.hang_up(reset=True)
                await hostile.gateway.until_next_session(session)

                await hostile.until_working()

            assert len(hostile.peer.of_kind(PLACE_ORDER)) == 1


class TestFloods:
    async def test_of_errors_leave_one_log_line_a_second_and_little_memory(
        self, transactional_db, tmp_path, caplog
    ):
        caplog.set_level(logging.INFO)
        async with scene(tmp_path) as hostile:
            await hostile.place()
            caplog.clear()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began = time.monotonic()

            hostile.peer.send_bytes(frame(*wire.error(-1, 2104, "flood")) * FLOOD)
            hostile.peer.send_bytes(frame("99999", "1") * FLOOD)
            await hostile.until_heard("after the flood")

            seconds = time.monotonic() - began
            kinds = Counter(
                (record.name, record.message, getattr(record, "ib_code", 0)) for record in caplog.records
            )
            assert max(kinds.values()) <= 2 * seconds + 4, kinds.most_common(3)
            assert (await hostile.row()).status == "WORKING"
            grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert grown_kb < 200_000

    async def test_of_open_orders_are_read_or_end_the_session_but_book_no_nonsense(
        self, transactional_db, tmp_path
    ):
        async with scene(tmp_path) as hostile:
            await hostile.place()
            row = await hostile.row()
            ours = wire.open_order(row.ib_order_id, "Submitted", order_ref=row.order_ref)
            foreign = [
                wire.open_order(7_100_000 + n, "Submitted", order_ref="") for n in range(MANY_OPEN_ORDERS)
            ]
            hostile.peer.answers[wire.OPEN_ORDERS] = lambda _: [*foreign, ours, ("53", "1")]
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

            read = len(hostile.peer.of_kind(wire.COMPLETED_ORDERS))
            session = (await hostile.gateway.row()).session
            hostile.peer.send(*wire.error(-1, 1102))

            async def over():
                has_read = len(hostile.peer.of_kind(wire.COMPLETED_ORDERS)) > read
                return has_read or (await hostile.gateway.row()).session > session

            await until(over, within_s=PATIENCE_S, what="the end of the list")
            hostile.peer.answers[wire.OPEN_ORDERS] = lambda _: [ours, ("53", "1")]
            await hostile.gateway.until_phase("READY", within_s=PATIENCE_S)
            await hostile.until_heard("after the list", within_s=PATIENCE_S)

            assert not hostile.gateway.task.done()
            assert len(hostile.peer.of_kind(PLACE_ORDER)) == 1
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
            assert (await hostile.row()).status == "WORKING"


class TestBeforeProof:
    @pytest.mark.parametrize(
        "accounts",
        ["", "DU1234567,U1", "U1234567", ",".join(f"U{n}" for n in range(10_000))],
        ids=["none", "both kinds", "live", "ten thousand"],
    )
    async def test_no_order_frame_leaves(self, transactional_db, tmp_path, accounts):
        async with Peer(accounts=accounts) as peer:
            gateway = start_gateway(config_for(peer.port, tmp_path))
            try:

                async def refused():
                    with suppress(ConnectionNotFound):
                        row = await gateway.row()
                        return row if row.reasons else None

                row = await until(refused)

                assert row.phase != "READY"
                assert row.mode_proof != "proven"
                assert peer.of_kind(PLACE_ORDER) == []
                assert peer.of_kind(wire.OPEN_ORDERS) == []
            finally:
                await gateway.end()
