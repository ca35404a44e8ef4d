"""What stands in a simulated tower besides readers and doors: boards, units, thermometers, cameras, rooms."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from cardea.runtime.clock import Clock
from drivers.sim.pictures import CabinetCamera, write_recording
from drivers.sim.plant_settings import Unit
from drivers.sim.relay_modbus import RelayBoard, RelayRtuSim
from drivers.sim.settings import TowerSettings
from drivers.sim.thermometers import thermometer
from drivers.sim.uv_lamp import Lamp
from drivers.sim.uv_unit import UvUnit
from drivers.sim.washroom import Washroom


class Plant:
    """The devices of one sim.toml that nobody presents themselves to."""

    def __init__(self, settings: TowerSettings, clock: Clock) -> None:
        seed = settings.sim.seed
        self._videos = settings.videos
        self.boards = {name: RelayBoard(board.unit, clock) for name, board in settings.boards.items()}
        self.units = {name: _unit(unit, seed, clock) for name, unit in settings.units.items()}
        on_lines = [(board.line, self.boards[name]) for name, board in settings.boards.items()]
        on_lines += [(unit.line, self.units[name]) for name, unit in settings.units.items()]
        self.lines = {
            name: RelayRtuSim([device for at, device in on_lines if at == name], line.path)
            for name, line in settings.lines.items()
        }
        self.thermometers = {
            name: thermometer(one, seed, clock) for name, one in settings.thermometers.items()
        }
        self._cameras = [CabinetCamera(picture, clock) for picture in settings.pictures.values()]
        self.rooms = [
            Washroom(name, zone, self.boards, self.units[zone.unit], seed, clock)
            for name, zone in settings.zones.items()
        ]

    def devices(self) -> Iterator[AbstractAsyncContextManager[Any]]:
        """Everything that takes up a socket, a line or a folder."""
        yield from self.lines.values()
        yield from self.thermometers.values()
        yield from self._cameras

    def write_recordings(self) -> None:
        """Make the files that stand for cameras' streams; raises OSError."""
        for video in self._videos.values():
            write_recording(video)


def _unit(settings: Unit, seed: int, clock: Clock) -> UvUnit:
    lamp = Lamp(
        new_uw_cm2=settings.irradiance_uw_cm2,
        life_h=settings.life_h,
        warm_up_s=settings.warm_up_s,
        acceleration=settings.acceleration,
    )
    return UvUnit(settings.unit, clock, lamp=lamp, hours=settings.hours, seed=seed)
