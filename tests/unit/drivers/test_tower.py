"""The simulated tower on real sockets and lines: people present, doors move, devices fail and come back."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.contract.time import ClockQuality, Instant
from cardea.runtime.clock import SystemEntropy
from cardea.runtime.config import ConfigInvalid, check
from drivers.sim import tower as towers
from drivers.sim.doorway import Doorway
from drivers.sim.mishaps import Place
from drivers.sim.plant_settings import Input
from drivers.sim.qr_tcp import QrTcpSim
from drivers.sim.relay_modbus import RelayBoard
from drivers.sim.script import Fitting, Mishap, Reader
from drivers.sim.settings import Portal, TowerSettings
from drivers.sim.stations import QrStation, tcp_reader
from drivers.sim.thermometers import SpotAtDoor
from drivers.sim.tower import Tower
from drivers.sim.world import Trouble, Way
from models.passes import VerifiedPass, keyring, verify

FASTER = 50
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
KEYS = keyring([KEY.public_key()])
BEGIN = dt.datetime(2026, 11, 23, 0, 30, tzinfo=dt.UTC)


class FastClock:
    """Real waiting, a fiftieth as long."""

    def now(self) -> Instant:
        mono_s = self.monotonic_s()
        return Instant(mono_s, BEGIN + dt.timedelta(seconds=mono_s % 1e5), ClockQuality.SYNCHRONISED)

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time() * FASTER

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s / FASTER)


def table(folder: Path) -> dict[str, Any]:
    (folder / "passes.pem").touch()
    return {
        "sim": {"pass_key_file": "passes.pem", "people": 30, "time_zone": "Asia/Shanghai"},
        "readers": {"qr-1": {"kind": "tcp", "port": 0}, "qr-2": {"kind": "serial", "path": "run/qr"}},
        "lines": {"rs485": {"path": "run/rs485"}},
        "boards": {"relay-1": {"line": "rs485", "unit": 1}, "relay-2": {"line": "rs485", "unit": 2}},
        "portals": {
            "service": {
                "device": "qr-1",
                "lock": {"board": "relay-1", "coil": 0},
                "contact": {"board": "relay-1", "input": 0},
                "rex": {"board": "relay-1", "input": 1},
            },
            "garage": {
                "device": "qr-2",
                "lock": {"board": "relay-2", "coil": 0},
                "contact": {"board": "relay-2", "input": 0, "normally_closed": True},
            },
        },
    }


def settings(folder: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> TowerSettings:
    data = table(folder)
    change(data)
    return check(TowerSettings, data, file=folder / "sim.toml")


def made(folder: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> Tower:
    return Tower(settings(folder, change), FastClock(), SystemEntropy(), "a password {}".format, KEY)


def port_of(tower: Tower, reader: str) -> int:
    station = tower.stations[reader]
    assert isinstance(station, QrStation)
    assert isinstance(station._reader, QrTcpSim)
    return station._reader.port


@dataclass
class Gate:
    """What a gateway would do, in three lines: valid passes and exit buttons open doors."""

    tower: Tower
    seen: list[str] = field(default_factory=list[str])
    contact: list[bool] = field(default_factory=list[bool])

    def read(self, text: str) -> None:
        self.seen.append(text)
        if isinstance(verify(text, KEYS, FastClock().now().utc), VerifiedPass):
            self.release()

    def release(self) -> None:
        board = self.tower.boards["relay-1"]
        board.force(0, on=False)
        board.force(0, on=True)

    async def watch(self) -> None:
        board = self.tower.boards["relay-1"]
        while True:
            if not self.contact or self.contact[-1] != board._inputs[0]:
                self.contact.append(board._inputs[0])
            if board._inputs[1]:
                self.release()
            await asyncio.sleep(0.002)

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not done():  # noqa: ASYNC110  # what is awaited are levels on simulated boards
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(tower: Tower) -> AsyncGenerator[Gate]:
    ready = asyncio.Event()
    run = asyncio.create_task(tower.run(ready.set))
    gate = Gate(tower)
    tasks = [run]
    try:
        async with asyncio.timeout(5):
            await ready.wait()
        stream, writer = await asyncio.open_connection("127.0.0.1", port_of(tower, "qr-1"))
        tasks += [asyncio.create_task(_lines(stream, gate)), asyncio.create_task(gate.watch())]
        yield gate
        writer.close()
    finally:
        for task in reversed(tasks):
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [one for one in results if isinstance(one, Exception)]


async def _lines(stream: asyncio.StreamReader, gate: Gate) -> None:
    while line := await stream.readline():
        gate.read(line.decode(errors="replace").strip())


def passes(texts: list[str]) -> int:
    return sum(text.startswith("CDA1:") for text in texts)


async def test_people_come_with_passes_and_go_through_when_released(tmp_path: Path) -> None:
    tower = made(tmp_path)
    async with running(tower) as gate:
        assert (tmp_path / "run" / "rs485").is_symlink()
        await gate.until(lambda: passes(gate.seen) >= 4 and len(gate.contact) >= 5)
    assert gate.contact[:4] == [False, True, False, True]
    assert not (tmp_path / "run" / "rs485").exists()
    assert not (tmp_path / "run" / "qr").exists()


async def test_every_mishap_of_a_reader_ends(tmp_path: Path) -> None:
    tower = made(tmp_path)
    way = Way("service", "qr-1", Reader.QR)
    place = tower._places["service"]
    async with running(tower) as gate:
        seen = len(gate.seen)
        await tower._go_wrong(Trouble(at_s=0.0, way=way, mishap=Mishap.GARBAGE), place)
        await gate.until(lambda: any("not a code" in text for text in gate.seen[seen:]))
        await tower._go_wrong(Trouble(at_s=0.0, way=way, mishap=Mishap.DOOR_FORCED), place)
        await tower._go_wrong(Trouble(at_s=0.0, way=way, mishap=Mishap.OFFLINE, lasts_s=1.0), place)
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(tower, "qr-1"))
        writer.close()


async def test_the_world_waits_for_a_gateway_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(towers, "MEET_S_MAX", 0.05)
    tower = made(tmp_path, lambda data: (data["readers"].pop("qr-1"), data["portals"].pop("service")))
    ready = asyncio.Event()
    run = asyncio.create_task(tower.run(ready.set))
    await ready.wait()
    line = (tmp_path / "run" / "qr").resolve()
    assert line.exists()
    loop = asyncio.get_running_loop()
    with (tmp_path / "run" / "qr").open("rb", buffering=0) as serial:
        text = await asyncio.wait_for(loop.run_in_executor(None, serial.readline), 5)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert text.startswith(b"CDA1:")


async def test_a_taken_port_is_an_os_error(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tower = made(tmp_path, lambda data: data["readers"]["qr-1"].update(port=port))
    with pytest.raises(OSError, match="address already in use"):
        await tower.run(lambda: None)
    assert not (tmp_path / "run" / "rs485").exists()
    server.close()


async def test_contacts_rest_as_they_are_wired_and_close_after_the_last_person(tmp_path: Path) -> None:
    board = RelayBoard(1, FastClock())
    wired = Input(board="b", input=3, normally_closed=True)
    doorway = Doorway(
        Portal(device="x", contact=wired), {"b": board}, tcp_reader(0, FastClock()), FastClock()
    )
    assert board._inputs[3]
    assert doorway.releasing() is None
    through = asyncio.gather(doorway.walk_through(1, 5.0), doorway.walk_through(2, 5.0))
    await asyncio.sleep(3 / FASTER)
    assert not board._inputs[3]
    await asyncio.sleep(5 / FASTER)
    assert not board._inputs[3], "the second person still holds it"
    await through
    assert board._inputs[3]
    forcing = asyncio.create_task(doorway.force())
    await asyncio.sleep(2 / FASTER)
    assert not board._inputs[3]
    await forcing
    assert board._inputs[3]
    await doorway.press_exit_button()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["boards"]["relay-1"].update(line="x"), "boards.relay-1.line: no line is called 'x'"),
        (lambda d: d["portals"]["garage"].update(device="x"), "portals.garage.device: no terminal or reader"),
        (lambda d: d["portals"]["garage"].pop("lock"), "portals.garage.lock: a QR reader opens nothing"),
        (lambda d: d["portals"]["service"]["rex"].update(board="x"), "portals.service.rex: no board is"),
        (lambda d: d["sim"].update(time_zone="Mars/Base"), "must be a time zone of the IANA database"),
        (lambda d: d["sim"].update(people=1), "sim.people: 1 → must be greater than or equal to 12"),
        (lambda d: d["sim"].update(colour=1), "sim.colour: 1 → unknown key"),
    ],
)
def test_a_wrong_sim_toml_says_what_would_be_right(
    tmp_path: Path, change: Callable[..., object], said: str
) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        settings(tmp_path, change)
    assert said in str(caught.value)


# --- what the portals are fitted with -------------------------------------------------------------


def fitted(data: dict[str, Any]) -> None:
    data["thermometers"] = {"spot-1": {"kind": "spot", "port": 0}}
    data["portals"]["service"] |= {
        "thermometer": "spot-1",
        "fire": {"board": "relay-1", "input": 4},
        "tamper": {"board": "relay-1", "input": 5},
    }


def test_a_way_knows_what_stands_there(tmp_path: Path) -> None:
    ways = {way.portal: way for way in made(tmp_path, fitted).world._ways}
    assert ways["service"].fittings == {Fitting.SPOT, Fitting.FIRE, Fitting.TAMPER}
    assert ways["service"].measures
    assert not ways["garage"].measures


async def test_whoever_comes_by_a_thermometer_is_seen_before_they_present_themselves(tmp_path: Path) -> None:
    tower = made(tmp_path, fitted)
    spot = tower.plant.thermometers["spot-1"]
    assert isinstance(spot, SpotAtDoor)
    warm: list[bool] = []
    async with running(tower) as gate:
        read = gate.read

        def look(text: str) -> None:
            warm.append(spot.instrument._words[0x12] > 300)
            read(text)

        gate.read = look  # pyright: ignore[reportAttributeAccessIssue]  # a gateway that also looks
        await gate.until(lambda: sum(warm) >= 3)
    assert warm[0], "the first is seen, however busy the machine"


@pytest.mark.parametrize(
    ("mishap", "seen"),
    [
        (Mishap.FIRE_ALARM, lambda tower: tower.boards["relay-1"]._inputs[4]),
        (Mishap.TAMPER, lambda tower: tower.boards["relay-1"]._inputs[5]),
        (Mishap.BOARD_SILENT, lambda tower: tower.boards["relay-1"].faults.silent),
        (Mishap.THERMOMETER_STUCK, lambda tower: tower.plant.thermometers["spot-1"].instrument.stuck),
    ],
)
async def test_what_goes_wrong_for_a_while_is_right_again(
    tmp_path: Path, mishap: Mishap, seen: Callable[[Tower], bool]
) -> None:
    tower = made(tmp_path, fitted)
    trouble = Trouble(at_s=0.0, way=Way("service", "qr-1", Reader.QR), mishap=mishap, lasts_s=5.0)
    assert not seen(tower)
    going_wrong = asyncio.create_task(tower._go_wrong(trouble, tower._places["service"]))
    await asyncio.sleep(1 / FASTER)
    assert seen(tower)
    await going_wrong
    assert not seen(tower)


async def test_what_is_not_there_cannot_go_wrong(tmp_path: Path) -> None:
    tower = made(tmp_path)
    bare = Place(
        tower.stations["qr-1"], Doorway(Portal(device="qr-1"), {}, tower.stations["qr-1"], FastClock())
    )
    way = Way("bare", "qr-1", Reader.QR)
    nothing = (
        Mishap.FIRE_ALARM,
        Mishap.TAMPER,
        Mishap.BOARD_SILENT,
        Mishap.THERMOMETER_STUCK,
        Mishap.REFUSAL,
    )
    for mishap in nothing:
        await tower._go_wrong(Trouble(at_s=0.0, way=way, mishap=mishap, lasts_s=0.1), bare)
