"""The whole portal machine at once, every event, odd waits and clocks that jump, against the same laws."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge.decide import portal, proof
from edge.decide.events import Booted, Event, OccupancyRead, Tick
from edge.decide.lock import Fitting, PortalState, Step

EVENTS: tuple[Event, ...] = (*proof.LOCK, *proof.LEAF, OccupancyRead(occupied=None), Tick())
WAITS_S = st.one_of(
    st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.5, 1.0, 5.0, 60.0, 86_400.0]),
    st.floats(0, 10, allow_nan=False),
)


class Portal(RuleBasedStateMachine):
    """A portal outside, and the machine inside it. A tick is sometimes on time and sometimes never comes."""

    @initialize(wired=st.booleans(), fitted=st.booleans(), began_s=st.floats(0, 1e6))
    def begin(self, *, wired: bool, fitted: bool, began_s: float):
        self.now_s = began_s
        self.fitting = Fitting(hardwired_fire_release=wired, fire_fitted=fitted)
        state, effects = portal.boot(portal.Kept.NOTHING, began_s, self.fitting)
        assert not effects
        self.world = proof.World(state)

    def _stepped(self, state: PortalState, event: Event, after_s: float) -> Step:
        return portal.step(state, event, self.now_s + after_s, self.fitting)

    def _take(self, event: Event, after_s: float):
        before = self.world
        state, effects = self._stepped(before.state, event, after_s)
        aged = proof._aged(before, state, event, after_s)
        after = replace(proof._actuated(aged, effects), disk=portal.kept(state))
        taken = proof.Taken(before, proof.Move(event, after_s), effects, after, self.fitting, self._stepped)
        for law, holds in proof.LAWS.items():
            assert holds(taken), law
        self.world, self.now_s = after, self.now_s + after_s

    @rule(event=st.sampled_from(EVENTS), after_s=WAITS_S)
    def happens(self, event: Event, after_s: float):
        self._take(event, after_s)

    @rule()
    def ticks_on_time(self):
        due_s = portal.next_due_s(self.world.state, self.fitting)
        if due_s is not None:
            self._take(Tick(), max(0.0, due_s - self.now_s))

    @rule(back_s=st.floats(0, 1e5))
    def clock_steps_back(self, back_s: float):
        state, _ = portal.step(self.world.state, Tick(), self.now_s - back_s, self.fitting)
        assert state.at_s == self.world.state.at_s
        assert state.phase is self.world.state.phase or state.at_s >= self.now_s

    @rule()
    def dies_and_starts_again(self):
        before = self.world
        kept = portal.kept(before.state)
        state, effects = portal.step(PortalState(), Booted(kept), self.now_s, self.fitting)
        after = replace(before, state=state, pulse_s=0.0, alarm_s=None)
        taken = proof.Taken(before, proof.Move(proof.Crash()), effects, after, self.fitting, self._stepped)
        for law, holds in proof.LAWS.items():
            assert holds(taken), law
        self.world = after

    @invariant()
    def a_tick_that_is_due_changes_when_the_next_is_due(self):
        """Otherwise the portal's task would spin."""
        state, fitting = self.world.state, self.fitting
        for _ in range(8):
            due_s = portal.next_due_s(state, fitting)
            if due_s is None or due_s > self.now_s:
                return
            state, _ = portal.step(state, Tick(), self.now_s, fitting)
        pytest.fail("ticks lead nowhere")


TestPortal = Portal.TestCase
TestPortal.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
