"""The session of one camera: identify, prepare, then ask for one matrix after another."""

from collections.abc import Sequence
from dataclasses import replace

from drivers.api import (
    Conditions,
    DeviceContext,
    DeviceEvent,
    DeviceLost,
    DeviceMisconfigured,
    Emit,
    ThermalFrameCaptured,
)
from drivers.links.http_client import Declined, Unsupported
from drivers.measures import OnlyMeasures
from drivers.thermal.hikvision.client import CameraIsapi
from drivers.thermal.hikvision.decode import CHANNEL, event_of
from drivers.thermal.hikvision.preparation import Compensation, identify, without_visible_picture
from drivers.thermal.hikvision.redaction import without_pictures
from drivers.thermal.hikvision.settings import HikvisionThermalSettings
from drivers.thermal_camera.polled import Pace, Polled, in_time

COMPENSATION_CHECK_S = 30.0
"""So often it is seen whether somebody has switched the compensation on."""


class ThermalCamera(OnlyMeasures):
    """One Hikvision thermal camera; it takes no orders."""

    def __init__(self, settings: HikvisionThermalSettings, context: DeviceContext) -> None:
        self._settings = settings
        self._context = context

    async def run(self, emit: Emit) -> None:
        """Until cancelled; raises DeviceLost, DeviceRefused or DeviceMisconfigured."""
        settings, context = self._settings, self._context
        pace = Pace(settings.poll_s, settings.answer_s_max, settings.frozen_s)
        async with CameraIsapi(settings, context.secrets(settings.password_secret)) as isapi:
            known = identify(isapi, settings, context.clock)
            await emit(await in_time(known, pace.preparation_s_max, context.device))
            matrices = await in_time(self._prepared(isapi), pace.preparation_s_max, context.device)
            await Polled(context.device, context.clock, pace).run(matrices.next, emit)

    async def _prepared(self, isapi: CameraIsapi) -> "Matrices":
        compensation = Compensation(isapi, self._settings)
        await compensation.switch_off()
        conditions = await without_visible_picture(isapi, self._settings.channel)
        return Matrices(self._settings, self._context, isapi, compensation, conditions)


class Matrices:
    """One matrix after another, of a camera that is prepared."""

    def __init__(
        self,
        settings: HikvisionThermalSettings,
        context: DeviceContext,
        isapi: CameraIsapi,
        compensation: Compensation,
        conditions: Conditions | None,
    ) -> None:
        channel = settings.channel
        self._path = f"/ISAPI/Thermal/channels/{channel}/thermometry/jpegPicWithAppendData?format=json"
        self._channel = channel
        self._context = context
        self._isapi = isapi
        self._compensation = compensation
        self._conditions = conditions
        self._checked_s = context.clock.monotonic_s()

    async def next(self) -> Sequence[DeviceEvent]:
        """Ask once.

        Raises:
            DeviceMisconfigured: the camera has no such matrix.
            DeviceLost: it has none now, or compensates again.
        """
        await self._watch_compensation()
        try:
            answer = await self._isapi.get(self._path)
        except Unsupported as error:
            raise DeviceMisconfigured(
                f"{self._context.device}: channel {self._channel} gives no temperature matrix ({error})"
            ) from error
        except Declined as error:
            raise DeviceLost(f"{self._context.device}: gives no temperature matrix now ({error})") from error
        now = self._context.clock.now()
        if self._context.capture is not None:
            self._context.capture.write(CHANNEL, without_pictures(answer), now, end=True)
        event = event_of(answer, now)
        if isinstance(event, ThermalFrameCaptured):
            return [replace(event, conditions=self._conditions)]
        return [event]

    async def _watch_compensation(self) -> None:
        now_s = self._context.clock.monotonic_s()
        if now_s - self._checked_s < COMPENSATION_CHECK_S:
            return
        self._checked_s = now_s
        if await self._compensation.is_on():
            raise DeviceLost(f"{self._context.device}: somebody has switched body compensation on")
