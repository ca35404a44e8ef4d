"""What driver tests share: a collected stream of events, a running device, a context."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from cardea.contract.reasons import RefusalReason
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


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


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
