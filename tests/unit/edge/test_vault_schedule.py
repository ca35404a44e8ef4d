"""Schedules: weekly windows, across midnight too, and what is said of anything else."""

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.vault.schedule import ALWAYS, DAYS, ScheduleInvalid, parse

MONDAY = dt.datetime(2026, 11, 23)  # noqa: DTZ001  # a local time


def at(day: str, clock: str) -> dt.datetime:
    hour, minute = map(int, clock.split(":"))
    return MONDAY + dt.timedelta(days=DAYS.index(day), hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("text", "day", "clock", "allowed"),
    [
        ("", "sun", "03:00", True),
        ("mon-fri 07:00-20:00", "mon", "07:00", True),
        ("mon-fri 07:00-20:00", "mon", "06:59", False),
        ("mon-fri 07:00-20:00", "fri", "19:59", True),
        ("mon-fri 07:00-20:00", "fri", "20:00", False),
        ("mon-fri 07:00-20:00", "sat", "12:00", False),
        ("Mon-Fri 07:00 - 20:00; SAT 08:00-13:00;", "sat", "12:00", True),
        ("mon, wed 09:00-10:00", "wed", "09:30", True),
        ("mon, wed 09:00-10:00", "tue", "09:30", False),
        ("fri-mon 00:00-24:00", "sun", "23:59", True),
        ("fri-mon 00:00-24:00", "tue", "00:00", False),
        ("sun 22:00-06:00", "sun", "23:00", True),
        ("sun 22:00-06:00", "mon", "05:59", True),
        ("sun 22:00-06:00", "mon", "06:00", False),
        ("sun 22:00-06:00", "sun", "05:00", False),
    ],
)
def test_windows(text: str, day: str, clock: str, *, allowed: bool) -> None:
    assert parse(text).allows(at(day, clock)) is allowed


def test_nothing_is_always() -> None:
    assert parse(" ; ") is ALWAYS


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("always", "is no window; write"),
        ("mon 7-20", "is no window; write"),
        ("mon-fry 07:00-20:00", "days are mon"),
        ("mon- 07:00-20:00", "days are mon"),
        ("mon 07:60-20:00", "minutes go from 00 to 59"),
        ("mon 07:00-24:01", "times go from 00:00 to 24:00"),
        ("mon 24:00-24:00", "times go from 00:00 to 24:00"),
        ("mon 07:00-07:00", "is empty"),
        ("mon 07:00-08:00;" * 33, "32 at the most"),
    ],
)
def test_what_is_no_schedule_says_what_would_be_right(text: str, why: str) -> None:
    with pytest.raises(ScheduleInvalid, match=why):
        parse(text)


@given(st.text(max_size=80))
def test_any_text_is_a_schedule_or_said_not_to_be(text: str) -> None:
    with contextlib.suppress(ScheduleInvalid):
        assert parse(text).allows(MONDAY) in {True, False}


@given(st.sampled_from(DAYS), st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 7 * 1440 - 1))
def test_a_window_holds_exactly_its_minutes(day: str, first: int, end: int, minute: int) -> None:
    if first == end:
        return
    text = f"{day} {first // 60:02d}:{first % 60:02d}-{end // 60:02d}:{end % 60:02d}"
    begin = DAYS.index(day) * 1440 + first
    lasts = (end - first) % 1440
    inside = (minute - begin) % (7 * 1440) < lasts
    assert parse(text).allows(MONDAY + dt.timedelta(minutes=minute)) is inside
