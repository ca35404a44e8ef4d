"""Minutes against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.readings import NO_READINGS, Block
from cloud.ingest.rows import MILLISECONDS_MAX
from cloud.series.newest import Newest
from cloud.series.partials import NONE, OpenMinutes, merge, of_readings, of_series

rows = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, 300_000) | st.integers(MILLISECONDS_MAX - 100_000, MILLISECONDS_MAX),
        st.integers(-1000, 1000).map(float),
    ),
    max_size=40,
)


def block(readings):
    if not readings:
        return NO_READINGS
    series, t_ms, value = zip(*readings, strict=True)
    return Block(np.array(series, np.int32), np.array(t_ms, np.int64), np.array(value, np.float64))


def brute(readings):
    found = {}
    for series, t_ms, value in readings:
        found.setdefault((series, t_ms // 60_000), []).append(value)
    return {key: (len(v), sum(v), min(v), max(v)) for key, v in found.items()}


def as_dict(parts):
    columns = (parts.series, parts.minute, parts.count, parts.total, parts.low, parts.high)
    return {(s, m): rest for s, m, *rest in zip(*(c.tolist() for c in columns), strict=True)}


@given(st.lists(rows, max_size=8))
def test_minutes_are_those_of_brute_force_however_they_came(blocks):
    minutes = OpenMinutes()
    for readings in blocks:
        minutes.add(block(readings))
    everything = [reading for readings in blocks for reading in readings]
    expected = {key: list(value) for key, value in brute(everything).items()}
    assert as_dict(minutes.all()) == expected
    assert np.all(np.diff(minutes.all().key) > 0)
    for series in range(6):
        own = merge([NONE, *of_series(minutes.chunks, series)])
        assert as_dict(own) == {key: value for key, value in expected.items() if key[0] == series}


def test_chunks_stay_few():
    minutes = OpenMinutes()
    for n in range(1000):
        minutes.add(block([(n % 7, n * 60_000, 1.0)]))
    assert len(minutes) == 1000
    assert len(minutes.chunks) < 12
    assert len(of_readings(NO_READINGS)) == 0


@given(st.lists(rows, max_size=6))
def test_the_newest_reading_is_the_last_of_the_latest_moment(blocks):
    newest = Newest()
    expected = {}
    for readings in blocks:
        newest.take(block(readings))
        for series, t_ms, value in readings:
            if series not in expected or t_ms >= expected[series][0]:
                expected[series] = (t_ms, value)
    assert {n: newest.of(n) for n in range(6) if newest.of(n)} == expected
    assert newest.block().series.tolist() == sorted(expected)


@pytest.mark.parametrize("series", [0, 1023, 1024, 50_000])
def test_newest_grows_with_the_catalogue(series):
    newest = Newest()
    assert newest.of(series) is None
    newest.take(block([(series, 7, 1.5)]))
    assert newest.of(series) == (7, 1.5)
