"""Melexis MLX90640: 32 x 24 thermopiles on an I2C bus, calibrated in its EEPROM."""

from drivers.api import (
    DeviceIdentified,
    Driver,
    LinkKind,
    Reject,
    ThermalFrameCaptured,
    UnitReported,
)
from drivers.thermal.mlx90640.decode import CHANNEL, MemoryDecoder
from drivers.thermal.mlx90640.session import open_mlx90640
from drivers.thermal.mlx90640.settings import Mlx90640Settings

DRIVER = Driver(
    settings=Mlx90640Settings,
    open=open_mlx90640,
    decoders={CHANNEL: MemoryDecoder},
    link=LinkKind.I2C,
    events=(ThermalFrameCaptured, DeviceIdentified, UnitReported, Reject),
)
