"""APCER by species, BPCER, and what got no answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.binomial import interval
from models.face.evaluation.liveness import BONA_FIDE, Presentation, liveness_rates

presentations = st.lists(
    st.builds(
        Presentation,
        st.sampled_from([BONA_FIDE, "paper", "screen"]),
        st.none() | st.sampled_from([0.0, 0.5, 0.8, 1.0]),
        st.sampled_from(["too_close", "no_face", None]),
    )
)


@given(presentations, st.sampled_from([0.5, 0.8]))
def test_every_presentation_is_counted_once_on_its_side(shown, live_min):
    told = liveness_rates(shown, live_min)
    kinds = [*([] if told.bona_fide is None else [told.bona_fide]), *told.attacks]
    assert {kind.name for kind in kinds} == {each.kind for each in shown}
    assert [kind.name for kind in told.attacks] == sorted(kind.name for kind in told.attacks)
    for kind in kinds:
        own = [each for each in shown if each.kind == kind.name]
        lives = [each.live for each in own if each.live is not None]
        alive = sum(live >= live_min for live in lives)
        assert (kind.presentations, kind.answered) == (len(own), len(lives))
        assert kind.errors == (len(lives) - alive if kind.name == BONA_FIDE else alive)
        assert kind.non_response == pytest.approx(1 - len(lives) / len(own))
        assert sum(count for _, count in kind.reasons) == len(own) - len(lives)
        assert kind.non_response_ci == interval(len(own) - len(lives), len(own))
        if lives:
            assert kind.rate == kind.errors / len(lives)
            assert kind.rate_ci == interval(kind.errors, len(lives))
        else:
            assert (kind.rate, kind.rate_ci) == (None, None)
    answered = [each.rate for each in told.attacks if each.rate is not None]
    assert (told.worst.rate if told.worst else None) == max(answered, default=None)


def test_why_there_was_no_answer_is_kept():
    shown = [
        Presentation("paper", None, "too_close"),
        Presentation("paper", None),
        Presentation("paper", 0.9),
    ]
    (paper,) = liveness_rates(shown, 0.8).attacks
    assert paper.reasons == (("no answer", 1), ("too_close", 1))
    assert (paper.rate, paper.non_response) == (1.0, pytest.approx(2 / 3))
