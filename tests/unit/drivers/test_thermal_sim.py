"""The simulated thermometers by themselves: a scene that keeps its word, clips, a camera, a cabinet."""

import asyncio
import itertools
from typing import Any

import numpy as np
import pytest
from pymodbus.client import AsyncModbusTcpClient

from drivers.sim import fff
from drivers.sim.frame_server import FRAMES_WAITING_MAX
from drivers.sim.lepton import LeptonSim
from drivers.sim.lepton_clips import LeptonClips
from drivers.sim.relay_modbus import RelayTcpSim
from drivers.sim.spot_modbus import SpotInstrument
from drivers.sim.thermal_scene import DRIFT_C_MAX, FLAT_FIELD_EVERY_S_MAX, FRAME_SHAPE, ThermalScene


def celsius(raw):
    return raw * 0.01 - 273.15


def face_c(raw):
    """The mean of the four hottest pixels left of the reference disc."""
    return float(np.sort(celsius(raw)[:, :115].ravel())[-4:].mean())


def disc_c(raw, disc=(93, 132)):
    row, column = disc
    return float(np.median(celsius(raw)[row - 3 : row + 4, column - 3 : column + 4]))


# --- The scene ------------------------------------------------------------------------------------


@pytest.mark.parametrize("surface_temp_c", [35.2, 36.4, 38.6])
def test_a_face_is_as_warm_as_it_was_told_once_the_reference_is_taken_off(surface_temp_c):
    scene = ThermalScene(3)
    scene.enter(surface_temp_c, 6.0)
    scene.frame(0.0)
    frames = [scene.frame(float(at_s))[0] for at_s in np.arange(1.5, 4.5, 1 / 9)]
    corrected = [face_c(raw) - (disc_c(raw) - 37.0) for raw in frames]
    assert np.mean(corrected) == pytest.approx(surface_temp_c, abs=0.05)
    assert abs(disc_c(frames[0]) - 37.0) > 0.1, "without the reference it is wrong"


def test_people_come_in_stand_and_go_and_never_hide_the_reference():
    scene = ThermalScene(3)
    assert not scene.occupied
    assert face_c(scene.frame(0.0)[0]) < 27
    scene.enter(36.4, 3.0)
    assert scene.occupied
    warm = []
    for at_s in np.arange(1.0, 5.0, 1 / 9):
        raw, _ = scene.frame(float(at_s))
        warm.append(face_c(raw) - scene.offset_c() > 34)
        assert disc_c(raw) - scene.offset_c() == pytest.approx(37.0, abs=0.05)
    assert not scene.occupied
    assert not warm[0]
    assert warm[13]
    assert not warm[-1]


def test_the_same_seed_is_the_same_door():
    def film(seed):
        scene = ThermalScene(seed, reference_c=35.8, disc=(24, 108, 6))
        scene.enter(36.9, 2.0)
        return [scene.frame(i / 9) for i in range(20)]

    first, again, other = film(1), film(1), film(2)
    assert all((a[0] == b[0]).all() and a[1] == b[1] for a, b in zip(first, again, strict=True))
    assert any((a[0] != b[0]).any() for a, b in zip(first, other, strict=True))
    assert disc_c(first[0][0], (24, 108)) == pytest.approx(35.8, abs=1.1)


def test_the_sensor_drifts_within_bounds_and_corrects_itself():
    scene = ThermalScene(11)
    offsets, since, frozen = [], [], 0
    before = None
    for at_s in np.arange(0.0, 1800.0, 0.8):
        raw, since_s = scene.frame(float(at_s))
        offsets.append(scene.offset_c())
        since.append(since_s)
        assert raw.shape == FRAME_SHAPE
        if since_s == 0:
            frozen += before is not None and bool((raw == before).all())
        before = raw
    corrections = int((np.diff(since) < -100).sum())
    assert np.abs(offsets).max() <= DRIFT_C_MAX
    assert np.ptp(offsets) > 0.3
    assert corrections == len([1 for a, b in itertools.pairwise(since) if b == 0 < a]) >= 8
    assert frozen >= corrections
    assert max(since[300:]) < FLAT_FIELD_EVERY_S_MAX


def test_a_drift_at_its_bound_turns_back():
    reached = max(max(abs(scene_offset) for scene_offset in walk(seed)) for seed in range(6))
    assert reached <= DRIFT_C_MAX


def walk(seed):
    scene = ThermalScene(seed)
    for hour in range(1, 13):
        scene.frame(hour * 3600.0)
        yield scene.offset_c()


def test_noise_is_small_and_new_in_each_frame():
    scene = ThermalScene(5)
    frames = np.stack([celsius(scene.frame(i / 9)[0]) for i in range(8)])
    assert 0.01 < np.diff(frames, axis=0).std() / 2**0.5 < 0.03


# --- Clips ----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("a", "b", "empty")):
        np.savez(
            tmp_path / f"{name}.npz",
            frames=np.full((4, 120, 160), 29_000 + 100 * number, np.uint16)
            + np.arange(4, dtype=np.uint16)[:, None, None],
            uptime_s=50.0 + np.arange(4) / 9,
            last_ffc_s=np.full(4, 20.0),
        )
    return tmp_path


def test_one_clip_for_each_visit(folder):
    clips = LeptonClips(folder, ThermalScene(7), names=("a", "b"))
    for first in (29_000, 29_100, 29_000):
        clips.enter(38.0, 1.0)
        assert clips.occupied
        start = clips.frame(10.0)[0][0, 0]
        assert [start, clips.frame(10.0 + 1.5 / 9)[0][0, 0], clips.frame(10.3)[0][0, 0]] == [
            first,
            first + 1,
            first + 2,
        ]
        assert clips.frame(10.3)[1] == pytest.approx(0.3), "another recording is told as a correction"
        assert clips.frame(10.5)[1] == 0.0, "and so is the way back"
        assert not clips.occupied
        assert clips.frame(10.7)[1] == pytest.approx(0.2)


def test_a_synthesised_door_between_clips(folder):
    clips = LeptonClips(folder, ThermalScene(7))
    assert disc_c(clips.frame(0.0)[0]) > 34
    clips.enter()
    assert clips.frame(1.0)[0][0, 0] == 29_000


def test_a_folder_without_clips(tmp_path):
    with pytest.raises(FileNotFoundError, match="no clip"):
        LeptonClips(tmp_path, ThermalScene(7))


# --- The camera server ----------------------------------------------------------------------------


class Hasty:
    """A clock that runs 50 times too fast."""

    def __init__(self, clock):
        self._clock = clock

    def now(self):
        return self._clock.now()

    def monotonic_s(self):
        return 50 * self._clock.monotonic_s()

    async def sleep(self, delay_s):
        await self._clock.sleep(delay_s / 50)


async def test_a_slow_reader_misses_whole_frames_and_others_notice_nothing(clock):
    async with LeptonSim(0, ThermalScene(5), Hasty(clock)) as sim:
        _, slow = await asyncio.open_connection("127.0.0.1", sim.port, limit=1)
        still: Any = slow.transport
        still.pause_reading()
        await sim.met()
        quick, other = await asyncio.open_connection("127.0.0.1", sim.port)
        numbers = []
        async with asyncio.timeout(10):
            while not sim.dropped:
                frame = await quick.readexactly(39_040)
                numbers.append(int.from_bytes(frame[38_400 + 40 : 38_400 + 44], "little"))
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert all(
            transport.get_write_buffer_size() <= (FRAMES_WAITING_MAX + 1) * 39_040
            for transport in sim._transports
        )
        for writer in (slow, other):
            writer.close()
        await slow.wait_closed()
    assert sim.frames >= len(numbers)


async def test_a_camera_that_nobody_watches_goes_on(clock):
    async with LeptonSim(0, ThermalScene(5), Hasty(clock)) as sim:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
            await reader.readexactly(39_040)
            writer.close()
            before = sim.frames
            while sim.frames < before + 3:
                await clock.sleep(0.005)
        assert not sim._met.is_set()


# --- A cabinet ------------------------------------------------------------------------------------


def test_a_cabinet_warms_up_and_holds_no_person():
    cold, warm = fff.test_scene(0.0), fff.test_scene(600.0)
    kelvin = fff.CABINET_PLANCK.b / np.log(
        fff.CABINET_PLANCK.r1 / (fff.CABINET_PLANCK.r2 * (warm.astype(float) + fff.CABINET_PLANCK.o))
        + fff.CABINET_PLANCK.f
    )
    assert cold.max() - cold.min() < 1500
    assert 85 < kelvin.max() - 273.15 < 105
    assert np.unravel_index(warm.argmax(), warm.shape) == pytest.approx((44, 53), abs=2)
    assert (fff.test_scene(600.0) == warm).all()


# --- A pyrometer ----------------------------------------------------------------------------------


async def test_a_pyrometer_takes_an_emissivity_and_answers_on_both_tables():
    instrument = SpotInstrument(1)
    async with RelayTcpSim([instrument]) as sim:
        client = AsyncModbusTcpClient("127.0.0.1", port=sim.port)
        await client.connect()
        await client.write_register(0x08, 9300, device_id=1)
        holding = await client.read_holding_registers(0x08, count=1, device_id=1)
        surface = await client.read_input_registers(0x12, count=1, device_id=1)
        await client.write_coil(1, True, device_id=1)
        client.close()
    assert (holding.registers, surface.registers) == ([9300], [360])
