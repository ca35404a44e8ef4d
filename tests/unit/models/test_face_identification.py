"""Who stands at a door, of several looks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.face.gallery import Answer, Gallery, GalleryMismatch, Identification, Outcome
from models.face.identification import Sightings
from models.face.look import Embedding, Look, Poor
from models.face.opinion import Finding
from models.face.thresholds import Thresholds

SIZE = 8
EXACT = Thresholds(uncertain_min=0.375, verify_min=0.4375, identify_min=0.5, margin_min=0.125)
GALLERY = Gallery("ab" * 32, ["ada", "bo"], np.eye(SIZE, dtype=np.float32)[:2])
NOBODY = Gallery("ab" * 32, [], np.empty((0, SIZE), np.float32))


def scoring(ada: float, bo: float) -> Embedding:
    face = np.zeros(SIZE, np.float32)
    face[:2] = ada, bo
    face[-1] = np.sqrt(1.0 - float(face @ face))
    return face


def look(embedding: Embedding | None, poor: Poor | None = None) -> Look:
    return Look(faces=(), face=None, poor=poor, embedding=embedding)


LOOKS = {
    "A": look(scoring(0.75, 0.125)),
    "B": look(scoring(0.125, 0.5)),
    "a": look(scoring(0.4375, 0.0)),
    "b": look(scoring(0.0, 0.4375)),
    "2": look(scoring(0.625, 0.625)),
    "?": look(scoring(0.25, 0.25)),
    ".": look(None, Poor.BLURRED),
    "-": look(None),
    "0": look(None, Poor.NO_FACE),
    "+": look(None, Poor.SEVERAL_FACES),
}
"""A, B: surely Ada, Bo; a, b: in the uncertain band; 2: like both; ?: like none; . - poor; 0 + begin anew."""


def after(letters: str, thresholds: Thresholds = EXACT, gallery: Gallery = GALLERY) -> Sightings:
    sightings = Sightings(thresholds)
    for letter in letters:
        sightings = sightings.seen(LOOKS[letter], gallery)
    return sightings


CASES = [
    ("", None, None),
    ("AA", None, None),
    ("AAA", Outcome.IDENTIFIED, "ada"),
    ("A.A-A", Outcome.IDENTIFIED, "ada"),
    ("?BAAA", Outcome.IDENTIFIED, "ada"),
    ("AA0A", None, None),
    ("AAA0", None, None),
    ("AA+AAA", Outcome.IDENTIFIED, "ada"),
    ("AAa", Outcome.SECOND_FACTOR, "ada"),
    ("bbb", Outcome.SECOND_FACTOR, "bo"),
    ("AAB", Outcome.UNCERTAIN, None),
    ("AAb", Outcome.UNCERTAIN, None),
    ("AA?", Outcome.UNCERTAIN, None),
    ("AA2", Outcome.UNCERTAIN, None),
    ("222", Outcome.UNCERTAIN, None),
    ("2??", Outcome.UNCERTAIN, None),
    ("???", Outcome.UNKNOWN, None),
    ("AAA???", Outcome.UNKNOWN, None),
]


@pytest.mark.parametrize(("letters", "outcome", "person"), CASES)
def test_the_last_looks_say_together(letters: str, outcome: Outcome | None, person: str | None) -> None:
    agreed = after(letters).agreed()
    assert (agreed and agreed.outcome, agreed and agreed.person) == (outcome, person)


def test_the_weakest_look_stands_for_all() -> None:
    wanted = Identification(outcome=Outcome.SECOND_FACTOR, person="ada", score=0.4375, runner_up=0.125)
    assert after("AaA").agreed() == wanted


def test_among_many_people_no_number_of_looks_identifies() -> None:
    agreed = after("AAAAAA", Thresholds(one_to_many_max=1)).agreed()
    assert agreed is not None
    assert (agreed.outcome, agreed.person) == (Outcome.SECOND_FACTOR, "ada")


def test_nobody_is_in_an_empty_gallery() -> None:
    assert after("AAA", gallery=NOBODY).agreed() == Identification(outcome=Outcome.EMPTY)
    alone = Gallery("ab" * 32, ["ada"], np.eye(SIZE, dtype=np.float32)[:1])
    assert after("AAA", gallery=alone).agreed() == Identification(
        outcome=Outcome.IDENTIFIED, person="ada", score=0.75, runner_up=None
    )


@given(st.text(alphabet=list(LOOKS), max_size=40), st.integers(1, 5))
def test_a_person_is_named_only_where_each_of_the_last_looks_names_them(letters: str, frames: int) -> None:
    sightings = after(letters, Thresholds(frames_min=frames))
    assert len(sightings.recent) <= frames
    stay = letters.replace("+", "0").rsplit("0", 1)[-1].replace(".", "").replace("-", "")
    last, agreed = stay[-frames:], sightings.agreed()
    if len(stay) < frames:
        assert agreed is None
        return
    assert agreed is not None
    assert (agreed.person == "ada") == (set(last) <= set("Aa"))
    assert (agreed.person == "bo") == (set(last) <= set("Bb"))
    assert (agreed.outcome is Outcome.IDENTIFIED) == (len(set(last)) == 1 and last[0] in "AB")
    assert (agreed.outcome is Outcome.UNKNOWN) == (set(last) == {"?"})


@given(st.text(alphabet=list(LOOKS), max_size=20))
def test_poor_looks_count_for_nothing(letters: str) -> None:
    assert after(letters) == after(letters.replace(".", "").replace("-", ""))


def test_a_poor_look_that_has_an_embedding_still_counts_for_nothing() -> None:
    sightings = after("AA").seen(look(scoring(0.75, 0.125), Poor.TILTED), GALLERY)
    assert sightings.agreed() is None


def test_embeddings_of_another_model_are_never_compared() -> None:
    with pytest.raises(GalleryMismatch):
        Sightings(EXACT).seen(look(np.eye(16, dtype=np.float32)[0]), GALLERY)


def test_l13_no_answer_is_a_leave_to_pass() -> None:
    """A face names somebody or agrees with a claim; whoever may pass is decided elsewhere."""
    words = {each.value for each in (*Outcome, *Answer, *Finding)}
    granting = (
        "grant",
        "open",
        "admit",
        "allow",
        "pass",
        "release",
        "permit",
        "accept",
        "unlock",
        "enter",
        "ok",
    )
    assert not [word for word in words for part in granting if part in word.split("_")]
