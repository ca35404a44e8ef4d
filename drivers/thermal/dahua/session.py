"""The session of one camera: identify, prepare, then ask for one heat map, or one spot, after another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.api import (
    DeviceContext,
    DeviceEvent,
    DeviceLost,
    DeviceMisconfigured,
    Emit,
)
from drivers.links.http_client import Declined, Unsupported
from drivers.measures import OnlyMeasures
from drivers.thermal.dahua.client import CameraCgi
from drivers.thermal.dahua.decode import HEAT_MAPS, SPOTS, frames, kept, spots
from drivers.thermal.dahua.preparation import heat_maps_as_numbers, identify
from drivers.thermal.dahua.settings import DahuaThermalSettings
from drivers.thermal_camera.answers import Read, sample_of
from drivers.thermal_camera.polled import Pace, Polled, in_time


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked over and over."""

    target: str
    channel: str
    """Of captures."""
    kept: Callable[[bytes], bytes]
    """What of an answer a capture may hold."""
    read: Read


class ThermalCamera(OnlyMeasures):
    """One Dahua thermal camera; it takes no orders."""

    def __init__(self, settings: DahuaThermalSettings, context: DeviceContext) -> None:
        self._settings = settings
        self._context = context

    async def run(self, emit: Emit) -> None:
        """Until cancelled; raises DeviceLost, DeviceRefused or DeviceMisconfigured."""
        settings, context = self._settings, self._context
        pace = Pace(settings.poll_s, settings.answer_s_max, settings.frozen_s)
        async with CameraCgi(settings, context.secrets(settings.password_secret)) as cgi:
            known = identify(cgi, settings, context.clock)
            await emit(await in_time(known, pace.preparation_s_max, context.device))
            question = await in_time(self._question(cgi), pace.preparation_s_max, context.device)

            async def ask() -> Sequence[DeviceEvent]:
                return [await self._answer(cgi, question)]

            await Polled(context.device, context.clock, pace).run(ask, emit)

    async def _question(self, cgi: CameraCgi) -> Question:
        settings = self._settings
        if settings.spot is not None:
            x, y = settings.spot
            place = f"channel={settings.channel}&coordinate[0]={x}&coordinate[1]={y}"
            target = f"RadiometryManager.cgi?action=getRandomPointTemper&{place}"
            return Question(target, SPOTS, sample_of, spots(settings.unit))
        meaning = await heat_maps_as_numbers(cgi, settings)
        target = f"RPC_Loadfile/RadiometryHeatMap.jpg&channel={settings.channel}"
        return Question(target, HEAT_MAPS, kept, frames(meaning))

    async def _answer(self, cgi: CameraCgi, question: Question) -> DeviceEvent:
        try:
            answer = await cgi.ask(question.target)
        except Unsupported as error:
            raise DeviceMisconfigured(
                f"{self._context.device}: gives no {question.channel} on channel "
                f"{self._settings.channel} ({error})"
            ) from error
        except Declined as error:
            raise DeviceLost(f"{self._context.device}: gives no {question.channel} now ({error})") from error
        now = self._context.clock.now()
        if self._context.capture is not None:
            self._context.capture.write(question.channel, question.kept(answer), now, end=True)
        return question.read(answer, now)
