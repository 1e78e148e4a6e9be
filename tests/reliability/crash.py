"""Kill the product at every named point, again and again, and let the checker judge the whole run.

    python -m tests.reliability.crash --kills 60                  on SQLite
    DATABASE_URL=postgres://… python -m tests.reliability.crash   on PostgreSQL

Each round starts a gateway that is armed to die at one point of the crash matrix
(spec: crash points 0 to 22), trades until it is dead, and goes on with the next. Nobody
cleans up in between: the next gateway finds what the last one left. At the end everything
comes to rest, and the history checker reads client, wire, rows and the broker's book.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.reliability.checker import DOUBT, Evidence, Violation, check
from tests.reliability.history import Call, Outcome, number_of
from tests.reliability.product import Product, fresh_database, until
from tests.reliability.rows import Rows, instant
from tests.reliability.tap import Way

QUIESCE_S = 150.0
STUCK_S = 120.0
ROUND_S = 6.0
LEASE_S = 15.0
#: Where the market stands when a run begins; it moves on from there.
PRICES = {"AAPL": 228.5, "MSFT": 428.0, "AMD": 139.0, "KO": 63.0, "F": 11.2, "T": 22.8, "INTC": 24.6}


@dataclass(frozen=True, slots=True)
class Point:
    """One row of the crash matrix: where the process dies, and at which pass at most."""

    number: str
    name: str
    passes: int = 1
    victim: str = "gateway"
    #: How often it is drawn compared with the others; the slow ones are drawn seldom.
    weight: int = 4


POINTS = (
    Point("0", "web.accept.before_commit", victim="web", weight=2),
    Point("1", "web.accept.after_commit", victim="web", weight=2),
    Point("2", "web.accept.before_doorbell", victim="web", weight=2),
    Point("3", "gw.claim.before_commit", passes=2),
    Point("4", "gw.claim.in_commit", passes=2),
    Point("5", "gw.send.before_write", passes=2),
    Point("6", "gw.send.after_write", passes=2),
    Point("7", "gw.send.peer_buffer", victim="peer"),
    Point("8", "gw.ack.before_read", passes=6),
    Point("9", "gw.ack.before_commit", passes=6),
    Point("10", "gw.exec.before_commit", passes=2),
    Point("11", "gw.exec.after_commit", passes=2),
    Point("12", "gw.fill.before_push", passes=2),
    Point("13", "gw.cancel.before_write"),
    Point("14", "gw.kill.mid", passes=3, victim="kill", weight=1),
    Point("15", "gw.recon.step", passes=2),
    Point("16", "web.setting.before_audit", victim="setting", weight=1),
    Point("16", "web.setting.after_audit", victim="setting", weight=1),
    Point("17", "gw.lease.renew", passes=2),
    Point("18", "gw.claim.before_commit:STOP", victim="sleeper", weight=1),
    Point("19", "gw.send.before_write:STOP", victim="sleeper", weight=1),
    Point("20", "everything at once", victim="all", weight=1),
    Point("22", "gw.send.between_legs", passes=3),
    Point("–", "a random instant", victim="random", weight=8),
)


@dataclass
class Score:
    """What became of one point over a run."""

    kills: int = 0
    missed: int = 0
    seconds: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)


class Run:
    """One run over one database: trade, kill, start again."""

    def __init__(self, product: Product, *, seed: int) -> None:
        self.product = product
        self.rows = Rows(product.database_url)
        self.random = random.Random(seed)
        self.scores: dict[str, Score] = defaultdict(Score)
        self.longest_doubt_s = 0.0
        self.stuck: set[int] = set()
        self.delays: list[Violation] = []
        self._client = product.client()
        self._points: dict[str, str] = {}
        self._resting: list[int] = []
        self._keys = 0
        for symbol, price in PRICES.items():
            product.ask_simulator("set_price", symbol=symbol, price=price)

    # --- killing -------------------------------------------------------------------------

    def kill_at(self, point: Point) -> None:
        """Play one round: arm, trade until the victim is dead, bring back what is needed."""
        before = time.monotonic()
        try:
            reached = _ROUNDS[point.victim](self, point)
        except AssertionError as late:
            reached = False
            self.delays.append(Violation("progress", f"kill {self.kills + 1}, {point.name}: {late}"))
        score = self.scores[point.name]
        score.kills += 1
        score.missed += not reached
        score.seconds += time.monotonic() - before
        self._watch_doubt()

    def die_in_gateway(self, point: Point) -> bool:
        armed = f"{point.name}:{self.random.randint(1, point.passes)}"
        self._end_gateway()
        gateway = self.product.start_gateway(armed)
        return self._trade_until(point, lambda: not gateway.is_alive, give_up=gateway.kill)

    def die_at_random(self, point: Point) -> bool:
        self._end_gateway()
        gateway = self.product.start_gateway()
        until(lambda: self.rows.connection()["phase"] == "READY", within_s=60, what="READY")
        dies_at = time.monotonic() + self.random.random() * 0.8
        self._trade_until(point, lambda: time.monotonic() > dies_at)
        gateway.kill()
        return True

    def die_in_web(self, point: Point) -> bool:
        assert self.product.web is not None
        self._be_ready()
        self.product.web.kill()
        web = self.product.start_web(point.name)
        self.product.until_gateway_ready()
        died = self._trade_until(point, lambda: not web.is_alive, give_up=web.kill)
        self.product.start_web()
        self.product.until_gateway_ready()
        return died

    def die_in_peers_buffer(self, point: Point) -> bool:
        """The frames are out of the process and not yet read by IB Gateway when it dies."""
        self._be_ready()
        assert self.product.gateway is not None
        tap = self.product.wire.tap
        self.product.wire.do(tap.hold, Way.OUT)
        try:
            placed = [self._place(point) for _ in range(3)]
            numbers = ",".join(str(number_of(call)) for call in placed if call.outcome is Outcome.OK) or "0"
            query = (
                f"SELECT count(*) AS n FROM orders_order WHERE in_flight_at IS NOT NULL AND id IN ({numbers})"
            )
            try:
                until(lambda: self.rows.one(query)["n"], within_s=3, what="flight")
            except AssertionError:
                return False
            self.product.gateway.kill()
        finally:
            self.product.wire.do(tap.release, Way.OUT)
        return True

    def die_killing(self, point: Point) -> bool:
        """The kill switch has sent some of its cancels when the gateway dies."""
        self._end_gateway()
        self.product.start_gateway()
        self._be_ready()
        for _ in range(4):
            self._place(point)
        self._end_gateway()
        gateway = self.product.start_gateway(f"{point.name}:{self.random.randint(1, point.passes)}")
        until(lambda: self.rows.connection()["phase"] == "READY" or not gateway.is_alive, within_s=60)
        self._manage("kill", "--reason", "crash test")
        try:
            until(lambda: not gateway.is_alive, within_s=ROUND_S)
        except AssertionError:
            gateway.kill()
            return False
        else:
            return True
        finally:
            self.product.start_gateway()
            # What is in doubt stays so for a minute of looks; the next round need not wait for it.
            until(lambda: self.rows.count_in("PENDING_CANCEL") == 0, within_s=STUCK_S, what="cancels")
            self._resume()

    def die_setting(self, point: Point) -> bool:
        """The process that changes a setting dies around its audit line: both are there, or none."""
        before = self._audit_and_epoch()
        reached = self.product.run("kill", "--reason", "crash test", crash_at=point.name) == -signal.SIGKILL
        after = self._audit_and_epoch()
        if reached and after != before:
            raise AssertionError(f"a setting half changed: {before} then {after}")
        self._resume()
        return reached

    def sleep_through(self, point: Point) -> bool:
        """The gateway is stopped, another host takes over, the old one wakes up and must not write."""
        self._end_gateway()
        sleeper = self.product.start_gateway(self._where_to_stop(point))
        if not self._trade_until(point, lambda: sleeper.is_stopped, give_up=sleeper.kill):
            return False
        epoch = self.rows.connection()["epoch"]
        self.product.start_gateway(elsewhere=True)
        has_new_owner = partial(self._has_passed, epoch)
        try:
            until(has_new_owner, within_s=LEASE_S * 3, what="take-over")
        except AssertionError:
            if not self._is_sqlite:
                raise  # another lane of the sleeper was inside SQLite's one transaction: it has to end first
        finally:
            sleeper.send(signal.SIGCONT)
        until(lambda: not sleeper.is_alive, within_s=LEASE_S * 2, what="end of the fenced gateway")
        until(has_new_owner, within_s=LEASE_S * 2, what="take-over")
        return True

    def _has_passed(self, epoch: int) -> bool:
        return int(self.rows.connection()["epoch"]) > epoch

    @property
    def _is_sqlite(self) -> bool:
        return self.product.database_url.startswith("sqlite")

    def _where_to_stop(self, point: Point) -> str:
        """Return the point; SQLite has one writer, so one that sleeps inside a transaction stops them all."""
        if self._is_sqlite:
            return point.name.replace("gw.claim.before_commit", "gw.claim.before_begin")
        return point.name

    def die_together(self, point: Point) -> bool:
        """Web, gateway and IB Gateway die in one instant."""
        self._be_ready()
        assert self.product.gateway is not None
        assert self.product.web is not None
        for _ in range(3):
            self._place(point)
        self.product.gateway.send(signal.SIGKILL)
        self.product.web.send(signal.SIGKILL)
        self.product.stop_simulator(signal.SIGKILL)
        self.product.start_simulator()
        self.product.start_web()
        self.product.start_gateway()
        self.product.until_gateway_ready()
        return True

    @property
    def kills(self) -> int:
        """Return how many rounds were played."""
        return sum(score.kills for score in self.scores.values())

    def rest(self) -> None:
        """Let everything come to rest; what is still in doubt afterwards is for the checker."""
        self._be_ready()
        try:
            until(lambda: self.rows.count_in("ACCEPTED", *DOUBT) == 0, within_s=QUIESCE_S, what="rest")
            until(self._agrees, within_s=20, what="agreement")
        except AssertionError:
            pass  # the checker says what is left, order by order

    def judge(self) -> list[Violation]:
        """Return what the history checker finds."""
        dump = self.rows.dump()
        book = self.product.ask_simulator("book")
        for order in dump.orders:
            if order["origin"] == "OWN":
                key = order["client_order_id"].partition(".")[0]
                self.scores[self._points[key]].ends[order["status"]] += 1
        found = check(Evidence(self.product.history, self.product.wire.tap, dump, book, time.time()))
        found += [
            Violation("stuck", f"order {number} was in doubt > {STUCK_S:.0f} s") for number in self.stuck
        ]
        return found + self.delays

    # --- trading -------------------------------------------------------------------------

    def _trade_until(
        self, point: Point, is_over: Callable[[], bool], *, give_up: Callable[[], None] | None = None
    ) -> bool:
        deadline = time.monotonic() + ROUND_S
        while time.monotonic() < deadline:
            if is_over():
                return True
            self._place(point)
            if self._resting and self.random.random() < 0.4:
                self._client.cancel(self._resting.pop(self.random.randrange(len(self._resting))))
        if give_up is not None:
            give_up()
        return is_over()

    def _place(self, point: Point) -> Call:
        self._keys += 1
        side = self.random.choice(("BUY", "SELL"))
        symbol = self.random.choice(list(PRICES))
        order: dict[str, object] = {
            "symbol": symbol,
            "action": side,
            "quantity": self.random.randrange(1, 20),
            "client_order_id": f"crash-{self._keys:07}",
        }
        kind = self.random.choice(("MKT", "MKT", "LMT", "LMT", "BRACKET"))
        if point.name == "gw.send.between_legs":
            kind = "BRACKET"
        if kind == "MKT":
            return self._insist(point, **order, order_type="MKT")
        better = -1 if side == "BUY" else 1
        entry = round(PRICES[symbol] * (1 + 0.05 * better), 2)
        if kind == "LMT":
            return self._insist(point, **order, order_type="LMT", limit_price=entry)
        target, stop = round(entry * (1 - 0.04 * better), 2), round(entry * (1 + 0.04 * better), 2)
        legs = {
            "entry_order_type": "LMT",
            "entry_limit_price": entry,
            "take_profit": target,
            "stop_loss": stop,
        }
        return self._insist(point, **order, **legs)

    def _insist(self, point: Point, **order: object) -> Call:
        self._points[str(order["client_order_id"])] = point.name
        call = self._client.place_insisting(tries=2, pause_s=0.1, **order)
        if call.outcome is Outcome.OK and order.get("order_type") != "MKT":
            self._resting.append(number_of(call))
        return call

    # --- processes -----------------------------------------------------------------------

    def _be_ready(self) -> None:
        """Have a living gateway that is READY in a session of its own."""
        gateway = self.product.gateway
        if gateway is None or not gateway.is_alive or gateway.is_armed:
            epoch = self.rows.connection()["epoch"]
            self._end_gateway()
            self.product.start_gateway()
            until(partial(self._has_passed, epoch), within_s=60, what="a new epoch")
        until(lambda: self.rows.connection()["phase"] == "READY", within_s=60, what="READY")
        self.product.until_gateway_ready()

    def _end_gateway(self) -> None:
        if self.product.gateway is not None and self.product.gateway.is_alive:
            self.product.gateway.kill()

    def _resume(self) -> None:
        self._manage("shell", "-c", _RESUME)

    def _manage(self, *words: str) -> None:
        code = self.product.run(*words)
        if code != 0:
            raise AssertionError(f"{words[0]} ended with {code}\n{self.product.last_words()}")

    def _audit_and_epoch(self) -> tuple[int, int]:
        lines = self.rows.one("SELECT count(*) AS n FROM audit_auditevent WHERE kind LIKE 'safety%'")
        epoch = self.rows.one("SELECT max(halt_epoch) AS n FROM safety_tradingstate")
        return int(lines["n"]), int(epoch["n"])

    def _watch_doubt(self) -> None:
        now = datetime.now(UTC)
        for row in self.rows.all(_IN_DOUBT):
            age_s = (now - instant(row["in_flight_at"])).total_seconds()
            self.longest_doubt_s = max(self.longest_doubt_s, age_s)
            if age_s > STUCK_S:
                self.stuck.add(row["id"])

    def _agrees(self) -> bool:
        evidence = Evidence(
            self.product.history,
            self.product.wire.tap,
            self.rows.dump(),
            self.product.ask_simulator("book"),
            time.time(),
        )
        return not check(evidence)


_ROUNDS: Mapping[str, Callable[[Run, Point], bool]] = {
    "gateway": Run.die_in_gateway,
    "random": Run.die_at_random,
    "web": Run.die_in_web,
    "peer": Run.die_in_peers_buffer,
    "kill": Run.die_killing,
    "setting": Run.die_setting,
    "sleeper": Run.sleep_through,
    "all": Run.die_together,
}
_IN_DOUBT = """
SELECT id, in_flight_at FROM orders_order
 WHERE origin = 'OWN' AND status IN ('IN_FLIGHT', 'UNKNOWN') AND in_flight_at IS NOT NULL
"""
_RESUME = """
from apps.safety.services.states import resume_trading
resume_trading(scope="*", by="user:rita", reason="crash test goes on")
"""


def schedule(kills: int, rng: random.Random) -> list[Point]:
    """Return the points of one run: each equally often at first, the last quarter by weight."""
    rounds = max(1, kills * 3 // 4 // len(POINTS))
    drawn = (list(POINTS) * rounds)[:kills]
    drawn += rng.choices(POINTS, [point.weight for point in POINTS], k=max(0, kills - len(drawn)))
    rng.shuffle(drawn)
    return drawn


def table(run: Run) -> str:
    """Return point × kills × what became of the orders, as text."""
    lines = [f"{'CP':<4}{'point':<28}{'kills':>6}{'missed':>8}{'s/kill':>8}  orders by their end"]
    for point in POINTS:
        score = run.scores[point.name]
        ends = ", ".join(f"{end} {count}" for end, count in sorted(score.ends.items()))
        pace = score.seconds / score.kills if score.kills else 0.0
        lines.append(
            f"{point.number:<4}{point.name:<28}{score.kills:>6}{score.missed:>8}{pace:>8.1f}  {ends}"
        )
    return "\n".join(lines)


def main() -> int:
    """Run, print the table, and return 0 only if no promise was broken."""
    options = _parser().parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    server_url = os.environ.get("DATABASE_URL", "")
    server_url = server_url if server_url.startswith("postgres") else ""
    folder = Path(options.out) if options.out else Path(tempfile.mkdtemp(prefix="crash-test-"))
    folder.mkdir(parents=True, exist_ok=True)
    name = "PostgreSQL" if server_url else "SQLite"
    print(f"crash test: {options.kills} kills on {name}, seed {seed}, evidence in {folder}", flush=True)
    began = time.monotonic()
    with fresh_database(server_url, folder) as database_url, Product(folder, database_url) as product:
        run = Run(product, seed=seed)
        with suppress(KeyboardInterrupt):  # Ctrl-C ends the killing; what was played is judged all the same
            for number, point in enumerate(schedule(options.kills, run.random), 1):
                run.kill_at(point)
                if number % 10 == 0:
                    print(f"  {number} kills, {time.monotonic() - began:.0f} s", flush=True)
        run.rest()
        found = run.judge()
        audit = product.manage("verify_audit")
    print(table(run))
    _report(run, found, audit=audit, seconds=time.monotonic() - began)
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="crash-test", description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, help="the same seed draws the same points and orders")
    parser.add_argument("--out", help="where logs and the frames of the tap are kept")
    return parser


def _report(run: Run, found: list[Violation], *, audit: str, seconds: float) -> None:
    kinds = Counter(violation.invariant for violation in found)
    kills = run.kills
    orders = sum(sum(score.ends.values()) for score in run.scores.values())
    print(
        f"{kills} kills, {orders} orders, {len(run.product.wire.tap.sent('3'))} order frames, {seconds:.0f} s"
    )
    print(
        f"doubled {kinds['I1']}, lost {kinds['I8']}, false endings {kinds['truth']}, stuck {kinds['stuck']}"
    )
    print(f"longest doubt {run.longest_doubt_s:.0f} s; audit: {audit.strip()}")
    for violation in found:
        print(f"VIOLATION {violation.invariant}: {violation.what}")


if __name__ == "__main__":
    sys.exit(main())
