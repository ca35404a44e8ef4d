"""A clock that is moved by hand, and what stores are given."""

import datetime as dt

import numpy as np
import pytest

from cardea.contract.batches import Lane
from cardea.contract.time import ClockQuality, Instant
from cloud.ingest.readings import NO_READINGS, Block, Gathering

T0 = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
T0_MS = int(T0.timestamp() * 1000)


class HandClock:
    """Time that passes only when a test says so; a sleep takes exactly its time."""

    def __init__(self):
        self.mono_s = 1000.0
        self.utc = T0

    def now(self):
        return Instant(self.mono_s, self.utc, ClockQuality.SYNCHRONISED)

    def monotonic_s(self):
        return self.mono_s

    async def sleep(self, delay_s):
        self.pass_s(max(0.0, delay_s))

    def pass_s(self, seconds):
        self.mono_s += seconds
        self.utc += dt.timedelta(seconds=seconds)


class Give:
    """Gatherings of readings ``(gateway, series, t_ms, value)``."""

    t0, t0_ms = T0, T0_MS
    clock = HandClock

    def gathering(self, store, readings, stored=None):
        gathering = Gathering()
        if readings:
            numbers = [store.catalogue.number(gateway, series) for gateway, series, _, _ in readings]
            gathering.blocks.append(
                Block(
                    np.array(numbers, np.int32),
                    np.array([t_ms for _, _, t_ms, _ in readings], np.int64),
                    np.array([value for *_, value in readings], np.float64),
                )
            )
        else:
            gathering.blocks.append(NO_READINGS)
        gathering.rows = len(readings)
        for (gateway, epoch), ranges in (stored or {}).items():
            gathering.stored[gateway, Lane.TELEMETRY, epoch] = ranges
        return gathering

    def at(self, t_ms):
        return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=t_ms)


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture(scope="session")
def give():
    return Give()
