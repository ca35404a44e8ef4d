"""Epochs, take-over and clones (SAFETY.md R8)."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.epochs import (
    ADMITS,
    EPOCHS_MAX,
    MOVES,
    Epoch,
    Epochs,
    Incumbent,
    Move,
    Standing,
)

LIMIT_S = 600.0


def test_the_first_epoch_begins():
    move, epochs = Epochs().hear("a", 0.0, LIMIT_S)
    assert (move, epochs.active) == (Move.BEGIN, Epoch("a", 1, Standing.ACTIVE))


def test_the_same_epoch_goes_on_however_long_it_was_silent():
    _, epochs = Epochs().hear("a", 0.0, LIMIT_S)
    assert epochs.hear("a", 1e9, LIMIT_S) == (Move.ACCEPT, epochs)


def test_a_second_epoch_while_the_first_is_alive_is_fenced_and_stays_so():
    _, epochs = Epochs().hear("a", 0.0, LIMIT_S)
    move, epochs = epochs.hear("b", LIMIT_S - 1, LIMIT_S)
    assert move is Move.FENCE
    assert epochs.active == Epoch("a", 1, Standing.ACTIVE)
    assert epochs.hear("b", 1e9, LIMIT_S) == (Move.REFUSE, epochs)


def test_a_second_epoch_takes_over_from_a_silent_one_whose_return_is_a_clone():
    _, epochs = Epochs().hear("a", 0.0, LIMIT_S)
    move, epochs = epochs.hear("b", LIMIT_S, LIMIT_S)
    assert (move, epochs.active) == (Move.TAKE_OVER, Epoch("b", 2, Standing.ACTIVE))
    for silent_s in (0.0, 1e9):
        move, after = epochs.hear("a", silent_s, LIMIT_S)
        assert move is Move.FENCE
        assert after.active == epochs.active


def test_an_approved_epoch_speaks_and_the_one_before_does_not():
    _, epochs = Epochs().hear("a", 0.0, LIMIT_S)
    _, epochs = epochs.hear("b", 0.0, LIMIT_S)
    epochs = epochs.approve("b")
    assert epochs.hear("b", 0.0, LIMIT_S)[0] is Move.ACCEPT
    assert epochs.hear("a", 0.0, LIMIT_S)[0] is Move.FENCE
    with pytest.raises(KeyError):
        epochs.approve("nobody")


def test_strangers_are_not_remembered_without_end():
    _, epochs = Epochs().hear("a", 0.0, LIMIT_S)
    for number in range(2 * EPOCHS_MAX):
        move, epochs = epochs.hear(f"clone-{number}", 0.0, LIMIT_S)
        assert move not in ADMITS
    assert len(epochs.known) == EPOCHS_MAX


def test_every_case_that_can_be_has_a_move():
    possible = {
        (standing, incumbent)
        for standing, incumbent in itertools.product((None, *Standing), Incumbent)
        if not (standing is Standing.ACTIVE and incumbent is Incumbent.NONE)
    }
    assert set(MOVES) == possible


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from((0.0, LIMIT_S - 1, LIMIT_S, 1e9)), st.booleans())
    )
)
def test_one_outbox_speaks_at_a_time_and_a_fenced_one_never(steps):
    epochs, fenced = Epochs(), set()
    for name, silent_s, approved in steps:
        if approved and epochs.find(name) is not None:
            epochs = epochs.approve(name)
            fenced.discard(name)
        move, after = epochs.hear(name, silent_s, LIMIT_S)
        assert not (move in ADMITS and name in fenced)
        if move is Move.FENCE:
            fenced.add(name)
        active = [e for e in after.known if e.standing is Standing.ACTIVE]
        assert len(active) == 1
        assert (active[0].name == name) == (move in ADMITS)
        assert [e.number for e in after.known] == list(range(1, len(after.known) + 1))
        epochs = after
