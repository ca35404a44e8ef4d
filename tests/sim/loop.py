"""A seeded, virtual-time asyncio loop: no sockets, no threads, no wall clock; and a clock and entropy on it.

Ready tasks run in a seeded order; blocking work runs inline after a short virtual delay. A test that would
hang raises ``Deadlock`` at once instead.
"""

import asyncio
import collections
import datetime as dt
import random
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from cardea.contract.time import ClockQuality, Instant

T = TypeVar("T")
EPOCH = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC)
"""UTC at virtual time 0: a Monday, 09:00 in Shanghai."""


class Deadlock(AssertionError):
    """Every task is waiting and no timer is pending."""


class _Selector:
    def __init__(self, loop: "SimLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock(f"everything waits at t={self._loop.now_s:.3f} s")
        self._loop.now_s += timeout
        return []

    def close(self) -> None: ...

    def get_map(self) -> dict[Any, Any]:
        return {}


class SimLoop(asyncio.BaseEventLoop):
    """Virtual time; ``executor_s`` is the mean duration of blocking work."""

    def __init__(self, seed: int, *, executor_s: float = 0.001) -> None:
        super().__init__()
        self.rng = random.Random(seed)
        self.now_s = 0.0
        self.executor_s = executor_s
        self._selector = _Selector(self)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self.now_s

    def _process_events(self, events: list[Any]) -> None: ...

    def _write_to_self(self) -> None: ...

    def _run_once(self) -> None:
        if len(self._ready) > 1:
            handles = list(self._ready)
            at = [
                i for i, h in enumerate(handles)
                if isinstance(getattr(h._callback, "__self__", None), asyncio.Task)
            ]  # fmt: skip
            picked = [handles[i] for i in at]
            self.rng.shuffle(picked)
            for i, handle in zip(at, picked, strict=True):
                handles[i] = handle
            self._ready = collections.deque(handles)
        super()._run_once()  # pyright: ignore[reportAttributeAccessIssue]  # asyncio's own, not in its stubs

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> "asyncio.Future[T]":
        future: asyncio.Future[T] = self.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(func(*args))
            except BaseException as error:  # noqa: BLE001  # an executor hands everything on
                future.set_exception(error)

        self.call_later(self.rng.expovariate(1 / self.executor_s), work)
        return future

    async def shutdown_default_executor(self, *_: object) -> None: ...

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AssertionError("real network in a simulation")

    def _make_socket_transport(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AssertionError("real network in a simulation")


class SimClock:
    """The running loop's virtual time; ``offset`` and ``quality`` are the test's to change."""

    def __init__(self) -> None:
        self.offset = dt.timedelta()
        self.quality = ClockQuality.SYNCHRONISED

    def now(self) -> Instant:
        mono_s = self.monotonic_s()
        return Instant(mono_s, EPOCH + self.offset + dt.timedelta(seconds=mono_s), self.quality)

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


class SimEntropy:
    """Seeded."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def token(self, size: int) -> bytes:
        return self._rng.randbytes(size)

    def uniform(self, low: float, high: float) -> float:
        return self._rng.uniform(low, high)

    def new_id(self) -> str:
        return self.token(16).hex()


def simulate(main: Callable[[], Coroutine[Any, Any, T]], *, seed: int = 0, executor_s: float = 0.001) -> T:
    """Run ``main`` to its end in virtual time."""
    with asyncio.Runner(loop_factory=lambda: SimLoop(seed, executor_s=executor_s)) as runner:
        return runner.run(main())
