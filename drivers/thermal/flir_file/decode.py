"""A frame out of a radiometric file: a JPEG with thermal data in it, or an FFF file. Pure."""

import datetime as dt

from cardea.contract.time import YEARS, Instant
from drivers.api import DeviceEvent, DeviceIdentified, Reject, ThermalFrameCaptured
from drivers.thermal.flir_file import fff, jpeg
from drivers.thermal.flir_file.fff import CAMERA_INFO, RAW_DATA, Record
from drivers.thermal.flir_file.jpeg import NotRadiometric
from drivers.thermal.flir_file.raw import raw_frame
from drivers.thermal.flir_file.settings import FlirFileSettings

CHANNEL = "file"
FILE_BYTES_MAX = 32 * 1024 * 1024
SAMPLE_BYTES_MAX = 120
_TAKEN_AT = 0x384
"""Seconds since 1970 (UTC) and milliseconds."""


class FileDecoder:
    """Each message is one file."""

    def __init__(self, settings: FlirFileSettings) -> None:
        del settings  # a file says everything by itself
        self._content = bytearray()
        self._too_long = False

    def feed(self, chunk: bytes, at: Instant) -> list[DeviceEvent]:
        """More of the file; nothing is said before its end."""
        del at
        room = FILE_BYTES_MAX - len(self._content)
        self._too_long = self._too_long or len(chunk) > room
        self._content += chunk[:room]
        return []

    def finish(self, at: Instant) -> list[DeviceEvent]:
        """The file has ended: the camera and its frame, or a Reject; nothing when there was not a byte."""
        content, too_long = bytes(self._content), self._too_long
        self._content, self._too_long = bytearray(), False
        if not content:
            return []
        try:
            if too_long:
                raise NotRadiometric("file_too_long")
            return read_file(content, at)
        except NotRadiometric as why:
            return [Reject(at=at, reason=str(why), sample=content[:SAMPLE_BYTES_MAX])]


def read_file(content: bytes, at: Instant) -> list[DeviceEvent]:
    """What a radiometric file says: the camera, unless it keeps that to itself, and its frame.

    Raises:
        NotRadiometric: it is none, or damaged.
    """
    found = fff.records(jpeg.embedded_file(content) if content.startswith(jpeg.START) else content)
    info, raw_data = found.get(CAMERA_INFO), found.get(RAW_DATA)
    if info is None or raw_data is None:
        raise NotRadiometric("no_camera_info" if info is None else "no_raw_data")
    planck, conditions = fff.calibration(info)
    raw = raw_frame(raw_data)
    taken = _taken(info)
    frame = ThermalFrameCaptured(at=at, device_utc=taken, raw=raw, scale=planck, conditions=conditions)
    model, serial, firmware = (fff.text(info, name) for name in ("model", "serial", "firmware"))
    if not (model or serial or firmware):
        return [frame]
    return [DeviceIdentified(at=at, model=model, serial=serial, firmware=firmware), frame]


def _taken(info: Record) -> dt.datetime | None:
    if len(info.content) < _TAKEN_AT + 8:
        return None
    seconds, milliseconds = info.numbers("II", _TAKEN_AT)
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(
        seconds=seconds, milliseconds=int(milliseconds) & 0xFFFF
    )
    return moment if seconds and moment.year in YEARS else None
