"""A simulated fleet on the bus in memory, in virtual time: what it makes is acknowledged in the end."""

import asyncio
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cardea.contract.batches import Ack, Lane, RowBatch, TelemetryBatch
from cardea.contract.encoding import PRESENCE, ROW_BATCH, TELEMETRY_BATCH, Undecodable, encode
from cardea.contract.ranges import Ranges, merge, size
from cardea.contract.topics import Leaf, everyone, parse, topic
from cardea.runtime.memory_bus import FoulNetwork, MemoryBroker
from drivers.sim import fleet as fleets
from drivers.sim.fleet import Fleet, NobodyConnected
from drivers.sim.fleet_gateway import FleetPlan
from drivers.sim.fleet_state import FleetState

NAMES = ("tower-001", "tower-002", "tower-003")
EPOCHS = {name: f"e-{name}" for name in NAMES}
PLAN = FleetPlan(devices=10, hz=1.0, passages_per_s=1.0)


@pytest.fixture(scope="module")
def sim() -> ModuleType:
    name = "cardea_sim_loop"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / "sim" / "loop.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


class Store:
    """An aggregator in ten lines: remembers rows by identity, acknowledges them while it is ``listening``."""

    def __init__(self, broker: MemoryBroker) -> None:
        self.listening = True
        self.stored: dict[tuple[str, Lane], Ranges] = defaultdict(tuple)
        self.states: dict[str, bool] = {}
        self.deliveries = 0
        self._bus = broker.bus("aggregator")

    async def run(self) -> None:
        session = await self._bus.connect()
        await session.subscribe(
            *(everyone(leaf) for leaf in (Leaf.LANE_ALERT, Leaf.LANE_RECORD, Leaf.LANE_TELEMETRY, Leaf.STATE))
        )
        async with asyncio.TaskGroup() as acknowledging:
            async for message in session.messages():
                address = parse(message.topic)
                assert address is not None
                if address.leaf is Leaf.STATE:
                    presence = PRESENCE.decode(message.payload)
                    assert not isinstance(presence, Undecodable)
                    self.states[address.gateway] = presence.online
                elif self.listening:
                    answer = self._take(address.gateway, address.leaf, message.payload)
                    acknowledging.create_task(session.publish(topic(address.gateway, Leaf.ACK), answer))

    def _take(self, gateway: str, leaf: Leaf, payload: bytes) -> bytes:
        codec = TELEMETRY_BATCH if leaf is Leaf.LANE_TELEMETRY else ROW_BATCH
        batch = codec.decode(payload)
        assert isinstance(batch, TelemetryBatch | RowBatch), batch
        assert batch.epoch == EPOCHS[gateway]
        rows = len(batch.columns.s) if isinstance(batch, TelemetryBatch) else len(batch.rows)
        span = (batch.first, batch.first + rows - 1)
        self.deliveries += 1
        self.stored[gateway, batch.lane] = merge(self.stored[gateway, batch.lane], (span,))
        return encode(Ack(batch.lane, batch.epoch, (span,)))


class Rig:
    """A broker, a store and a fleet in virtual time."""

    def __init__(self, sim: ModuleType, seed: int, network: Callable[[Any], Any] | None = None) -> None:
        self.clock, self.entropy = sim.SimClock(), sim.SimEntropy(seed)
        fate = {} if network is None else {"network": network(self.entropy)}
        self.broker = MemoryBroker(self.clock, **fate)
        self.store = Store(self.broker)
        buses = {name: self.broker.bus(name) for name in NAMES}
        self.fleet = Fleet(buses, EPOCHS, PLAN, self.clock, self.entropy)
        self.told: list[FleetState] = []

    async def run(
        self, seconds: float | None, meanwhile: Callable[["Rig"], Awaitable[object]] | None = None
    ) -> tuple[FleetState, float]:
        storing = asyncio.create_task(self.store.run())
        doing = asyncio.ensure_future(meanwhile(self)) if meanwhile else None
        try:
            return await self.fleet.run(seconds, asyncio.Event(), self.told.append)
        finally:
            for task in (storing, doing):
                if task is not None:
                    task.cancel()
            await asyncio.gather(*(t for t in (storing, doing) if t), return_exceptions=True)
            await self.broker.close()


def stored_as_made(rig: Rig) -> None:
    for gateway in rig.fleet.gateways:
        for lane, kept in gateway.lanes.items():
            ranges = rig.store.stored[gateway.name, lane]
            assert size(ranges) == kept.counts.made
            assert len(ranges) <= 1, "rows are numbered without a gap"


def test_everything_that_is_made_is_stored_and_nothing_is_sent_twice(sim: ModuleType) -> None:
    async def main() -> None:
        rig = Rig(sim, 1)
        state, made_s = await rig.run(60.0)
        assert made_s == pytest.approx(60.0, abs=0.1)
        assert state.lanes[Lane.TELEMETRY].made == pytest.approx(3 * 10 * 4 * 60, rel=0.03)
        assert (state.lost, state.total.phantom, state.total.resent, sum(state.pending.values())) == (
            0,
            0,
            0,
            0,
        )
        assert state.connected == 3
        assert len(rig.told) >= 59
        assert rig.store.states == dict.fromkeys(NAMES, False), "they took their leave"
        stored_as_made(rig)

    sim.simulate(main)


@pytest.mark.parametrize("seed", range(4))
def test_a_network_that_loses_doubles_and_delays_costs_nothing(sim: ModuleType, seed: int) -> None:
    async def main() -> None:
        rig = Rig(sim, seed, lambda e: FoulNetwork(e, lost=0.05, doubled=0.1, delay_s_max=0.5))
        state, _ = await rig.run(60.0)
        assert (state.lost, state.total.phantom, sum(state.pending.values())) == (0, 0, 0)
        assert state.total.resent > 0
        stored_as_made(rig)

    sim.simulate(main, seed=seed)


def test_a_store_that_is_down_for_a_while_gets_all_of_it_later(sim: ModuleType) -> None:
    async def outage(rig: Rig) -> None:
        await rig.clock.sleep(10.0)
        rig.store.listening = False
        await rig.clock.sleep(20.0)
        assert any(gateway.pending for gateway in rig.fleet.gateways)
        rig.store.listening = True

    async def main() -> None:
        rig = Rig(sim, 2)
        state, _ = await rig.run(60.0, outage)
        assert (state.lost, sum(state.pending.values())) == (0, 0)
        assert state.total.resent > 0
        assert state.ack_longest_s > 15
        stored_as_made(rig)

    sim.simulate(main)


def test_cut_connections_are_made_again_and_what_was_on_its_way_is_sent_again(sim: ModuleType) -> None:
    async def cuts(rig: Rig) -> None:
        for _ in range(5):
            await rig.clock.sleep(8.0)
            for name in NAMES:
                rig.broker.cut(name)

    async def main() -> None:
        rig = Rig(sim, 3)
        state, _ = await rig.run(60.0, cuts)
        assert state.disconnects >= 15
        assert (state.lost, sum(state.pending.values())) == (0, 0)
        stored_as_made(rig)

    sim.simulate(main)


def test_memory_is_bounded_when_nobody_stores(sim: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.sim.fleet_gateway.ROWS_WAITING_MAX", 400)
    monkeypatch.setattr(fleets, "DRAIN_S_MAX", 1.0)

    async def main() -> None:
        rig = Rig(sim, 4)
        rig.store.listening = False
        state, _ = await rig.run(60.0)
        assert state.lanes[Lane.TELEMETRY].held_back > 0
        assert 3 * 300 < state.pending[Lane.TELEMETRY] <= 3 * 400
        assert state.lost == 0

    sim.simulate(main)


def test_strange_acknowledgements_are_counted_and_change_nothing(sim: ModuleType) -> None:
    async def strange(rig: Rig) -> None:
        session = await rig.broker.bus("stranger").connect()
        await rig.clock.sleep(5.0)
        where = topic(NAMES[0], Leaf.ACK)
        await session.publish(where, b"not json")
        await session.publish(where, encode(Ack(Lane.RECORD, "another-epoch", ((1, 9),))))
        lane = rig.fleet.gateways[0].lanes[Lane.RECORD]
        never = lane.next_seq + 5000
        await session.publish(where, encode(Ack(Lane.RECORD, EPOCHS[NAMES[0]], ((never, never + 2),))))

    async def main() -> None:
        rig = Rig(sim, 5)
        state, _ = await rig.run(20.0, strange)
        assert state.strays == 2
        assert state.total.phantom == 3
        assert state.lost == 0

    sim.simulate(main)


def test_a_broker_that_is_not_there_is_one_clear_error(sim: ModuleType) -> None:
    async def main() -> None:
        rig = Rig(sim, 6)
        rig.broker.stop()
        with pytest.raises(NobodyConnected, match="stopped"):
            await rig.fleet.run(1.0, asyncio.Event())
        await rig.broker.close()

    sim.simulate(main)


def test_stopping_before_anybody_is_connected_makes_nothing(sim: ModuleType) -> None:
    async def main() -> None:
        rig = Rig(sim, 7)
        rig.broker.stop()
        stop = asyncio.Event()
        stop.set()
        state, _ = await rig.fleet.run(None, stop)
        assert state.lanes[Lane.TELEMETRY].made == 0
        await rig.broker.close()

    sim.simulate(main)


def test_a_broker_that_goes_before_the_goodbye_is_no_error(sim: ModuleType) -> None:
    async def main() -> None:
        rig = Rig(sim, 8)
        storing = asyncio.create_task(rig.store.run())
        stop = asyncio.Event()
        run = asyncio.create_task(rig.fleet.run(None, stop))
        await rig.clock.sleep(5.0)
        rig.broker.stop()
        stop.set()
        state, _ = await run
        assert state.lost == 0
        storing.cancel()
        await asyncio.gather(storing, return_exceptions=True)
        await rig.broker.close()

    sim.simulate(main)


async def test_what_breaks_a_tower_ends_the_run(sim: ModuleType) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    tasks = [asyncio.create_task(broken()), asyncio.create_task(asyncio.Event().wait())]
    await asyncio.wait(tasks[:1])
    with pytest.raises(ZeroDivisionError):
        await fleets._ended(tasks)  # pyright: ignore[reportArgumentType]  # one waits for ever, so has no result
    assert tasks[1].cancelled()
