"""The twenty bugs: one edit of one file each, and the tests that have to go red for it.

Each breaks a promise of the order path in a way that a hurried change could. The edits are text, so
that nothing of them is in the product; test_seeded.py sees to it that they still fit. Hunters are
few and quick, and none of them waits for a time-out to tell.
"""

from dataclasses import dataclass

_LANE = "tests/gateway/test_outbound.py"
_FLIGHT = "tests/orders/test_flight.py"
_FACTS = "tests/orders/test_facts.py"


@dataclass(frozen=True, slots=True)
class Bug:
    """One deliberate bug: in `file` the text `old`, found once, becomes `new`; `hunters` are node ids."""

    name: str
    breaks: str
    file: str
    old: str
    new: str
    hunters: tuple[str, ...]


BUGS = (
    Bug(
        "gate-2-check-removed",
        "gate 2 takes the mode for proven whatever this broker session has shown",
        "apps/orders/services/flight.py",
        """        proof=proof,
        price=price_from_quote(""",
        """        proof=ProofState.PROVEN,
        price=price_from_quote(""",
        (f"{_FLIGHT}::TestPutInFlight",),
    ),
    Bug(
        "halt-not-read-in-claim",
        "the claim judges by no trading state, so an order accepted before a halt goes out after it",
        "apps/orders/services/flight.py",
        "        states=state_words(states),\n",
        "        states=[],\n",
        (f"{_LANE}::TestNothingIsWritten", f"{_FLIGHT}::TestPutInFlight"),
    ),
    Bug(
        "write-before-commit",
        "the frame leaves while IN_FLIGHT is not committed yet",
        "apps/gateway/outbound.py",
        "            plan = await self._claim(order_id)\n",
        """            from apps.orders.models import IbOrderIds, Order
            from apps.orders.services import flight

            def ahead() -> FlyingOrder:
                order = Order.objects.select_related("account", "instrument").get(pk=order_id)
                mark = IbOrderIds.objects.filter(client_id=self.state.sender.client_id).first()
                order.ib_order_id = max((mark.high_water if mark else 0) + 1, self.state.sender.next_valid_id)
                return flight._as_value(order, transmit=True)

            self._write_frame(frame_of(await in_db(ahead, lane="orders"), parent_id=0))
            await self._claim(order_id)
            plan = FlightPlan([])
""",
        (f"{_LANE}::TestFrames",),
    ),
    Bug(
        "pause-guard-skipped",
        "a process that was stopped between commit and write writes an old wish when it wakes",
        "apps/gateway/outbound.py",
        "        if boottime() - committed_at > PAUSE_GUARD_S:\n",
        "        if boottime() < committed_at:\n",
        (f"{_LANE}::TestNothingIsWritten",),
    ),
    Bug(
        "lease-condition-dropped",
        "a gateway that has lost its lease goes on claiming orders",
        "apps/orders/services/flight.py",
        "            Exists(lease_of(sender, lasting=LEASE_MARGIN)),\n",
        "            Exists(lease_of(sender, lasting=LEASE_MARGIN)) | Q(pk__gt=0),\n",
        (f"{_FLIGHT}::TestPutInFlight",),
    ),
    Bug(
        "resend-on-restart",
        "what was written without an answer is given back to the queue when a new session begins",
        "apps/orders/services/flight.py",
        """            move(order, OrderStatus.UNKNOWN, cause="no_word", evidence={"session": session})\n""",
        """            Order.objects.filter(pk=order.pk).update(
                status=OrderStatus.ACCEPTED, ib_order_id=None, in_flight_at=None, epoch=None
            )\n""",
        (f"{_LANE}::TestFrames",),
    ),
    Bug(
        "next-valid-id-as-is",
        "ids follow the broker's word down, so ids of lost orders are used again",
        "apps/orders/services/flight.py",
        """update(high_water=Greatest(F("high_water"), next_valid_id - 1))""",
        """update(high_water=next_valid_id - 1)""",
        (f"{_FLIGHT}::TestHighWater",),
    ),
    Bug(
        "bracket-transmits-first",
        "the entry of a bracket may trade before its stop has reached the broker",
        "apps/orders/services/flight.py",
        "        [_as_value(order, transmit=order is flying[-1] or not is_bracket) for order in flying],\n",
        "        [_as_value(order, transmit=order is flying[0] or not is_bracket) for order in flying],\n",
        (f"{_LANE}::TestFrames", f"{_FLIGHT}::TestPutInFlight"),
    ),
    Bug(
        "cancelled-unsent-still-sent",
        "a cancel of an unsent order is only noted, so the order is written and then cancelled",
        "apps/orders/services/wishes.py",
        """        move(
            order,
            OrderStatus.CANCELLED_UNSENT,
            cause="cancelled_unsent",
""",
        """        note(
            order,
            cause="cancelled_unsent",
""",
        (f"{_LANE}::TestNothingIsWritten",),
    ),
    Bug(
        "change-without-gate",
        "a change flies although gate 2 refused it",
        "apps/orders/services/changes.py",
        "        if not verdict.passed or order.filled_quantity >= change.quantity:\n",
        "        if order.filled_quantity >= change.quantity:\n",
        ("tests/orders/test_changes.py::TestFlight",),
    ),
    Bug(
        "doubt-reserves-nothing",
        "what is UNKNOWN no longer counts against limits and position",
        "apps/orders/snapshots.py",
        "status__in=sorted(NOT_CLOSED))",
        'status__in=sorted(NOT_CLOSED - {"UNKNOWN"}))',
        ("tests/orders/test_intake.py::TestGateOne",),
    ),
    Bug(
        "key-conflict-not-seen",
        "a key that was used for another order answers with that one as if it were this",
        "apps/orders/services/intake.py",
        "    if earlier.fingerprint != fingerprint(ticket):\n",
        "    if not earlier.fingerprint:\n",
        ("tests/orders/test_intake.py::TestSubmitOrder",),
    ),
    Bug(
        "partial-list-accepted",
        "a list whose end never came is taken for an empty one",
        "apps/broker/ib/asking.py",
        """            raise BrokerTimeout(f"no answer to {word}") from None\n""",
        """            return []\n""",
        ("tests/broker/test_session_guards.py::TestNeverAPartialList",),
    ),
    Bug(
        "absence-counted-while-cut-off",
        "an order is counted as missing although IB Gateway has no line to IB (1100)",
        "apps/gateway/reconciler.py",
        "    sees_the_market = saw_the_market and state.sees_the_market  #",
        "    sees_the_market = True  #",
        ("tests/gateway/test_reconciler.py::TestAbsence",),
    ),
    Bug(
        "code-taken-for-an-end",
        "a code such as 10147 or 161 ends an order that goes on working at the broker",
        "apps/orders/services/facts.py",
        """        note(
            order,
            cause="broker_notice",
""",
        """        from apps.domain.orders import OPEN, OrderStatus
        from apps.orders.services.transitions import move

        if order.standing in OPEN and notice.code in REJECT_CODES | {161, 10147, 10148}:
            order = move(order, OrderStatus.CANCELLED, cause="broker_notice")
        note(
            order,
            cause="broker_notice",
""",
        (f"{_FACTS}::TestStatus",),
    ),
    Bug(
        "corrections-ignored",
        "a corrected execution is taken for one that is known already",
        "apps/orders/services/fills.py",
        """    if family.filter(revision=report.revision).exists():
        _report_disagreement(family.get(revision=report.revision), report)
""",
        """    if family.exists():
""",
        (f"{_FACTS}::TestExecutions",),
    ),
    Bug(
        "execution-booked-twice",
        "an execution told again in the next session moves the position again",
        "apps/orders/services/fills.py",
        """        _report_disagreement(family.get(revision=report.revision), report)
""",
        """        known = family.get(revision=report.revision)
        _report_disagreement(known, report)
        move_ledger(account=account, instrument=known.instrument, change=signed(known))
""",
        ("tests/gateway/test_books.py::TestLedger",),
    ),
    Bug(
        "late-order-without-incident",
        "an order called NOT_PLACED comes back and nobody is told",
        "apps/orders/services/transitions.py",
        """        values["late"] = True
        _tell_late_evidence(order, to, cause=cause, evidence=evidence)
""",
        """        values["late"] = True
""",
        ("tests/orders/test_incidents.py::TestTriggers::test_not_placed_revoked",),
    ),
    Bug(
        "event-after-the-commit",
        "a step and its event are two transactions, so a crash between them leaves a gap",
        "apps/orders/services/transitions.py",
        """    update_row(order, values)
    record_step(order, before=before, cause=cause, actor=actor, evidence=evidence)
""",
        """    from django.db import transaction

    update_row(order, values)
    transaction.on_commit(
        lambda: record_step(order, before=before, cause=cause, actor=actor, evidence=evidence)
    )
""",
        (f"{_FACTS}::TestDatabase",),
    ),
    Bug(
        "busy-client-id-changed",
        "326 is answered with another client id, so two gateways can write at once",
        "apps/gateway/connection.py",
        "        session = self._open_session(self._config.settings)\n",
        """        from dataclasses import replace

        wanted = self._config.settings
        session = self._open_session(replace(wanted, client_id=wanted.client_id + self._attempt - 1))
""",
        ("tests/gateway/test_connection.py::TestClientId",),
    ),
)
