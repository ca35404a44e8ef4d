"""Dahua thermal cameras over their CGI: whole heat maps, or one spot of the picture."""

from drivers.api import (
    Device,
    DeviceContext,
    DeviceIdentified,
    Driver,
    Reject,
    SpotMeasured,
    ThermalFrameCaptured,
)
from drivers.thermal.dahua.decode import ANSWER_BYTES_MAX, HEAT_MAPS, SPOTS, frames, spots
from drivers.thermal.dahua.heat_map import Meaning
from drivers.thermal.dahua.settings import DahuaThermalSettings
from drivers.thermal_camera.answers import AnswerDecoder


def _open(settings: DahuaThermalSettings, context: DeviceContext) -> Device:
    from drivers.thermal.dahua.session import ThermalCamera  # brings httpx, which only a live session needs

    return ThermalCamera(settings, context)


DRIVER = Driver(
    settings=DahuaThermalSettings,
    open=_open,
    decoders={
        HEAT_MAPS: lambda settings: AnswerDecoder(
            frames(Meaning(settings.unit or "celsius", settings.count_c)), ANSWER_BYTES_MAX
        ),
        SPOTS: lambda settings: AnswerDecoder(spots(settings.unit), ANSWER_BYTES_MAX),
    },
    events=(ThermalFrameCaptured, SpotMeasured, DeviceIdentified, Reject),
    example={"base_url": "http://192.0.2.32", "user": "cardea", "password_secret": "camera-2"},
)
