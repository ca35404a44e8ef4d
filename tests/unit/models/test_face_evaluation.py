"""Error rates of pairs: against counting by hand, closed forms, and what must hold between them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.binomial import interval
from models.face.evaluation import subjects
from models.face.evaluation.comparisons import PICTURES_MAX, NotComparable, compared
from models.face.evaluation.rates import equal_error, just_above, side, thresholds
from models.face.evaluation.subjects import draws, limits, pairs_needed, rate_supported
from models.face.evaluation.verification import resampled, verification

some_scores = st.lists(st.integers(-20, 20).map(lambda each: each / 20), min_size=1, max_size=30)


def rising(scores):
    return np.sort(np.asarray(scores, dtype=np.float64))


def faces(people=8, pictures=4, seed=1, spread=0.6, size=16):
    """Directions about one of each person's own."""
    generator = np.random.default_rng(seed)
    own = generator.normal(size=(people, 1, size))
    rows = (own + spread * generator.normal(size=(people, pictures, size))).reshape(-1, size)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return list(rows.astype(np.float32)), [person for person in range(people) for _ in range(pictures)]


# --- which pictures are compared ---------------------------------------------------------------------


@given(st.lists(st.integers(0, 3), min_size=3, max_size=10), st.integers(0, 1000))
def test_every_two_pictures_are_compared_once_and_land_on_their_side(labels, seed):
    people = [sorted(set(labels)).index(each) for each in labels]
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(len(people), 4))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    if len(set(people)) in {1, len(people)}:
        with pytest.raises(NotComparable):
            compared(list(rows), people)
        return
    found = compared(list(rows), people)
    assert found.people_count == len(set(people))
    for scores, pairs, same in (
        (found.genuine, found.genuine_pairs, True),
        (found.impostor, found.impostor_pairs, False),
    ):
        wanted = {
            (one, other)
            for one in range(len(people))
            for other in range(one + 1, len(people))
            if (people[one] == people[other]) is same
        }
        assert set(map(tuple, pairs.tolist())) == wanted
        assert len(pairs) == len(wanted)
        assert (np.diff(scores) >= 0).all()
        for score, (one, other) in zip(scores, pairs, strict=True):
            assert score == pytest.approx(float(rows[one] @ rows[other]), abs=1e-6)


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ([0, 0, 0], "one person"),
        ([0, 1, 2], "nobody has two"),
        ([0, 1] * (PICTURES_MAX // 2 + 1), "more than"),
    ],
)
def test_what_cannot_be_compared_says_what_is_missing(people, why):
    with pytest.raises(NotComparable, match=why):
        compared([np.array([1.0, 0.0], np.float32)] * len(people), people)


# --- one side ----------------------------------------------------------------------------------------


@given(some_scores, st.integers(-22, 22).map(lambda each: each / 20))
def test_a_rate_is_the_share_of_scores_that_reach_the_threshold(scores, threshold):
    one = side(rising(scores))
    reached = sum(score >= threshold for score in scores)
    assert one.count(threshold) == reached
    assert one.rate(threshold) == pytest.approx(reached / len(scores))
    assert one.rates(np.array([threshold])).tolist() == [one.rate(threshold)]


@given(some_scores, st.floats(0, 0.999))
def test_the_threshold_of_a_rate_is_the_lowest_that_keeps_it(scores, rate):
    one = side(rising(scores))
    found = one.threshold(rate)
    assert one.rate(found) <= rate + 1e-9
    lower = [score for score in scores if score < found]
    assert all(one.rate(score) > rate for score in lower)
    assert found in {just_above(score) for score in scores}


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 4)), min_size=1), st.floats(0, 0.99))
def test_weights_are_the_same_as_so_many_copies(weighted, rate):
    weighted.sort()
    copies = [float(score) for score, weight in weighted for _ in range(weight)]
    scores, weights = (np.array(each, dtype=np.float64) for each in zip(*weighted, strict=True))
    if not copies:
        with pytest.raises(ValueError, match="nothing"):
            side(scores, weights)
        return
    one, other = side(scores, weights), side(rising(copies))
    assert one.total == len(copies)
    assert one.threshold(rate) == other.threshold(rate)
    for threshold in range(-10, 11):
        assert one.rate(threshold) == pytest.approx(other.rate(threshold))


def test_scores_left_out_count_in_the_total_and_need_no_threshold():
    one = side(rising([0.5, 0.6]), total=200.0)
    assert one.rate(0.0) == 0.01
    assert one.threshold(0.01) == 0.5
    assert one.threshold(0.005) == just_above(0.5)
    assert side(rising([0.5, 0.6]), total=200.0, low=0.4).threshold(0.01) == 0.4


def test_there_is_no_share_of_nothing():
    with pytest.raises(ValueError, match="nothing"):
        side(rising([]))


# --- the equal error rate ----------------------------------------------------------------------------


@given(some_scores, some_scores)
def test_the_equal_error_rate_lies_on_the_line_between_both_rates(genuine_scores, impostor_scores):
    genuine, impostor = side(rising(genuine_scores)), side(rising(impostor_scores))
    found = equal_error(genuine, impostor)
    points = []
    for cut in thresholds(genuine, impostor):
        fmr = sum(score >= cut for score in impostor_scores) / len(impostor_scores)
        fnmr = sum(score < cut for score in genuine_scores) / len(genuine_scores)
        points.append((fmr, fnmr))
    crossing = next(at for at, (fmr, fnmr) in enumerate(points) if fnmr >= fmr)
    (fmr_before, fnmr_before), (fmr, fnmr) = points[crossing - 1], points[crossing]
    assert min(fmr, fnmr_before) - 1e-9 <= found.rate <= min(fmr_before, fnmr) + 1e-9
    step = (fmr_before - fnmr_before) / (fmr_before - fnmr_before + fnmr - fmr)
    assert found.rate == pytest.approx(fnmr_before + step * (fnmr - fnmr_before))
    assert found.rate == pytest.approx(fmr_before + step * (fmr - fmr_before))


def test_apart_is_no_error_and_the_wrong_way_round_is_all():
    low, high = side(rising([0.1, 0.2])), side(rising([0.8, 0.9]))
    assert equal_error(high, low).rate == 0.0
    assert equal_error(low, high).rate == 1.0
    assert equal_error(low, low).rate == pytest.approx(0.5)


def test_two_normal_distributions_have_the_closed_form():
    """Means d apart, deviation 1 each: EER = Phi(-d / 2)."""
    quantiles = (np.arange(20_000) + 0.5) / 20_000
    steps = np.linspace(-6, 6, 200_001)
    cumulative = 0.5 * (1 + np.array([math.erf(step / math.sqrt(2)) for step in steps]))
    normal = np.interp(quantiles, cumulative, steps)
    found = equal_error(side(normal + 3.0), side(normal))
    assert found.rate == pytest.approx(0.5 * math.erfc(1.5 / math.sqrt(2)), abs=1e-4)
    assert found.threshold == pytest.approx(1.5, abs=1e-2)


def test_impostors_too_low_to_matter_may_be_left_out():
    genuine = side(rising([0.6, 0.7]))
    assert equal_error(genuine, side(rising([0.65]), total=10.0), rising([0.6, 0.65, 0.66, 0.7])).rate == (
        pytest.approx(equal_error(genuine, side(rising([*[0.0] * 9, 0.65]))).rate)
    )
    assert equal_error(genuine, side(rising([0.5]), total=10.0), rising([0.6, 0.7])).rate == 0.0


# --- people drawn anew -------------------------------------------------------------------------------


def test_as_many_people_are_drawn_as_there_are_and_the_same_for_one_seed():
    one, again, other = (list(draws(7, 50, seed)) for seed in (1, 1, 2))
    assert all(counts.sum() == 7 for counts in one)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert np.mean(one) == 1.0


def test_limits_hold_the_point_and_are_never_narrower_than_the_exact_ones():
    low, high = interval(0, 1000)
    assert limits(0.0, np.zeros(100), 0, 1000) == (low, high)
    assert limits(0.0, np.array([]), 0, 1000) == (low, high)
    assert limits(0.1, np.linspace(0, 0.2, 201), 100, 1000) == pytest.approx((0.005, 0.195))
    assert limits(0.5, np.zeros(10), 0, 1000)[1] == 0.5


@given(st.integers(1, 10_000_000))
def test_the_rule_of_three_is_one_rule_both_ways(trials):
    rate = rate_supported(trials)
    assert rate <= 1.0
    assert pairs_needed(rate) <= max(trials, 3)
    assert pairs_needed(1e-3) == 3000
    if trials > 30:
        assert interval(0, trials, 0.90)[1] <= rate


def drawn_by_hand(embeddings, people, counts, fmrs, there):
    """Every copy of every person, one by one; copies of one person are never impostors of each other."""
    genuine, impostor = [], []
    for one in range(len(people)):
        for other in range(one + 1, len(people)):
            score = float(np.float32(embeddings[one] @ embeddings[other]))
            if people[one] == people[other]:
                genuine += [score] * int(counts[people[one]])
            else:
                impostor += [score] * int(counts[people[one]] * counts[people[other]])
    if not genuine or not impostor:
        return None
    ones, others = side(rising(genuine)), side(rising(impostor))
    own = [others.threshold(fmr) for fmr in fmrs]
    rates = [*map(ones.rate, own), *map(ones.rate, there), *map(others.rate, there)]
    return [equal_error(ones, others).rate, *rates]


@given(st.integers(0, 10_000), st.sampled_from([0.5, 1.0, 2.0]))
def test_a_draw_tells_what_its_copies_would(seed, spread):
    embeddings, people = faces(people=5, pictures=3, seed=seed, spread=spread, size=6)
    found = compared(embeddings, people)
    counts = list(draws(5, 6, seed))
    fmrs, there = (0.2, 0.02), (0.3, 0.6)
    drawn = resampled(found, fmrs, there, counts)
    wanted = [
        each for one in counts if (each := drawn_by_hand(embeddings, people, one, fmrs, there)) is not None
    ]
    got = np.column_stack((drawn.eer, drawn.tar, drawn.tar_there, drawn.fmr_there))
    assert got == pytest.approx(np.array(wanted), abs=1e-5)


def test_a_draw_of_one_person_or_without_pairs_tells_nothing():
    embeddings, people = faces(people=2, pictures=2)
    found = compared(embeddings[:3], people[:3])
    drawn = resampled(found, (0.01,), (0.4,), [np.array([2, 0]), np.array([0, 2]), np.array([1, 1])])
    assert drawn.eer.shape == (1,)
    assert resampled(found, (0.01,), (0.4,), [np.array([2, 0])]).thresholds.shape == (0, 1)
    three = compared([*embeddings[:3], embeddings[1]], [0, 0, 1, 2])
    assert resampled(three, (), (), [np.array([0, 2, 1])]).eer.size == 0


# --- all of 1:1 --------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.sampled_from([0.3, 1.0, 2.0]))
def test_rates_fall_and_rise_together_and_limits_hold_them(seed, spread):
    embeddings, people = faces(people=6, pictures=3, seed=seed, spread=spread, size=8)
    found = compared(embeddings, people)
    told = verification(found, 0.4, seed=seed, replicates=20)
    assert (told.genuine, told.impostor) == (6 * 3, 15 * 9)
    assert told.eer_ci[0] <= told.eer.rate <= told.eer_ci[1]
    tars = [each.point.tar for each in told.at_fmr]
    assert tars == sorted(tars, reverse=True)
    cuts = [each.point.threshold for each in told.at_fmr]
    assert cuts == sorted(cuts)
    for each in told.at_fmr:
        assert each.point.fmr <= each.fmr_max
        assert not each.supported
    for point in (*(each.point for each in told.at_fmr), told.at_threshold):
        assert point.tar == np.mean(found.genuine >= point.threshold)
        assert point.fmr == np.mean(found.impostor >= point.threshold)
        assert point.false_matches == (found.impostor >= point.threshold).sum()
        assert point.false_non_matches == (found.genuine < point.threshold).sum()
        assert point.tar_ci[0] <= point.tar <= point.tar_ci[1]
        assert point.fmr_ci[0] <= point.fmr <= point.fmr_ci[1]


def test_the_same_seed_gives_the_same_limits_and_progress_is_told():
    found = compared(*faces(spread=1.0))
    heard = []
    one = verification(found, 0.4, replicates=30, tell=heard.append)
    assert heard == list(range(1, 31))
    assert one == verification(found, 0.4, replicates=30)
    assert one != verification(found, 0.4, replicates=30, seed=subjects.SEED + 1)


def test_a_lookalike_widens_the_limits_beyond_what_independent_pairs_would_say():
    """Two of twenty people are each other's double: all false matches are theirs."""
    embeddings, people = faces(people=20, pictures=5, spread=0.1, size=64)
    for at in range(5):
        embeddings[5 + at] = embeddings[at]
    told = verification(compared(embeddings, people), 0.5)
    point = told.at_threshold
    assert point.false_matches == 25
    exact = interval(25, told.impostor)
    assert point.fmr_ci[1] > 1.5 * exact[1]
    assert point.fmr_ci[0] == 0.0
