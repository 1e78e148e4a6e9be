"""What the tasks of one broker session share: its number, READY, the picture, the brake.

Tasks do not call each other; they meet here and in rows. One state lives exactly as long as
its broker session, and only the gateway's event loop touches it.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from apps.broker.port import BrokerSession, SessionIdentity
from apps.domain.instruments import InstrumentSpec
from apps.domain.mode import ModeProof
from apps.domain.orders import Sender
from apps.domain.quotes import MarketDataType, Quote

#: IB lost its own line to the exchanges, ours to IB Gateway stands (spec/faults.md section 2).
CONNECTIVITY_LOST = frozenset({1100, 2110})
#: The line is back; after 1101 IB forgot our subscriptions.
CONNECTIVITY_BACK = frozenset({1101, 1102})
SUBSCRIPTIONS_LOST = 1101
#: A data farm broke or came back; subscriptions may be dead whatever IB says.
FARM_CHANGED = frozenset({2103, 2104, 2105, 2106, 2108, 2158})


@dataclass(slots=True)
class Brake:
    """Stops the order lane at once, without the database: the HALT file or a signal.

    Lives as long as the process. `pull` is safe in a signal handler of the loop; `release`
    is called when the halt is a committed row, which from then on does the holding.
    """

    halt_file: Path
    pulled: bool = False

    @property
    def is_on(self) -> bool:
        """Tell whether no order frame may be written now; looks for the file each time."""
        return self.pulled or self.halt_file.exists()

    def pull(self) -> None:
        """Hold the order lane until the halt is a row."""
        self.pulled = True

    def release(self) -> None:
        """Leave the holding to the row; the file, if there is one, holds on its own."""
        self.pulled = False


@dataclass(slots=True)
class SessionState:
    """One broker session as its tasks see it.

    `ready` means identity proven and all four lists reconciled. `picture` and `instruments`
    go by IB contract id. `reconcile_wanted` asks the reconciler for a full run soon,
    `resubscribe_wanted` asks the feed to open every line anew. `recovery_id` names the
    recovery report this session belongs to. `lines` are the contracts whose market data flows.
    `lost_because` is what SessionLost said; inbound leaves it here when it ends.
    `positions_heard` is when a position was last told on its own, by contract id and BOOTTIME.
    """

    number: int
    sender: Sender
    session: BrokerSession
    identity: SessionIdentity
    proof: ModeProof
    opened_at: datetime
    brake: Brake
    ready: bool = False
    connectivity_lost: bool = False
    line_is_back: bool = False
    line_lost_at: datetime | None = None
    picture: dict[int, Quote] = field(default_factory=dict)
    instruments: dict[int, InstrumentSpec] = field(default_factory=dict)
    reconcile_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    resubscribe_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    recovery_id: int | None = None
    missed_beats: int = 0
    lost_because: str = ""
    positions_heard: dict[int, float] = field(default_factory=dict)
    lines: set[int] = field(default_factory=set)
    market_data_type: MarketDataType = MarketDataType.UNKNOWN

    @property
    def is_up(self) -> bool:
        """Tell whether new orders make sense: reconciled, IB's own line stands, it answers us."""
        return self.ready and not self.connectivity_lost and self.missed_beats == 0

    @property
    def may_send_orders(self) -> bool:
        """Tell whether an order frame may be written now, as far as this process knows.

        To be asked before the IN_FLIGHT transaction and again before the write.
        """
        return self.is_up and self.session.is_alive and not self.brake.is_on

    def hear_notice(self, code: int) -> None:
        """Take note of a session-wide notice of IB; inbound calls it for every BrokerNotice."""
        if code in CONNECTIVITY_LOST:
            if not self.connectivity_lost:
                self.line_lost_at = datetime.now(UTC)
            self.connectivity_lost = True
            self.line_is_back = False
        elif code in CONNECTIVITY_BACK:
            self.line_is_back = True
            self.reconcile_wanted.set()
        if code == SUBSCRIPTIONS_LOST or code in FARM_CHANGED:
            self.resubscribe_wanted.set()

    @property
    def sees_the_market(self) -> bool:
        """Tell whether IB Gateway's own line stands, so that what its lists lack is really absent."""
        return not self.connectivity_lost or self.line_is_back

    def connectivity_restored(self) -> None:
        """Open the order lane again if IB said that its line is back.

        The reconciler calls it after each clean full run that began with the line back; a line
        that broke again during the run keeps the lane closed.
        """
        if self.line_is_back:
            self.connectivity_lost = False


@dataclass(slots=True)
class ProcessState:
    """What outlives a broker session: the brake, and which session there is now, if any."""

    brake: Brake
    current: SessionState | None = None
