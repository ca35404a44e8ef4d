"""Heimann HTPA 32x32d: a thermopile array of 32 x 32 pixels with a module that speaks UDP."""

from drivers.api import DeviceIdentified, Driver, LinkKind, Reject, ThermalFrameCaptured
from drivers.thermal.htpa.decode import CHANNEL, DatagramDecoder
from drivers.thermal.htpa.session import open_htpa
from drivers.thermal.htpa.settings import HtpaSettings

DRIVER = Driver(
    settings=HtpaSettings,
    open=open_htpa,
    decoders={CHANNEL: DatagramDecoder},
    link=LinkKind.UDP,
    events=(ThermalFrameCaptured, DeviceIdentified, Reject),
    example={"host": "192.0.2.30"},
)
