"""A simulated tower: every device of sim.toml on its real socket or line, and one world's people at them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.contract.records import Side
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.logs import get_logger
from drivers.sim.doorway import Doorway
from drivers.sim.mishaps import MISHAPS, Place
from drivers.sim.plant import Plant
from drivers.sim.plant_settings import LeptonCamera, SpotPyrometer
from drivers.sim.script import Fitting, Reader
from drivers.sim.settings import Portal, SerialReader, TowerSettings
from drivers.sim.stations import Station, serial_reader, tcp_reader
from drivers.sim.terminals import terminal
from drivers.sim.thermometers import SEEN_S
from drivers.sim.wallet import Wallet
from drivers.sim.world import Happening, Trouble, Visit, Way, World

MEET_S_MAX = 20.0
"""The world waits so long for a gateway before people come anyway."""
SETTLE_S = 1.0
RELEASE_S_MAX = 8.0
"""Whoever is not let in by then gives up."""

_LOG = get_logger("sim")


class Tower:
    """The devices of one sim.toml. ``secrets`` gives passwords by name; ``key`` issues passes."""

    def __init__(
        self,
        settings: TowerSettings,
        clock: Clock,
        entropy: Entropy,
        secrets: Callable[[str], str],
        key: Ed25519PrivateKey,
    ) -> None:
        self.world = world_of(settings)
        self.plant = Plant(settings, clock)
        self.boards = self.plant.boards
        self.stations = _stations(settings, clock, entropy, secrets)
        self._settings = settings
        self._clock = clock
        self._key = key
        self._zone = ZoneInfo(settings.sim.time_zone)
        self._places = {
            name: Place(
                self.stations[portal.device],
                Doorway(portal, self.boards, self.stations[portal.device], clock),
                None if portal.thermometer is None else self.plant.thermometers[portal.thermometer],
            )
            for name, portal in settings.portals.items()
        }

    async def run(self, ready: Callable[[], None]) -> None:
        """Take up all sockets and lines, call ``ready``, and let people come until cancelled.

        Raises:
            OSError: a port is taken or a folder cannot be written.
        """
        async with AsyncExitStack() as stack:
            self.plant.write_recordings()
            for device in (*self.plant.devices(), *self.stations.values()):
                await stack.enter_async_context(device)
            _LOG.info("simulators_listening", stations=len(self.stations), boards=len(self.boards))
            ready()
            await self._meet()
            await self._live()

    async def _meet(self) -> None:
        """Wait for the first sign of a gateway: a demo's first minute is not for empty rooms."""
        waits = [asyncio.create_task(station.met()) for station in self.stations.values()]
        try:
            await asyncio.wait(waits, timeout=MEET_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        await self._clock.sleep(SETTLE_S)

    async def _live(self) -> None:
        start = self._clock.now().utc.astimezone(self._zone)
        wallet = Wallet(self._key, self._settings.sim.seed, start)
        began_s = self._clock.monotonic_s()
        async with asyncio.TaskGroup() as doing:
            for room in self.plant.rooms:
                doing.create_task(room.run(self._settings.sim.speed))
            for happening in self.world.happenings(start):
                due_s = began_s + happening.at_s / self._settings.sim.speed
                await self._clock.sleep(max(0.0, due_s - self._clock.monotonic_s()))
                doing.create_task(self._happen(happening, wallet))

    def _happen(self, happening: Happening, wallet: Wallet) -> Coroutine[Any, Any, None]:
        place = self._places[happening.way.portal]
        if isinstance(happening, Trouble):
            return self._go_wrong(happening, place)
        if happening.side is Side.EGRESS:
            return self._leave(happening, place)
        return self._come(happening, place, wallet)

    async def _come(self, visit: Visit, place: Place, wallet: Wallet) -> None:
        async with asyncio.TaskGroup() as doing:
            if place.thermometer is not None and visit.surface_temp_c is not None:
                doing.create_task(place.thermometer.look_at(visit.surface_temp_c))
                await self._clock.sleep(SEEN_S)
            await self._present(visit, place, wallet)

    async def _present(self, visit: Visit, place: Place, wallet: Wallet) -> None:
        release = place.doorway.releasing()
        qr = visit.way.reader is Reader.QR
        text = wallet.text(visit, self._clock.now().utc) if qr else ""
        opened = await self._opened(place.station.present(visit, text), release)
        _tell(visit, opened=opened)
        if opened and visit.passes:
            await place.doorway.walk_through(visit.passes, visit.open_s)

    async def _leave(self, visit: Visit, place: Place) -> None:
        release = place.doorway.releasing()
        pressed = _as_false(place.doorway.press_exit_button())
        opened = await self._opened(pressed, release)
        _tell(visit, opened=opened)
        await place.doorway.walk_through(1, visit.open_s)  # mechanical free egress: nobody waits for a lock

    async def _opened(self, presenting: Awaitable[bool], release: asyncio.Future[Any] | None) -> bool:
        """Whether the device or the lock beside it let the person through in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_S_MAX):
                if await presenting:
                    return True
                if release is not None:
                    await release
                    return True
        return False

    async def _go_wrong(self, trouble: Trouble, place: Place) -> None:
        _LOG.info("mishap_began", device=trouble.way.device, mishap=trouble.mishap.value)
        await MISHAPS[trouble.mishap](place, trouble.lasts_s / self._settings.sim.speed)
        _LOG.info("mishap_ended", device=trouble.way.device, mishap=trouble.mishap.value)


def world_of(settings: TowerSettings) -> World:
    """The world that meets at these portals."""
    ways = [_way(name, portal, settings) for name, portal in settings.portals.items()]
    return World(settings.sim.seed, ways, settings.sim.people)


def _way(name: str, portal: Portal, settings: TowerSettings) -> Way:
    reader = Reader.TERMINAL if portal.device in settings.terminals else Reader.QR
    thermometer = settings.thermometers.get(portal.thermometer or "")
    has = {
        Fitting.CAMERA: isinstance(thermometer, LeptonCamera),
        Fitting.SPOT: isinstance(thermometer, SpotPyrometer),
        Fitting.FIRE: portal.fire is not None,
        Fitting.TAMPER: portal.tamper is not None,
    }
    fittings = frozenset(fitting for fitting, there in has.items() if there)
    return Way(name, portal.device, reader, exit=portal.rex is not None, fittings=fittings)


def _stations(
    settings: TowerSettings, clock: Clock, entropy: Entropy, secrets: Callable[[str], str]
) -> Mapping[str, Station]:
    stations: dict[str, Station] = {
        name: terminal(name, one, secrets(one.password_secret), clock, entropy)
        for name, one in settings.terminals.items()
    }
    for name, reader in settings.readers.items():
        serial = isinstance(reader, SerialReader)
        stations[name] = serial_reader(reader.path, clock) if serial else tcp_reader(reader.port, clock)
    return stations


async def _as_false(doing: Awaitable[None]) -> bool:
    await doing
    return False


def _tell(visit: Visit, *, opened: bool) -> None:
    _LOG.info(
        "visited",
        number=visit.number,
        portal=visit.way.portal,
        side=visit.side.value,
        scenario=visit.scenario.value,
        opened=opened,
    )
