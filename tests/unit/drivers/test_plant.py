"""What stands in a simulated tower besides readers: thermometers, cameras of things, a disinfected room."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cardea.contract.time import ClockQuality, Instant
from cardea.runtime.config import ConfigInvalid, check
from drivers.sim import thermometers, washroom
from drivers.sim.mishaps import MISHAPS
from drivers.sim.pictures import FRAMES, HEIGHT, WIDTH, CabinetCamera, write_recording
from drivers.sim.plant import Plant
from drivers.sim.plant_settings import Input, LeptonCamera, Picture, SpotPyrometer, Video, Zone
from drivers.sim.relay_modbus import RelayBoard
from drivers.sim.script import Mishap
from drivers.sim.settings import TowerSettings
from drivers.sim.thermometers import BACKGROUND_C, STAYS_S, CameraAtDoor, SpotAtDoor, thermometer
from drivers.sim.uv_lamp import Lamp
from drivers.sim.uv_unit import Part, UvUnit
from drivers.sim.washroom import Washroom
from drivers.sim.wiring import Wiring
from drivers.sim.zone_world import PLAN, Deed

FASTER = 50
KELVIN_C = 273.15


class FastClock:
    """Real waiting, so many times as fast."""

    def __init__(self, faster: float = FASTER) -> None:
        self._faster = faster

    def now(self) -> Instant:
        mono_s = self.monotonic_s()
        begin = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
        return Instant(mono_s, begin + dt.timedelta(seconds=mono_s % 1e5), ClockQuality.SYNCHRONISED)

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time() * self._faster

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s / self._faster)


async def hottest_c(port: int) -> AsyncGenerator[float, None]:
    """The hottest pixel left of the blackbody, of one frame after another."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            words = np.frombuffer(await reader.readexactly(160 * 122 * 2), "<u2")[: 120 * 160]
            yield float(words.reshape(120, 160)[:, :118].max()) / 100 - KELVIN_C
    finally:
        writer.close()


async def test_somebody_before_the_thermal_camera_is_warm_and_then_gone() -> None:
    camera = thermometer(LeptonCamera(kind="lepton", port=0), 7, FastClock(faster=10))
    assert isinstance(camera, CameraAtDoor)
    async with camera, asyncio.timeout(20), contextlib.aclosing(hottest_c(camera.device.port)) as frames:
        assert await anext(frames) < 30
        looking = asyncio.create_task(camera.look_at(36.5))
        while await anext(frames) < 33:
            pass
        assert not looking.done()
        await looking
        while await anext(frames) >= 30:
            pass
        assert max([await anext(frames) for _ in range(3)]) < 30


async def test_a_stuck_camera_shows_the_same_picture() -> None:
    camera = CameraAtDoor(LeptonCamera(kind="lepton", port=0), 7, FastClock())
    async with camera:
        sticking = asyncio.create_task(camera.stick(10.0))
        async with contextlib.aclosing(hottest_c(camera.device.port)) as frames:
            await anext(frames)
            seen = {await anext(frames) for _ in range(6)}
        sticking.cancel()
    assert len(seen) == 1


def test_recorded_clips_are_played_where_they_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no clip"):
        thermometer(LeptonCamera(kind="lepton", port=0, clips=tmp_path), 7, FastClock())


async def test_a_pyrometer_sees_the_last_who_came_and_then_the_wall() -> None:
    spot = thermometer(SpotPyrometer(kind="spot", port=0), 7, FastClock())
    assert isinstance(spot, SpotAtDoor)
    seen = lambda: spot.instrument._words[0x12] / 10  # noqa: E731  # a word for what stands in the register
    async with spot:
        assert spot.port > 0
        first = asyncio.create_task(spot.look_at(36.4))
        await asyncio.sleep(STAYS_S / 2 / FASTER)
        assert seen() == 36.4
        second = asyncio.create_task(spot.look_at(38.2))
        await first
        assert seen() == 38.2
        await second
        assert seen() == BACKGROUND_C
        sticking = asyncio.create_task(spot.stick(1.0))
        await asyncio.sleep(0)
        await spot.look_at(36.0)
        await sticking
        assert not spot.instrument.stuck


async def test_the_cabinet_is_always_there_whole_and_grows_warmer(tmp_path: Path) -> None:
    path = tmp_path / "run" / "cabinet.fff"
    async with CabinetCamera(Picture(path=path, every_s=1.0), FastClock()):
        first = path.read_bytes()
        assert first.startswith(b"FFF\0")
        async with asyncio.timeout(5):
            while path.read_bytes() == first:  # noqa: ASYNC110  # another task writes the file
                await asyncio.sleep(0.005)
        assert path.read_bytes().startswith(b"FFF\0")
        assert len(path.read_bytes()) == len(first)
    assert [each.name for each in path.parent.iterdir()] == ["cabinet.fff"]


def test_a_recording_can_be_played_and_moves(tmp_path: Path) -> None:
    path = tmp_path / "run" / "lobby.avi"
    write_recording(Video(path=path))
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    capture.release()
    assert len(frames) == FRAMES
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    assert np.abs(frames[0].astype(int) - frames[30].astype(int)).max() > 50


def test_a_recording_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "lobby.avi").mkdir()
    with pytest.raises(OSError, match="cannot be written as a recording"):
        write_recording(Video(path=tmp_path / "lobby.avi"))


# --- the room -----------------------------------------------------------------------------------


def wired(number: int, *, closed: bool = False) -> Input:
    return Input(board="relay-3", input=number, normally_closed=closed)


ZONE = Zone(
    unit="uv-1",
    door=wired(0, closed=True),
    estop=wired(1, closed=True),
    pir=wired(2),
    radar=wired(3),
    arm=wired(4),
    fire=wired(5),
)


class Room:
    """A washroom with what is wired to it."""

    def __init__(self) -> None:
        self.clock = FastClock()
        self.board = RelayBoard(2, self.clock)
        self.unit = UvUnit(1, self.clock, lamp=Lamp(warm_up_s=1.0), hours=8000.0)
        self.washroom = Washroom("washroom", ZONE, {"relay-3": self.board}, self.unit, 7, self.clock)

    def shows(self) -> tuple[bool, ...]:
        return tuple(self.board._inputs[:6])

    def burn(self) -> None:
        for part in (Part.CONTACTOR, Part.EMITTER):
            self.unit.force(part, on=True)


AT_REST = (True, True, False, False, False, False)


async def test_a_visit_moves_door_and_both_sensors_and_leaves_all_at_rest() -> None:
    room = Room()
    assert room.shows() == AT_REST
    visit = asyncio.create_task(room.washroom.do(Deed.VISIT))
    seen = set()
    while not visit.done():
        seen.add(room.shows())
        await asyncio.sleep(0.002)
    assert (False, True, True, False, False, False) in seen, "the radar is later than the infrared sensor"
    assert (True, True, True, True, False, False) in seen, "somebody is inside, the door closed"
    assert room.shows() == AT_REST
    room.unit.stop()


async def test_the_key_is_turned_on_and_off() -> None:
    room = Room()
    await room.washroom.do(Deed.ARM)
    assert room.shows()[4]
    await room.washroom.do(Deed.DISARM)
    assert room.shows() == AT_REST


async def test_an_intruder_comes_only_while_the_lamp_burns_and_the_key_is_off_after() -> None:
    room = Room()
    await room.washroom.do(Deed.ARM)
    intruding = asyncio.create_task(room.washroom.do(Deed.INTRUDE))
    await asyncio.sleep(20 / FASTER)
    assert room.shows()[0], "the door is closed"
    room.burn()
    await intruding
    assert room.shows() == AT_REST
    again = asyncio.create_task(room.washroom.do(Deed.INTRUDE))
    opened = False
    while not again.done():
        opened = opened or not room.shows()[0]
        await asyncio.sleep(0.002)
    assert opened, "a lamp that burns already is found burning"
    room.unit.stop()


async def test_an_intruder_who_finds_no_lamp_burning_goes_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(washroom, "LAMP_WAIT_S_MAX", 0.02)
    room = Room()
    await room.washroom.do(Deed.INTRUDE)
    assert room.shows() == AT_REST


async def test_a_new_lamp_has_burned_for_nothing() -> None:
    room = Room()
    assert room.unit.lamp_h == 8000.0
    await room.washroom.do(Deed.NEW_LAMP)
    assert room.unit.lamp_h == 0.0


async def test_the_plan_happens_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room()
    done: list[Deed] = []

    async def note(deed: Deed) -> None:
        done.append(deed)

    monkeypatch.setattr(room.washroom, "do", note)
    run = asyncio.create_task(room.washroom.run(speed=100.0))
    async with asyncio.timeout(10):
        while len(done) < len(PLAN) + 2:  # noqa: ASYNC110  # another task writes the list
            await asyncio.sleep(0.005)
    run.cancel()
    assert done[: len(PLAN) + 2] == [step.deed for step in (*PLAN, *PLAN[:2])]


def test_wiring_follows_how_a_contact_is_wired() -> None:
    board = RelayBoard(1, FastClock())
    wiring = Wiring({"relay-3": board})
    with wiring.active(wired(3)), wiring.active(wired(4, closed=True)), wiring.active(None):
        assert (board._inputs[3], board._inputs[4]) == (True, False)
    assert (board._inputs[3], board._inputs[4]) == (False, True)


# --- all of it, from sim.toml -------------------------------------------------------------------


def table(folder: Path) -> dict[str, Any]:
    (folder / "passes.pem").touch()
    inputs = {name: one.model_dump() for name, one in ZONE.inputs.items()}
    return {
        "sim": {"pass_key_file": "passes.pem", "people": 30},
        "readers": {"qr-1": {"kind": "tcp", "port": 0}},
        "thermometers": {
            "lepton-1": {"kind": "lepton", "port": 0},
            "spot-1": {"kind": "spot", "port": 0},
        },
        "pictures": {"panel-1": {"path": "run/cabinet.fff"}},
        "videos": {"cam-1": {"path": "run/lobby.avi"}},
        "lines": {"plant": {"path": "run/plant"}},
        "boards": {"relay-3": {"line": "plant", "unit": 2}},
        "units": {"uv-1": {"line": "plant", "unit": 1, "hours": 12.0}},
        "zones": {"washroom": {"unit": "uv-1", **inputs}},
        "portals": {
            "service": {
                "device": "qr-1",
                "thermometer": "lepton-1",
                "lock": {"board": "relay-3", "coil": 0},
                "fire": {"board": "relay-3", "input": 6},
            }
        },
    }


async def test_everything_is_there_and_goes_again(tmp_path: Path) -> None:
    plant = Plant(check(TowerSettings, table(tmp_path), file=tmp_path / "sim.toml"), FastClock())
    assert plant.units["uv-1"].lamp_h == 12.0
    plant.write_recordings()
    async with contextlib.AsyncExitStack() as stack:
        for device in plant.devices():
            await stack.enter_async_context(device)
        assert (tmp_path / "run" / "plant").is_symlink()
        assert (tmp_path / "run" / "cabinet.fff").exists()
        assert (tmp_path / "run" / "lobby.avi").exists()
    assert not (tmp_path / "run" / "plant").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["units"]["uv-1"].update(line="x"), "units.uv-1.line: no line is called 'x'"),
        (lambda d: d["zones"]["washroom"].update(unit="x"), "zones.washroom.unit: no unit is called 'x'"),
        (lambda d: d["zones"]["washroom"]["pir"].update(board="x"), "zones.washroom.pir: no board is called"),
        (
            lambda d: d["portals"]["service"].update(thermometer="x"),
            "portals.service.thermometer: no thermometer is called 'x'",
        ),
        (lambda d: d["portals"]["service"]["fire"].update(board="x"), "portals.service.fire: no board is"),
        (lambda d: d["thermometers"]["spot-1"].update(kind="x"), "thermometers.spot-1"),
    ],
)
def test_a_wrong_table_says_what_would_be_right(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    data = table(tmp_path)
    change(data)
    with pytest.raises(ConfigInvalid) as caught:
        check(TowerSettings, data, file=tmp_path / "sim.toml")
    assert said in str(caught.value)


def test_every_mishap_can_be_carried_out() -> None:
    assert MISHAPS.keys() == set(Mishap)
    assert thermometers.SEEN_S < STAYS_S
