"""What a zone writes: its record, and the audit detail of a cycle (SAFETY.md D12)."""

import datetime as dt
from collections.abc import Mapping

from cardea.contract.time import Instant, WireTime, wire_time
from cardea.contract.zones import Cycle, CycleOutcome, Hazard, Permissive, Standing, ZoneRecord
from edge.decide.interlock_events import WriteCycle
from edge.decide.interlock_state import Interlock
from edge.decide.permissives import Readings
from edge.decide.samples import Sample
from edge.zone.settings import Zone


def zone_record(
    record_id: str,
    name: str,
    zone: Zone,
    state: Interlock,
    portals: tuple[str, ...],
    last: Cycle | None,
    now: Instant,
) -> ZoneRecord:
    """The zone as it stands."""
    since = now.utc - dt.timedelta(seconds=max(0.0, now.mono_s - state.entered_s))
    return ZoneRecord(
        id=record_id,
        at=wire_time(now),
        zone=name,
        title=zone.title,
        state=state.phase,
        hazard=zone.hazard,
        monitor_only=zone.commissioning is None,
        since=WireTime(since, now.quality),
        unit=zone.unit,
        permissives=_standings(state, zone),
        portals=portals,
        cycle=state.warrant.cycle if state.warrant is not None and not state.recorded else None,
        stopped=state.stopped,
        last=last,
        two_people=zone.nature.two_people,
    )


def _standings(state: Interlock, zone: Zone) -> dict[Permissive, Standing]:
    """Without the condition that nothing here can break: a unit that leaves no gas."""
    gas = zone.nature.gas is not None
    return {each: how for each, how in state.standings if gas or each is not Permissive.GAS}


def ended_cycle(written: WriteCycle, zone: Zone, now: Instant) -> Cycle:
    """A cycle that has ended, as its record says."""
    ended, dose = wire_time(now), written.dose
    lit = zone.nature.uv_mj_cm2 is not None and zone.hazard is not Hazard.ENCLOSED
    measured = lit or zone.dose_mj_cm2_min is not None
    return Cycle(
        id=written.warrant.cycle,
        started=_started(written.warrant.utc, ended),
        ended=ended,
        outcome=written.outcome,
        stopped=written.stopped,
        emitted_s=round(dose.emitted_s, 1),
        dose_mj_cm2_min=round(dose.lower_mj_cm2, 3) if measured else None,
    )


def _started(text: str, otherwise: WireTime) -> WireTime:
    """When the cycle was ordered; after a restart with a note that does not say, when it was found."""
    try:
        return WireTime(dt.datetime.fromisoformat(text).astimezone(dt.UTC), otherwise.quality)
    except ValueError:
        return otherwise


def cycle_detail(
    name: str, zone: Zone, written: WriteCycle, cycle: Cycle, readings: Readings, now: Instant
) -> dict[str, str]:
    """Everything that the record of a cycle says: unit, product, people, dose by both bounds, every input."""
    dose = written.dose
    disinfected = written.outcome is CycleOutcome.COMPLETED
    return {
        "cycle": cycle.id,
        "zone": name,
        "unit": zone.unit,
        "kind": zone.kind.value,
        "product": zone.product,
        "by": written.warrant.by,
        "confirmed_by": written.warrant.confirmed_by or "",
        "started": cycle.started.utc.isoformat(),
        "ended": cycle.ended.utc.isoformat(),
        "outcome": written.outcome.value,
        "disinfected": "yes" if disinfected else "no",
        "stopped": written.stopped.value if written.stopped is not None else "",
        "emitted_s": f"{dose.emitted_s:.1f}",
        "dose_mj_cm2_min": f"{dose.lower_mj_cm2:.3f}",
        "dose_mj_cm2_max": f"{dose.upper_mj_cm2:.3f}",
        **{f"input {key}": _shown(sample, now.mono_s) for key, sample in sorted(readings.items())},
    }


def _shown(sample: Sample, now_s: float) -> str:
    value = sample.value
    text = f"{value:g}" if isinstance(value, float) else str(value).lower()
    return f"{text}, {max(0.0, now_s - sample.at_s):.1f} s old"


def picture(state: Interlock, monitor_only: bool, last: Cycle | None) -> Mapping[str, object]:  # noqa: FBT001  # a fact
    """For ``cardea edge status`` and the command on site."""
    return {
        "state": state.phase.value,
        "monitor_only": monitor_only,
        "stopped": state.stopped.value if state.stopped is not None else None,
        "not_ok": {each.value: how.value for each, how in state.standings if how.value != "ok"},
        "cycle": state.warrant.cycle if state.warrant is not None else None,
        "started_by": state.warrant.by if state.warrant is not None else None,
        "last": None if last is None else last.outcome.value,
    }
