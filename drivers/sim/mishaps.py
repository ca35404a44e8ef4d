"""What goes wrong at a portal of a simulated tower, carried out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from drivers.sim.doorway import Doorway
from drivers.sim.script import Mishap
from drivers.sim.stations import Station
from drivers.sim.thermometers import Thermometer


@dataclass(frozen=True, slots=True)
class Place:
    """One portal with what stands at it."""

    station: Station
    doorway: Doorway
    thermometer: Thermometer | None = None


async def _stick(place: Place, lasts_s: float) -> None:
    if place.thermometer is not None:
        await place.thermometer.stick(lasts_s)


MISHAPS: Mapping[Mishap, Callable[[Place, float], Awaitable[None]]] = {
    Mishap.OFFLINE: lambda place, lasts_s: place.station.fail(lasts_s),
    Mishap.GARBAGE: lambda place, lasts_s: place.station.spout(lasts_s),
    Mishap.DOOR_FORCED: lambda place, _: place.doorway.force(),
    Mishap.REFUSAL: lambda place, lasts_s: place.station.refuse(lasts_s),
    Mishap.FIRE_ALARM: lambda place, lasts_s: place.doorway.raise_fire_alarm(lasts_s),
    Mishap.BOARD_SILENT: lambda place, lasts_s: place.doorway.silence_board(lasts_s),
    Mishap.TAMPER: lambda place, lasts_s: place.doorway.open_cabinet(lasts_s),
    Mishap.THERMOMETER_STUCK: _stick,
}
"""What goes wrong where."""
