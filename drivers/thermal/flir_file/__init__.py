"""Radiometric files of FLIR cameras (JPEG, FFF, SEQ, CSQ, TIFF), shown as if a camera were there."""

from drivers.api import DeviceIdentified, Driver, Reject, ThermalFrameCaptured
from drivers.thermal.flir_file.decode import CHANNEL, FileDecoder
from drivers.thermal.flir_file.session import open_files
from drivers.thermal.flir_file.settings import FlirFileSettings

DRIVER = Driver(
    settings=FlirFileSettings,
    open=open_files,
    decoders={CHANNEL: FileDecoder},
    events=(ThermalFrameCaptured, DeviceIdentified, Reject),
    example={"path": "/var/lib/cardea/thermal"},
)
