"""Hikvision thermal cameras over ISAPI: whole matrices of temperatures, pixel by pixel."""

from drivers.api import Device, DeviceContext, DeviceIdentified, Driver, Reject, ThermalFrameCaptured
from drivers.thermal.hikvision.decode import ANSWER_BYTES_MAX, CHANNEL, event_of
from drivers.thermal.hikvision.settings import HikvisionThermalSettings
from drivers.thermal_camera.answers import AnswerDecoder


def _open(settings: HikvisionThermalSettings, context: DeviceContext) -> Device:
    from drivers.thermal.hikvision.session import (
        ThermalCamera,
    )  # brings httpx, which only a live session needs

    return ThermalCamera(settings, context)


DRIVER = Driver(
    settings=HikvisionThermalSettings,
    open=_open,
    decoders={CHANNEL: lambda _: AnswerDecoder(event_of, ANSWER_BYTES_MAX)},
    events=(ThermalFrameCaptured, DeviceIdentified, Reject),
    example={"base_url": "http://192.0.2.31", "user": "cardea", "password_secret": "camera-1"},
)
