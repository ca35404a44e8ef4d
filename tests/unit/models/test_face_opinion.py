"""The second opinion: every order of looks, and what never counts."""

import itertools
import statistics
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.face.gallery import GalleryMismatch
from models.face.look import Embedding, Look, Poor
from models.face.opinion import ADVICE, LOOKS_MAX, Advice, Finding, Opinion, begin, of_snapshot
from models.face.thresholds import FRAMES_MAX, Thresholds

SIZE = 8
CLAIMED = np.eye(SIZE, dtype=np.float32)[0]
BAND = Thresholds(uncertain_min=0.25, verify_min=0.5, identify_min=0.5, frames_min=3, live_frames_min=5)


def scoring(score: float) -> Embedding:
    face = np.zeros(SIZE, np.float32)
    face[0], face[1] = score, np.sqrt(1.0 - score * score)
    return face


def look(
    score: float | None, live: float | None = None, *, tight: bool = False, poor: Poor | None = None
) -> Look:
    embedding = None if score is None else scoring(score)
    return Look(faces=(), face=None, poor=poor, embedding=embedding, live=live, too_close=tight)


LOOKS = {
    "Y": look(0.75, 1.0),
    "y": look(0.75),
    "F": look(0.75, 0.25),
    "t": look(0.75, tight=True),
    "T": look(0.75, 1.0, tight=True),
    "U": look(0.375, 1.0),
    "N": look(0.125, 1.0),
    "n": look(0.125, 0.25),
    "x": look(0.125, tight=True),
    ".": look(None, poor=Poor.BLURRED),
    "-": look(None),
    ":": look(0.75, 1.0, poor=Poor.DARK),
    ";": look(0.125, 0.0, poor=Poor.FLAT),
    "c": look(None, tight=True, poor=Poor.CUT_OFF),
}
"""Y y: like the claimed person, live or not looked at; F: like a picture of them; t T: too tight; U: between;
N n: somebody else, live or not; x: somebody else, too tight; . - : ; poor, whatever else they carry; c: cut
off.
"""
SCORE = {
    "Y": 0.75,
    "y": 0.75,
    "F": 0.75,
    "t": 0.75,
    "T": 0.75,
    "U": 0.375,
    "N": 0.125,
    "n": 0.125,
    "x": 0.125,
}
LIVE = {"Y": 1.0, "F": 0.25, "U": 1.0, "N": 1.0, "n": 0.25}
TIGHT = "tTxc"
LETTERS = st.text(alphabet=list(LOOKS), max_size=LOOKS_MAX + 10)


def after(letters: Iterable[str], thresholds: Thresholds = BAND) -> Opinion:
    opinion = begin(CLAIMED, thresholds)
    for letter in letters:
        opinion = opinion.seen(LOOKS[letter])
    return opinion


def by_definition(letters: str, thresholds: Thresholds) -> Finding:
    """The same, written of all looks at once."""
    scores = [SCORE[letter] for letter in letters if letter in SCORE]
    live = [LIVE[letter] for letter in letters if letter in LIVE]
    tight = sum(letter in TIGHT for letter in letters)
    enough = len(scores) >= thresholds.frames_min
    if enough and all(score < thresholds.uncertain_min for score in scores):
        return Finding.CONTRADICTS
    if len(live) < thresholds.live_frames_min:
        missed = tight > 0 and len(live) + tight >= thresholds.live_frames_min
        return Finding.TOO_CLOSE if missed else Finding.UNCERTAIN
    if statistics.fmean(live) < thresholds.live_min:
        return Finding.NOT_LIVE
    matching = [score for score in scores if score >= thresholds.verify_min]
    agrees = len(matching) >= thresholds.frames_min
    return (
        Finding.AGREES
        if agrees and statistics.median_low(scores) >= thresholds.verify_min
        else Finding.UNCERTAIN
    )


CASES = [
    ("", None, Finding.UNCERTAIN),
    ("YYYY", None, Finding.UNCERTAIN),
    ("YYYYY", Finding.AGREES, Finding.AGREES),
    ("yyyyyyyyyy", None, Finding.UNCERTAIN),
    ("NYYYYY", Finding.AGREES, Finding.AGREES),
    ("Y.Y-Y:Y;Y", Finding.AGREES, Finding.AGREES),
    ("YYNNUU", None, Finding.UNCERTAIN),
    ("YYYNN", Finding.AGREES, Finding.AGREES),
    ("YYNNNY", None, Finding.UNCERTAIN),
    ("YYNNNYY", Finding.AGREES, Finding.AGREES),
    ("NN", None, Finding.UNCERTAIN),
    ("NNN", Finding.CONTRADICTS, Finding.CONTRADICTS),
    ("xxx", Finding.CONTRADICTS, Finding.CONTRADICTS),
    ("NNNYYYYYYY", Finding.CONTRADICTS, Finding.CONTRADICTS),
    ("NNUNNN", None, Finding.UNCERTAIN),
    ("UUUUUU", None, Finding.UNCERTAIN),
    ("FFFFF", None, Finding.NOT_LIVE),
    ("FFFFFFFFFF", Finding.NOT_LIVE, Finding.NOT_LIVE),
    ("FYYYYY", Finding.AGREES, Finding.AGREES),
    ("FYYY", None, Finding.UNCERTAIN),
    ("tttt", None, Finding.UNCERTAIN),
    ("ttttt", None, Finding.TOO_CLOSE),
    ("TTTTT", None, Finding.TOO_CLOSE),
    ("ccccc", None, Finding.TOO_CLOSE),
    ("ttYYY", None, Finding.TOO_CLOSE),
    ("tttttYYYYY", Finding.AGREES, Finding.AGREES),
    ("..........", None, Finding.UNCERTAIN),
    (";;;;;", None, Finding.UNCERTAIN),
    (":::::", None, Finding.UNCERTAIN),
]


@pytest.mark.parametrize(("letters", "verdict", "end"), CASES)
def test_looks_say(letters: str, verdict: Finding | None, end: Finding) -> None:
    opinion = after(letters)
    assert (opinion.verdict, opinion.at_the_end()) == (verdict, end)


SMALL = Thresholds(uncertain_min=0.25, verify_min=0.5, identify_min=0.5, frames_min=2, live_frames_min=2)


@pytest.mark.search
@pytest.mark.parametrize("length", range(5))
def test_all_short_series_of_looks_say_what_the_definition_says(length: int) -> None:
    for letters in itertools.product("YyFtUNn.", repeat=length):
        opinion = begin(CLAIMED, SMALL)
        for count, letter in enumerate(letters, 1):
            before, opinion = opinion, opinion.seen(LOOKS[letter])
            if before.verdict is not None:
                assert opinion is before
                break
            assert opinion.at_the_end() is by_definition("".join(letters[:count]), SMALL)
            assert opinion.verdict in {None, opinion.at_the_end()}


@given(LETTERS, st.integers(1, FRAMES_MAX), st.integers(1, FRAMES_MAX))
def test_any_series_of_looks_says_what_the_definition_says(letters: str, frames: int, live: int) -> None:
    thresholds = Thresholds(
        uncertain_min=0.25, verify_min=0.5, identify_min=0.5, frames_min=frames, live_frames_min=live
    )
    opinion = after(letters, thresholds)
    assert opinion.looks <= LOOKS_MAX
    assert opinion.at_the_end() is by_definition(letters[: opinion.looks], thresholds)
    if opinion.looks < len(letters):
        assert opinion.verdict is opinion.at_the_end()


@given(LETTERS, st.randoms(use_true_random=False))
def test_before_a_verdict_the_order_of_looks_is_nothing(letters: str, order) -> None:
    shuffled = list(letters)
    order.shuffle(shuffled)
    one, other = after(letters), after(shuffled)
    if one.verdict is None and other.verdict is None:
        assert one.at_the_end() is other.at_the_end()
        assert (one.score, one.liveness, one.too_close, one.advice) == (
            other.score, other.liveness, other.too_close, other.advice,
        )  # fmt: skip


@given(st.text(alphabet=list(LOOKS), max_size=20), st.lists(st.integers(0, 20), max_size=20))
def test_poor_looks_count_neither_for_nor_against(letters: str, places: list[int]) -> None:
    mixed = list(letters)
    for number, place in enumerate(places):
        mixed.insert(place, ".-:;"[number % 4])
    one, other = after(letters), after(mixed)
    assert (one.scores, one.live, one.verdict) == (other.scores, other.live, other.verdict)
    assert one.at_the_end() is other.at_the_end()


@given(LETTERS)
def test_evidence_only_grows_and_a_verdict_stays(letters: str) -> None:
    opinion = begin(CLAIMED, BAND)
    for letter in letters:
        before, opinion = opinion, opinion.seen(LOOKS[letter])
        assert opinion.scores[: len(before.scores)] == before.scores
        assert opinion.live[: len(before.live)] == before.live
        assert opinion.too_close >= before.too_close
        assert opinion.looks == before.looks + (before.verdict is None)
        if before.verdict is not None:
            assert opinion.verdict is before.verdict


@given(LETTERS)
def test_nothing_agrees_or_contradicts_without_its_evidence(letters: str) -> None:
    opinion = after(letters)
    found = opinion.at_the_end()
    if found is Finding.AGREES:
        assert sum(score >= BAND.verify_min for score in opinion.scores) >= BAND.frames_min
        assert opinion.score is not None
        assert opinion.score >= BAND.verify_min
        assert opinion.liveness is not None
        assert opinion.liveness >= BAND.live_min
        assert len(opinion.live) >= BAND.live_frames_min
    if found is Finding.CONTRADICTS:
        assert len(opinion.scores) >= BAND.frames_min
        assert max(opinion.scores) < BAND.uncertain_min
    if found is Finding.NOT_LIVE:
        assert len(opinion.live) >= BAND.live_frames_min
    if found is Finding.TOO_CLOSE:
        assert opinion.too_close > 0
        assert len(opinion.live) < BAND.live_frames_min


@pytest.mark.parametrize(("letter", "found"), [(".", Finding.UNCERTAIN), ("t", Finding.TOO_CLOSE)])
def test_looking_comes_to_an_end(letter: str, found: Finding) -> None:
    assert after(letter * (LOOKS_MAX - 1)).verdict is None
    last = after(letter * LOOKS_MAX)
    assert last.verdict is found
    assert last.seen(LOOKS["Y"]) is last


def test_a_verdict_can_always_be_reached_within_the_looks_there_are() -> None:
    """The strictest thresholds ask for no more looks than are taken."""
    strict = Thresholds(frames_min=FRAMES_MAX, live_frames_min=FRAMES_MAX)
    assert after("Y" * FRAMES_MAX, strict).verdict is Finding.AGREES
    assert after("n" * FRAMES_MAX, strict).verdict is Finding.CONTRADICTS
    assert after("F" * 2 * FRAMES_MAX, strict).verdict is Finding.NOT_LIVE
    assert 2 * FRAMES_MAX <= LOOKS_MAX


@pytest.mark.parametrize("live", [float("nan"), float("inf"), -0.25, 1.5])
def test_what_is_no_liveness_tells_nothing(live: float) -> None:
    opinion = begin(CLAIMED, BAND)
    for _ in range(12):
        opinion = opinion.seen(look(0.75, live))
    assert (opinion.live, opinion.verdict, opinion.at_the_end()) == ((), None, Finding.UNCERTAIN)


@pytest.mark.parametrize(("live", "found"), [(0.8, Finding.AGREES), (0.79, Finding.NOT_LIVE)])
def test_liveness_is_the_mean(live: float, found: Finding) -> None:
    opinion = begin(CLAIMED, BAND)
    for each in (live - 0.2, live + 0.2, live - 0.1, live + 0.1, live):
        opinion = opinion.seen(look(0.75, each))
    assert opinion.liveness == pytest.approx(live)
    assert opinion.at_the_end() is found


def test_an_opinion_tells_its_score_and_liveness() -> None:
    fresh = begin(CLAIMED, BAND)
    assert (fresh.score, fresh.liveness, fresh.advice) == (None, None, None)
    assert (after("YU").score, after("YYU").score, after("YYYY").liveness) == (0.375, 0.75, None)
    assert after("YYYFU").liveness == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("letters", "advice"),
    [("Y", None), ("..c", Advice.HOLD_STILL), ("tc.", Advice.STEP_BACK), (":;.", Advice.MORE_LIGHT)],
)
def test_people_are_told_what_would_help_most(letters: str, advice: Advice | None) -> None:
    assert after(letters).advice is advice


def test_there_is_advice_for_every_shortcoming() -> None:
    assert set(ADVICE) == set(Poor)
    assert set(ADVICE.values()) == set(Advice)


@pytest.mark.parametrize(
    ("letter", "found"),
    [
        ("y", Finding.AGREES),
        ("F", Finding.AGREES),
        ("t", Finding.AGREES),
        ("U", Finding.UNCERTAIN),
        ("N", Finding.CONTRADICTS),
        *((poor, Finding.UNCERTAIN) for poor in ".-:;c"),
    ],
)
def test_one_still_of_a_terminal_says(letter: str, found: Finding) -> None:
    """It has judged liveness by itself."""
    assert of_snapshot(CLAIMED, LOOKS[letter], BAND) is found


def test_embeddings_of_another_model_are_never_compared() -> None:
    other = Look(faces=(), face=None, embedding=np.eye(16, dtype=np.float32)[0])
    with pytest.raises(GalleryMismatch):
        begin(CLAIMED, BAND).seen(other)
    with pytest.raises(GalleryMismatch):
        of_snapshot(CLAIMED, other, BAND)
