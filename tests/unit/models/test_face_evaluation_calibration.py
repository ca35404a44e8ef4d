"""Thresholds of a site: what they promise holds, what cannot be promised is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.binomial import upper
from models.face.calibrated import IDENTIFY_MIN, VERIFY_MIN
from models.face.evaluation.calibration import (
    PEOPLE_MIN,
    CannotCalibrate,
    LikelyMislabelled,
    Target,
    calibrated,
    fmr_for,
    people_supported,
)
from models.face.evaluation.comparisons import compared
from models.face.evaluation.identification import searched
from models.face.evaluation.subjects import pairs_needed
from models.face.thresholds import fpir


def faces(people=20, pictures=5, seed=1, spread=0.3, size=24):
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(people, 1, size)) + spread * generator.normal(size=(people, pictures, size))
    rows = rows.reshape(-1, size)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return list(rows.astype(np.float32)), [person for person in range(people) for _ in range(pictures)]


def site(target, *, with_searches=True, replicates=60, **options):
    embeddings, people = faces(**options)
    found = compared(embeddings, people)
    searches = searched(embeddings, people) if with_searches else None
    return found, calibrated(found, searches, target, replicates=replicates)


@given(st.integers(0, 200), st.sampled_from([1e-3, 5e-3, 1e-2]), st.sampled_from([None, 5, 40]))
def test_what_is_promised_holds(seed, fmr, people):
    found, made = site(Target(fmr=fmr, people=people), seed=seed)
    limits = made.thresholds
    counted = int((found.impostor >= limits.verify_min).sum())
    assert made.fmr == counted / found.impostor.size
    assert upper(counted, found.impostor.size) <= fmr
    assert made.fmr <= made.fmr_upper <= fmr + 1e-9
    assert made.fpir_upper <= 0.05 + 1e-9
    assert made.gallery_people == (people or 20)
    assert VERIFY_MIN[0] <= limits.verify_min <= limits.identify_min
    assert limits.identify_min >= IDENTIFY_MIN[0]
    assert made.tar == np.mean(found.genuine >= limits.verify_min)
    assert made.tar_ci[0] <= made.tar <= made.tar_ci[1]
    assert (limits.margin_min, limits.live_min) == (0.08, 0.8)
    for threshold in (limits.verify_min, limits.identify_min):
        assert round(threshold, 4) == threshold


def test_a_larger_gallery_and_a_smaller_rate_ask_for_more():
    _, few = site(Target(people=5, fmr=1e-2))
    _, many = site(Target(people=50, fmr=1e-2))
    _, strict = site(Target(people=50, fmr=1e-3))
    assert few.thresholds.identify_min < many.thresholds.identify_min
    assert few.thresholds.verify_min == many.thresholds.verify_min < strict.thresholds.verify_min
    assert few.thresholds.uncertain_min < strict.thresholds.uncertain_min


def test_no_site_goes_below_the_floors():
    _, made = site(Target(fmr=1e-2), size=400, spread=0.1)
    assert made.thresholds.verify_min == VERIFY_MIN[0]
    assert made.thresholds.identify_min == IDENTIFY_MIN[0]
    assert made.thresholds.uncertain_min == 0.20
    assert made.fmr == 0.0


def test_without_searches_comparisons_do():
    _, made = site(Target(), pictures=3, people=30, with_searches=False)
    assert (made.non_mated_searches, made.false_positives) == (0, 0)
    assert made.thresholds.margin_min == 0.08


def test_the_searches_that_were_tried_out_keep_the_rate_too():
    found, made = site(Target(fpir=0.01, fmr=1e-3, people=20), size=12, people=40)
    assert made.non_mated_searches == 80
    assert made.false_positives <= 0.02 * 80
    assert found.people_count == 40


def test_a_wrong_person_ahead_asks_for_a_larger_lead():
    embeddings, people = faces()
    between = 0.46 * embeddings[0] + 0.54 * embeddings[5]
    embeddings[4] = between / np.linalg.norm(between)
    found, searches = compared(embeddings, people), searched(embeddings, people)
    lead = float((searches.other - searches.mate).max())
    assert 0.05 < lead < 0.30
    made = calibrated(found, searches, Target(fmr=1e-2), replicates=20)
    assert made.thresholds.margin_min == pytest.approx(max(0.08, math.ceil(lead * 1e4) / 1e4))


def test_a_picture_of_somebody_else_is_named():
    embeddings, people = faces()
    embeddings[4] = embeddings[9]
    with pytest.raises(LikelyMislabelled, match="check its label") as refused:
        calibrated(
            compared(embeddings, people), searched(embeddings, people), Target(fmr=1e-2), replicates=20
        )
    assert refused.value.picture == 4


def test_two_names_for_one_person_are_suspected():
    embeddings, people = faces(pictures=3, people=40)
    embeddings[3:6] = embeddings[:3]
    with pytest.raises(CannotCalibrate, match="two names"):
        calibrated(compared(embeddings, people), None, Target(), replicates=20)


def test_too_few_pairs_are_refused_with_what_it_takes():
    with pytest.raises(
        CannotCalibrate, match=r"FMR 0\.0001 needs 30000 impostor pairs, there are 4750.*7e-04"
    ):
        site(Target(fmr=1e-4))
    with pytest.raises(
        CannotCalibrate, match=r"FPIR 0\.05 among 500 people needs \d+ .* --people (\d+)"
    ) as why:
        site(Target(people=500))
    most = int(str(why.value).rsplit(" ", 1)[1])
    assert site(Target(people=most))[1].gallery_people == most
    with pytest.raises(CannotCalibrate):
        site(Target(people=most + 1))


def test_few_people_are_refused_however_many_pictures():
    with pytest.raises(CannotCalibrate, match="9 people are too few"):
        site(Target(fmr=1e-2), people=PEOPLE_MIN - 1, pictures=20)


@given(st.floats(1e-4, 0.2), st.integers(1, 100_000))
def test_the_rate_of_one_comparison_and_of_a_gallery_belong_together(rate, people):
    assert fpir(fmr_for(rate, people), people) == pytest.approx(rate, rel=1e-6)


@given(st.floats(1e-4, 0.2), st.integers(1, 1_000_000))
def test_the_largest_gallery_supported_is_supported_and_no_larger_one(rate, pairs):
    most = people_supported(rate, pairs)
    if most:
        assert pairs_needed(fmr_for(rate, most)) <= pairs + 1
    assert pairs_needed(fmr_for(rate, most + 2)) >= min(pairs, 3)
    if pairs <= 3:
        assert most == 0
