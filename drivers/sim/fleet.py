"""Many gateways' worth of traffic in one process: loads an aggregator as that many towers would.

Every tower has a connection, an outbox epoch, lanes and a presence of its own. Rows are kept in bounded
memory until they are acknowledged as stored, so what was sent must come out as acknowledged plus pending.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from typing import Any

from cardea.contract.batches import Lane
from cardea.runtime.bus import Bus, Session, Will
from cardea.runtime.clock import Clock, Entropy
from drivers.sim.fleet_gateway import FleetGateway, FleetPlan, Heard
from drivers.sim.fleet_lane import LaneCounts
from drivers.sim.fleet_state import FleetState, Latencies

CONNECT_S_MAX = 30.0
CONNECTING_MAX = 16
"""Handshakes at a time: a fleet that knocks all at once measures only that."""
DRAIN_S_MAX = 30.0
"""How long the last acknowledgements are waited for."""
LOOK_S = 0.1
REPORT_S = 1.0

Report = Callable[[FleetState], None]


class NobodyConnected(Exception):
    """No tower found the broker; one line saying why."""


class Fleet:
    """Towers by name, each with its bus and the epoch of its outbox."""

    def __init__(
        self,
        buses: Mapping[str, Bus],
        epochs: Mapping[str, str],
        plan: FleetPlan,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._clock = clock
        self._heard = Heard(Latencies(), Latencies())
        door = asyncio.Semaphore(CONNECTING_MAX)
        self._buses = [_OneByOne(bus, door) for bus in buses.values()]
        self.gateways = [
            FleetGateway(name, epochs[name], plan, number, clock, entropy, self._heard)
            for number, name in enumerate(buses)
        ]

    async def run(
        self, seconds: float | None, stop: asyncio.Event, report: Report = lambda _: None
    ) -> tuple[FleetState, float]:
        """Connect, make rows for ``seconds`` or until ``stop``, wait for what is still unacknowledged.

        ``report`` is told the state every second. Returns how it stands before the towers
        leave, and for how many seconds rows were made.

        Raises:
            NobodyConnected: not one tower could connect.
        """
        connections = _started(
            gateway.connect(bus) for gateway, bus in zip(self.gateways, self._buses, strict=True)
        )
        reporting = asyncio.create_task(self._report(report))
        try:
            await self._until(lambda: all(one.connected for one in self.gateways), CONNECT_S_MAX, stop)
            if not any(gateway.connected for gateway in self.gateways) and not stop.is_set():
                raise NobodyConnected(self._heard.why or "the broker does not answer")
            began_s = self._clock.monotonic_s()
            await self._make(seconds, stop)
            made_s = self._clock.monotonic_s() - began_s
            await self._until(lambda: not any(one.pending for one in self.gateways), DRAIN_S_MAX)
            return self.state(), made_s
        finally:
            await _ended([reporting, *connections])

    async def _make(self, seconds: float | None, stop: asyncio.Event) -> None:
        count = len(self.gateways)
        making = _started(gateway.make(number / count) for number, gateway in enumerate(self.gateways))
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await stop.wait()
        finally:
            await _ended(making)

    async def _until(self, done: Callable[[], bool], s_max: float, stop: asyncio.Event | None = None) -> None:
        end_s = self._clock.monotonic_s() + s_max
        while not done() and self._clock.monotonic_s() < end_s and not (stop and stop.is_set()):
            await self._clock.sleep(LOOK_S)

    async def _report(self, report: Report) -> None:
        while True:
            await self._clock.sleep(REPORT_S)
            report(self.state())

    def state(self) -> FleetState:
        """How it stands now; begins a new stretch of ``recent_p99_s``."""
        lanes = {lane: LaneCounts() for lane in Lane}
        for gateway in self.gateways:
            for lane, kept in gateway.lanes.items():
                lanes[lane].add(kept.counts)
        heard = self._heard
        state = FleetState(
            towers=len(self.gateways),
            connected=sum(gateway.connected for gateway in self.gateways),
            disconnects=heard.disconnects,
            strays=heard.strays,
            lanes=lanes,
            pending={lane: sum(one.lanes[lane].pending for one in self.gateways) for lane in Lane},
            recent_p99_s=heard.recent.percentile_s(0.99),
            ack_p50_s=heard.all.percentile_s(0.5),
            ack_p99_s=heard.all.percentile_s(0.99),
            ack_longest_s=heard.all.longest_s,
            parcels=heard.all.count,
        )
        heard.recent.clear()
        return state


class _OneByOne:
    """A bus whose connections are made few at a time."""

    def __init__(self, bus: Bus, door: asyncio.Semaphore) -> None:
        self._bus = bus
        self._door = door

    async def connect(self, will: Will | None = None) -> Session:
        async with self._door:
            return await self._bus.connect(will)


def _started(doing: Iterable[Coroutine[Any, Any, None]]) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(one) for one in doing]


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    """End them, and say what went wrong with one that should not have ended by itself."""
    failed = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for error in failed:
        if error is not None:
            raise error
