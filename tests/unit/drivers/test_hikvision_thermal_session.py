"""The Hikvision thermal session against the simulated camera, over real sockets with real Digest."""

import asyncio
import contextlib
from typing import Any

import numpy as np
import pytest

from cardea.contract.reasons import RefusalReason
from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers.api import (
    CELSIUS,
    DeviceContext,
    DeviceIdentified,
    DeviceLost,
    DeviceMisconfigured,
    DeviceRefused,
    NotExecuted,
    OpenDoor,
    Reject,
    ThermalFrameCaptured,
    Unfit,
)
from drivers.sim.broken_answers import Broken
from drivers.sim.hikvision_thermal import HikvisionThermalSim, ThermalFault
from drivers.sim.hikvision_thermal_answers import Style, compensation
from drivers.thermal.hikvision import DRIVER, session
from drivers.thermal.hikvision.decode import ANSWER_BYTES_MAX, event_of
from drivers.thermal_camera import polled
from drivers.thermal_camera.answers import AnswerDecoder

PASSWORD = "correct horse"
MATRIX = "GET /ISAPI/Thermal/channels/2/thermometry/jpegPicWithAppendData"
COMPENSATION = "/ISAPI/Thermal/channels/2/bodyTemperatureCompensation"
PIXELS = "/ISAPI/Thermal/channels/2/thermometry/pixelToPixelParam"


class Capture:
    def __init__(self):
        self.written = []

    def write(self, channel, chunk, at, *, end=False):
        self.written.append((channel, chunk, end))


class NoCursor:
    async def load(self):
        return None


@pytest.fixture
async def camera(clock):
    async with HikvisionThermalSim(clock, SystemEntropy(), password=PASSWORD) as sim:
        yield sim


def device_of(camera, capture=None, password=PASSWORD, **settings) -> Any:
    context = DeviceContext(
        device="camera-1",
        clock=SystemClock(),
        entropy=SystemEntropy(),
        secrets=lambda _: password,
        link=None,
        cursor=NoCursor(),
        capture=capture,
    )
    url = camera.base_url if camera else ""
    told = {"base_url": url, "user": "cardea", "password_secret": "camera-1", "poll_s": 0.02}
    return DRIVER.open(DRIVER.settings.model_validate({**told, **settings}), context)


def fail(camera, fault):
    if isinstance(fault, Broken):
        camera.breaks = fault
    else:
        camera.faults = {fault}


def recover(camera):
    camera.breaks, camera.faults = None, set()


def is_frame(event):
    return isinstance(event, ThermalFrameCaptured)


def unfit(reason):
    return lambda event: is_frame(event) and event.unfit is reason


def spot_c(event):
    rows, columns = event.raw.shape
    middle = event.raw[rows // 2 - 2 : rows // 2 + 2, columns // 2 - 2 : columns // 2 + 2]
    return float(middle.mean() * event.scale.gain_c + event.scale.offset_c)


async def test_a_camera_is_prepared_and_measures(camera, emitted, running):
    capture = Capture()
    async with running(device_of(camera, capture).run(emitted)):
        first = await emitted.until(unfit(None))
        camera.scene.spot_c = 38.5
        await emitted.until(lambda e: is_frame(e) and spot_c(e) > 38)
    (identified,) = emitted.of(DeviceIdentified)
    assert (identified.model, identified.serial) == ("DS-2TD2617B-6/PA", "DS-2TD2617B20200601")
    assert first.raw.shape == (48, 64)
    assert (first.raw.dtype, first.scale) == (np.float32, CELSIUS)
    assert spot_c(first) == pytest.approx(36.5, abs=0.05), "the camera's compensation is off"
    assert first.conditions.emissivity == 0.97
    assert (first.conditions.distance_m, first.conditions.reflected_c) == (1.5, 24.0)
    assert not camera.compensates
    assert {f"PUT {COMPENSATION}", f"PUT {PIXELS}"} <= set(camera.asked)
    assert not emitted.of(Reject)
    assert {(channel, end) for channel, _, end in capture.written} == {("answers", True)}


async def test_a_camera_that_is_set_right_is_not_written_to(camera, emitted, running):
    async with running(device_of(camera).run(emitted)):
        await emitted.until(is_frame)
    camera.asked.clear()
    async with running(device_of(camera).run(emitted)):
        await emitted.until(is_frame, since=len(emitted.all))
    assert [request for request in camera.asked if request.startswith("PUT")] == []


async def test_16_bits_a_pixel(clock, emitted, running):
    async with (
        HikvisionThermalSim(clock, SystemEntropy(), password=PASSWORD, pixel_bytes=2, channel=1) as sim,
        running(device_of(sim, channel=1).run(emitted)),
    ):
        event = await emitted.until(unfit(None))
    assert event.raw.dtype == np.uint16
    assert spot_c(event) == pytest.approx(36.5, abs=0.05)


@pytest.mark.parametrize(
    "style", [Style(b"\n", lengths=False), Style(upper=True, preamble=b"hello\r\n", closes=False)]
)
async def test_firmware_with_a_style_of_its_own(camera, emitted, running, style):
    camera.style = style
    async with running(device_of(camera).run(emitted)):
        await emitted.until(unfit(None))
    assert not emitted.of(Reject)


async def test_compressed_answers(camera, emitted, running):
    camera.packed = True
    async with running(device_of(camera).run(emitted)):
        await emitted.until(unfit(None))


# --- a surface temperature is never a compensated one --------------------------------------------


async def run_to_its_end(device, emitted):
    await device.run(emitted)


async def test_compensation_that_cannot_be_switched_off(camera, emitted):
    camera.locked = True
    with pytest.raises(DeviceMisconfigured, match="switch it off on the camera's page"):
        await run_to_its_end(device_of(camera), emitted)
    assert not emitted.of(ThermalFrameCaptured)


async def test_compensation_that_stays_on_whatever_the_camera_says(camera, emitted):
    camera.forgetful = True
    with pytest.raises(DeviceMisconfigured, match="does not take the setting"):
        await run_to_its_end(device_of(camera), emitted)
    assert camera.asked.count(f"PUT {COMPENSATION}") == 3


async def test_no_more_is_changed_than_it_takes(camera, emitted, running):
    async with running(device_of(camera).run(emitted)):
        await emitted.until(unfit(None))
    assert b"<compensationValue>0.6<" in camera.documents[COMPENSATION]
    assert b"<environmentalTemperature>22.0<" in camera.documents[COMPENSATION]
    assert b"<jpegPicEnabled>true<" in camera.documents[PIXELS]


async def test_compensation_that_is_off_already(camera, emitted, running):
    camera.documents[COMPENSATION] = compensation(on=False)
    async with running(device_of(camera).run(emitted)):
        await emitted.until(unfit(None))
    assert f"PUT {COMPENSATION}" not in camera.asked


async def test_a_camera_that_says_that_it_has_no_compensation(camera, emitted, running):
    capabilities = "/ISAPI/Thermal/capabilities"
    camera.documents[capabilities] = camera.documents[capabilities].replace(b">true<", b">false<")
    async with running(device_of(camera).run(emitted)):
        await emitted.until(unfit(None))
    assert f"GET {COMPENSATION}" not in camera.asked


async def test_compensation_that_cannot_be_read(camera, emitted, running):
    camera.missing = {"bodyTemperatureCompensation"}
    with pytest.raises(DeviceMisconfigured, match="seen_off"):
        await run_to_its_end(device_of(camera), emitted)
    async with running(device_of(camera, compensation="seen_off").run(emitted)):
        await emitted.until(unfit(None))


async def test_seen_off_does_not_outweigh_what_the_camera_says(camera, emitted):
    camera.locked = True
    with pytest.raises(DeviceMisconfigured, match="switch it off on the camera's page"):
        await run_to_its_end(device_of(camera, compensation="seen_off"), emitted)


async def test_a_camera_without_capabilities_is_asked_all_the_same(camera, emitted, running):
    camera.missing = {"Thermal/capabilities"}
    async with running(device_of(camera).run(emitted)):
        assert spot_c(await emitted.until(unfit(None))) == pytest.approx(36.5, abs=0.05)
    assert not camera.compensates


async def test_a_camera_that_knows_no_compensation(camera, emitted, running):
    camera.missing = {"Thermal/capabilities", "bodyTemperatureCompensation", "pixelToPixelParam"}
    async with running(device_of(camera).run(emitted)):
        assert (await emitted.until(is_frame)).conditions is None


async def test_somebody_switches_compensation_on_meanwhile(camera, emitted, running, monkeypatch):
    monkeypatch.setattr(session, "COMPENSATION_CHECK_S", 0.05)
    async with running(device_of(camera).run(emitted)) as task:
        await emitted.until(is_frame)
        camera.switch_compensation_on()
        with pytest.raises(DeviceLost, match="switched body compensation on"):
            await task


# --- faces ---------------------------------------------------------------------------------------


async def test_no_picture_is_kept_even_of_a_camera_that_goes_on_sending_them(camera, emitted, running):
    camera.missing = {f"PUT {PIXELS}"}
    capture = Capture()
    async with running(device_of(camera, capture).run(emitted)):
        assert (await emitted.until(unfit(None))).conditions is not None
        for fault in (Broken.CUT, ThermalFault.WRONG_LENGTH):
            fail(camera, fault)
            await emitted.until(lambda e: isinstance(e, Reject), since=len(emitted.all))
            recover(camera)
            await emitted.until(unfit(None), since=len(emitted.all))
    written = b"".join(chunk for _, chunk, _ in capture.written)
    assert b"face" not in written
    assert b"\xff\xd8\xff" not in written
    assert not [reject for reject in emitted.of(Reject) if b"face" in reject.sample]
    decoder = AnswerDecoder(event_of, ANSWER_BYTES_MAX)
    at = SystemClock().now()
    decoder.feed(capture.written[0][1], at)
    (again,) = decoder.finish(at)
    assert isinstance(again, ThermalFrameCaptured)
    assert np.array_equal(again.raw, emitted.of(ThermalFrameCaptured)[0].raw)


# --- what goes wrong -----------------------------------------------------------------------------


async def test_nonces_expire(camera, emitted, running):
    async with running(device_of(camera).run(emitted)):
        for _ in range(3):
            await emitted.until(unfit(None), since=len(emitted.all))
            camera.digest.expire()
        await emitted.until(unfit(None), since=len(emitted.all))


async def test_a_reboot_between_two_answers(camera, emitted, running):
    async with running(device_of(camera, poll_s=0.2).run(emitted)):
        await emitted.until(unfit(None))
        await camera.reboot()
        await emitted.until(unfit(None), since=len(emitted.all))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Broken.CUT, "p2p_data_len_does_not_fit"),
        (ThermalFault.WRONG_LENGTH, "p2p_data_len_does_not_fit"),
        (ThermalFault.GARBAGE, "part_head_unreadable"),
    ],
)
async def test_answers_that_do_not_hold_together(camera, emitted, running, fault, reason):
    async with running(device_of(camera).run(emitted)) as task:
        await emitted.until(unfit(None))
        fail(camera, fault)
        await emitted.until(lambda e: isinstance(e, Reject))
        recover(camera)
        await emitted.until(unfit(None), since=len(emitted.all))
        assert {reject.reason for reject in emitted.of(Reject)} == {reason}
        fail(camera, fault)
        with pytest.raises(DeviceLost, match="5 answers in a row"):
            await task


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Broken.CUT_SHORT_OF_ITS_LENGTH, "peer closed|incomplete|Read"),
        (Broken.SILENT, "whole answer|Timeout"),
        (Broken.TRICKLING, "no whole answer within 0.3 s"),
        (ThermalFault.BUSY, "503 deviceBusy"),
        (ThermalFault.DECLINES, r"no temperature matrix now \(lowPrivilege\)"),
    ],
)
async def test_cameras_that_are_lost(camera, emitted, running, fault, why):
    async with running(device_of(camera, answer_s_max=0.3).run(emitted)) as task:
        await emitted.until(unfit(None))
        fail(camera, fault)
        with pytest.raises(DeviceLost, match=why):
            await task


async def test_a_camera_that_never_says_who_it_is(emitted, monkeypatch):
    """Byte by byte, each within the time that a read may take."""
    monkeypatch.setattr(polled, "PREPARATION_ANSWERS", 1)

    left = asyncio.Event()

    async def drip(_, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        with contextlib.suppress(OSError):
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()
        left.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        with pytest.raises(DeviceLost, match="no whole answer"):
            await device_of(None, base_url=url, answer_s_max=0.3).run(emitted)
        await left.wait()
    assert not emitted.all


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(ThermalFault.DEAD, Unfit.SENSOR_FAULT), (ThermalFault.HOLED, Unfit.SENSOR_FAULT)],
)
async def test_matrices_that_are_no_measurement(camera, emitted, running, fault, reason):
    async with running(device_of(camera).run(emitted)):
        await emitted.until(unfit(None))
        camera.faults = {fault}
        await emitted.until(unfit(reason))
        camera.faults = set()
        await emitted.until(unfit(None), since=len(emitted.all))


async def test_a_matrix_that_stands_still(camera, emitted, running):
    async with running(device_of(camera, frozen_s=0.5).run(emitted)):
        await emitted.until(unfit(None))
        camera.faults = {ThermalFault.STUCK}
        stuck = await emitted.until(unfit(Unfit.FROZEN))
        camera.faults = set()
        await emitted.until(unfit(None), since=len(emitted.all))
    same = [event for event in emitted.of(ThermalFrameCaptured) if np.array_equal(event.raw, stuck.raw)]
    assert stuck.at.mono_s - same[0].at.mono_s >= 0.5


async def test_a_wrong_password(camera, emitted):
    with pytest.raises(DeviceRefused):
        await run_to_its_end(device_of(camera, password="guess"), emitted)


async def test_another_camera_than_expected(camera, emitted):
    with pytest.raises(DeviceMisconfigured, match="expected is 'X'"):
        await run_to_its_end(device_of(camera, serial="X"), emitted)


async def test_another_device_than_one_of_hikvision(camera, emitted):
    camera.documents["/ISAPI/System/deviceInfo"] = b"<html/>"
    with pytest.raises(DeviceMisconfigured, match="no Hikvision device"):
        await run_to_its_end(device_of(camera), emitted)


@pytest.mark.parametrize("missing", ["deviceInfo", "jpegPicWithAppendData"])
async def test_what_is_no_thermal_camera(camera, emitted, missing):
    camera.missing = {missing}
    with pytest.raises(DeviceMisconfigured, match=r"no Hikvision device|gives no temperature matrix"):
        await run_to_its_end(device_of(camera), emitted)


async def test_it_only_measures(camera):
    receipt = await device_of(camera).submit(OpenDoor("open", 1, 1.0))
    assert receipt == NotExecuted(RefusalReason.UNSUPPORTED, "a thermometer cannot do OpenDoor")
