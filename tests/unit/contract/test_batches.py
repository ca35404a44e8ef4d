"""Telemetry columns, policy look-up, and what becomes of a moment on the wire."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.batches import Columns, from_columns, to_columns
from cardea.contract.policy import Policy, PortalPolicy
from cardea.contract.records import Reading
from cardea.contract.time import ClockQuality, Instant, WireTime, wire_time

Readings = st.lists(
    st.builds(
        Reading,
        st.sampled_from(["a/x_c", "b/x_c", "b/y_pct"]),
        st.integers(0, 2**53 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
    )
).map(tuple)


@given(Readings)
def test_readings_come_back_from_columns(readings: tuple[Reading, ...]) -> None:
    columns = to_columns(readings)
    assert from_columns(columns) == readings
    assert len(set(columns.series)) == len(columns.series)


@pytest.mark.parametrize(
    "columns",
    [
        Columns(("a",), (1,), (0,), (0.0,)),
        Columns(("a",), (-1,), (0,), (0.0,)),
        Columns((), (0,), (0,), (0.0,)),
        Columns(("a",), (0, 0), (0,), (0.0,)),
        Columns(("a",), (0,), (0, 1), (0.0,)),
        Columns(("a",), (0,), (0,), ()),
    ],
)
def test_columns_that_do_not_fit_together_are_an_error(columns: Columns) -> None:
    with pytest.raises(ValueError, match=r"series|zip"):
        from_columns(columns)


def test_a_portals_own_policy_replaces_the_default_whole() -> None:
    own = PortalPolicy(require_mask=True)
    policy = Policy("tower-1", 1, PortalPolicy(require_screening=True), {"lobby-a": own})
    assert policy.of("lobby-a") is own
    assert policy.of("garage").require_screening


def test_the_monotonic_reading_stays_on_the_machine() -> None:
    utc = dt.datetime(2024, 2, 3, tzinfo=dt.UTC)
    instant = Instant(5.0, utc, ClockQuality.HOLDOVER)
    assert wire_time(instant) == WireTime(utc, ClockQuality.HOLDOVER)


@pytest.mark.parametrize(
    "moment",
    [
        dt.datetime(2024, 2, 3),  # noqa: DTZ001  # the point of the test
        dt.datetime(2024, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=8))),
        dt.datetime(1969, 12, 31, tzinfo=dt.UTC),
        dt.datetime(3000, 1, 1, tzinfo=dt.UTC),
    ],
)
def test_moments_that_no_gateway_can_mean_are_errors(moment: dt.datetime) -> None:
    with pytest.raises(ValueError, match="is not a moment in UTC"):
        WireTime(moment, ClockQuality.SYNCHRONISED)
