"""What is wrong with a zone: references, drivers, diversity, limits, and the arithmetic of commissioning.

A zone that is only watched must name what exists; one that may run must be complete (SAFETY.md D1-D10).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from cardea.contract.zones import Hazard
from drivers.api import Driver, InputChanged, LeaseOutput, UnitReported
from edge.configuration.references import ChannelRef
from edge.configuration.settings import Portal
from edge.decide.hazards import T_FRESH_S, reaction_s_max
from edge.decide.permissives import DIVERSE_MIN
from edge.zone.plan import gas_limit, uv_limit
from edge.zone.settings import Zone

CAP_MARGIN_S = 5.0
"""A cap this close to what is planned would end cycles that are in order."""


class Misfit(NamedTuple):
    """Key below ``zones.<name>``, what stands there, what would be right."""

    key: str
    value: str | None
    advice: str


class Around(NamedTuple):
    """What else is configured."""

    devices: frozenset[str]
    drivers: Mapping[str, Driver[Any]]
    portals: Mapping[str, Portal]


def zone_misfits(zone: Zone, around: Around) -> Iterator[Misfit]:
    """Everything that is wrong with one zone."""
    for lint in (*_ALWAYS, *(_TO_RUN if zone.commissioning is not None else ())):
        yield from lint(zone, around)


def shared_units(zones: Mapping[str, Zone]) -> Iterator[tuple[str, Misfit]]:
    """A unit serves one zone."""
    owner: dict[str, str] = {}
    for name, zone in zones.items():
        if owner.setdefault(zone.unit, name) != name:
            advice = f"zone {owner[zone.unit]!r} has this unit already; a unit belongs to one zone"
            yield name, Misfit("unit", zone.unit, advice)


# --- of every zone ------------------------------------------------------------------------------


def _devices_known_and_able(zone: Zone, around: Around) -> Iterator[Misfit]:
    yield from _able("unit", zone.unit, (UnitReported,), (LeaseOutput,), around)
    for key, ref in _inputs(zone):
        yield from _able(key, ref.device, (InputChanged,), (), around)
    if zone.sounder is not None:
        yield from _able("sounder", zone.sounder.device, (), (LeaseOutput,), around)
    for key, sensor in (("gas_inside", zone.gas_inside), ("gas_adjacent", zone.gas_adjacent)):
        if sensor is not None:
            yield from _able(key, sensor.device, (UnitReported,), (), around)


def _able(
    key: str, device: str, says: tuple[type, ...], does: tuple[type, ...], around: Around
) -> Iterator[Misfit]:
    if device not in around.devices:
        yield Misfit(
            key, device, f"no such device; known here: {', '.join(sorted(around.devices)) or 'none'}"
        )
        return
    driver = around.drivers.get(device)
    if driver is None:
        return
    for event in says:
        if event not in driver.events:
            yield Misfit(key, device, f"its driver never says {event.__name__}; name another device")
    for command in does:
        if command not in driver.commands:
            yield Misfit(key, device, f"its driver cannot do {command.__name__}; name another device")


def _inputs(zone: Zone) -> Iterator[tuple[str, ChannelRef]]:
    single = {"estop": zone.estop, "fire": zone.fire, "arm": zone.arm, "enclosure": zone.enclosure}
    yield from ((key, ref) for key, ref in single.items() if ref is not None)
    yield from ((f"doors.{index}", ref) for index, ref in enumerate(zone.doors))
    sensors = enumerate(zone.occupancy)
    yield from ((f"occupancy.{index}", each.input) for index, each in sensors if each.input is not None)


def _inputs_mean_one_thing(zone: Zone, _around: Around) -> Iterator[Misfit]:
    meaning: dict[ChannelRef, str] = {}
    for key, ref in _inputs(zone):
        first = meaning.setdefault(ref, key)
        if first != key:
            shown = f"{ref.device} channel {ref.channel}"
            yield Misfit(key, shown, f"this input is {first} already; an input means one thing")


def _sensors_are_diverse(zone: Zone, _around: Around) -> Iterator[Misfit]:
    seen: set[str] = set()
    for index, sensor in enumerate(zone.occupancy):
        if sensor.technology in seen:
            advice = "two sensors of one kind fail alike; choose another technology"
            yield Misfit(f"occupancy.{index}.technology", sensor.technology.value, advice)
        seen.add(sensor.technology)


def _portals_count(zone: Zone, around: Around) -> Iterator[Misfit]:
    for index, sensor in enumerate(zone.occupancy):
        if sensor.portal is None:
            continue
        portal, key = around.portals.get(sensor.portal), f"occupancy.{index}.portal"
        if portal is None:
            yield Misfit(key, sensor.portal, "no such portal")
        elif not portal.egress.readers:
            yield Misfit(key, sensor.portal, "it has no egress reader, so it counts nobody out")


def _limits_are_floors(zone: Zone, _around: Around) -> Iterator[Misfit]:
    floor = zone.nature.uv_mj_cm2
    if zone.limit_mj_cm2 is not None and (floor is None or zone.limit_mj_cm2 > floor):
        right = "leave it out: no ultraviolet reaches anybody" if floor is None else f"at most {floor:g}"
        yield Misfit(
            "limit_mj_cm2", f"{zone.limit_mj_cm2:g}", f"{right}; limits are tightened, never loosened"
        )
    for key, sensor in (("gas_inside", zone.gas_inside), ("gas_adjacent", zone.gas_adjacent)):
        gas = zone.nature.gas
        if sensor is None or sensor.limit is None or gas is None:
            continue
        most = gas.limit(sensor.metric) or 0.0
        if sensor.limit > most:
            advice = f"at most {most:.4g} ({gas.name}); limits are tightened, never loosened"
            yield Misfit(f"{key}.limit", f"{sensor.limit:g}", advice)


# --- of a zone that may run ---------------------------------------------------------------------


def _complete(zone: Zone, _around: Around) -> Iterator[Misfit]:
    required = {"estop": zone.estop, "fire": zone.fire, "arm": zone.arm}
    for key in (key for key, value in required.items() if value is None):
        yield Misfit(key, None, "is required in a zone that may run")
    if not zone.contactor and zone.hazard is not Hazard.ENCLOSED:
        advice = "only an enclosed unit may do without a contactor upstream (D6)"
        yield Misfit("contactor", "false", advice)
    if zone.hazard is Hazard.EXCLUSION:
        yield from _complete_for_exclusion(zone)


def _complete_for_exclusion(zone: Zone) -> Iterator[Misfit]:
    if not zone.doors:
        yield Misfit("doors", None, "name the contact of every door")
    if len({sensor.technology for sensor in zone.occupancy}) < DIVERSE_MIN:
        yield Misfit(
            "occupancy", None, "two sensors of different technologies must agree that nobody is there"
        )
    if zone.sounder is None and not zone.unit_warns:
        yield Misfit("sounder", None, "name what sounds the warning, or say unit_warns = true")


def _gas_is_measured(zone: Zone, _around: Around) -> Iterator[Misfit]:
    if zone.nature.gas is None:
        return
    for key, sensor in (("gas_inside", zone.gas_inside), ("gas_adjacent", zone.gas_adjacent)):
        if sensor is None:
            yield Misfit(key, None, f"is required: this unit leaves {zone.nature.gas.name} in the air (D8)")
        elif sensor.high <= gas_limit(zone, sensor):
            yield Misfit(f"{key}.high", f"{sensor.high:g}", "a sensor must be able to read above the limit")


def _aim_is_clear(zone: Zone, _around: Around) -> Iterator[Misfit]:
    record = zone.commissioning
    assert record is not None
    if (zone.dose_mj_cm2_min is None) is (zone.emit_s is None):
        yield Misfit("dose_mj_cm2_min", None, "say either the dose to reach or, in emit_s, how long to emit")
    if zone.dose_mj_cm2_min is not None and (
        zone.nature.uv_mj_cm2 is None or not record.e_worst_point_uw_cm2
    ):
        advice = "a dose needs a lamp and commissioning.e_worst_point_uw_cm2; else say emit_s"
        yield Misfit("dose_mj_cm2_min", f"{zone.dose_mj_cm2_min:g}", advice)
    if zone.emit_s is not None and zone.run_s_max < zone.emit_s + CAP_MARGIN_S:
        yield Misfit("run_s_max", f"{zone.run_s_max:g}", f"at least emit_s + {CAP_MARGIN_S:g} s")


def _commissioning_adds_up(zone: Zone, _around: Around) -> Iterator[Misfit]:
    """D4: T_fresh + T_poll + T_watchdog + T_off ≤ 0.1 · H_limit / E_max."""
    record, limit = zone.commissioning, uv_limit(zone)
    assert record is not None
    if limit is None:
        return
    if not record.e_max_uw_cm2 and zone.hazard is not Hazard.ENCLOSED:
        yield Misfit(
            "commissioning.e_max_uw_cm2", None, "measure it; 0 would mean that no light is there (D4)"
        )
    took_s = T_FRESH_S + record.t_poll_s + record.t_watchdog_s + record.t_off_s
    most_s = reaction_s_max(limit, record.e_max_uw_cm2)
    if took_s > most_s:
        advice = (
            f"switching off takes {took_s:.3g} s in all; at this irradiance {most_s:.3g} s may pass (D4); "
            "shield the lamp, move the doors or shorten the times"
        )
        yield Misfit("commissioning.e_max_uw_cm2", f"{record.e_max_uw_cm2:g}", advice)


def _budget_lasts(zone: Zone, _around: Around) -> Iterator[Misfit]:
    record, limit = zone.commissioning, uv_limit(zone)
    assert record is not None
    if zone.hazard is not Hazard.DOSE_LIMITED or limit is None or zone.emit_s is None:
        return
    dose = record.e_max_uw_cm2 * zone.emit_s / 1000
    if dose >= limit:
        advice = f"people would receive {dose:.3g} mJ/cm², and {limit:g} in 8 h is the limit"
        yield Misfit("emit_s", f"{zone.emit_s:g}", advice)


Lint = Callable[[Zone, Around], Iterator[Misfit]]
_ALWAYS: tuple[Lint, ...] = (
    _devices_known_and_able,
    _inputs_mean_one_thing,
    _sensors_are_diverse,
    _portals_count,
    _limits_are_floors,
)
_TO_RUN: tuple[Lint, ...] = (
    _complete,
    _gas_is_measured,
    _aim_is_clear,
    _commissioning_adds_up,
    _budget_lasts,
)
