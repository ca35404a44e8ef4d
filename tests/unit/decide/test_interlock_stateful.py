"""The interlock with every input at once, odd waits and clocks that jump, against the same laws."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cardea.contract.zones import ZoneState
from edge.decide import interlock
from edge.decide import interlock_proof as proof
from edge.decide.hazards import UnitKind
from edge.decide.interlock_events import Booted, CutOutput, Event, LeaseConfirmed, Noted, RenewLease, Tick
from edge.decide.interlock_scenes import ALL_WELL, Scene, inputs_of, plan, scenes
from edge.decide.interlock_state import Interlock, kept
from edge.decide.samples import Sample

WAITS_S = st.one_of(st.sampled_from([0.0, 0.2, 0.5, 1.0, 1.5, 2.0]), st.floats(0, 3, allow_nan=False))
EVENTS: tuple[Event, ...] = tuple(
    event for event in proof._EVENTS if not isinstance(event, Noted | LeaseConfirmed)
)


class Zone(RuleBasedStateMachine):
    """A zone outside, and the machine inside it."""

    @initialize(unit=st.sampled_from(list(proof.CASES.values())), began_s=st.floats(0, 1e6))
    def begin(self, *, unit: UnitKind, began_s: float):
        self.now_s = began_s
        self.plan = plan(unit)
        self.scenes = scenes(self.plan)
        state, _ = interlock.step(Interlock(), Booted(), {}, began_s, self.plan)
        self.world = proof.World(state)

    def _take(self, event: Event, scene: Scene, after_s: float):
        before = self.world
        at_s = self.now_s + after_s
        told = proof.told(before.state, self.plan)
        readings = scene.readings(inputs_of(self.plan), told, at_s)
        truth = proof._truth(scene, self.plan)
        if isinstance(event, proof.StartOrdered):
            event = replace(event, until_s=at_s + event.until_s)
        state, effects = interlock.step(before.state, event, readings, at_s, self.plan)
        move = proof.Move(event, scene, after_s, truth)
        after = proof.observed(before, move, state, effects, self.plan)
        after = replace(after, disk=kept(state, self.plan))
        named = proof.Move(self._named(event), scene, after_s, truth)
        for law, holds in proof.LAWS.items():
            assert holds(proof.Taken(before, named, effects, after, self.plan)), law
        self.world, self.now_s = after, at_s
        for effect in effects:
            if isinstance(effect, RenewLease) and not isinstance(event, LeaseConfirmed):
                self._take(LeaseConfirmed(effect.output), scene, 0.0)

    @staticmethod
    def _named(event: Event) -> Event:
        """As the laws know it: by what it asks, not by when."""
        if isinstance(event, proof.StartOrdered):
            known = [each for each in proof._EVENTS if isinstance(each, proof.StartOrdered)]
            return next(
                (e for e in known[:2] if e.warrant == event.warrant and not event.cycles_today), known[2]
            )
        return event

    @rule(event=st.sampled_from(EVENTS), after_s=WAITS_S)
    def happens(self, event: Event, after_s: float):
        self._take(event, ALL_WELL, after_s)

    @rule(data=st.data(), after_s=WAITS_S)
    def shows(self, data: st.DataObject, after_s: float):
        self._take(Tick(), data.draw(st.sampled_from(self.scenes)), after_s)

    @rule(steps=st.integers(1, 6))
    def goes_well(self, steps: int):
        for _ in range(steps):
            self._take(Tick(), ALL_WELL, 0.5)
            warrant = self.world.state.warrant
            if self.world.state.phase is ZoneState.WARN and warrant is not None:
                self._take(Noted(warrant.cycle), ALL_WELL, 0.0)

    @rule()
    def starts_and_emits(self):
        self._take(proof.START, ALL_WELL, 0.0)
        self.goes_well(5)

    @rule(back_s=st.floats(0.01, 1e5))
    def clock_steps_back(self, back_s: float):
        """It stands still; and readings from a time that has not come are worth nothing."""
        told = proof.told(self.world.state, self.plan)
        readings = ALL_WELL.readings(inputs_of(self.plan), told, self.now_s)
        state, _ = interlock.step(self.world.state, Tick(), readings, self.now_s - back_s, self.plan)
        assert state.at_s == self.world.state.at_s

    @rule()
    def loop_hangs(self):
        """The readings are as old as the loop was away: nothing goes on."""
        told = proof.told(self.world.state, self.plan)
        readings = ALL_WELL.readings(inputs_of(self.plan), told, self.now_s)
        state, effects = interlock.step(self.world.state, Tick(), readings, self.now_s + 5.0, self.plan)
        assert state.phase not in proof.ENERGISED
        assert not any(isinstance(effect, RenewLease) for effect in effects)

    @rule(age_s=st.floats(0.0, 5.0), since_s=st.floats(0.0, 1e5))
    def any_sample_at_all(self, age_s: float, since_s: float):
        """Whatever an input says, no step fails."""
        odd = {name: Sample(float("nan"), self.now_s - age_s, since_s) for name in inputs_of(self.plan)}
        interlock.step(self.world.state, Tick(), odd, self.now_s, self.plan)

    @rule(readable=st.booleans())
    def dies_and_starts_again(self, *, readable: bool):
        before = self.world
        booted = Booted(before.disk if readable else None, readable)
        state, effects = interlock.step(Interlock(), booted, {}, self.now_s, self.plan)
        assert isinstance(effects[0], CutOutput)
        assert state.phase is ZoneState.LOCKOUT or (readable and before.disk is None)
        self.world = replace(
            before,
            state=state,
            owed=False,
            unbroken=False,
            contrary_s=None,
            low_s=None,
            lit_s=0.0,
            warned_s=0.0,
            stopped=before.emitted,
        )

    @invariant()
    def what_the_disk_must_know_is_what_may_have_been_on(self):
        state = self.world.state
        hot = state.phase in (*proof.HOT, ZoneState.STOPPING, ZoneState.LOCKOUT)
        assert (kept(state, self.plan) is not None) is hot


TestZone = Zone.TestCase
TestZone.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
