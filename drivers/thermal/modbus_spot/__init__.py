"""Pyrometers on Modbus: one spot, by the instrument's own radiometry."""

from drivers.api import Driver, LinkKind, Reject, SpotMeasured
from drivers.thermal.modbus_spot.decode import CHANNEL, LineDecoder
from drivers.thermal.modbus_spot.session import open_spot
from drivers.thermal.modbus_spot.settings import SpotSettings

DRIVER = Driver(
    settings=SpotSettings,
    open=open_spot,
    decoders={CHANNEL: LineDecoder},
    link=LinkKind.MODBUS,
    events=(SpotMeasured, Reject),
    example={"unit": 1, "instrument": "pyrousb"},
)
