"""One portal: gather → check → decide → commit → actuate.

Two ways lead through it, and neither waits for the other. Facts about the door (fire, request-to-exit,
lockdown, leaf) step the portal machine at once, in the call that brings them. People coming in go through a
bounded inbox to the one task that gathers and decides. People going out are released first and recorded
afterwards (SAFETY.md L2, R6).
"""

import asyncio
from collections.abc import Mapping, Sequence

from cardea.contract.batches import Lane
from cardea.contract.encoding import encode
from cardea.contract.orders import OrderResult
from cardea.contract.reasons import Reason, RefusalReason
from cardea.contract.records import DeviceState, Mode, Outcome, Side
from cardea.runtime.logs import get_logger
from drivers.api import (
    Accepted,
    CredentialPresented,
    DeviceEvent,
    DoorMoved,
    FaceSeen,
    InputChanged,
    Observed,
    PassageObserved,
    Refused,
    TemperatureMeasured,
)
from edge.configuration.settings import DoorRef, Portal
from edge.decide import events as facts
from edge.decide import portal as machine
from edge.decide.decision import Decision, Effect, HoldReleased, ReleaseDoor
from edge.decide.evidence import Fresh
from edge.decide.lock import HELD, Fitting
from edge.faces.afterwards import FaceAfterwards
from edge.ids import record_id
from edge.portal.actuation import Actuation
from edge.portal.approaches import Case
from edge.portal.effects import Effects
from edge.portal.face_asked import FaceAsked
from edge.portal.gathering import Gathering, PersonScreened
from edge.portal.inputs import Inputs
from edge.portal.judge import Judge
from edge.portal.lock import Lock
from edge.portal.means import Means
from edge.portal.memory import Memory
from edge.portal.passages import Grant, Passages
from edge.portal.rows import exit_record, passage_record
from edge.portal.verdicts import Verdicts, answer_when

Verdict = Accepted | Refused
_LOG = get_logger("portal")


class PortalTask:
    """A portal as the gateway runs it."""

    def __init__(self, name: str, portal: Portal, means: Means) -> None:
        self._name = name
        self._portal = portal
        self._means = means
        self._case: Case | None = None
        self._actuation = Actuation(
            portal, means.drivers, means.submit, means.translator, means.clock, means.entropy
        )
        self._effects = Effects(name, self._actuation, means)
        self._lock = Lock(name, means.clock, means.notes, self._fitting, self._carry)
        self._inputs = Inputs(name, portal, means.alerts, means.notes, self._lock.step)
        self._passages = Passages()
        self._memory = Memory(name, portal, means.notes)
        self._afterwards = FaceAfterwards(name, means, self._effects.alarm)
        face = FaceAsked(name, portal, means, self._step_back, self._afterwards.let_in)
        judge = Judge(name, portal, face, self._lock, self._memory, means)
        self._verdicts = Verdicts(name, judge, self._decided, self._stalled, means)
        self._gathering = Gathering(name, portal, judge, face, self._verdicts, self._memory, means)

    async def run(self) -> None:
        """Serve the portal until cancelled."""
        self._lock.boot()
        self._inputs.boot()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._lock.run(), name=f"lock {self._name}")
                group.create_task(self._gathering.run(), name=f"approaches {self._name}")
                group.create_task(self._afterwards.run(), name=f"faces afterwards {self._name}")
        finally:
            await self._actuation.close()

    async def take(self, device: str, event: DeviceEvent) -> Verdict:
        """Take a device's event in; returns when it is durable, or at once where nothing need be."""
        match event:
            case InputChanged():
                self._input(device, event)
            case DoorMoved():
                self._leaf(device, event)
            case TemperatureMeasured():
                self._gathering.measured(device, event)
            case FaceSeen():
                self._gathering.faces_seen(device, event)
            case PassageObserved():
                return await self._passed(device, event)
            case CredentialPresented():
                return await self._presented(device, event)
            case _:
                pass
        return Accepted()

    def screened(self, screened: PersonScreened) -> None:
        """A thermal position of the ingress side has looked at somebody."""
        self._gathering.screened(screened)

    def awaits_mask(self, camera: str) -> bool:
        """Whether somebody stands before this camera of whom it is to be told whether they wear a mask."""
        return self._gathering.awaits_mask(camera)

    def device_changed(self, device: str, state: DeviceState) -> None:
        """A device of this portal came or went."""
        fire = self._portal.fire
        if state is DeviceState.MISCONFIGURED and fire is not None and fire.device == device:
            self._lock.step(facts.InputsStale())
        if state is DeviceState.ONLINE and device in self._actuation.devices:
            self._lock.step(facts.ActuatorReturned())

    def inside(self) -> int | None:
        """How many people are counted inside; ``None`` where leaving is not counted or a reader is away."""
        readers = (*self._portal.ingress.readers, *self._portal.egress.readers)
        away = any(self._means.state_of(reader) is not DeviceState.ONLINE for reader in readers)
        counted = self._memory.occupancy()
        return counted.value if isinstance(counted, Fresh) and not away else None

    def picture(self) -> Mapping[str, object]:
        """For ``cardea edge status``."""
        state = self._lock.state
        return {
            "phase": state.phase.value,
            "lockdown": state.lockdown,
            "fire": state.loop.settled.value if state.loop.settled else None,
            "leaf_open": state.leaf_open,
        }

    # --- orders -------------------------------------------------------------------------------------

    async def release_once(self) -> OrderResult | RefusalReason:
        """Staff let somebody in, as with a key."""
        self._effects.take_release()
        self._lock.step(facts.ReleaseOrdered())
        released = self._effects.take_release()
        if self._lock.state.phase in HELD:
            return OrderResult.EXECUTED
        if released is None:
            return RefusalReason.UNSAFE
        return OrderResult.EXECUTED if await released else RefusalReason.DEVICE_REFUSED

    def order_lockdown(self, *, on: bool) -> OrderResult:
        """Restrict ingress, or lift that."""
        self._inputs.order_lockdown(on=on)
        return OrderResult.EXECUTED

    def clear_fire(self) -> OrderResult | RefusalReason:
        """The manual reset of a latched fire release."""
        if not machine.may_reset(self._lock.state, self._lock.fitting):
            return RefusalReason.UNSAFE
        self._lock.step(facts.ManualReset())
        return OrderResult.EXECUTED

    # --- the door -----------------------------------------------------------------------------------

    def _input(self, device: str, event: InputChanged) -> None:
        if event.offline:  # history is no reading (L12)
            return
        if self._inputs.take(device, event):
            self._record_exit(device)

    def _leaf(self, device: str, event: DoorMoved) -> None:
        if event.offline or DoorRef(device=device, door=event.door) != self._portal.door:
            return
        self._lock.step(facts.LeafMoved(event.open))
        if not event.open:
            return
        now_s = self._means.clock.monotonic_s()
        grant = self._passages.leaf_opened(now_s)
        if grant is not None:
            self._record_passage(device, event, grant.side, grant)

    async def _passed(self, device: str, event: PassageObserved) -> Verdict:
        now_s = self._means.clock.monotonic_s()
        if event.offline:
            return await _durable(self._record_passage(device, event, event.side or Side.INGRESS, None))
        if self._passages.told_by_leaf(event.side, now_s):
            return Accepted()
        grant = self._passages.observed(event.side, now_s)
        side = event.side or (grant.side if grant else Side.INGRESS)
        return await _durable(self._record_passage(device, event, side, grant))

    def _record_passage(
        self, device: str, event: Observed, side: Side, grant: Grant | None
    ) -> "asyncio.Future[bool]":
        means = self._means
        self._memory.passed(side, grant, means.clock.monotonic_s())
        row_id = record_id(means.gateway, device, event, means.entropy)
        row = passage_record(row_id, self._name, device, event, side, grant, means.clock.now())
        return means.recorder.follow(Lane.RECORD, encode(row))

    def _record_exit(self, device: str) -> None:
        """Somebody asked to leave and was released; the record follows, whatever the disk does (R6)."""
        means = self._means
        policy = means.policy()
        decision = Decision(Outcome.GRANT, (Reason.EGRESS,), Mode.LIVE, policy.version, {}, ())
        row = exit_record(means.entropy.new_id(), self._name, device, decision, means.clock.now())
        means.recorder.follow(Lane.RECORD, encode(row))
        _LOG.info("exit_released", decision=row.id, portal=self._name, device=device)
        self._passages.granted(
            row.id, Side.EGRESS, means.clock.monotonic_s(), policy.of(self._name).release_s
        )

    # --- people -------------------------------------------------------------------------------------

    async def _presented(self, device: str, event: CredentialPresented) -> Verdict:
        side = self._side(device, event)
        if side is None:
            return Accepted()
        if side is Side.INGRESS and not event.offline:
            return await self._gathering.presented(device, event)
        return await self._gathering.aside(device, event, side)

    def _side(self, device: str, event: CredentialPresented) -> Side | None:
        """The terminal's word counts where it serves both sides; else the configuration's.

        ``None`` at a device that reads for other portals and only opens this one: nobody stands here.
        """
        sides = {
            side
            for side, readers in (
                (Side.INGRESS, self._portal.ingress.readers),
                (Side.EGRESS, self._portal.egress.readers),
            )
            if device in readers
        }
        if len(sides) < 2:
            return sides.pop() if sides else None
        return event.side or Side.INGRESS

    def _step_back(self, case: Case) -> None:
        """While there is time; a terminal that waits for its verdict shows nothing before it."""
        if not case.asks:
            text = self._actuation.text(Outcome.RETEST, Reason.FACE_TOO_CLOSE)
            self._actuation.show(case.device, text)

    def _decided(self, case: Case, decision: Decision) -> None:
        """Let the machine act on a decision."""
        self._case = case
        try:
            if case.approach.terminal is Outcome.GRANT and not case.backfilled:
                self._lock.step(facts.TerminalOpened())
            effects = self._lock.step(facts.Decided(decision))
        finally:
            self._case = None
        released = any(isinstance(effect, ReleaseDoor | HoldReleased) for effect in effects)
        opened = case.approach.terminal is Outcome.GRANT or released
        if opened and not case.backfilled:
            approach, now_s = case.approach, self._means.clock.monotonic_s()
            self._passages.granted(approach.id, approach.side, now_s, self._lock.fitting.release_s)

    def _stalled(self, stalled: bool) -> None:  # noqa: FBT001  # a fact about the store
        if stalled is not bool(self._lock.state.store_stalled):
            self._lock.step(facts.CommitStalled() if stalled else facts.CommitRecovered())

    def _carry(self, effects: Sequence[Effect], event: facts.Event) -> None:
        case = self._case if isinstance(event, facts.Decided) else None
        self._effects.carry(effects, case)

    def _fitting(self) -> Fitting:
        portal, policy = self._portal, self._means.policy().of(self._name)
        return Fitting(
            hardwired_fire_release=portal.hardwired_fire_release,
            fire_fitted=portal.fire is not None,
            exits_announced=portal.egress.rex is not None or bool(portal.egress.readers),
            release_s=policy.release_s,
            door_held_s_max=policy.door_held_s_max,
            inputs_s_max=policy.inputs_s_max,
        )


async def _durable(recorded: "asyncio.Future[bool]") -> Verdict:
    """Accepted once the row is on the disk."""
    answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
    answer_when(recorded, (answer,))
    return await answer
