"""One template of several pictures."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.face.look import Embedding
from models.face.template import (
    PAIR_MIN,
    PICTURES_MIN,
    PicturesDisagree,
    TooFewPictures,
    is_embedding,
    mean_template,
)

SIZE = 64
SEEDS = st.integers(0, 2**32 - 1)


def direction(rng: np.random.Generator, size: int = SIZE) -> Embedding:
    vector = rng.standard_normal(size)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def pictures(rng: np.random.Generator, count: int, spread: float = 0.5) -> list[Embedding]:
    """Of one person: each ``spread`` away from a direction, so pairs have a cosine near 1/(1 + spread²)."""
    centre = direction(rng)
    found = [centre + spread * direction(rng) for _ in range(count)]
    return [(one / np.linalg.norm(one)).astype(np.float32) for one in found]


@given(SEEDS, st.integers(PICTURES_MIN, 8))
def test_the_template_is_the_mean_direction(seed: int, count: int) -> None:
    taken = pictures(np.random.default_rng(seed), count)
    template = mean_template(taken)
    total = np.sum(taken, axis=0, dtype=np.float64)
    assert template.dtype == np.float32
    assert is_embedding(template, SIZE)
    assert template == pytest.approx(total / np.linalg.norm(total), abs=1e-6)


@given(SEEDS, st.integers(PICTURES_MIN, 8), st.randoms(use_true_random=False))
def test_no_direction_is_nearer_to_all_and_their_order_is_nothing(seed: int, count: int, order: Any) -> None:
    rng = np.random.default_rng(seed)
    taken = pictures(rng, count)
    template = mean_template(taken)
    mean_score = float(np.mean([one @ template for one in taken]))
    for other in (*taken, direction(rng), (template + 0.1 * direction(rng))):
        unit = other / np.linalg.norm(other)
        assert mean_score >= float(np.mean([one @ unit for one in taken])) - 1e-6
    order.shuffle(taken)
    assert mean_template(taken) == pytest.approx(template, abs=1e-6)


@given(SEEDS, st.integers(PICTURES_MIN - 1, 7), st.data())
def test_the_picture_of_somebody_else_is_named(seed: int, count: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    taken = pictures(rng, count, spread=0.3)
    stranger = direction(rng)
    stranger -= taken[0] * float(stranger @ taken[0])
    at = data.draw(st.integers(0, count))
    taken.insert(at, (stranger / np.linalg.norm(stranger)).astype(np.float32))
    with pytest.raises(PicturesDisagree, match=f"picture {at + 1} is not like the others") as caught:
        mean_template(taken)
    assert caught.value.picture == at
    assert caught.value.score < PAIR_MIN


def test_two_people_with_two_pictures_each_are_no_template() -> None:
    """Each is like the mean of the others, so only pairs tell."""
    rng = np.random.default_rng(7)
    with pytest.raises(PicturesDisagree):
        mean_template([*pictures(rng, 2, spread=0.2), *pictures(rng, 2, spread=0.2)])


def test_pairs_are_as_alike_as_a_comparison_with_a_card_asks() -> None:
    first, second = np.eye(SIZE, dtype=np.float32)[:2]

    def like_first(cosine: float) -> Embedding:
        return (cosine * first + (1.0 - cosine**2) ** 0.5 * second).astype(np.float32)

    assert is_embedding(mean_template([first, first, like_first(PAIR_MIN + 0.001)]), SIZE)
    with pytest.raises(PicturesDisagree) as caught:
        mean_template([first, first, like_first(PAIR_MIN - 0.001)])
    assert caught.value.picture == 2


@pytest.mark.parametrize("count", range(PICTURES_MIN))
def test_too_few_pictures_are_no_template(count: int) -> None:
    with pytest.raises(TooFewPictures, match=f"{count} of at least {PICTURES_MIN} pictures"):
        mean_template(pictures(np.random.default_rng(1), count))


@pytest.mark.parametrize("spoilt", ["longer", "nan", "flat", "other size", "one more axis"])
def test_what_is_no_embedding_is_refused(spoilt: str) -> None:
    taken = pictures(np.random.default_rng(2), 3)
    taken[1] = {
        "longer": taken[1] * 2,
        "nan": np.where(np.arange(SIZE) == 3, np.nan, taken[1]).astype(np.float32),
        "flat": np.zeros(SIZE, np.float32),
        "other size": direction(np.random.default_rng(3), SIZE * 2),
        "one more axis": taken[1][np.newaxis],
    }[spoilt]
    with pytest.raises(ValueError, match="not of one model"):
        mean_template(taken)
