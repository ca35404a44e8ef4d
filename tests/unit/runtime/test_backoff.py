"""Waits between attempts: drawn from a range that doubles up to a bound."""

from hypothesis import given
from hypothesis import strategies as st

from cardea.runtime.backoff import Backoff
from cardea.runtime.clock import SystemClock, SystemEntropy


class Clock(SystemClock):
    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, delay_s: float) -> None:
        self.slept.append(delay_s)


class Highest(SystemEntropy):
    """Draws the longest wait there may be."""

    def uniform(self, low: float, high: float) -> float:
        assert low == 0.0
        return high


async def test_the_range_doubles_up_to_its_bound():
    clock = Clock()
    backoff = Backoff(clock, Highest(), base_s=0.5, s_max=5.0)
    for _ in range(6):
        await backoff.wait()
    assert clock.slept == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert backoff.attempts == 6


async def test_success_begins_anew():
    clock = Clock()
    backoff = Backoff(clock, Highest(), base_s=1.0)
    await backoff.wait()
    await backoff.wait()
    backoff.reset()
    assert backoff.attempts == 0
    await backoff.wait()
    assert clock.slept == [1.0, 2.0, 1.0]


@given(
    base_s=st.floats(0.001, 60), s_max=st.floats(0.001, 3600), attempts=st.integers(1, 2000) | st.just(10_000)
)
async def test_no_wait_is_ever_longer_than_the_bound(base_s, s_max, attempts):
    clock = Clock()
    backoff = Backoff(clock, SystemEntropy(), base_s=base_s, s_max=s_max)
    backoff._attempts = attempts
    await backoff.wait()
    assert 0 <= clock.slept[0] <= s_max
