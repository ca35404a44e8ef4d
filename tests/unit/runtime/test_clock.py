"""The kernel's time and randomness."""

import ctypes
import datetime as dt
import re
import time

import pytest

from cardea.contract.time import ClockQuality
from cardea.runtime import clock as module
from cardea.runtime.clock import QUALITY_S_MAX, SystemClock, SystemEntropy

UNSYNC = 0x0040


class Kernel:
    """Stands for the C library's adjtimex."""

    def __init__(self) -> None:
        self.state, self.status, self.asked = 0, 0, 0

    def __call__(self, *_: object, **__: object) -> "Kernel":
        return self

    def adjtimex(self, timex: ctypes.Array[ctypes.c_char]) -> int:
        assert timex.raw == bytes(len(timex)), "modes 0: asks and sets nothing"
        self.asked += 1
        ctypes.memmove(ctypes.addressof(timex) + 40, self.status.to_bytes(4, "little"), 4)
        return self.state


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(module.ctypes, "CDLL", made)
    return made


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_now_is_the_kernels_time():
    before = time.monotonic(), dt.datetime.now(dt.UTC)
    now = SystemClock().now()
    after = time.monotonic(), dt.datetime.now(dt.UTC)
    assert before[0] <= now.mono_s <= after[0]
    assert before[1] <= now.utc <= after[1]
    assert now.utc.tzinfo is dt.UTC


def test_the_monotonic_clock_never_goes_back():
    clock = SystemClock()
    readings = [clock.monotonic_s() for _ in range(1000)]
    assert readings == sorted(readings)


async def test_sleeping_takes_its_time():
    clock = SystemClock()
    before_s = clock.monotonic_s()
    await clock.sleep(0.02)
    assert clock.monotonic_s() - before_s >= 0.019


def test_the_real_kernel_is_asked_without_error():
    """Nothing is said of the answer: containers are synchronised or not as their host is."""
    assert SystemClock().now().quality in set(ClockQuality)
    timex = ctypes.create_string_buffer(208)
    state = ctypes.CDLL(None).adjtimex(timex)
    expected_bad = state < 0 or int.from_bytes(timex.raw[40:44], "little") & UNSYNC
    assert (SystemClock().now().quality is ClockQuality.SYNCHRONISED) == (not expected_bad)


@pytest.mark.parametrize(
    ("state", "status", "quality"),
    [
        (0, 0x2001, ClockQuality.SYNCHRONISED),
        (5, UNSYNC, ClockQuality.UNSYNCHRONISED),
        (0, UNSYNC, ClockQuality.UNSYNCHRONISED),
        (-1, 0, ClockQuality.UNSYNCHRONISED),
    ],
)
def test_quality_is_the_kernels_word(kernel, state, status, quality):
    kernel.state, kernel.status = state, status
    assert SystemClock().now().quality is quality


def test_a_clock_that_was_good_is_in_holdover_until_it_is_good_again(kernel, monotonic):
    clock = SystemClock()
    seen: list[ClockQuality] = []
    for status in (UNSYNC, 0, UNSYNC, UNSYNC, 0):
        kernel.status = status
        seen.append(clock.now().quality)
        monotonic[0] += QUALITY_S_MAX
    assert seen == ["unsynchronised", "synchronised", "holdover", "holdover", "synchronised"]


def test_the_kernel_is_not_asked_for_every_reading(kernel, monotonic):
    clock = SystemClock()
    for _ in range(100):
        clock.now()
        monotonic[0] += QUALITY_S_MAX / 50
    assert kernel.asked == 2


@pytest.mark.parametrize("error", [OSError, AttributeError])
def test_a_system_without_the_call_is_unsynchronised(monkeypatch, error):
    def missing(*_: object, **__: object) -> None:
        raise error("adjtimex")

    monkeypatch.setattr(module.ctypes, "CDLL", missing)
    assert SystemClock().now().quality is ClockQuality.UNSYNCHRONISED


def test_tokens_and_ids_are_fresh():
    entropy = SystemEntropy()
    assert len(entropy.token(33)) == 33
    assert len({entropy.token(16) for _ in range(100)}) == 100
    ids = {entropy.new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_jitter_stays_in_its_bounds_and_differs_between_processes():
    draws = [[SystemEntropy().uniform(2.0, 3.0) for _ in range(5)] for _ in range(2)]
    assert draws[0] != draws[1]
    assert all(2.0 <= number <= 3.0 for row in draws for number in row)
