"""The inputs of a zone: which device's word is which sample."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from drivers.api import DeviceEvent, InputChanged, InputKind, UnitReported
from edge.configuration.references import ChannelRef
from edge.decide.interlock_state import CONTACTOR, GAS_INSIDE, IRRADIANCE, OUTPUT
from edge.decide.samples import Sample, Value, sampled
from edge.zone.plan import ARM, ENCLOSURE, ESTOP, FIRE, GAS_ADJACENT, WATCHDOG, door_input, occupancy_input
from edge.zone.settings import GasSensor, Zone

LAMP_H, LAMP_LIFE_H = "lamp_h", "lamp_life_h"
_OF_THE_UNIT: Mapping[str, str] = {
    "output_on": OUTPUT,
    "contactor_on": CONTACTOR,
    "irradiance_uw_cm2": IRRADIANCE,
    "watchdog": WATCHDOG,
    "enclosure_closed": ENCLOSURE,
    LAMP_H: LAMP_H,
    LAMP_LIFE_H: LAMP_LIFE_H,
}
"""Numbers that a unit says of itself, and the inputs that they are."""
Inside = Callable[[str], int | None]
"""How many people a portal has counted in; ``None``: it does not know."""


class Reading(NamedTuple):
    """One input was read."""

    input: str
    value: Value
    witness: float | None = None


class ZoneInputs:
    """Turns events of devices into samples."""

    def __init__(self, zone: Zone, inside: Inside) -> None:
        self._zone = zone
        self._inside = inside
        self._contacts = dict(_contacts(zone))
        self._gases = {GAS_INSIDE: zone.gas_inside, GAS_ADJACENT: zone.gas_adjacent}
        self._counts = {
            occupancy_input(index): sensor.portal
            for index, sensor in enumerate(zone.occupancy)
            if sensor.portal is not None
        }
        self.samples: dict[str, Sample] = {}
        """The latest of each input."""

    @property
    def devices(self) -> frozenset[str]:
        """The devices whose events say something here."""
        gases = {sensor.device for sensor in self._gases.values() if sensor is not None}
        return frozenset({self._zone.unit, *gases, *(ref.device for ref, _ in self._contacts)})

    def read(self, device: str, event: DeviceEvent) -> list[Reading]:
        """What the event says of this zone's inputs; history says nothing (SAFETY.md L12)."""
        if event.offline:
            return []
        match event:
            case InputChanged(kind=kind, channel=channel, active=active):
                name = self._contacts.get((ChannelRef(device=device, channel=channel), kind))
                return [] if name is None else [Reading(name, active)]
            case UnitReported(values=values):
                return [*self._of_the_unit(device, values), *self._of_gases(device, values)]
            case _:
                return []

    def counted(self) -> list[Reading]:
        """What the portals count; looked at afresh each time."""
        found = {name: self._inside(portal) for name, portal in self._counts.items()}
        return [Reading(name, count != 0) for name, count in found.items() if count is not None]

    def put(self, readings: list[Reading], at_s: float) -> None:
        """Keep them as the latest."""
        for name, value, witness in readings:
            self.samples[name] = sampled(self.samples.get(name), value, at_s, witness)

    def _of_the_unit(self, device: str, values: Mapping[str, float]) -> Iterator[Reading]:
        """Where the enclosure has a contact of its own, the unit is not asked."""
        if device != self._zone.unit:
            return
        for metric, name in _OF_THE_UNIT.items():
            own_contact = name == ENCLOSURE and self._zone.enclosure is not None
            if metric in values and not own_contact:
                yield Reading(name, values[metric])

    def _of_gases(self, device: str, values: Mapping[str, float]) -> Iterator[Reading]:
        for name, sensor in self._gases.items():
            if sensor is not None and sensor.device == device and sensor.metric in values:
                yield Reading(name, values[sensor.metric], _witness(sensor, values))


def _witness(sensor: GasSensor, values: Mapping[str, float]) -> float | None:
    return None if sensor.moves is None else values.get(sensor.moves)


def _contacts(zone: Zone) -> Iterator[tuple[tuple[ChannelRef, InputKind], str]]:
    """A contact counts only under the kind that its device was told it has."""
    single = (
        (zone.estop, InputKind.ESTOP, ESTOP),
        (zone.fire, InputKind.FIRE, FIRE),
        (zone.arm, InputKind.ARM, ARM),
        (zone.enclosure, InputKind.DOOR, ENCLOSURE),
    )
    yield from (((ref, kind), name) for ref, kind, name in single if ref is not None)
    yield from (((ref, InputKind.DOOR), door_input(index)) for index, ref in enumerate(zone.doors))
    for index, sensor in enumerate(zone.occupancy):
        if sensor.input is not None:
            yield (sensor.input, InputKind.OCCUPANCY), occupancy_input(index)
