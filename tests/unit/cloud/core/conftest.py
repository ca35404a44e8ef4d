"""What the tests of the cloud's core share: settings, a clock that is moved by hand, gateways on a wire."""

import asyncio
import contextlib
import datetime as dt
import heapq
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.contract.batches import Ack, Lane, RowBatch, TelemetryBatch, to_columns
from cardea.contract.encoding import ACK, Undecodable, encode
from cardea.contract.orders import Presence
from cardea.contract.ranges import Ranges, merge
from cardea.contract.reasons import Reason
from cardea.contract.records import (
    AlertCleared,
    AlertKind,
    AlertRaised,
    Authority,
    CredentialKind,
    DecisionRecord,
    DeviceRecord,
    DeviceState,
    Mode,
    Outcome,
    PassageRecord,
    Reading,
    ScreeningState,
    Severity,
    Side,
    Subject,
)
from cardea.contract.time import ClockQuality, Instant, WireTime
from cardea.contract.topics import LANE_LEAF, Leaf, topic
from cardea.runtime.clock import SystemEntropy
from cardea.runtime.memory_bus import MemoryBroker, MemorySession
from cloud.aggregator import Aggregator
from cloud.ledger import Ledger
from cloud.series.embedded import EmbeddedStore
from cloud.series.store import SeriesStore
from cloud.settings import CloudSettings

T0 = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)


class ManualClock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.mono_s = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = itertools.count()

    def now(self) -> Instant:
        return Instant(
            self.mono_s, T0 + dt.timedelta(seconds=self.mono_s - 1000.0), ClockQuality.SYNCHRONISED
        )

    def monotonic_s(self) -> float:
        return self.mono_s

    async def sleep(self, delay_s: float) -> None:
        if delay_s <= 0.0:
            await asyncio.sleep(0)
            return
        waiter = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.mono_s + delay_s, next(self._number), waiter))
        await waiter

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking sleepers in order."""
        until = self.mono_s + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            self.mono_s, _, waiter = heapq.heappop(self._sleepers)
            if not waiter.done():
                waiter.set_result(None)
            for _ in range(20):
                await asyncio.sleep(0)
        self.mono_s = until


class Make:
    """Records with everything filled in; what a test cares about is given."""

    def at(self, seconds: float = 0.0) -> WireTime:
        return WireTime(T0 + dt.timedelta(seconds=seconds), ClockQuality.SYNCHRONISED)

    def subject(self, value: str = "aa" * 32) -> Subject:
        return Subject("demo", "k1", value)

    def decision(self, name: str, seconds: float = 0.0, **given: object) -> DecisionRecord:
        values: dict[str, object] = {
            "id": name,
            "at": self.at(seconds),
            "portal": "lobby-a",
            "side": Side.INGRESS,
            "outcome": Outcome.GRANT,
            "reasons": (Reason.GRANTED,),
            "policy_version": 1,
            "mode": Mode.LIVE,
            "authority": Authority.GATEWAY,
            "device": "gate-1",
            "subject": self.subject(),
            "credential": CredentialKind.FACE,
            "screening": ScreeningState.NORMAL,
            "surface_temp_c": 34.25,
            "input_age_s": {"credential": 0.1, "zone": None},
            "effects": ("release_door",),
        }
        return DecisionRecord(**(values | given))  # pyright: ignore[reportArgumentType]  # chosen by the test

    def passage(
        self, name: str, seconds: float = 0.0, decision: str | None = None, **given: object
    ) -> PassageRecord:
        values: dict[str, object] = {"portal": "lobby-a", "side": Side.INGRESS, "device": "gate-1"}
        return PassageRecord(id=name, at=self.at(seconds), decision=decision, **(values | given))  # pyright: ignore[reportArgumentType]  # chosen by the test

    def device(
        self, name: str, state: DeviceState, device: str = "gate-1", seconds: float = 0.0
    ) -> DeviceRecord:
        return DeviceRecord(name, self.at(seconds), device, "gates.hikvision", state, reason=state.value)

    def alert(
        self,
        name: str,
        fingerprint: str = "tamper/g1/gate-1/-",
        severity: Severity = Severity.MAJOR,
        alert: AlertKind = AlertKind.TAMPER,
        seconds: float = 0.0,
    ) -> AlertRaised:
        return AlertRaised(name, self.at(seconds), fingerprint, alert, severity, "lobby-a", "gate-1")

    def clear(self, name: str, fingerprint: str = "tamper/g1/gate-1/-", seconds: float = 0.0) -> AlertCleared:
        return AlertCleared(name, self.at(seconds), fingerprint, "closed again")

    def batch(self, lane: Lane, first: int, *records: object, epoch: str = "e1") -> bytes:
        if lane is Lane.TELEMETRY:
            readings = tuple(record for record in records if isinstance(record, Reading))
            return encode(TelemetryBatch(lane, epoch, first, to_columns(readings)))
        import msgspec

        return encode(RowBatch(lane, epoch, first, tuple(msgspec.Raw(encode(record)) for record in records)))

    def presence(self, gateway: str = "g1", epoch: str = "e1", *, online: bool = True) -> bytes:
        return encode(Presence(gateway, online, epoch, "0.1.0", self.at(), {"record": 3}, 2))

    def lane_topic(self, gateway: str, lane: Lane) -> str:
        return topic(gateway, LANE_LEAF[lane])

    def state_topic(self, gateway: str) -> str:
        return topic(gateway, Leaf.STATE)


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def settings(tmp_path: Path) -> CloudSettings:
    """Two property companies with a gateway each, one of them in a district."""
    return CloudSettings.model_validate(
        {
            "cloud": {"data_dir": str(tmp_path / "data"), "gateway_silent_s": 35},
            "series": {"commit_s": 0},
            "broker": {"host": "127.0.0.1", "ca_file": "ca", "cert_file": "cert", "key_file": "key"},
            "keys": {"order_key_file": "orders.pem"},
            "organisations": {
                "harbour": {"name": "Harbour"},
                "hill": {"name": "Hill"},
                "jinshui": {"name": "Jinshui", "kind": "district"},
            },
            "sites": {
                "tower": {"name": "Harbour Tower", "organisation": "harbour", "district": "jinshui"},
                "court": {"name": "Hill Court", "kind": "residence", "organisation": "hill"},
            },
            "gateways": {
                "g1": {"site": "tower", "portals": {"lobby-a": "Lobby A"}},
                "g2": {"site": "court"},
            },
        }
    )


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture
async def ledger(url: str, clock: ManualClock) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(url, clock)
    yield opened
    await opened.close()


@dataclass(slots=True)
class WireGateway:
    """A gateway as the wire sees it: sends rows until they are acknowledged, and deletes exactly those."""

    session: MemorySession
    name: str
    acked: dict[tuple[Lane, str], Ranges] = field(default_factory=dict)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, lane: Lane, payload: bytes) -> None:
        await self.session.publish(topic(self.name, LANE_LEAF[lane]), payload)

    async def say(self, payload: bytes) -> None:
        await self.session.publish(topic(self.name, Leaf.STATE), payload, retain=True)

    async def listen(self) -> None:
        async for message in self.session.messages():
            ack = ACK.decode(message.payload)
            if isinstance(ack, Undecodable):
                continue
            assert isinstance(ack, Ack)
            key = (ack.lane, ack.epoch)
            self.acked[key] = merge(self.acked.get(key, ()), ack.ranges)
            self.heard.set()

    async def wait_acked(self, lane: Lane, ranges: Ranges, epoch: str = "e1") -> None:
        async with asyncio.timeout(5):
            while self.acked.get((lane, epoch), ()) != ranges:
                self.heard.clear()
                await self.heard.wait()


@dataclass(slots=True)
class House:
    """An aggregator that runs, and the broker in memory that it is connected to."""

    aggregator: Aggregator
    broker: MemoryBroker
    running: asyncio.Task[None]

    async def gateway(self, name: str = "g1") -> WireGateway:
        session = await self.broker.bus(name).connect()
        await session.subscribe(topic(name, Leaf.ACK))
        gateway = WireGateway(session, name)
        _LISTENING.add(asyncio.create_task(gateway.listen()))
        return gateway


_LISTENING: set[asyncio.Task[None]] = set()
Run = Callable[..., contextlib.AbstractAsyncContextManager[House]]


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def run(
    settings: CloudSettings, ledger: Ledger, clock: ManualClock, key: Ed25519PrivateKey, tmp_path: Path
) -> Run:
    """Starts an aggregator (or a variant of it) on a ledger (or another one) and ends it in order."""

    @contextlib.asynccontextmanager
    async def start(
        variant: type[Aggregator] = Aggregator,
        on: Ledger | None = None,
        broker: MemoryBroker | None = None,
        series: SeriesStore | None = None,
    ) -> AsyncGenerator[House]:
        series = series or EmbeddedStore(tmp_path / "series", clock)
        broker = broker or MemoryBroker(clock)
        bus = broker.bus("aggregator")
        aggregator = variant(settings, bus, on or ledger, key, clock, SystemEntropy(), series)
        await aggregator.start()
        running = asyncio.create_task(aggregator.run())
        try:
            ready = asyncio.create_task(aggregator.ready.wait())
            await asyncio.wait((ready, running), return_when=asyncio.FIRST_COMPLETED, timeout=5)
            ready.cancel()
            yield House(aggregator, broker, running)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await series.close()
            await broker.close()
            for task in list(_LISTENING):
                task.cancel()
            await asyncio.gather(*_LISTENING, return_exceptions=True)
            _LISTENING.clear()

    return start
