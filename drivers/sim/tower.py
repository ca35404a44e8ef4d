"""A simulated tower: every device of sim.toml on its real socket or line, and one world's people at them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.contract.records import Side
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.logs import get_logger
from drivers.sim.doorway import Doorway
from drivers.sim.relay_modbus import RelayBoard, RelayRtuSim
from drivers.sim.script import Mishap, Reader
from drivers.sim.settings import Portal, SerialReader, TowerSettings
from drivers.sim.stations import Station, serial_reader, tcp_reader
from drivers.sim.terminals import terminal
from drivers.sim.wallet import Wallet
from drivers.sim.world import Happening, Trouble, Visit, Way, World

MEET_S_MAX = 20.0
"""The world waits so long for a gateway before people come anyway."""
SETTLE_S = 1.0
RELEASE_S_MAX = 8.0
"""Whoever is not let in by then gives up."""

_LOG = get_logger("sim")


@dataclass(frozen=True, slots=True)
class Place:
    """One portal with what stands at it."""

    station: Station
    doorway: Doorway


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
        self.boards = {name: RelayBoard(board.unit, clock) for name, board in settings.boards.items()}
        self.lines = {
            name: RelayRtuSim(
                [self.boards[at] for at, board in settings.boards.items() if board.line == name], line.path
            )
            for name, line in settings.lines.items()
        }
        self.stations = _stations(settings, clock, entropy, secrets)
        self._settings = settings
        self._clock = clock
        self._key = key
        self._zone = ZoneInfo(settings.sim.time_zone)
        self._places = {
            name: Place(
                self.stations[portal.device],
                Doorway(portal, self.boards, self.stations[portal.device], clock),
            )
            for name, portal in settings.portals.items()
        }

    async def run(self, ready: Callable[[], None]) -> None:
        """Take up all sockets and lines, call ``ready``, and let people come until cancelled.

        Raises:
            OSError: a port is taken or a folder cannot be written.
        """
        async with AsyncExitStack() as stack:
            for device in (*self.lines.values(), *self.stations.values()):
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
        match trouble.mishap:
            case Mishap.OFFLINE:
                await place.station.fail(trouble.lasts_s / self._settings.sim.speed)
            case Mishap.GARBAGE:
                place.station.spout()
            case Mishap.DOOR_FORCED:
                await place.doorway.force()
        _LOG.info("mishap_ended", device=trouble.way.device, mishap=trouble.mishap.value)


def world_of(settings: TowerSettings) -> World:
    """The world that meets at these portals."""
    ways = [_way(name, portal, settings) for name, portal in settings.portals.items()]
    return World(settings.sim.seed, ways, settings.sim.people)


def _way(name: str, portal: Portal, settings: TowerSettings) -> Way:
    reader = Reader.TERMINAL if portal.device in settings.terminals else Reader.QR
    return Way(name, portal.device, reader, exit=portal.rex is not None)


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
