"""The clinical table by its names, simulated drift, and the ways of calling a temperature elevated."""

import contextlib
import csv
import io
import math
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.thermal.evaluation.clinical import Columns, NotClinical, Visits, columns, visits
from models.thermal.evaluation.drift import Drift, drift
from models.thermal.evaluation.methods import METHODS, Series, second_line
from models.thermal.evaluation.roc import area

_ROUNDS = ["", "T_offset1", "canthiMax1", "T_LC1", "", "T_offset2", "canthiMax2", "T_LC12", ""]
HEADER = ["SubjectID", *_ROUNDS, "aveOralF", "aveOralM", "T_atm", "Time", "Date"]
ROWS: list[list[str]] = [
    ["", "", "Round 1:", "", "", "", "Round 2:"],
    HEADER,
    [
        "170102-2",
        "",
        "0.5",
        "35.0",
        "34.0",
        "",
        "0.7",
        "35.4",
        "34.1",
        "",
        "36.9",
        "37.0",
        "23",
        "10:30:00",
        "17-01-02",
    ],
    ["170102-1", "", "0.5", "36.0", "34.5", "", "", "", "", "", "37.6", "37.4", "23", "9:05:10", "17-01-02"],
    ["161231-1", "", "", "", "", "", "0.3", "35.2", "", "", "37.5", "37.6", "22", "1:00 PM", "16-12-31"],
    ["161231-2", "", "0.2", "abc", "", "", "", "", "", "", "36.8", "36.9", "22", "9:00:00 AM", "16-12-31"],
    ["161231-3", "", "0.2", "", "", "", "", "", "", "", "36.8", "36.9"],
    ["161231-4", "", "0.2", "35.1", "", "", "", "", "", "", "", "36.9"],
    ["161231-5", "", "0.2", "35.1", "", "", "", "", "", "", "n/a", "36.9"],
    ["161231-6", "", "0.2", "95.1", "", "", "", "", "", "", "36.5", "36.9"],
    ["161231-7", "", "0.2", "35.1", "", "", "", "", "", "", "98.6", "36.9"],
    ["", " ", ""],
    [],
]


def read(rows: list[list[str]], oral: str = "aveOralF", rounds: tuple[int, ...] = (1, 2)) -> Visits:
    return visits(rows, columns(rows), site="canthiMax", oral=oral, rounds=rounds)


def test_columns_are_found_by_their_names() -> None:
    named = columns(ROWS)
    assert named.header == 1
    assert named.sites["canthiMax"] == {1: 3, 2: 7}
    assert named.sites["T_LC"] == {1: 4, 2: 8}
    assert named.oral == {"aveOralF": 10, "aveOralM": 11}
    assert (named.others["date"], named.others["time"]) == (14, 13)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Max1R13_1", "Max1R13_2"], {"Max1R13": {1: 0, 2: 1}}),
        (["canthiMax1", " canthimax 2"], {"canthiMax": {1: 0, 2: 1}}),
        (["T_LC1", "T_LC2", "T_LC3", "T_LC14"], {"T_LC": {1: 0, 2: 1, 3: 2, 4: 3}}),
        (["T_LC4", "T_LC14"], {"T_LC": {4: 0}, "T_LC1": {4: 1}}),
        (["canthi4Max1", "canthi4Max1"], {"canthi4Max": {1: 0}}),
    ],
)
def test_names_with_small_differences_mean_the_same(names: list[str], expected: dict[str, object]) -> None:
    assert columns([names]).sites == expected


@pytest.mark.parametrize("rows", [[], [[]], [["a", "b"], ["1", "2"]], [["x"]] * 20 + [["canthiMax1"]]])
def test_a_table_of_something_else_is_not_clinical(rows: list[list[str]]) -> None:
    with pytest.raises(NotClinical, match="no row names columns"):
        columns(rows)


def test_visits_come_in_order_of_time_with_the_mean_of_their_rounds() -> None:
    found = read(ROWS)
    assert found.days.tolist() == [0, 1, 1]
    assert found.surface_c.tolist() == pytest.approx([35.2, 36.0, 35.2])
    assert found.oral_c.tolist() == [37.5, 37.6, 36.9]
    assert found.offset_c.tolist() == pytest.approx([0.3, 0.5, 0.6])


def test_every_row_that_cannot_be_used_is_counted_with_its_reason() -> None:
    assert read(ROWS).skipped == {
        "canthiMax is not a number": 1,
        "no temperature: canthiMax": 1,
        "no temperature: oral temperature": 1,
        "oral temperature is not a number": 1,
        "canthiMax outside 25…45 °C": 1,
        "oral temperature outside 25…45 °C": 1,
        "blank row": 2,
    }


def test_one_round_and_the_other_oral_column() -> None:
    found = read(ROWS, "aveOralM", (2,))
    assert found.surface_c.tolist() == [35.2, 35.4]
    assert found.oral_c.tolist() == [37.6, 37.0]


@pytest.mark.parametrize(
    ("first", "cells", "days"),
    [
        ("", ["0", "1", "2"], [0, 0, 1]),
        ("Gender", ["Male", "Female", "Male"], [0, 0, 1]),
        ("SubjectID", ["P1", "P2", "P3"], [0, 0, 0]),
    ],
)
def test_only_a_column_of_subjects_tells_the_day(first: str, cells: list[str], days: list[int]) -> None:
    subjects = ["161117-1", "161117-2", "161118-1"]
    named = "" if first == "SubjectID" else "SubjectID"
    rows = [[first, "canthiMax1", "aveOralF", named]]
    rows += [[cell, "35.1", "36.9", subject] for cell, subject in zip(cells, subjects, strict=True)]
    found = visits(rows, columns(rows), site="canthiMax", oral="aveOralF", rounds=(1,))
    assert found.days.tolist() == days


def test_where_nothing_tells_the_day_all_visits_are_of_one() -> None:
    rows = [["Gender", "canthiMax1", "aveOralF"], ["Male", "35.1", "36.9"], ["Female", "35.2", "37.0"]]
    found = visits(rows, columns(rows), site="canthiMax", oral="aveOralF", rounds=(1,))
    assert found.days.tolist() == [0, 0]


def test_without_dates_and_times_subjects_tell_the_day_and_the_table_the_order() -> None:
    rows = [
        ["SubjectID", "canthiMax1", "aveOralF"],
        ["b-1", "35,1", "36,9"],
        ["a-2", "35.2", "37.0"],
        ["b-2", "35.3", "37.1"],
    ]
    found = visits(rows, columns(rows), site="canthiMax", oral="aveOralF", rounds=(1,))
    assert found.days.tolist() == [0, 0, 1]
    assert found.surface_c.tolist() == [35.1, 35.3, 35.2]
    assert np.isnan(found.offset_c).all()


def test_a_table_without_visits_is_empty() -> None:
    found = read(ROWS[:2])
    assert (found.surface_c.size, found.days.size) == (0, 0)


cell = st.text(max_size=6) | st.sampled_from(
    ["35.2", "canthiMax1", "T_LC14", "nan", "1e999", "25:99:99", "-"]
)


def test_a_row_that_says_one_name_over_and_over_is_no_header() -> None:
    assert read([*ROWS[:3], ["canthiMax1"] * 50]).surface_c.size == read(ROWS[:3]).surface_c.size == 1


@given(st.lists(st.lists(cell, max_size=15), max_size=12))
def test_whatever_a_table_holds_it_is_read_or_refused(rows: list[list[str]]) -> None:
    table = [*ROWS[:3], *rows]
    found = read(table)
    assert found.surface_c.size + sum(found.skipped.values()) == len(table) - 2
    assert np.isfinite(found.surface_c).all()
    assert np.isfinite(found.oral_c).all()
    with contextlib.suppress(NotClinical):
        assert isinstance(columns(rows), Columns)


def test_drift_is_one_value_for_each_day_the_same_for_the_same_seed() -> None:
    days = np.repeat(np.arange(400), 3)
    found, again = drift(days, 0.7, 0.1, 5), drift(days, 0.7, 0.1, 5)
    assert (found.sensor_c == again.sensor_c).all()
    assert (found.sensor_c != drift(days, 0.7, 0.1, 6).sensor_c).any()
    assert all(np.unique(found.sensor_c[days == day]).size == 1 for day in range(400))
    assert found.sensor_c.std() == pytest.approx(0.7, rel=0.1)
    assert found.residual_c.std() == pytest.approx(0.1, rel=0.1)


def test_without_drift_nothing_is_added_and_nobody_needs_nothing() -> None:
    none = drift(np.arange(3), 0.0, 0.1, 5)
    assert none.sensor_c.tolist() == none.residual_c.tolist() == [0.0, 0.0, 0.0]
    assert drift(np.arange(0), 0.7, 0.1, 5).sensor_c.size == 0


def series(temps_c: list[float], days: list[int], people: int = 30) -> Series:
    nothing = np.zeros(len(temps_c))
    return Series(
        surface_c=np.array(temps_c),
        days=np.array(days, dtype=np.int64),
        drift=Drift(sensor_c=nothing + 0.5, residual_c=nothing - 0.1),
        people=people,
    )


def test_the_methods_are_given_what_their_instruments_read() -> None:
    given_series = series([35.0, 36.0], [0, 0])
    assert METHODS["absolute"].scores(given_series).tolist() == [35.5, 36.5]
    assert METHODS["reference"].scores(given_series).tolist() == [34.9, 35.9]


def test_the_makers_screening_alarm_forgets_no_night_and_takes_no_elevated_sample() -> None:
    """By hand: the mean of the last ten normals but the highest and the lowest."""
    temps_c = [35.0, 35.2, 35.4, 38.0, 35.6, *([35.3] * 8), 35.9]
    scores = METHODS["flir"].scores(series(temps_c, [0] * 6 + [1] * 8)).tolist()
    assert math.isnan(scores[0])
    assert scores[1:5] == pytest.approx([0.2, 35.4 - 35.1, 38.0 - 35.2, 35.6 - 35.2])
    last = [35.4, 35.6, *([35.3] * 8)]
    assert scores[-1] == pytest.approx(35.9 - (sum(last) - max(last) - min(last)) / 8)


@given(st.lists(st.tuples(st.floats(34.0, 39.0), st.integers(0, 3)), max_size=80))
def test_the_running_median_knows_only_those_before_on_the_same_day(people: list[tuple[float, int]]) -> None:
    people = sorted(people, key=lambda each: each[1])
    temps_c, days = [temp_c for temp_c, _ in people], [day for _, day in people]
    scores = METHODS["median30"].scores(series(temps_c, days)).tolist()
    for index, (temp_c, day) in enumerate(people):
        before = [each + 0.5 for each, on in people[:index] if on == day][-30:]
        expected = temp_c + 0.5 - median(before) if before else math.nan
        assert scores[index] == pytest.approx(expected, nan_ok=True)


def test_the_second_line_only_ever_raises_a_score_once_it_has_its_people() -> None:
    temps_c = [35.0 + 0.05 * (index % 7) for index in range(10)] + [36.9, 33.0, 35.1, 36.8]
    given_series = series(temps_c, [0] * 13 + [1], people=10)
    known, warm = second_line(given_series)
    assert known.tolist() == [False] * 10 + [True] * 3 + [False]
    assert warm.tolist() == [False] * 10 + [True, False, False, False]
    scores, before = METHODS["combined"].scores(given_series), METHODS["reference"].scores(given_series)
    assert (scores >= before).all()
    assert scores[10] == before.max()
    assert METHODS["combined"].scores(series([], [])).size == 0


@pytest.mark.needs_test_data
def test_the_published_table_tells_fever_as_was_measured_on_it(test_data: Path) -> None:
    """AUC .967 of the temperature itself, .955 of the FLIR-style method (round 1, fast mode)."""
    text = (test_data / "thermal/clinical/FLIR_group1.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    named = columns(rows)
    assert len(named.sites) == 27
    assert all(set(rounds) == {1, 2, 3, 4} for rounds in named.sites.values())
    found = visits(rows, named, site="canthiMax", oral="aveOralF", rounds=(1,))
    assert (found.surface_c.size, found.skipped) == (533, {"no temperature: canthiMax": 11})
    febrile = found.oral_c >= 37.5
    still = Series(surface_c=found.surface_c, days=found.days, drift=drift(found.days, 0.0, 0.1, 0))
    scores = METHODS["flir"].scores(still)
    told = np.isfinite(scores)
    assert area(found.surface_c, febrile).auc == pytest.approx(0.967, abs=5e-4)
    assert area(scores[told], febrile[told]).auc == pytest.approx(0.955, abs=6e-3)
    bare = area(found.surface_c - found.offset_c, febrile).auc
    added = area(found.surface_c + found.offset_c, febrile).auc
    assert max(bare, added) < 0.955, "the face temperatures contain the reference's correction already"
