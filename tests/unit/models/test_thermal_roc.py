"""Areas and points of ROC curves, predictive values, and judging on days that were left out."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.thermal.evaluation.prevalence import npv, npv_ci, ppv, ppv_ci
from models.thermal.evaluation.roc import Area, Flags, Scores, area, at, curve, split
from models.thermal.evaluation.validation import left_out, margins

NORMAL, ABNORMAL = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)
"""Ratings 1 to 5 of computed tomographies, Hanley and McNeil 1982, table 1."""


def groups(scores: list[float], febrile: list[bool]) -> tuple[Scores, Flags]:
    return np.array(scores, dtype=np.float64), np.array(febrile, dtype=np.bool_)


def ratings() -> tuple[Scores, Flags]:
    levels = np.arange(1.0, 6.0)
    scores: Any = np.concatenate((np.repeat(levels, NORMAL), np.repeat(levels, ABNORMAL)))
    return scores, np.arange(scores.size) >= sum(NORMAL)


some_people = st.lists(
    st.tuples(st.sampled_from([35.0, 36.0, 36.5, 37.0, 37.25, 38.0, 39.0]), st.booleans()), min_size=2
).filter(lambda people: 0 < sum(ill for _, ill in people) < len(people))


def test_area_and_limits_are_the_published_ones_of_the_rating_example() -> None:
    """Stata's ``roctab`` (DeLong) on the same ratings: 0.8932, 0.0307, 0.83295…0.95339."""
    found = area(*ratings())
    assert found.auc == pytest.approx(0.8932, abs=5e-5)
    assert found.sd == pytest.approx(0.0307, abs=5e-5)
    assert found.ci == pytest.approx((0.83295, 0.95339), abs=5e-6)


@given(some_people)
def test_the_area_is_the_share_of_pairs_in_the_right_order_and_its_variance_delongs(
    people: list[tuple[float, bool]],
) -> None:
    scores, febrile = groups([score for score, _ in people], [ill for _, ill in people])
    ill, well = scores[febrile].tolist(), scores[~febrile].tolist()

    def order(one: float, other: float) -> float:
        return 1.0 if one > other else 0.5 if one == other else 0.0

    of_ill = [math.fsum(order(one, other) for other in well) / len(well) for one in ill]
    of_well = [math.fsum(order(one, other) for one in ill) / len(ill) for other in well]
    auc = math.fsum(of_ill) / len(ill)
    found = area(scores, febrile)
    assert found.auc == pytest.approx(auc)
    if len(ill) == 1 or len(well) == 1:
        assert math.isnan(found.sd)
        return
    variance = math.fsum((each - auc) ** 2 for each in of_ill) / (len(ill) - 1) / len(ill)
    variance += math.fsum((each - auc) ** 2 for each in of_well) / (len(well) - 1) / len(well)
    assert found.sd == pytest.approx(math.sqrt(variance))


def test_limits_end_at_nought_and_one() -> None:
    assert Area(0.99, 0.1).ci == (pytest.approx(0.794, abs=1e-3), 1.0)
    assert Area(0.9, math.nan).ci == (0.0, 1.0)
    assert Area(0.01, 0.1).ci == (0.0, pytest.approx(0.206, abs=1e-3))


@given(some_people)
def test_every_point_of_the_curve_counts_who_is_flagged(people: list[tuple[float, bool]]) -> None:
    scores, febrile = groups([score for score, _ in people], [ill for _, ill in people])
    points = curve(scores, febrile)
    assert points.thresholds.size == np.unique(scores).size + 1
    for index, threshold in enumerate(points.thresholds.tolist()):
        flagged = scores >= threshold
        point = points.point(index)
        assert point == at(scores, febrile, threshold)
        assert point.true_positives == int((flagged & febrile).sum())
        assert point.false_positives == int((flagged & ~febrile).sum())
        assert point.se_ci()[0] <= point.se <= point.se_ci()[1]
        assert point.sp_ci()[0] <= point.sp <= point.sp_ci()[1]
    first, last = points.point(0), points.point(points.thresholds.size - 1)
    assert (first.se, first.sp, last.se, last.sp) == (1.0, 0.0, 0.0, 1.0)


@given(some_people, st.floats(0.0, 1.0))
def test_operating_points_keep_to_the_specificity_and_nothing_beats_them(
    people: list[tuple[float, bool]], sp_min: float
) -> None:
    scores, febrile = groups([score for score, _ in people], [ill for _, ill in people])
    points = curve(scores, febrile)
    fitting = [
        point for index in range(points.thresholds.size) if (point := points.point(index)).sp >= sp_min - 1e-9
    ]
    assert points.most_sensitive(sp_min) == fitting[0]
    assert fitting[0].se == max(point.se for point in fitting)


@pytest.mark.parametrize(
    ("scores", "febrile"),
    [
        ([36.0, 37.0], [True, True]),
        ([36.0, 37.0], [False, False]),
        ([], []),
        ([math.nan, 37.0], [False, True]),
        ([math.inf, 37.0], [False, True]),
        ([36.0], [False, True]),
    ],
)
def test_without_two_groups_of_numbers_there_is_no_curve(scores: list[float], febrile: list[bool]) -> None:
    with pytest.raises(ValueError, match="must be"):
        split(*groups(scores, febrile))


def test_youden_a_percent_ninety_and_ninety_mean_that_four_of_a_hundred_alarms_are_fevers() -> None:
    """THERMAL.md: PPV 4.3 %."""
    assert ppv(0.9, 0.9, 0.005) == pytest.approx(0.0433, abs=5e-5)
    assert npv(0.9, 0.9, 0.005) == pytest.approx(0.99944, abs=5e-6)


def test_where_nobody_or_everybody_is_flagged_there_is_no_predictive_value() -> None:
    assert ppv(0.0, 1.0, 0.005) == 0.0
    assert npv(1.0, 0.0, 0.005) == 0.0


@given(some_people, st.floats(1e-4, 0.9))
def test_predictive_values_lie_within_their_limits(
    people: list[tuple[float, bool]], prevalence: float
) -> None:
    points = curve(*groups([score for score, _ in people], [ill for _, ill in people]))
    for index in range(points.thresholds.size):
        point = points.point(index)
        assert (
            ppv_ci(point, prevalence)[0]
            <= ppv(point.se, point.sp, prevalence)
            <= ppv_ci(point, prevalence)[1]
        )
        assert (
            npv_ci(point, prevalence)[0]
            <= npv(point.se, point.sp, prevalence)
            <= npv_ci(point, prevalence)[1]
        )


def youden(scores: Scores, febrile: Flags) -> float:
    """The threshold with the largest Se + Sp, which fits itself to noise."""
    points = curve(scores, febrile)
    told = points.true_positives / points.positives - points.false_positives / points.negatives
    return float(points.thresholds[int(np.argmax(told))])


def test_days_left_out_are_judged_at_the_others_threshold() -> None:
    scores, febrile = groups([36.0, 38.0, 36.2, 38.4, 36.6, 36.9], [False, True] * 3)
    days = np.array([0, 0, 1, 1, 2, 2])
    apart = left_out(scores, febrile, days, youden)
    assert apart is not None
    assert (apart.se, apart.sp, apart.positives, apart.negatives) == (pytest.approx(2 / 3), 1.0, 3, 3)
    lowest, highest = (36.9 + 36.6) / 2, (38.0 + 36.2) / 2
    assert lowest <= apart.threshold <= highest


def test_a_threshold_fitted_to_noise_is_found_out() -> None:
    """Scores that say nothing: a point judged where it was chosen flatters, on days left out not."""
    generator = np.random.default_rng(7)
    flattered: list[float] = []
    honest: list[float] = []
    for _ in range(40):
        scores, febrile = generator.normal(size=60), np.arange(60) % 3 == 0
        chosen = at(scores, febrile, youden(scores, febrile))
        apart = left_out(scores, febrile, np.arange(60) // 5, youden)
        assert apart is not None
        flattered.append(chosen.se + chosen.sp - 1.0)
        honest.append(apart.se + apart.sp - 1.0)
    assert np.mean(flattered) > 0.1
    assert abs(np.mean(honest)) < 0.05


def test_where_a_day_has_all_fevers_or_the_choice_cannot_be_made_nothing_is_told() -> None:
    scores, febrile = groups([36.0, 36.1, 38.0, 38.1], [False, False, True, True])
    assert left_out(scores, febrile, np.array([0, 0, 1, 1]), youden) is None
    assert left_out(scores, ~febrile, np.array([0, 0, 1, 1]), youden) is None

    def refuses(_scores: Scores, _febrile: Flags) -> float:
        raise ValueError("too few")

    assert left_out(scores, febrile, np.array([0, 1, 0, 1]), refuses) is None


def test_margins_compare_two_methods_at_every_specificity_that_there_is() -> None:
    febrile = np.arange(40) >= 20
    better = np.arange(40, dtype=np.float64)
    worse: Any = np.concatenate((np.arange(20.0), np.arange(20.0) + 5.5))
    found = margins(better, worse, febrile, 0.9, 0.96)
    assert [each.sp for each in found] == [pytest.approx(0.95), pytest.approx(0.9)]
    for each in found:
        assert each.se == 1.0
        assert each.ahead == pytest.approx(1.0 - each.other_se)
        assert each.other_se < 1.0
    assert margins(better, worse, febrile, 0.96, 0.99) == ()
