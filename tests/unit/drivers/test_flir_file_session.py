"""Radiometric files shown one after another."""

import asyncio
import io

import numpy as np
import pytest
import structlog
import tifffile

from cardea.contract.reasons import RefusalReason
from drivers.api import (
    DeviceIdentified,
    DeviceLost,
    DeviceMisconfigured,
    NotExecuted,
    OpenDoor,
    Reject,
    ThermalFrameCaptured,
)
from drivers.sim import fff as sim
from drivers.thermal.flir_file import session


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "b.fff").write_bytes(sim.fff(sim.test_scene(20.0), order="little"))
    (tmp_path / "a.JPG").write_bytes(
        sim.radiometric_jpeg(sim.fff(sim.test_scene(10.0), payload="png_swapped"))
    )
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "older.fff").mkdir()
    return tmp_path


def shown(emitted):
    return [int(frame.raw.max()) for frame in emitted.of(ThermalFrameCaptured)]


async def test_a_folder_is_shown_by_name_over_and_over(folder, emitted, open_device, running):
    device = open_device("thermal.flir_file", None, path=folder, interval_s=0.05)
    first, second = (int(sim.test_scene(at_s).max()) for at_s in (10.0, 20.0))
    async with running(device.run(emitted)):
        await emitted.until(lambda _: len(shown(emitted)) >= 3)
    assert shown(emitted)[:3] == [first, second, first]
    frames = emitted.of(ThermalFrameCaptured)
    assert frames[1].at.mono_s - frames[0].at.mono_s >= 0.045
    assert len(emitted.of(DeviceIdentified)) == 1, "the camera is named once"


async def test_files_that_are_shown_once_have_an_end(folder, emitted, open_device):
    with pytest.raises(DeviceLost, match="has ended"):
        await open_device("thermal.flir_file", None, path=folder, interval_s=0.05, loop=False).run(emitted)
    assert len(shown(emitted)) == 2


async def test_another_camera_is_named_and_a_bad_file_is_a_reject(folder, emitted, open_device):
    (folder / "ab.fff").write_bytes(b"FFF\0 torn")
    (folder / "c.fff").write_bytes(sim.fff(sim.test_scene(5.0), camera=sim.Camera("OTHER")))
    with pytest.raises(DeviceLost):
        await open_device("thermal.flir_file", None, path=folder, interval_s=0.05, loop=False).run(emitted)
    assert [reject.reason for reject in emitted.of(Reject)] == ["no_fff_header"]
    assert [camera.model for camera in emitted.of(DeviceIdentified)] == ["SIM-320", "OTHER"]
    assert len(shown(emitted)) == 3


async def test_a_recording_is_shown_frame_by_frame(tmp_path, emitted, open_device):
    path = tmp_path / "door.seq"
    path.write_bytes(sim.recording([sim.test_scene(at_s) for at_s in (5.0, 60.0, 600.0)])[:-10])
    with pytest.raises(DeviceLost):
        await open_device("thermal.flir_file", None, path=path, interval_s=0.05, loop=False).run(emitted)
    assert shown(emitted) == [int(sim.test_scene(at_s).max()) for at_s in (5.0, 60.0)]
    assert [reject.reason for reject in emitted.of(Reject)] == ["record_outside_the_file"]
    assert len(emitted.of(DeviceIdentified)) == 1
    first, second = emitted.of(ThermalFrameCaptured)
    assert second.at.mono_s - first.at.mono_s >= 0.045


async def test_a_tiff_s_scale_is_what_the_settings_say_or_is_told_in_the_log(tmp_path, emitted, open_device):
    pages = io.BytesIO()
    with tifffile.TiffWriter(pages) as writer:
        for counts, preview in ((7500, 0), (7600, 1), (7700, 0)):
            writer.write(np.full((12, 16), counts, np.uint16), contiguous=False, subfiletype=preview)
    (path := tmp_path / "roof.tif").write_bytes(pages.getvalue())
    (tmp_path / "roof_2.tif").write_bytes(pages.getvalue())
    for said, where in (({}, tmp_path), ({"tlinear_gain_k": 0.04}, path)):
        device = open_device("thermal.flir_file", None, path=where, interval_s=0.05, loop=False, **said)
        with structlog.testing.capture_logs() as logs, pytest.raises(DeviceLost):
            await device.run(emitted)
        assert [entry["event"] for entry in logs] == ["assumed"] * (not said), "once for both files"
    frames = emitted.of(ThermalFrameCaptured)
    assert [int(frame.raw.max()) for frame in frames] == [7500, 7700] * 3
    assert {frame.scale.gain_c for frame in frames} == {0.04}


async def test_a_single_file_of_any_name(tmp_path, emitted, open_device):
    path = tmp_path / "cabinet.bin"
    path.write_bytes(sim.fff(sim.test_scene(5.0)))
    with pytest.raises(DeviceLost):
        await open_device("thermal.flir_file", None, path=path, interval_s=0.05, loop=False).run(emitted)
    assert len(shown(emitted)) == 1


async def test_a_file_that_goes_away_and_one_that_comes(folder, emitted, open_device, running):
    device = open_device("thermal.flir_file", None, path=folder, interval_s=0.05)
    later = int(sim.test_scene(600.0).max())
    async with running(device.run(emitted)):
        await emitted.until(lambda e: isinstance(e, ThermalFrameCaptured))
        (folder / "c.fff").write_bytes(sim.fff(sim.test_scene(600.0)))
        await emitted.until(lambda _: later in shown(emitted))


@pytest.mark.parametrize("name", ["none", "older.fff"])
async def test_where_no_file_is(folder, emitted, open_device, name):
    with pytest.raises(DeviceMisconfigured, match="no radiometric file"):
        await open_device("thermal.flir_file", None, path=folder / name).run(emitted)


async def test_a_file_that_cannot_be_read(folder, emitted, open_device, monkeypatch):
    monkeypatch.setattr(session, "files_of", lambda path: [path / "gone.fff"])
    with pytest.raises(DeviceMisconfigured, match="cannot be read: No such file"):
        await open_device("thermal.flir_file", None, path=folder).run(emitted)


async def test_files_take_no_orders(folder, open_device):
    receipt = await open_device("thermal.flir_file", None, path=folder).submit(OpenDoor("a", 1, 1.0))
    assert isinstance(receipt, NotExecuted)
    assert receipt.reason is RefusalReason.UNSUPPORTED


async def test_the_loop_goes_on_while_a_file_is_decoded(folder, emitted, open_device, running):
    device = open_device("thermal.flir_file", None, path=folder, interval_s=0.05)
    async with running(device.run(emitted)) as task:
        await emitted.until(lambda _: len(shown(emitted)) >= 2)
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
