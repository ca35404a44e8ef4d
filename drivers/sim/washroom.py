"""A room with a disinfection unit: door, occupancy sensors, emergency stop, key switch, and who comes in."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from cardea.runtime.clock import Clock
from cardea.runtime.logs import get_logger
from drivers.sim.plant_settings import Zone
from drivers.sim.relay_modbus import RelayBoard
from drivers.sim.uv_unit import Part, UvUnit
from drivers.sim.wiring import Wiring
from drivers.sim.zone_world import Deed, planned

DOOR_S = 1.5
STAYS_S = 4.0
RADAR_LAG_S = 0.8
"""A millimetre-wave sensor believes in somebody, and in nobody, a little later than an infrared one."""
LAMP_WAIT_S_MAX = 90.0
"""An intruder who has not found the lamp burning by then goes elsewhere."""
INTRUDES_AFTER_S = 6.0

_LOG = get_logger("sim")


class Washroom:
    """One zone of sim.toml."""

    def __init__(
        self, name: str, zone: Zone, boards: Mapping[str, RelayBoard], unit: UvUnit, seed: int, clock: Clock
    ) -> None:
        self._name = name
        self._zone = zone
        self._wiring = Wiring(boards)
        self._unit = unit
        self._seed = seed
        self._clock = clock
        for wired in zone.inputs.values():
            self._wiring.put(wired, active=False)

    async def run(self, speed: float = 1.0) -> None:
        """Let the plan happen, until cancelled."""
        began_s = self._clock.monotonic_s()
        for step in planned(self._seed):
            due_s = began_s + step.at_s / speed
            await self._clock.sleep(max(0.0, due_s - self._clock.monotonic_s()))
            await self.do(step.deed)

    async def do(self, deed: Deed) -> None:
        """One deed, to its end."""
        _LOG.info("zone_deed", zone=self._name, deed=deed.value)
        await _DEEDS[deed](self)

    async def visit(self) -> None:
        """In by the door, a while, out by the door."""
        await self._through_the_door(inside_after=True)
        await self._clock.sleep(STAYS_S)
        await self._through_the_door(inside_after=False)

    async def arm(self) -> None:
        """Turn the key on."""
        self._wiring.put(self._zone.arm, active=True)

    async def disarm(self) -> None:
        """Turn the key off."""
        self._wiring.put(self._zone.arm, active=False)

    async def intrude(self) -> None:
        """Wait for the lamp, and walk in; the caretaker comes and turns the key off."""
        if not self._unit.on(Part.LAMP):
            burning = self._unit.expect(Part.LAMP, on=True)
            try:
                async with asyncio.timeout(LAMP_WAIT_S_MAX):
                    await burning
            except TimeoutError:
                _LOG.info("zone_deed_missed", zone=self._name, deed=Deed.INTRUDE.value)
                return
        await self._clock.sleep(INTRUDES_AFTER_S)
        await self.visit()
        await self.disarm()

    async def change_lamp(self) -> None:
        """A new lamp; its hours begin at 0."""
        self._unit.new_lamp()

    async def _through_the_door(self, *, inside_after: bool) -> None:
        with self._wiring.active(self._zone.door):
            await self._clock.sleep(DOOR_S / 2)
            self._wiring.put(self._zone.pir, active=inside_after)
            await self._clock.sleep(RADAR_LAG_S)
            self._wiring.put(self._zone.radar, active=inside_after)
            await self._clock.sleep(DOOR_S / 2)


_DEEDS: Mapping[Deed, Callable[[Washroom], Awaitable[None]]] = {
    Deed.VISIT: Washroom.visit,
    Deed.ARM: Washroom.arm,
    Deed.DISARM: Washroom.disarm,
    Deed.INTRUDE: Washroom.intrude,
    Deed.NEW_LAMP: Washroom.change_lamp,
}
