"""Thermometers that stand beside a reader: a thermal camera behind TCP, a pyrometer on Modbus TCP."""

from types import TracebackType
from typing import Protocol, Self

from cardea.runtime.clock import Clock
from drivers.sim.lepton import LeptonFault, LeptonSim
from drivers.sim.lepton_clips import LeptonClips
from drivers.sim.plant_settings import LeptonCamera, SpotPyrometer
from drivers.sim.relay_modbus import RelayTcpSim
from drivers.sim.spot_modbus import SpotInstrument
from drivers.sim.thermal_scene import ThermalScene

SEEN_S = 2.0
"""From somebody's first step in front of a thermometer to their hand at the reader."""
STAYS_S = 7.0
BACKGROUND_C = 23.5
"""What a pyrometer sees while nobody stands there."""


class Thermometer(Protocol):
    """A simulated thermometer at a portal."""

    async def __aenter__(self) -> Self:
        """Take up the socket; raises OSError."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it up."""
        ...

    async def look_at(self, surface_temp_c: float) -> None:
        """Somebody stands in front of it for ``STAYS_S``."""
        ...

    async def stick(self, lasts_s: float) -> None:
        """What it shows stands still for a while."""
        ...


class CameraAtDoor:
    """A thermal camera, and the door that it sees."""

    def __init__(self, settings: LeptonCamera, seed: int, clock: Clock) -> None:
        self._scene = _scene(settings, seed)
        self._clock = clock
        self.device = LeptonSim(settings.port, self._scene, clock)

    async def __aenter__(self) -> Self:
        """Take up the socket."""
        await self.device.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it up."""
        await self.device.__aexit__(kind, error, trace)

    async def look_at(self, surface_temp_c: float) -> None:
        """Somebody walks in, stands and walks out."""
        self._scene.enter(surface_temp_c, STAYS_S)
        await self._clock.sleep(STAYS_S)

    async def stick(self, lasts_s: float) -> None:
        """The picture stands still."""
        self.device.fault(LeptonFault.STUCK_FRAME, lasts_s)
        await self._clock.sleep(lasts_s)


class SpotAtDoor:
    """A pyrometer, and whoever holds their forehead before it."""

    def __init__(self, settings: SpotPyrometer, clock: Clock) -> None:
        self.instrument = SpotInstrument(settings.unit)
        self.instrument.set_temperature(BACKGROUND_C)
        self._server = RelayTcpSim([self.instrument], port=settings.port)
        self._clock = clock
        self._looking = 0

    @property
    def port(self) -> int:
        """The port it answers on."""
        return self._server.port

    async def __aenter__(self) -> Self:
        """Take up the socket."""
        await self._server.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it up."""
        await self._server.__aexit__(kind, error, trace)

    async def look_at(self, surface_temp_c: float) -> None:
        """Somebody stands before it, unless the next one has come meanwhile."""
        self._looking += 1
        mine = self._looking
        self.instrument.set_temperature(surface_temp_c)
        await self._clock.sleep(STAYS_S)
        if self._looking == mine:
            self.instrument.set_temperature(BACKGROUND_C)

    async def stick(self, lasts_s: float) -> None:
        """It shows the last temperature."""
        self.instrument.stuck = True
        try:
            await self._clock.sleep(lasts_s)
        finally:
            self.instrument.stuck = False


def _scene(settings: LeptonCamera, seed: int) -> ThermalScene | LeptonClips:
    door = ThermalScene(seed, settings.reference_c)
    return door if settings.clips is None else LeptonClips(settings.clips, door, names=settings.clip_names)


def thermometer(settings: LeptonCamera | SpotPyrometer, seed: int, clock: Clock) -> Thermometer:
    """The thermometer of these settings.

    Raises:
        OSError: the folder of clips cannot be read or holds none.
    """
    if isinstance(settings, SpotPyrometer):
        return SpotAtDoor(settings, clock)
    return CameraAtDoor(settings, seed, clock)
