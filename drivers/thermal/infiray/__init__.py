"""InfiRay P2 Pro and P3: radiometric modules for phones, 256 x 192 pixels at 25 frames a second."""

from drivers.api import Driver, Reject, ThermalFrameCaptured
from drivers.thermal.infiray.decode import STREAM, YUYV, StreamDecoder, YuyvDecoder
from drivers.thermal.infiray.session import link_for, open_infiray
from drivers.thermal.infiray.settings import InfiraySettings

DRIVER = Driver(
    settings=InfiraySettings,
    open=open_infiray,
    decoders={STREAM: StreamDecoder, YUYV: YuyvDecoder},
    events=(ThermalFrameCaptured, Reject),
    example={"model": "p3", "source": "tcp"},
    link_for=link_for,
)
