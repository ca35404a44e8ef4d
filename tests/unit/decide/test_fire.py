"""The debounced fire contact."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge.decide import fire
from edge.decide.evidence import FireInput

INPUTS_S_MAX = 5.0


def play(samples, loop=None, now_s=0.0):
    """Feed ``(wait_s, active)``; a tick whenever the loop asks for one."""
    loop = loop or fire.FireLoop(read_s=now_s)
    for wait_s, active in samples:
        until_s = now_s + wait_s
        for _ in range(10):
            due_s = fire.due_s(loop, INPUTS_S_MAX)
            if due_s is None or due_s > until_s:
                break
            now_s = max(now_s, due_s)
            loop = fire.aged(loop, now_s, INPUTS_S_MAX)
        now_s = until_s
        loop = fire.aged(fire.read(loop, active, now_s), now_s, INPUTS_S_MAX)
    return loop, now_s


def test_two_samples_settle_every_reading():
    for active, settled in fire.READING.items():
        loop, _ = play([(0, active), (0.05, active)])
        assert loop.settled is settled


def test_one_sample_of_normal_settles_nothing():
    loop, now_s = play([(0, False)])
    assert fire.aged(loop, now_s + 1.0, INPUTS_S_MAX).settled is None
    assert not fire.quiet(loop)


def test_one_open_loop_that_stays_is_trouble():
    loop, now_s = play([(0, False), (0.1, False), (1, None)])
    assert loop.settled is FireInput.NORMAL
    due_s = fire.due_s(loop, INPUTS_S_MAX)
    assert due_s is not None
    assert due_s == now_s + fire.DEBOUNCE_S
    assert fire.aged(loop, due_s, INPUTS_S_MAX).settled is FireInput.TROUBLE


def test_flicker_is_trouble_and_two_agreeing_samples_end_it():
    loop, now_s = play([(0, False), (0.1, False), *[(0.1, True), (0.1, False)] * 4])
    assert loop.settled is FireInput.TROUBLE
    loop, _ = play([(0.1, False), (0.1, False)], loop, now_s)
    assert loop.settled is FireInput.NORMAL
    assert fire.quiet(loop)


def test_flicker_is_noticed_without_another_sample():
    loop, now_s = play([(0, False), (0.1, True), (0.1, False), (0.1, True)])
    assert loop.settled is None
    due_s = fire.due_s(loop, INPUTS_S_MAX)
    assert due_s is not None
    assert due_s == fire.FLICKER_S
    assert due_s > now_s
    assert fire.aged(loop, due_s, INPUTS_S_MAX).settled is FireInput.TROUBLE


def test_silence_is_trouble_and_then_asks_for_nothing_more():
    loop, now_s = play([(0, False), (0.1, False)])
    lost = fire.aged(loop, now_s + INPUTS_S_MAX, INPUTS_S_MAX)
    assert lost.settled is FireInput.TROUBLE
    assert fire.due_s(lost, INPUTS_S_MAX) is None


def test_an_alarm_that_falls_silent_is_an_alarm_first():
    loop, _ = play([(0, False), (0.1, False), (1, True)])
    lost = fire.lost(loop)
    assert lost.settled is FireInput.ALARM
    assert fire.lost(lost).settled is FireInput.TROUBLE


def test_a_settled_alarm_whose_line_breaks_is_trouble():
    loop, _ = play([(0, True), (0.1, True)])
    assert fire.lost(loop).settled is FireInput.TROUBLE


SAMPLES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.29, 0.3, 1.0, 4.9, 6.0]), st.sampled_from([True, False, None])
    ),
    min_size=1,
    max_size=30,
)


@given(SAMPLES)
def test_whatever_comes_a_lasting_alarm_is_settled_in_time(samples):
    loop, now_s = play([*samples, (0.05, True)])
    for _ in range(4):
        due_s = fire.due_s(loop, INPUTS_S_MAX)
        if due_s is None or due_s > now_s + 0.5:
            break
        now_s = max(now_s, due_s)
        loop = fire.aged(loop, now_s, INPUTS_S_MAX)
    assert loop.settled is FireInput.ALARM


@given(SAMPLES)
def test_normal_always_takes_two_samples(samples):
    loop, _ = play(samples)
    agreed = any(one is False and two is False for (_, one), (_, two) in pairwise(samples))
    assert loop.settled is not FireInput.NORMAL or agreed
