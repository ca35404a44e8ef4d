"""What driver tests share: a collected stream of events, a running device, a context."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
import pytest

from cardea.contract.reasons import RefusalReason
from cardea.contract.time import Instant
from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers import catalog
from drivers.api import Accepted, Device, DeviceContext, DeviceEvent, Link, Refused


class Emitted:
    """Everything a device emitted; the outcome can be told beforehand."""

    def __init__(self) -> None:
        self.all: list[DeviceEvent] = []
        self.outcome: Accepted | Refused = Accepted()
        self._came = asyncio.Event()

    async def __call__(self, event: DeviceEvent) -> Accepted | Refused:
        self.all.append(event)
        self._came.set()
        return self.outcome

    def refuse(self) -> None:
        self.outcome = Refused(RefusalReason.QUEUE_FULL)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.all if isinstance(event, kind)]

    async def until(self, wanted: Callable[[Any], bool], *, since: int = 0) -> Any:
        """The first event since then that is wanted, within 5 s."""
        async with asyncio.timeout(5):
            while True:
                for event in self.all[since:]:
                    if wanted(event):
                        return event
                self._came.clear()
                await self._came.wait()


class NoCursor:
    async def load(self) -> None:
        return None


def no_secret(name: str) -> str:
    raise AssertionError(f"no test driver needs the secret {name}")


@pytest.fixture
def emitted() -> Emitted:
    return Emitted()


@pytest.fixture
def new_emitted() -> Callable[[], Emitted]:
    return Emitted


class AwakeClock(SystemClock):
    """Real time without the moments in which the whole process stood still: what a machine that is shared
    takes away is not the device's delay."""

    TICK_S = 0.01
    STOOD_S = 0.05

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._seen_s = self._loop.time()
        self._stood_s = 0.0

    def monotonic_s(self) -> float:
        now_s = self._loop.time()
        if now_s - self._seen_s > self.STOOD_S:
            self._stood_s += now_s - self._seen_s - self.TICK_S
        self._seen_s = now_s
        return now_s - self._stood_s

    def now(self) -> Instant:
        return msgspec.structs.replace(super().now(), mono_s=self.monotonic_s())

    async def keep_awake(self) -> None:
        while True:
            self.monotonic_s()
            await asyncio.sleep(self.TICK_S)


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
async def awake_clock() -> AsyncGenerator[AwakeClock]:
    clock = AwakeClock()
    awake = asyncio.create_task(clock.keep_awake())
    yield clock
    awake.cancel()
    await asyncio.wait([awake])


@pytest.fixture
def open_device(clock: SystemClock) -> Callable[..., Device]:
    """A device by driver name on a link, with its settings as keywords."""

    def open_(name: str, link: Link | None, capture: Any = None, **settings: Any) -> Device:
        driver = catalog.find(name)
        context = DeviceContext(
            device="device-1",
            clock=clock,
            entropy=SystemEntropy(),
            secrets=no_secret,
            link=link,
            cursor=NoCursor(),
            capture=capture,
        )
        return driver.open(driver.settings.model_validate(settings), context)

    return open_


@pytest.fixture
def running() -> Callable[..., AbstractAsyncContextManager[asyncio.Task[None]]]:
    """Run a coroutine beside the test, and end it with it."""

    @asynccontextmanager
    async def run(coroutine: Any) -> AsyncGenerator[asyncio.Task[None]]:
        task = asyncio.ensure_future(coroutine)
        try:
            yield task
        except TimeoutError:
            if task.done():
                task.result()  # what went wrong says more than that the test waited in vain
            raise
        finally:
            task.cancel()
            await asyncio.wait([task])

    return run
