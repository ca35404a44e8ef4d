"""Searches among all (1:N) and comparisons with one (1:1)."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.face.gallery import (
    FILING_PEOPLE,
    WARN_PEOPLE,
    Answer,
    Gallery,
    GalleryMismatch,
    GallerySize,
    Identification,
    Outcome,
    answer,
    gallery_size,
    score,
    verify,
)
from models.face.look import Embedding
from models.face.thresholds import Thresholds

MODEL = "ab" * 32
SIZE = 8
SEEDS = st.integers(0, 2**32 - 1)
EXACT = Thresholds(uncertain_min=0.375, verify_min=0.4375, identify_min=0.5, margin_min=0.125)
"""Numbers that single precision holds exactly."""


def rows(seed: int, count: int, size: int = SIZE) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal((count, size))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def of_axes(count: int) -> Gallery:
    """Person k lies along axis k, so that a face's numbers are its scores."""
    return Gallery(MODEL, [f"p{k}" for k in range(count)], np.eye(SIZE, dtype=np.float32)[:count])


def scoring(*scores: float) -> Embedding:
    """A face with these scores; the rest of its length lies along the last axis."""
    face = np.zeros(SIZE, np.float32)
    face[: len(scores)] = scores
    face[-1] = np.sqrt(1.0 - float(face @ face))
    return face


@given(SEEDS, st.integers(1, 40))
def test_the_nearest_and_the_next_are_those_that_sorting_finds(seed: int, count: int) -> None:
    templates, face = rows(seed, count), rows(seed + 1, 1)[0]
    people = [f"p{k}" for k in range(count)]
    nearest = Gallery(MODEL, people, templates).nearest(face)
    ranked = sorted(
        ((float(row @ face), who) for row, who in zip(templates, people, strict=True)), reverse=True
    )
    assert nearest is not None
    assert nearest.score == pytest.approx(ranked[0][0], abs=1e-6)
    assert nearest.person in {who for value, who in ranked if value > nearest.score - 1e-6}
    if count == 1:
        assert nearest.runner_up is None
    else:
        assert nearest.runner_up == pytest.approx(ranked[1][0], abs=1e-6)


@given(SEEDS, st.integers(2, 20), st.data())
def test_everybody_finds_themselves_whatever_the_order(seed: int, count: int, data: st.DataObject) -> None:
    templates = rows(seed, count, 64)
    order = data.draw(st.permutations(range(count)))
    gallery = Gallery(MODEL, [f"p{k}" for k in order], templates[order])
    for k in range(count):
        nearest = gallery.nearest(templates[k])
        assert nearest is not None
        assert (nearest.person, nearest.score) == (f"p{k}", pytest.approx(1.0, abs=1e-6))


CASES = [
    ((0.5, 0.375), Outcome.IDENTIFIED, "p0"),
    ((0.25, 0.75), Outcome.IDENTIFIED, "p1"),
    ((0.6875, 0.625), Outcome.UNCERTAIN, None),
    ((0.5, 0.5), Outcome.UNCERTAIN, None),
    ((0.4375, 0.25), Outcome.SECOND_FACTOR, "p0"),
    ((0.375, 0.25), Outcome.SECOND_FACTOR, "p0"),
    ((0.4375, 0.375), Outcome.UNCERTAIN, None),
    ((0.3125, 0.0), Outcome.UNKNOWN, None),
    ((-0.5, -0.5), Outcome.UNKNOWN, None),
]


@pytest.mark.parametrize(("scores", "outcome", "person"), CASES)
def test_one_look_says(scores: tuple[float, float], outcome: Outcome, person: str | None) -> None:
    found = of_axes(2).identify(scoring(*scores), EXACT)
    assert found == Identification(outcome=outcome, person=person, score=max(scores), runner_up=min(scores))


def test_who_is_alone_in_the_gallery_has_nobody_to_lead() -> None:
    found = of_axes(1).identify(scoring(0.5), EXACT)
    assert found == Identification(outcome=Outcome.IDENTIFIED, person="p0", score=0.5, runner_up=None)


@pytest.mark.parametrize(
    ("people_max", "outcome"),
    [(4, Outcome.IDENTIFIED), (3, Outcome.SECOND_FACTOR), (1, Outcome.SECOND_FACTOR)],
)
def test_among_many_people_a_second_factor_is_always_asked(people_max: int, outcome: Outcome) -> None:
    found = of_axes(4).identify(scoring(1.0), Thresholds(one_to_many_max=people_max))
    assert (found.outcome, found.person) == (outcome, "p0")


def test_nobody_is_in_an_empty_gallery() -> None:
    gallery = Gallery(MODEL, [], np.empty((0, SIZE), np.float32))
    assert len(gallery) == 0
    assert gallery.nearest(scoring(1.0)) is None
    assert gallery.identify(scoring(1.0), EXACT) == Identification(outcome=Outcome.EMPTY)


@given(SEEDS, st.integers(1, 6), st.floats(0.01, 0.6), st.floats(0.01, 0.3))
def test_a_person_is_named_only_by_a_lead_and_a_score(
    seed: int, count: int, uncertain: float, margin: float
) -> None:
    thresholds = Thresholds(uncertain_min=uncertain, verify_min=0.6, identify_min=0.7, margin_min=margin)
    found = Gallery(MODEL, [str(k) for k in range(count)], rows(seed, count, 3)).identify(
        rows(seed + 1, 1, 3)[0], thresholds
    )
    assert found.score is not None
    leads = found.runner_up is None or found.score - found.runner_up >= margin
    assert (found.person is not None) == (leads and found.score >= uncertain)
    assert (found.outcome is Outcome.IDENTIFIED) == (leads and found.score >= 0.7)
    assert (found.outcome is Outcome.UNKNOWN) == (found.score < uncertain)


def test_a_gallery_keeps_one_transposed_matrix_of_its_own() -> None:
    templates = rows(3, 5)
    gallery = Gallery(MODEL, list("abcde"), templates)
    templates[:] = 0.0
    assert gallery._templates.shape == (SIZE, 5)
    assert gallery._templates.flags.c_contiguous
    found = gallery.nearest(rows(3, 5)[2])
    assert found is not None
    assert found.person == "c"


def spoilt_row() -> np.ndarray:
    found = rows(4, 3)
    found[1, 2] = np.nan
    return found


WRONG_GALLERIES = [
    (["a", "b"], rows(4, 3), "for 2 people"),
    (["a", "b", "c"], rows(4, 3)[0], "shape"),
    (["a", "b", "a"], rows(4, 3), "twice"),
    (["a", "b", "c"], rows(4, 3) * 1.01, "length 1"),
    (["a", "b", "c"], spoilt_row(), "length 1"),
]


@pytest.mark.parametrize(("people", "templates", "message"), WRONG_GALLERIES)
def test_what_is_no_gallery_is_refused(people: list[str], templates: np.ndarray, message: str) -> None:
    with pytest.raises(GalleryMismatch, match=message) as caught:
        Gallery(MODEL, people, templates)
    assert isinstance(caught.value, ValueError)


NO_FACES = {
    "of another size": rows(5, 1, 16)[0],
    "of several": rows(5, 2),
    "too long": rows(5, 1)[0] * 2,
    "nothing": np.zeros(SIZE, np.float32),
    "unbounded": np.full(SIZE, np.inf, np.float32),
    "no number": np.full(SIZE, np.nan, np.float32),
}


@pytest.mark.parametrize("kind", NO_FACES)
def test_embeddings_of_other_models_and_what_is_none_are_never_compared(kind: str) -> None:
    with pytest.raises(GalleryMismatch, match="no embedding of 8 numbers"):
        of_axes(2).identify(NO_FACES[kind], EXACT)
    with pytest.raises(GalleryMismatch, match="not embeddings of one model"):
        verify(NO_FACES[kind], scoring(1.0), EXACT)
    with pytest.raises(GalleryMismatch, match="not embeddings of one model"):
        score(scoring(1.0), NO_FACES[kind])


def test_a_gallery_of_another_model_is_refused_by_name() -> None:
    of_axes(2).require_model(MODEL)
    with pytest.raises(GalleryMismatch, match="of model abababababab, faces are of cdcdcdcdcdcd"):
        of_axes(2).require_model("cd" * 32)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (1.0, Answer.MATCH),
        (0.4375, Answer.MATCH),
        (0.375, Answer.UNCERTAIN),
        (0.3125, Answer.NO_MATCH),
        (-1.0, Answer.NO_MATCH),
    ],
)
def test_a_comparison_with_one_person_says(value: float, wanted: Answer) -> None:
    person = np.eye(SIZE, dtype=np.float32)[0]
    assert verify(scoring(value), person, EXACT) is wanted
    assert score(scoring(value), person) == value


@given(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0))
def test_a_higher_score_never_says_less(low: float, high: float) -> None:
    assume(low <= high)
    order = [Answer.NO_MATCH, Answer.UNCERTAIN, Answer.MATCH]
    assert order.index(answer(low, EXACT)) <= order.index(answer(high, EXACT))


def test_what_is_no_score_is_uncertain() -> None:
    assert answer(float("nan"), EXACT) is Answer.UNCERTAIN


@pytest.mark.parametrize(
    ("people", "wanted"),
    [
        (0, None),
        (WARN_PEOPLE - 1, None),
        (WARN_PEOPLE, GallerySize.WARN),
        (FILING_PEOPLE - 1, GallerySize.WARN),
        (FILING_PEOPLE, GallerySize.FILING),
        (10 * FILING_PEOPLE, GallerySize.FILING),
    ],
)
def test_item_22_large_galleries_warn_and_then_are_filed(people: int, wanted: GallerySize | None) -> None:
    assert (WARN_PEOPLE, FILING_PEOPLE) == (80_000, 100_000)
    assert gallery_size(people) is wanted


def test_matching_loads_no_library_for_pictures() -> None:
    """The gateway keeps templates without a camera, and its memory is promised."""
    program = (
        "import sys, models.face.thresholds, models.face.template, models.face.protection;"
        "import models.face.gallery, models.face.identification, models.face.opinion;"
        "print([name for name in ('cv2', 'onnxruntime', 'onnx') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
