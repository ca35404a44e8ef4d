"""The broker in memory under a foul network, in virtual time: the same seed, the same run."""

import asyncio
import random
import selectors
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeVar

import pytest

from cardea.runtime import memory_bus
from cardea.runtime.bus import Bus, BusDown, BusRefused, Message, Session, Will, keep_connected
from cardea.runtime.clock import SystemClock
from cardea.runtime.memory_bus import Fate, FoulNetwork, MemoryBroker

T = TypeVar("T")


class Ahead(selectors.DefaultSelector):
    """Does not wait: the loop's time jumps to the next timer."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everything waits and no timer is set"
        self.now_s += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._ahead = Ahead()
        super().__init__(self._ahead)

    def time(self) -> float:
        return self._ahead.now_s


class Seeded:
    """Entropy of a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token(self, size: int) -> bytes:
        return self._random.randbytes(size)

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def new_id(self) -> str:
        return self.token(16).hex()


def _virtually(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def _now_s() -> float:
    return asyncio.get_running_loop().time()


async def _first(session: Session, within_s: float = 1000.0) -> Message:
    async with asyncio.timeout(within_s):
        return await anext(aiter(session.messages()))


def test_a_will_is_spoken_when_its_delay_is_over_and_not_before() -> None:
    async def main() -> float:
        broker = MemoryBroker(SystemClock())
        watcher = await broker.bus("watcher").connect()
        await watcher.subscribe("state")
        await broker.bus("gateway").connect(Will("state", b"offline", delay_s=30))
        broker.cut("gateway")
        assert (await _first(watcher)).payload == b"offline"
        at_s = _now_s()
        await broker.close()
        return at_s

    assert _virtually(main) == pytest.approx(30.0)


@pytest.mark.parametrize(("away_s", "delay_s", "kept"), [(59.0, 0, True), (61.0, 0, False), (61.0, 90, True)])
def test_a_session_is_kept_for_a_while(away_s: float, delay_s: int, *, kept: bool) -> None:
    async def main() -> bool:
        broker = MemoryBroker(SystemClock())
        sender = await broker.bus("sender").connect()
        gateway = await broker.bus("gateway").connect(Will("state", b"offline", delay_s=delay_s))
        await gateway.subscribe("orders")
        broker.cut("gateway")
        await sender.publish("orders", b"1")
        await asyncio.sleep(away_s)
        again = await broker.bus("gateway").connect()
        await again.close()
        found = [message.payload async for message in _waiting(again)]
        await broker.close()
        return found == [b"1"]

    assert _virtually(main) == kept


async def _waiting(session: Session) -> AsyncGenerator[Message]:
    try:
        async for message in session.messages():
            yield message
    except BusDown:
        return


def test_expiry_of_an_earlier_absence_does_not_end_a_later_session() -> None:
    async def main() -> None:
        broker = MemoryBroker(SystemClock())
        bus = broker.bus("gateway")
        await bus.connect()
        broker.cut("gateway")
        await asyncio.sleep(10)
        await (await bus.connect()).close()
        await asyncio.sleep(10)
        session = await bus.connect()
        await session.subscribe("a")
        await asyncio.sleep(100)
        await session.publish("a", b"still here")
        assert (await _first(session)).payload == b"still here"
        await broker.close()

    _virtually(main)


def _foul_run(seed: int, **shares: float) -> tuple[list[bytes], int]:
    """What arrives of 200 publishes, and how many of them were acknowledged."""

    async def main() -> tuple[list[bytes], int]:
        broker = MemoryBroker(SystemClock())
        watcher = await broker.bus("watcher").connect()
        await watcher.subscribe("rows/#")
        broker.network = FoulNetwork(Seeded(seed), **shares)
        bus = broker.bus("gateway")
        for i in range(200):
            session = await bus.connect()
            try:
                await session.publish("rows/1", str(i).encode())
            except BusDown:
                continue
        await asyncio.sleep(100)
        await watcher.close()
        arrived = [message.payload async for message in _waiting(watcher)]
        await broker.close()
        return arrived, bus.tally.published

    return _virtually(main)


def test_the_same_seed_is_the_same_run() -> None:
    shares = {"lost": 0.2, "doubled": 0.2, "unacknowledged": 0.2, "delay_s_max": 1.0}
    assert _foul_run(7, **shares) == _foul_run(7, **shares)
    assert _foul_run(7, **shares) != _foul_run(8, **shares)


@pytest.mark.parametrize(
    ("share", "arrived", "acknowledged"),
    [
        ("lost", range(120, 180), range(200, 201)),
        ("doubled", range(220, 280), range(200, 201)),
        ("unacknowledged", range(200, 201), range(120, 180)),
    ],
)
def test_each_kind_of_trouble(share: str, arrived: range, acknowledged: range) -> None:
    payloads, published = _foul_run(7, **{share: 0.25})
    assert len(payloads) in arrived
    assert published in acknowledged


def test_delays_change_the_order_and_lose_nothing() -> None:
    payloads, published = _foul_run(7, delay_s_max=5.0)
    sent = [str(i).encode() for i in range(200)]
    assert payloads != sent
    assert sorted(payloads) == sorted(sent)
    assert published == 200


def test_a_fair_network_delivers_everything_in_order() -> None:
    assert _foul_run(7) == ([str(i).encode() for i in range(200)], 200)


def test_an_identity_that_is_refused() -> None:
    async def main() -> None:
        broker = MemoryBroker(SystemClock())
        session = await broker.bus("gateway").connect()
        broker.refuse("gateway")
        broker.refuse("never seen")
        with pytest.raises(BusDown):
            await session.publish("a", b"")
        with pytest.raises(BusRefused):
            await broker.bus("gateway").connect()
        await broker.close()

    _virtually(main)


def test_everything_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_bus, "RETAINED_MAX", 2)
    monkeypatch.setattr(memory_bus, "IN_FLIGHT_MAX", 3)

    class Slow:
        def fate(self, identity: str, topic: str) -> Fate:
            return Fate((1.0,))

    async def main() -> None:
        broker = MemoryBroker(SystemClock(), bytes_max=10)
        session = await broker.bus("gateway").connect()
        await session.subscribe("a")
        for name in ("r/1", "r/2", "r/3", "r/1"):
            await session.publish(name, b"x", retain=True)
        assert sorted(broker.retained) == ["r/1", "r/2"]
        await session.publish("a", b"x" * 11)
        assert session.tally.dropped == 1
        broker.network = Slow()
        for _ in range(5):
            await session.publish("a", b"")
        await asyncio.sleep(2)
        await session.close()
        assert len([message async for message in _waiting(session)]) == 3
        await broker.close()

    _virtually(main)


def test_keep_connected_serves_again_and_tells_of_each_loss() -> None:
    async def main() -> list[str]:
        broker = MemoryBroker(SystemClock())
        told: list[str] = []
        served = 0

        async def serve(session: Session) -> None:
            nonlocal served
            served += 1
            if served == 2:
                return
            async for _ in session.messages():
                pass

        def lost(why: BusDown) -> None:
            told.append(str(why))

        keeping = asyncio.create_task(
            keep_connected(
                broker.bus("gateway"),
                SystemClock(),
                Seeded(1),
                will=lambda: Will("state", b"offline"),
                serve=serve,
                lost=lost,
            )
        )
        await asyncio.sleep(1)
        broker.stop()
        await asyncio.sleep(120)
        refusals = len(told) - 1
        assert 4 <= refusals <= 40, "waits grow, up to 30 s"
        broker.start()
        await asyncio.sleep(60)
        assert served == 3
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await broker.close()
        return told

    told = _virtually(main)
    assert told[0] == "the connection was cut"
    assert set(told[1:]) == {"the broker is stopped"}


def test_both_ends_may_be_the_same_process() -> None:
    async def main() -> None:
        broker = MemoryBroker(SystemClock())
        bus: Bus = broker.bus("gateway")
        session = await bus.connect()
        await session.subscribe("a", "a", "+")
        await session.publish("a", b"once, whatever the number of filters")
        await session.close()
        assert len([message async for message in _waiting(session)]) == 1
        await broker.close()

    _virtually(main)
