"""One disinfection zone: gather → look → act, at least five times a second while anything is under way.

Every reading steps the interlock in the call that brings it: once with the readings as they were until then,
so that nothing that went stale in between is missed, and once as they are. What the interlock asks for is on
its way before this returns. Nothing here keeps an output on: a loop that hangs is a lease that ends.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from cardea.contract.batches import Lane
from cardea.contract.encoding import encode
from cardea.contract.orders import Order, OrderResult, StartCycle
from cardea.contract.reasons import RefusalReason
from cardea.contract.records import AlertKind, DeviceState, Severity
from cardea.contract.zones import Cycle, Standing, ZoneState
from cardea.runtime.disk import StoreFailed
from cardea.runtime.logs import get_logger
from drivers.api import Accepted, DeviceEvent, Refused
from edge.alerts import Alarm
from edge.decide import interlock
from edge.decide import interlock_events as facts
from edge.decide.dose import Spent
from edge.decide.evidence import NOT_SEEN, Fresh, Item, Stale, ZoneStatus
from edge.decide.hazards import T_FRESH_S
from edge.decide.interlock_events import Output
from edge.decide.interlock_look import ENERGISED
from edge.decide.interlock_state import GAS_INSIDE, OUTPUT, Interlock, kept
from edge.decide.interlock_table import RESTING
from edge.decide.samples import standing
from edge.portal.means import Means
from edge.zone.inputs import LAMP_H, LAMP_LIFE_H, Inside, ZoneInputs
from edge.zone.notes import ZoneNotes
from edge.zone.outputs import ZoneOutputs
from edge.zone.plan import plan_of
from edge.zone.rows import cycle_detail, ended_cycle, picture, zone_record
from edge.zone.settings import Zone

BEAT_S = 0.2
REST_BEAT_S = 1.0
HOT_ROW_S, REST_ROW_S = 0.5, 10.0
"""A permissive that changes is a row no more often than this, while something is under way and at rest; a
state that changes always is."""
AUDIT_RETRY_S = 5.0
SPENT_S = 30.0
"""How often the dose spent is noted."""
SAFE = frozenset({ZoneState.DISABLED, *RESTING})
"""States in which people may be let in; a lockout is none."""
_LOG = get_logger("zone")

Note = Callable[[str, str, dict[str, str]], Awaitable[object | None]]
"""Write event, actor and detail into the audit chain; ``None`` when it could not be written now."""


class ZoneTask:
    """A zone as the gateway runs it."""

    def __init__(
        self, name: str, zone: Zone, portals: tuple[str, ...], means: Means, note: Note, inside: Inside
    ) -> None:
        self._name = name
        self._zone = zone
        self._portals = portals
        self._means = means
        self._note = note
        self._plan = plan_of(zone)
        self._inputs = ZoneInputs(zone, inside)
        self._notes = ZoneNotes(name, means.notes)
        self._outputs = ZoneOutputs(
            zone.unit, zone.sounder, means.submit, means.clock, means.entropy, self._lease_confirmed
        )
        self._tasks: set[asyncio.Task[object]] = set()
        self._unwritten = 0
        self._noting = False
        self._booted = False
        self._told: tuple[object, object] | None = None
        self._told_s = 0.0
        self._spent: Spent = ()
        self._spent_s = 0.0
        self._last: Cycle | None = None
        self.state = Interlock(phase=ZoneState.LOCKOUT)
        """Until the notes have been read nobody is let in."""

    @property
    def devices(self) -> frozenset[str]:
        """The devices whose events it wants."""
        return self._inputs.devices

    async def run(self) -> None:
        """Watch over the zone until cancelled."""
        self._boot()
        clock = self._means.clock
        try:
            while True:
                at_rest = self.state.phase in SAFE
                await clock.sleep(REST_BEAT_S if at_rest else BEAT_S)
                self._step(facts.Tick())
        finally:
            await self._outputs.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def take(self, device: str, event: DeviceEvent) -> Accepted | Refused:
        """Take a device's event in; never waits."""
        readings = self._inputs.read(device, event)
        if readings:
            self._step(facts.Tick())
            self._inputs.put(readings, event.at.mono_s)
            self._look_at_lamp()
            self._step(facts.Tick())
        return Accepted()

    def device_changed(self, device: str, state: DeviceState) -> None:
        """A device came or went; what it no longer says grows old by itself."""

    def seen(self) -> Item[ZoneStatus]:
        """The zone as evidence for the portals that lead into it; egress never asks."""
        if self.state.phase not in SAFE:
            return Fresh(ZoneStatus.BUSY, 0.0)
        now_s, samples = self._means.clock.monotonic_s(), self._inputs.samples
        output = samples.get(OUTPUT)
        if output is None:
            return NOT_SEEN
        age_s = max(0.0, now_s - output.at_s)
        gas = self._plan.gas_inside
        gassed = gas is not None and (standing(gas, samples.get(GAS_INSIDE), now_s, None) is Standing.NOT_OK)
        if output.value != 0 or gassed:
            return Fresh(ZoneStatus.BUSY, age_s)
        return Fresh(ZoneStatus.SAFE, age_s) if age_s <= T_FRESH_S else Stale(ZoneStatus.SAFE, age_s)

    def picture(self) -> Mapping[str, object]:
        """For ``cardea edge status``."""
        return picture(self.state, self._zone.commissioning is None, self._last)

    # --- orders -------------------------------------------------------------------------------------

    def start(self, order: Order, action: StartCycle) -> OrderResult | RefusalReason:
        """Start a cycle, if the order is short, everything holds and the site agrees (SAFETY.md D7)."""
        means = self._means
        now = means.clock.now()
        if (order.deadline - order.issued).total_seconds() > interlock.START_S_MAX:
            return RefusalReason.UNSAFE
        left_s = min((order.deadline - now.utc).total_seconds(), interlock.START_S_MAX)
        warrant = facts.Warrant(
            cycle=means.entropy.new_id(),
            by=action.by,
            confirmed_by=action.confirmed_by,
            utc=now.utc.isoformat(),
        )
        today = self._notes.cycles_today(now)
        self._step(facts.StartOrdered(warrant, now.mono_s + left_s, today))
        if self.state.warrant != warrant or self.state.phase not in ENERGISED:
            _LOG.warning("cycle_refused", zone=self._name, today=today, **_not_ok(self.state))
            return RefusalReason.UNSAFE
        self._notes.cycle_began(now)
        _LOG.info("cycle_started", zone=self._name, cycle=warrant.cycle)
        return OrderResult.EXECUTED

    def stop(self, by: str, where: str) -> OrderResult:
        """Stop whatever runs; asks nobody for leave (SAFETY.md D7)."""
        self._step(facts.StopOrdered())
        _LOG.info("zone_stop", zone=self._name, state=self.state.phase.value)
        self._audit("zone_stopped", by, {"zone": self._name, "where": where})
        return OrderResult.EXECUTED

    def clear(self, by: str, reason: str) -> str | None:
        """End a lockout on site; returns why not, if not."""
        event = facts.Cleared(by, reason)
        self._step(facts.Tick())
        before = self.state
        if not interlock.may_clear(before, event, self._inputs.samples, self._plan):
            return _why_not_cleared(before, event)
        self._step(event)
        self._audit("zone_cleared", by, {"zone": self._name, "reason": reason})
        _LOG.info("zone_cleared", zone=self._name, state=self.state.phase.value)
        return None

    # --- the machine --------------------------------------------------------------------------------

    def _boot(self) -> None:
        now = self._means.clock.now()
        self._spent = self._notes.spent(now)
        self._booted = True
        self._step(self._notes.booted())

    def _step(self, event: facts.Event) -> None:
        """One step, carried out; none before the notes have said how the zone was left."""
        if not self._booted:
            return
        now = self._means.clock.now()
        self._inputs.put(self._inputs.counted(), now.mono_s)
        samples = self._inputs.samples
        self.state, effects = interlock.step(self.state, event, samples, now.mono_s, self._plan)
        if isinstance(event, facts.Booted):
            self.state = interlock.with_spent(self.state, self._spent)
        for effect in effects:
            self._carry(effect)
        self._keep()
        self._tell()

    def _carry(self, effect: facts.Effect) -> None:
        alerts = self._means.alerts
        match effect:
            case facts.RenewLease(output=output, lease_s=lease_s):
                self._outputs.renew(output, lease_s)
            case facts.CutOutput():
                self._outputs.cut(Output.EMITTER)
            case facts.OpenContactor():
                if self._plan.contactor:
                    self._outputs.cut(Output.CONTACTOR)
            case facts.SoundWarning():
                self._outputs.sound()
            case facts.RaiseZoneAlert(alert=alert, severity=severity, reason=reason):
                alerts.raise_(self._alarm(alert, severity, reason.value if reason else ""))
            case facts.ClearZoneAlert(alert=alert, evidence=evidence):
                alerts.clear(self._alarm(alert), evidence)
            case facts.WriteCycle():
                self._write(effect)

    def _lease_confirmed(self, output: Output) -> None:
        self._step(facts.LeaseConfirmed(output))

    def _keep(self) -> None:
        """What the disk must know; while a cycle is not in the audit chain the note of it stays (D12)."""
        state, now_s = self.state, self._means.clock.monotonic_s()
        keeps = kept(state, self._plan)
        if keeps is not None or not self._unwritten:
            self._notes.keep(keeps)
        if state.phase is ZoneState.WARN and not state.noted and not self._noting:
            self._noting = True
            self._spawn(self._make_durable())
        if state.spent != self._spent and now_s - self._spent_s >= SPENT_S:
            self._spent, self._spent_s = state.spent, now_s
            self._notes.keep_spent(state.spent, self._means.clock.now())

    async def _make_durable(self) -> None:
        """Nothing is emitted before the disk knows of the cycle, so that not even kill -9 forgets it (D5)."""
        try:
            warrant = self.state.warrant
            durable = await self._notes.durable()
        except StoreFailed as error:
            _LOG.error("zone_not_noted", zone=self._name, reason=str(error))
            return
        finally:
            self._noting = False
        if durable and warrant is not None:
            self._step(facts.Noted(warrant.cycle))

    # --- what is told of it -------------------------------------------------------------------------

    def _tell(self) -> None:
        """A row whenever the state changes, and soon when a permissive does."""
        state, now = self.state, self._means.clock.now()
        where = (state.phase, state.stopped, state.warrant, self._last)
        told = (where, state.standings)
        if told == self._told:
            return
        moved = self._told is None or self._told[0] != where
        row_s = HOT_ROW_S if state.phase not in SAFE else REST_ROW_S
        if not moved and now.mono_s - self._told_s < row_s:
            return
        if moved:
            _LOG.info("zone_state", zone=self._name, state=state.phase.value)
        self._told, self._told_s = told, now.mono_s
        row = zone_record(
            self._means.entropy.new_id(), self._name, self._zone, state, self._portals, self._last, now
        )
        self._means.recorder.follow(Lane.RECORD, encode(row))

    def _write(self, written: facts.WriteCycle) -> None:
        now = self._means.clock.now()
        self._last = ended_cycle(written, self._zone, now)
        detail = cycle_detail(self._name, self._zone, written, self._last, self._inputs.samples, now)
        self._unwritten += 1
        self._spawn(self._write_down(written.warrant.by, detail))

    async def _write_down(self, by: str, detail: dict[str, str]) -> None:
        """Until the chain has it."""
        while await self._note("disinfection_cycle", by, detail) is None:
            await self._means.clock.sleep(AUDIT_RETRY_S)
        self._unwritten -= 1
        self._keep()

    def _audit(self, event: str, actor: str, detail: dict[str, str]) -> None:
        self._spawn(self._noted(event, actor, detail))

    async def _noted(self, event: str, actor: str, detail: dict[str, str]) -> None:
        await self._note(event, actor, detail)

    def _look_at_lamp(self) -> None:
        """A lamp past its rated life is said until it has been changed."""
        burned, life = (self._inputs.samples.get(name) for name in (LAMP_H, LAMP_LIFE_H))
        if burned is None or life is None or burned.value is None or life.value is None:
            return
        alarm = self._alarm(AlertKind.LAMP_WORN, Severity.MINOR)
        if burned.value >= life.value:
            self._means.alerts.raise_(alarm)
        else:
            self._means.alerts.clear(alarm, "the lamp has hours left")

    def _alarm(self, alert: AlertKind, severity: Severity = Severity.MAJOR, reason: str = "") -> Alarm:
        detail = {"zone": self._name, **({"reason": reason} if reason else {})}
        return Alarm(alert=alert, device=self._zone.unit, severity=severity, detail=detail)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _not_ok(state: Interlock) -> dict[str, str]:
    return {each.value: how.value for each, how in state.standings if how is not Standing.OK}


def _why_not_cleared(state: Interlock, event: facts.Cleared) -> str:
    if state.phase is not ZoneState.LOCKOUT:
        return f"the zone is not locked out but {state.phase.value}"
    if not event.by.strip() or not event.reason.strip():
        return "say who clears it and why"
    if state.warrant is not None and interlock.same_person(event.by, state.warrant.by):
        return f"{state.warrant.by} started the cycle; another person must clear it"
    return "the unit does not show that it is off; look at it first"
