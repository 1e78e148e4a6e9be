"""The listening socket: accept, handshake, client ids, and the pulse that moves everything.

`SimulatorServer(config).start()` runs on the loop of its caller, so another process can
host it; __main__.py is the program around it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping

from apps.simulator.clients.bursts import BEAT_S, Bursts
from apps.simulator.clients.client_session import ClientSession
from apps.simulator.clients.reception import LeftEarly, Reception, TurnedAway
from apps.simulator.config import SimulatorConfig
from apps.simulator.control import COMMANDS, Command, ControlServer
from apps.simulator.exchange.events import Event, event_is_shared, owner_of
from apps.simulator.frames.frame_log import FrameLog, open_frame_log
from apps.simulator.frames.tap import start_overheard_server
from apps.simulator.instruments.universe import instrument_named
from apps.simulator.market.entitlements import Right
from apps.simulator.market.quotes import HALTS
from apps.simulator.pacemaker import Pacemaker
from apps.simulator.scenario import ScenarioPlayer, read_scenario
from apps.simulator.venue import Venue, open_venue
from apps.simulator.wire import BadField, BadFrame, close_writer

logger = logging.getLogger(__name__)

MAX_CLIENTS = 32


class SimulatorServer:
    """One simulator on the running loop."""

    def __init__(self, config: SimulatorConfig) -> None:
        config.check(os.environ)
        self.config = config
        self.venue: Venue = open_venue(config, publish=self._publish)
        self.venue.faults.port_or_none = self
        self.sessions: dict[int, ClientSession] = {}
        self._reception = Reception(
            config.clock,
            self.venue.faults,
            max_server_version=config.max_server_version,
            limit_s=config.handshake_limit_s,
        )
        self._frame_log: FrameLog | None = None
        self.pacemaker = Pacemaker(config.clock, self.venue.agenda, pulse_s=config.pulse_s, pulse=self._beat)
        self.commands: Mapping[str, Command] = COMMANDS
        self.scenario = ScenarioPlayer(self)
        self._bursts = Bursts(self.venue.market)
        self._server: asyncio.Server | None = None
        self._port = config.port
        self._is_running = False
        self._control: ControlServer | None = None
        self._beats: list[asyncio.Task[None]] = []
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Return the port clients connect to, also when 0 was asked for."""
        return self._port

    @property
    def is_listening(self) -> bool:
        """Return whether new connections are taken, which a fault switch may forbid."""
        return self._server is not None

    @property
    def control_port(self) -> int | None:
        """Return the switchboard's port, None if it has none."""
        return self._control.port if self._control else None

    async def start(self) -> None:
        """Listen, and begin to move."""
        self.scenario.play(read_scenario(self.config.scenario))
        self.venue.exchange.pulse()
        if self.config.frame_log is not None:
            self._frame_log = open_frame_log(self.config.frame_log, self.config.clock)
        await self._listen()
        self._is_running = True
        if self.config.control_port is not None:
            self._control = ControlServer(self)
            await self._control.start(self.config.control_port)
        loop = asyncio.get_running_loop()
        self._beats = [
            loop.create_task(self.pacemaker.beat(), name="simulator pulse"),
            loop.create_task(self._burst_beat(), name="simulator burst"),
        ]

    async def stop(self) -> None:
        """Close every socket and the state file. Safe to call twice."""
        if not self._is_running:
            return
        self._is_running = False
        self.stop_listening()
        for beat in self._beats:
            beat.cancel()
        if self._control:
            await self._control.stop()
        self.drop_clients(reset=False)
        for task in list(self._connections):
            task.cancel()
        pending = [*self._connections, *self._beats]
        await asyncio.gather(*pending, return_exceptions=True)
        self.venue.journal.close()
        if self._frame_log:
            self._frame_log.close()

    # --- the fault port --------------------------------------------------------------------

    def drop_clients(self, *, reset: bool) -> int:
        """Close all client sockets and return how many there were."""
        sessions = list(self.sessions.values())
        for session in sessions:
            session.close(reset=reset)
        return len(sessions)

    def emit_error(self, request_id: int, code: int, text: str) -> int:
        """Send an error to every client and return how many there are."""
        for session in self.sessions.values():
            session.send_error(request_id, code, text)
        return len(self.sessions)

    def halt_symbol(self, symbol: str, *, is_halted: bool, kind: str = "general") -> None:
        if instrument_named(symbol) is None:
            raise ValueError(f"unknown symbol {symbol}")
        if is_halted:
            self.venue.market.halted[symbol] = HALTS[kind]
        else:
            self.venue.market.halted.pop(symbol, None)

    def grant_market_data(self, right: str, *, symbol: str) -> None:
        if symbol and instrument_named(symbol) is None:
            raise ValueError(f"unknown symbol {symbol}")
        self.venue.entitlements.grant(Right(right), symbol=symbol)

    def stop_listening(self) -> None:
        """Refuse new connections; the beat listens again when the switch allows it."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def tell(self, events: list[Event]) -> None:
        """Hand events to their order's client and to the master client; positions concern everybody."""
        for event in events:
            owner = owner_of(event)
            for client_id, session in list(self.sessions.items()):
                is_overheard = client_id == self.config.master_client_id and event_is_shared(event)
                if owner in (None, client_id) or is_overheard:
                    session.tell(event)

    def pulse(self) -> None:
        """Let the exchange and every subscription see the present time."""
        self.venue.exchange.pulse()
        now = self.venue.clock.epoch()
        self._pulse_bursts(now)
        for session in list(self.sessions.values()):
            session.pulse(now)

    # --- inside ----------------------------------------------------------------------------

    async def _listen(self) -> None:
        host, log = self.config.host, self._frame_log
        if log is None:
            self._server = await asyncio.start_server(self._accept, host, self._port)
        else:
            self._server = await start_overheard_server(
                self._accept, host, port=self._port, overhear=log.overhear
            )
        self._port = int(self._server.sockets[0].getsockname()[1])

    async def _beat(self) -> None:
        try:
            if self._server is None and not self.venue.faults.is_refusing:
                await self._listen()
            self.pulse()
        except Exception:
            logger.exception("pulse failed")

    async def _burst_beat(self) -> None:
        while True:
            is_on = self.venue.faults.burst_ticks_per_s > 0
            try:
                if is_on:
                    self._pulse_bursts(self.venue.clock.epoch())
            except Exception:
                logger.exception("burst failed")
            await asyncio.sleep(BEAT_S if is_on else self.config.pulse_s)

    def _pulse_bursts(self, now: float) -> None:
        wanted = self.venue.faults.burst_ticks_per_s
        self._bursts.pulse(now, ticks_per_s=wanted, sessions=list(self.sessions.values()))

    def _publish(self, events: list[Event]) -> None:
        self.tell(self.venue.faults.retell(events))
        self.scenario.see(events)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except LeftEarly as error:
            logger.info("connection closed", extra={"cause": str(error)})
        except (TurnedAway, BadFrame, BadField) as error:
            logger.warning("connection closed", extra={"cause": str(error)})
        except asyncio.CancelledError:
            # Only stop() cancels these tasks; letting it through makes asyncio log a fault that is none.
            pass
        except Exception:
            logger.exception("connection failed")
        finally:
            self._connections.discard(task)
            await close_writer(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.venue.faults.reception_opens()
        arrival = await self._reception.receive(reader, writer)
        client_id, version = arrival.client_id, arrival.version
        session = ClientSession(self.venue, reader, writer, version=version, client_id=client_id)
        self._check_may_connect(session)
        self.sessions[client_id] = session
        logger.info("client connected", extra={"client_id": client_id, "version": version})
        try:
            session.greet()
            self.scenario.notice("client connected")
            await session.serve()
        finally:
            session.close()
            self.sessions.pop(client_id, None)
            self.venue.faults.client_gone(client_id)
            self.scenario.notice("client gone")
            logger.info("client gone", extra={"client_id": client_id})

    def _check_may_connect(self, session: ClientSession) -> None:
        """Raise TurnedAway, once the client is told why, if it may not connect now."""
        if session.client_id in self.sessions or self.venue.faults.is_busy(session.client_id):
            session.send_error(-1, 326, "Unable to connect as the client id is already in use.")
            session.flush()
            raise TurnedAway(f"client id {session.client_id} is in use")
        if self.venue.faults.takes_disclaimer():
            session.send_error(
                -1, 10141, "Paper trading disclaimer must first be accepted for API connection."
            )
            session.flush()
            raise TurnedAway("disclaimer not accepted")
        if len(self.sessions) >= MAX_CLIENTS:
            raise TurnedAway(f"{MAX_CLIENTS} clients are connected")
