"""One gateway of a simulated fleet: makes rows, sends them, keeps them until they are stored."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cardea.contract.batches import ROWS_MAX, Lane
from cardea.contract.encoding import ACK, Undecodable, encode
from cardea.contract.orders import Presence
from cardea.contract.time import wire_time
from cardea.contract.topics import LANE_LEAF, Leaf, topic
from cardea.runtime.bus import Bus, BusDown, Session, Will, keep_connected
from cardea.runtime.clock import Clock, Entropy
from drivers.sim.fleet_columns import Columns
from drivers.sim.fleet_doings import Doings
from drivers.sim.fleet_lane import FleetLane, Parcel
from drivers.sim.fleet_state import Latencies
from drivers.sim.fleet_values import METRICS, Curves

VERSION = "fleet"
PRESENCE_S = 10.0
LINGER_S = 4.0
"""Readings are sent together, but none waits longer."""
TICK_S = 0.25
RESEND_S, RESEND_S_MAX = 5.0, 60.0
ROWS_WAITING_MAX = 20_000
"""Rows of one lane kept in memory; beyond it none are made, which is counted."""
DEVICES_MAX = ROWS_MAX // len(METRICS)
SEQS_PER_S = 1_000_000
"""A run counts on from the second it began in: later runs of an outbox never use a number twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """What each tower does."""

    devices: int = 50
    hz: float = 1.0
    """How often each device tells its numbers."""
    passages_per_s: float = 0.2
    seed: int = 7


@dataclass(slots=True)
class Heard:
    """What all gateways of a fleet write down together."""

    all: Latencies
    recent: Latencies
    strays: int = 0
    disconnects: int = 0
    why: str = ""
    """The last reason why there was no connection."""


class FleetGateway:
    """One tower. ``epoch`` is its outbox's."""

    def __init__(
        self,
        name: str,
        epoch: str,
        plan: FleetPlan,
        number: int,
        clock: Clock,
        entropy: Entropy,
        heard: Heard,
    ) -> None:
        self.name: Final = name
        self.connected = False
        self._epoch = epoch
        self._clock = clock
        self._entropy = entropy
        self._heard = heard
        self._every_s = 1 / plan.hz
        self._curves = Curves(plan.seed * 1_000_003 + number, plan.devices)
        self._columns = Columns(self._curves.series)
        first = int(clock.now().utc.timestamp()) * SEQS_PER_S
        self._doings = Doings(f"{name}-{first:x}", plan.devices, plan.passages_per_s, plan.seed + number)
        self.lanes: dict[Lane, FleetLane] = {
            lane: FleetLane(first, ROWS_WAITING_MAX, newest_first=lane is Lane.RECORD) for lane in Lane
        }
        self._wake = asyncio.Event()
        self._patience_s = RESEND_S
        self._topics = {lane: topic(name, leaf) for lane, leaf in LANE_LEAF.items()}

    @property
    def pending(self) -> int:
        """Rows that wait for their acknowledgement."""
        return sum(lane.pending for lane in self.lanes.values())

    async def connect(self, bus: Bus) -> None:
        """Serve one session after another until cancelled."""
        await keep_connected(
            bus, self._clock, self._entropy, will=self._will, serve=self._serve, lost=self._lost
        )

    async def make(self, phase: float) -> None:
        """Make rows until cancelled. ``phase`` (0 to 1): how far it is behind the first tower."""
        now = self._clock.now()
        self._keep(self._doings.begin(now.mono_s, wire_time(now)), now.mono_s)
        next_s = now.mono_s + phase * self._every_s
        try:
            while True:
                now = self._clock.now()
                while next_s <= now.mono_s:
                    self._measure(now.utc.timestamp() - (now.mono_s - next_s), now.mono_s)
                    next_s += self._every_s
                self._keep(self._doings.until(now.mono_s, wire_time(now)), now.mono_s)
                if self._columns.is_due(now.mono_s, LINGER_S):
                    self._seal_columns(now.mono_s)
                await self._clock.sleep(max(0.0, min(TICK_S, next_s - self._clock.monotonic_s())))
        finally:
            if len(self._columns):
                self._seal_columns(self._clock.monotonic_s())

    # --- Rows ------------------------------------------------------------------------------------

    def _measure(self, utc_s: float, now_s: float) -> None:
        if self._columns.is_due(now_s, LINGER_S):
            self._seal_columns(now_s)
        self._columns.add(int(utc_s * 1000), self._curves.at(utc_s), now_s)

    def _seal_columns(self, now_s: float) -> None:
        columns = self._columns
        lane = self.lanes[Lane.TELEMETRY]
        lane.seal(len(columns), lambda first: columns.encoded(self._epoch, first), now_s)
        columns.clear()
        self._wake.set()

    def _keep(self, rows: Iterator[tuple[Lane, bytes]], now_s: float) -> None:
        by_lane: dict[Lane, list[bytes]] = {}
        for lane, body in rows:
            by_lane.setdefault(lane, []).append(body)
        for lane, bodies in by_lane.items():
            for at in range(0, len(bodies), ROWS_MAX):
                some = bodies[at : at + ROWS_MAX]
                self.lanes[lane].seal(len(some), _Rows(lane, self._epoch, some), now_s)
        if by_lane:
            self._wake.set()

    # --- One session -----------------------------------------------------------------------------

    async def _serve(self, session: Session) -> None:
        await session.subscribe(topic(self.name, Leaf.ACK))
        self.connected = True
        self._patience_s = RESEND_S
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._show_presence(session))
                tasks.create_task(self._send(session, tasks))
                tasks.create_task(self._read(session))
        except BaseExceptionGroup as group:
            down = group.subgroup(BusDown)
            raise (down or group).exceptions[0] from None
        except asyncio.CancelledError:
            await self._say_goodbye(session)
            raise
        finally:
            self.connected = False
            for lane in self.lanes.values():
                lane.disconnect()

    async def _send(self, session: Session, publishing: asyncio.TaskGroup) -> None:
        while True:
            self._wake.clear()
            while (found := self._next()) is not None:
                lane, parcel = found
                self.lanes[lane].launch(parcel, self._clock.monotonic_s())
                publishing.create_task(session.publish(self._topics[lane], parcel.payload))
            try:
                async with asyncio.timeout(self._due_s()):
                    await self._wake.wait()
            except TimeoutError:
                self._give_up()

    def _next(self) -> tuple[Lane, Parcel] | None:
        for lane, kept in self.lanes.items():
            parcel = kept.to_send()
            if parcel is not None:
                return lane, parcel
        return None

    def _give_up(self) -> None:
        now_s = self._clock.monotonic_s()
        if sum(lane.give_up(now_s, self._patience_s) for lane in self.lanes.values()):
            self._patience_s = min(RESEND_S_MAX, 2 * self._patience_s)

    def _due_s(self) -> float | None:
        now_s = self._clock.monotonic_s()
        due = [lane.due_s(now_s, self._patience_s) for lane in self.lanes.values()]
        return min((due_s for due_s in due if due_s is not None), default=None)

    async def _read(self, session: Session) -> None:
        async for message in session.messages():
            ack = ACK.decode(message.payload)
            if isinstance(ack, Undecodable) or ack.epoch != self._epoch:
                self._heard.strays += 1
                continue
            for took_s in self.lanes[ack.lane].acknowledge(ack.ranges, self._clock.monotonic_s()):
                self._heard.all.add(took_s)
                self._heard.recent.add(took_s)
            self._patience_s = RESEND_S
            self._wake.set()

    async def _show_presence(self, session: Session) -> None:
        while True:
            await session.publish(topic(self.name, Leaf.STATE), self._presence(online=True), retain=True)
            await self._clock.sleep(PRESENCE_S)

    async def _say_goodbye(self, session: Session) -> None:
        try:
            async with asyncio.timeout(2.0):
                await session.publish(topic(self.name, Leaf.STATE), self._presence(online=False), retain=True)
        except (BusDown, TimeoutError):
            self._heard.why = "the broker had gone before the good-bye"

    def _will(self) -> Will:
        return Will(topic(self.name, Leaf.STATE), self._presence(online=False))

    def _presence(self, *, online: bool) -> bytes:
        waiting = {lane.value: kept.pending for lane, kept in self.lanes.items()}
        at = wire_time(self._clock.now())
        return encode(Presence(self.name, online, self._epoch, VERSION, at, waiting, 1))

    def _lost(self, error: BusDown) -> None:
        self._heard.disconnects += 1
        self._heard.why = str(error)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows as one message (:class:`cardea.contract.batches.RowBatch`), once their numbers are known."""

    lane: Lane
    epoch: str
    bodies: list[bytes]

    def __call__(self, first: int) -> bytes:
        head = f'{{"lane":"{self.lane}","epoch":"{self.epoch}","first":{first},"rows":['
        return head.encode() + b",".join(self.bodies) + b"]}"
