"""The Dahua thermal session against the simulated camera, over real sockets with real Digest."""

from typing import Any

import numpy as np
import pytest

from cardea.contract.reasons import RefusalReason
from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers.api import (
    DeviceContext,
    DeviceIdentified,
    DeviceLost,
    DeviceMisconfigured,
    DeviceRefused,
    NotExecuted,
    OpenDoor,
    Reject,
    SpotMeasured,
    ThermalFrameCaptured,
    Unfit,
)
from drivers.sim.broken_answers import Broken
from drivers.sim.dahua_thermal import DahuaThermalSim, HeatMapFault
from drivers.thermal.dahua import DRIVER
from drivers.thermal_camera import polled

PASSWORD = "correct horse"
FORMAT = "HeatImagingThermometry.HeatMapFormat"
UNIT = "HeatImagingThermometry.TemperatureUnit"
MIDDLE = (4096, 4096)


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
    async with DahuaThermalSim(clock, SystemEntropy(), password=PASSWORD) as sim:
        yield sim


def device_of(camera, capture=None, password=PASSWORD, **settings) -> Any:
    context = DeviceContext(
        device="camera-2",
        clock=SystemClock(),
        entropy=SystemEntropy(),
        secrets=lambda _: password,
        link=None,
        cursor=NoCursor(),
        capture=capture,
    )
    told = {"base_url": camera.base_url, "user": "cardea", "password_secret": "camera-2", "poll_s": 0.02}
    return DRIVER.open(DRIVER.settings.model_validate({**told, **settings}), context)


def is_frame(event):
    return isinstance(event, ThermalFrameCaptured)


def is_reject(event):
    return isinstance(event, Reject)


def is_spot(event):
    return isinstance(event, SpotMeasured)


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
    assert (identified.model, identified.serial) == ("TPC-BF2241-T", "6G03A7EPAZ00156")
    assert identified.firmware.startswith("2.630")
    assert first.raw.shape == (48, 64)
    assert first.raw.dtype == np.uint16
    assert spot_c(first) == pytest.approx(36.5, abs=0.1)
    assert (first.conditions.emissivity, first.conditions.distance_m) == (0.97, 1.5)
    assert (first.conditions.humidity, first.conditions.atmosphere_c) == (0.45, 23.0)
    assert not emitted.of(Reject)
    assert {(channel, end) for channel, _, end in capture.written} == {("heat_maps", True)}
    assert len(capture.written[0][1]) == 64 + 2 * 48 * 64


async def test_the_format_is_written_once_and_no_more(camera, emitted, running):
    for _ in range(2):
        async with running(device_of(camera).run(emitted)):
            await emitted.until(is_frame, since=len(emitted.all))
    written = [target for target in camera.asked if "setConfig" in target]
    assert written == [f"configManager.cgi?action=setConfig&{FORMAT}=IR-SGCC-FIR64"]


async def test_a_configuration_for_each_channel(camera, emitted, running):
    camera.config = {
        f"HeatImagingThermometry[{index}].{key}": value
        for index in (0, 1)
        for key, value in {"HeatMapFormat": "IR-SHEEN", "TemperatureUnit": "Centigrade"}.items()
    }
    camera.config["HeatImagingThermometry[0].HeatMapFormat"] = "IR-SGCC-FIR64"
    async with running(device_of(camera, channel=2).run(emitted)):
        await emitted.until(is_frame)
    assert camera.config["HeatImagingThermometry[1].HeatMapFormat"] == "IR-SGCC-FIR64"


@pytest.mark.parametrize("packing", ["zlib", "raw", "plain", "gzip"])
@pytest.mark.parametrize("spot", [None, MIDDLE])
async def test_bodies_that_are_packed_otherwise_than_they_say(camera, emitted, running, packing, spot):
    camera.packing = packing
    async with running(device_of(camera, spot=spot).run(emitted)):
        event = await emitted.until(lambda e: is_frame(e) or is_spot(e))
    assert event.unfit is None
    assert not emitted.of(Reject)


async def test_a_camera_that_says_centigrade_and_means_fahrenheit(camera, emitted, running):
    camera.means_fahrenheit = True
    async with running(device_of(camera, unit="fahrenheit").run(emitted)):
        event = await emitted.until(unfit(None))
    assert spot_c(event) == pytest.approx(36.5, abs=0.1)
    assert event.conditions.atmosphere_c == pytest.approx(23.0, abs=0.01)


async def test_a_camera_that_is_set_to_fahrenheit_and_says_so(camera, emitted, running):
    camera.config[UNIT] = "Fahrenheit"
    async with running(device_of(camera).run(emitted)):
        assert spot_c(await emitted.until(unfit(None))) == pytest.approx(36.5, abs=0.1)


async def test_a_camera_in_degrees_that_nobody_knows(camera, emitted, running):
    camera.config[UNIT] = "Rankine"
    with pytest.raises(DeviceMisconfigured, match="measures in 'Rankine': set unit"):
        await device_of(camera).run(emitted)
    async with running(device_of(camera, unit="celsius").run(emitted)):
        await emitted.until(unfit(None))


async def test_a_camera_that_lets_its_configuration_be_written_and_not_read(camera, emitted, running):
    camera.missing = {"getConfig"}
    async with running(device_of(camera).run(emitted)):
        await emitted.until(unfit(None))


# --- spots ---------------------------------------------------------------------------------------


async def test_a_spot_instead_of_heat_maps(camera, emitted, running):
    capture = Capture()
    async with running(device_of(camera, capture, spot=MIDDLE).run(emitted)):
        event = await emitted.until(is_spot)
    assert event.surface_temp_c == pytest.approx(36.5, abs=0.3)
    assert camera.config[FORMAT] == "IR-SGCC", "a spot needs no other format of heat maps"
    assert {channel for channel, _, _ in capture.written} == {"spots"}
    assert b"TemperAver=36." in capture.written[0][1]


async def test_where_the_spot_is(camera, emitted, running):
    async with running(device_of(camera, spot=(0, 8191)).run(emitted)):
        event = await emitted.until(is_spot)
    assert event.surface_temp_c == pytest.approx(22.0, abs=0.5)


async def test_a_spot_that_stands_still(camera, emitted, running, monkeypatch):
    monkeypatch.setattr(polled, "SPOT_FROZEN_S", 0.3)
    async with running(device_of(camera, spot=MIDDLE).run(emitted)):
        await emitted.until(is_spot)
        camera.faults = {HeatMapFault.STUCK}
        stuck = await emitted.until(lambda e: is_spot(e) and e.unfit is Unfit.FROZEN)
        camera.faults = set()
        await emitted.until(lambda e: is_spot(e) and e.unfit is None, since=len(emitted.all))
    assert stuck.surface_temp_c is None


async def test_an_error_for_a_while_after_power_on(camera, emitted, running):
    async with running(device_of(camera, spot=MIDDLE).run(emitted)) as task:
        await emitted.until(is_spot)
        camera.faults = {HeatMapFault.ERROR}
        assert (await emitted.until(is_reject)).reason == "camera_says_error"
        with pytest.raises(DeviceLost, match="5 answers in a row"):
            await task


# --- what goes wrong -----------------------------------------------------------------------------


async def test_a_format_that_the_camera_does_not_take(camera, emitted):
    camera.takes_formats = False
    with pytest.raises(DeviceMisconfigured, match=r"IR-SGCC-FIR64 \(Invalid Request!\)"):
        await device_of(camera).run(emitted)


async def test_somebody_sets_another_format_meanwhile(camera, emitted, running):
    capture = Capture()
    async with running(device_of(camera, capture).run(emitted)) as task:
        await emitted.until(is_frame)
        camera.config[FORMAT] = "IR-SGCC"
        assert (await emitted.until(is_reject)).reason == "heat_map_is_a_picture"
        with pytest.raises(DeviceLost):
            await task
    assert b"face" not in b"".join(chunk for _, chunk, _ in capture.written)
    async with running(device_of(camera).run(emitted)):
        await emitted.until(is_frame, since=len(emitted.all))


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


@pytest.mark.parametrize("breaks", [Broken.CUT, None])
async def test_heat_maps_that_do_not_hold_together(camera, emitted, running, breaks):
    async with running(device_of(camera).run(emitted)):
        await emitted.until(unfit(None))
        camera.breaks, camera.faults = breaks, {HeatMapFault.WRONG_SIZE} if breaks is None else set()
        await emitted.until(is_reject)
        camera.breaks, camera.faults = None, set()
        await emitted.until(unfit(None), since=len(emitted.all))
    reasons = {reject.reason for reject in emitted.of(Reject)}
    assert reasons == {"heat_map_length_does_not_fit_height_and_width"}


@pytest.mark.parametrize("breaks", [Broken.CUT_SHORT_OF_ITS_LENGTH, Broken.SILENT, Broken.TRICKLING])
async def test_cameras_that_are_lost(camera, emitted, running, breaks):
    async with running(device_of(camera, answer_s_max=0.3).run(emitted)) as task:
        await emitted.until(unfit(None))
        camera.breaks = breaks
        with pytest.raises(DeviceLost):
            await task


async def test_matrices_that_are_no_measurement(camera, emitted, running):
    async with running(device_of(camera, frozen_s=0.5).run(emitted)):
        await emitted.until(unfit(None))
        for fault, reason in {
            HeatMapFault.DEAD: Unfit.SENSOR_FAULT,
            HeatMapFault.STUCK: Unfit.FROZEN,
        }.items():
            camera.faults = {fault}
            await emitted.until(unfit(reason), since=len(emitted.all))
            camera.faults = set()
            await emitted.until(unfit(None), since=len(emitted.all))


async def test_a_wrong_password(camera, emitted):
    with pytest.raises(DeviceRefused):
        await device_of(camera, password="guess").run(emitted)


async def test_a_refusal_that_looks_like_an_answer_is_not_asked_for_again(camera, emitted):
    """Each one counts towards the camera's lockout."""
    camera.faults = {HeatMapFault.LOCKED_OUT}
    with pytest.raises(DeviceRefused):
        await device_of(camera).run(emitted)
    assert camera.asked == []


async def test_another_camera_than_expected(camera, emitted):
    with pytest.raises(DeviceMisconfigured, match="expected is 'X'"):
        await device_of(camera, serial="X").run(emitted)


@pytest.mark.parametrize(
    ("missing", "spot", "why"),
    [
        ("magicBox", None, "no Dahua camera"),
        ("RPC_Loadfile", None, "gives no heat_maps on channel 2"),
        ("getRandomPointTemper", MIDDLE, "gives no spots on channel 2"),
    ],
)
async def test_what_is_no_thermal_camera(camera, emitted, missing, spot, why):
    camera.missing = {missing}
    with pytest.raises(DeviceMisconfigured, match=why):
        await device_of(camera, spot=spot).run(emitted)


async def test_a_device_that_answers_otherwise(camera, emitted):
    camera.faults = {HeatMapFault.NAMELESS}
    with pytest.raises(DeviceMisconfigured, match="no Dahua camera"):
        await device_of(camera).run(emitted)


async def test_a_user_who_may_not_set_the_format(camera, emitted):
    camera.missing = {"setConfig"}
    with pytest.raises(DeviceMisconfigured, match=r"IR-SGCC-FIR64 \(Not Implemented!\)"):
        await device_of(camera).run(emitted)


async def test_a_channel_without_heat_maps(camera, emitted):
    with pytest.raises(DeviceLost, match=r"gives no heat_maps now \(Bad Request!\)"):
        await device_of(camera, channel=1).run(emitted)


async def test_a_camera_that_hides_its_firmware(camera, emitted, running):
    camera.missing = {"getSoftwareVersion"}
    async with running(device_of(camera).run(emitted)):
        await emitted.until(is_frame)
    assert emitted.of(DeviceIdentified)[0].firmware == ""


async def test_it_only_measures(camera):
    receipt = await device_of(camera).submit(OpenDoor("open", 1, 1.0))
    assert receipt == NotExecuted(RefusalReason.UNSUPPORTED, "a thermometer cannot do OpenDoor")
