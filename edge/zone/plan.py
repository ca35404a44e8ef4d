"""What a zone's settings come to for its interlock: every input by name, with what it must show."""

from collections.abc import Iterator

from cardea.contract.zones import Hazard, Permissive
from edge.decide.dose import Optics
from edge.decide.interlock_state import IRRADIANCE, METER, Plan
from edge.decide.permissives import Need
from edge.decide.samples import Contact, Gauge
from edge.zone.settings import Commissioning, GasSensor, Occupancy, Technology, Zone

ESTOP, FIRE, ARM, ENCLOSURE, WATCHDOG = "estop", "fire", "arm", "enclosure", "watchdog"
GAS_ADJACENT = "gas_adjacent"
_PUSHED, _TURNED = Contact(good=False), Contact(good=True)


def door_input(index: int) -> str:
    """Name of the contact of a door."""
    return f"door/{index}"


def occupancy_input(index: int) -> str:
    """Name of an occupancy sensor."""
    return f"occupancy/{index}"


def plan_of(zone: Zone) -> Plan:
    """The plan; what is not named in the settings is missing, and so nothing starts."""
    record, kind = zone.commissioning, zone.nature
    inside = zone.gas_inside
    return Plan(
        kind=kind,
        needs=tuple(_needs(zone)),
        vacuous=frozenset(_vacuous(zone)),
        commissioned=record is not None,
        enabled=zone.enabled,
        contactor=zone.contactor,
        gas_inside=None if inside is None else _gas(zone, inside, 0.5),
        optics=None if record is None or kind.uv_mj_cm2 is None else _optics(record),
        budget_mj_cm2=uv_limit(zone) if kind.hazard is Hazard.DOSE_LIMITED else None,
        emit_s=zone.emit_s or 0.0,
        dose_mj_cm2_min=zone.dose_mj_cm2_min,
        run_s_max=zone.run_s_max,
        dose_mj_cm2_max=zone.dose_mj_cm2_max,
        cycles_per_day_max=zone.cycles_per_day_max,
        dwell_s=zone.dwell_s,
        clearance_s=zone.clearance_s,
        warn_s=zone.warn_s,
    )


def uv_limit(zone: Zone) -> float | None:
    """The exposure limit in force, mJ/cm² in 8 h: the floor, or what the settings tighten it to."""
    floor = zone.nature.uv_mj_cm2
    return floor if floor is None or zone.limit_mj_cm2 is None else min(floor, zone.limit_mj_cm2)


def gas_limit(zone: Zone, sensor: GasSensor) -> float:
    """The limit in force, in the sensor's unit; 0 where the unit leaves no gas that this could be."""
    floor = zone.nature.gas.limit(sensor.metric) if zone.nature.gas is not None else None
    return min(floor or 0.0, sensor.limit or float("inf"))


def _gas(zone: Zone, sensor: GasSensor, share: float) -> Gauge:
    good = gas_limit(zone, sensor) * share
    return Gauge(low=0.0, high=sensor.high, good_high=good, frozen_s=sensor.frozen_s)


def _optics(record: Commissioning) -> Optics:
    return Optics(
        e_max_uw_cm2=record.e_max_uw_cm2,
        e_worst_uw_cm2=record.e_worst_point_uw_cm2,
        reference_uw_cm2=record.reference_uw_cm2,
    )


def _vacuous(zone: Zone) -> Iterator[Permissive]:
    """No gas next door from a unit without any; no doors to close where people may stay."""
    if zone.nature.gas is None:
        yield Permissive.GAS
    if not zone.doors and zone.hazard is Hazard.DOSE_LIMITED:
        yield Permissive.DOORS


def _needs(zone: Zone) -> Iterator[Need]:
    yield Need(permissive=Permissive.ESTOP, input=ESTOP, expects=_PUSHED)
    yield Need(permissive=Permissive.FIRE, input=FIRE, expects=_PUSHED)
    yield Need(permissive=Permissive.ARM, input=ARM, expects=_TURNED)
    closed = _PUSHED if zone.enclosure is not None else Gauge(low=0, high=1, good_low=1)
    yield Need(permissive=Permissive.ENCLOSURE, input=ENCLOSURE, expects=closed)
    yield Need(permissive=Permissive.DOSE_METER, input=IRRADIANCE, expects=METER)
    for index, _ in enumerate(zone.doors):
        yield Need(permissive=Permissive.DOORS, input=door_input(index), expects=_PUSHED)
    for index, sensor in enumerate(zone.occupancy):
        yield _vacant(zone, index, sensor)
    value = float(zone.commissioning.watchdog) if zone.commissioning is not None else 1.0
    register = Gauge(low=1, high=65535, good_low=value, good_high=value)
    yield Need(permissive=Permissive.WATCHDOG, input=WATCHDOG, expects=register)
    if zone.gas_adjacent is not None and zone.nature.gas is not None:
        yield Need(permissive=Permissive.GAS, input=GAS_ADJACENT, expects=_gas(zone, zone.gas_adjacent, 1.0))


def _vacant(zone: Zone, index: int, sensor: Occupancy) -> Need:
    """A count rightly rests at nobody; a sensor that never moves is a dead one."""
    counts = sensor.technology is Technology.PORTAL_COUNT
    expects = Contact(good=False, frozen_s=None if counts else zone.walk_test_s)
    return Need(
        permissive=Permissive.OCCUPANCY,
        input=occupancy_input(index),
        expects=expects,
        technology=sensor.technology.value,
    )
