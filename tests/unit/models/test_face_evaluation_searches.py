"""Searches among all (1:N): the split of the gallery, FNIR at FPIR, and that a gallery says the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.face.evaluation.comparisons import NotComparable
from models.face.evaluation.identification import identification, searched
from models.face.gallery import Gallery, Outcome
from models.face.template import mean_template
from models.face.thresholds import Thresholds


def faces(counts, seed=1, spread=0.3, size=32):
    """So many pictures of each person, in turns."""
    generator = np.random.default_rng(seed)
    own = generator.normal(size=(len(counts), size))
    people = [person for turn in range(max(counts)) for person, count in enumerate(counts) if turn < count]
    rows = own[people] + spread * generator.normal(size=(len(people), size))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return list(rows.astype(np.float32)), people


@given(
    st.lists(st.integers(1, 6), min_size=3, max_size=6).filter(lambda it: sum(n > 3 for n in it) >= 2),
    st.integers(0, 1000),
)
def test_the_first_three_are_enrolled_and_the_others_are_searched_for(counts, seed):
    embeddings, people = faces(counts, seed)
    found = searched(embeddings, people)
    enrolled = [person for person, count in enumerate(counts) if count > 3]
    assert (found.enrolled, found.failed) == (tuple(enrolled), ())
    of = {person: [at for at, each in enumerate(people) if each == person] for person in set(people)}
    probes = sorted(at for person in of for at in (of[person][3:] if person in enrolled else of[person]))
    assert found.strangers.tolist() == probes
    assert found.mated.tolist() == [at for at in probes if people[at] in enrolled]
    templates = {person: mean_template([embeddings[at] for at in of[person][:3]]) for person in enrolled}
    for at, top, runner_up in zip(found.strangers, found.top, found.runner_up, strict=True):
        scores = sorted(
            float(embeddings[at] @ template) for person, template in templates.items() if person != people[at]
        )
        assert top == pytest.approx(scores[-1], abs=1e-6)
        assert runner_up == pytest.approx(scores[-2] if len(scores) > 1 else -1.0, abs=1e-6)
    for at, mate, other in zip(found.mated, found.mate, found.other, strict=True):
        assert mate == pytest.approx(float(embeddings[at] @ templates[people[at]]), abs=1e-6)
        assert other == found.top[found.strangers.tolist().index(int(at))]


@given(st.integers(0, 1000), st.sampled_from([0.3, 0.5]), st.sampled_from([0.35, 0.5, 0.7]))
def test_a_gallery_identifies_whom_the_searches_count(seed, spread, identify_min):
    embeddings, people = faces([5] * 5, seed, spread, size=8)
    thresholds = Thresholds(verify_min=0.3, uncertain_min=0.3, identify_min=identify_min)
    try:
        found = searched(embeddings, people)
    except NotComparable:
        return
    of = [[at for at, each in enumerate(people) if each == person] for person in range(5)]
    templates = {
        person: mean_template([embeddings[at] for at in of[person][:3]]) for person in found.enrolled
    }

    def answered(at, without=()):
        names = [person for person in templates if person not in without]
        gallery = Gallery("m", [str(each) for each in names], np.stack([templates[each] for each in names]))
        return gallery.identify(embeddings[at], thresholds)

    hits = [
        (told := answered(at)).outcome is Outcome.IDENTIFIED and told.person == str(people[at])
        for at in found.mated
    ]
    alarms = [answered(at, [people[at]]).outcome is Outcome.IDENTIFIED for at in found.strangers]
    assert found.hits(thresholds.identify_min, thresholds.margin_min).tolist() == hits
    assert found.alarms(thresholds.identify_min, thresholds.margin_min).tolist() == alarms


def test_somebody_whose_pictures_disagree_is_not_enrolled_and_becomes_a_stranger():
    embeddings, people = faces([5, 5, 5])
    first = [at for at, person in enumerate(people) if person == 1]
    embeddings[first[1]] = embeddings[people.index(2)]
    found = searched(embeddings, people)
    assert found.enrolled == (0, 2)
    (failed,) = found.failed
    assert (failed.person, failed.picture) == (1, first[1])
    assert failed.score < 0.4
    assert set(first) <= set(found.strangers.tolist())


def test_two_must_be_enrolled():
    with pytest.raises(NotComparable, match="there are 1"):
        searched(*faces([4, 3, 2]))


@given(st.integers(0, 1000), st.sampled_from([0.4, 0.6]))
def test_rates_are_shares_within_their_limits_and_fall_against_each_other(seed, spread):
    embeddings, people = faces([7, 7, 7, 6, 2, 1], seed, spread, size=6)
    try:
        found = searched(embeddings, people)
    except NotComparable:
        return
    told = identification(found, Thresholds(), (0.0, 0.1, 0.5), replicates=20)
    assert (told.mated, told.non_mated) == (found.mate.size, found.top.size)
    assert told.rank_one == np.mean(found.mate > found.other)
    fnirs = [each.rates.fnir for each in told.at_fpir]
    assert fnirs == sorted(fnirs, reverse=True)
    for each in told.at_fpir:
        assert each.rates.fpir <= each.fpir_max
        assert each.rates.false_positives == (found.top >= each.rates.threshold).sum()
        assert each.rates.misses == found.mate.size - found.hits(each.rates.threshold).sum()
        assert each.supported is (each.fpir_max >= 3 / found.top.size)
    for rates in (*(each.rates for each in told.at_fpir), told.at_thresholds):
        assert rates.fnir == pytest.approx(rates.misses / found.mate.size)
        assert rates.fpir == pytest.approx(rates.false_positives / found.top.size)
        assert rates.fnir_ci[0] <= rates.fnir <= rates.fnir_ci[1]
        assert rates.fpir_ci[0] <= rates.fpir <= rates.fpir_ci[1]


def test_a_draw_without_anybody_enrolled_tells_nothing():
    """Of two enrolled among nine, many draws have neither."""
    embeddings, people = faces([4, 4, *[1] * 7])
    told = identification(searched(embeddings, people), Thresholds(), replicates=100)
    assert told.at_thresholds.fnir == 0.0
    assert told.at_thresholds.fnir_ci[0] == 0.0


def test_the_margin_turns_a_near_miss_into_none():
    embeddings, people = faces([4, 4, 4], spread=0.05)
    found = searched(embeddings, people)
    assert found.hits(0.5, 0.08).all()
    assert not found.hits(0.5, 1.9).any()
    assert found.alarms(-1.0).all()
    assert not found.alarms(-1.0, 2.1).any()
