"""Frames out of a radiometric file: JPEG with thermal data in it, FFF, SEQ, CSQ, TIFF. Pure."""

from collections.abc import Iterator

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, DeviceIdentified, Reject, ThermalFrameCaptured
from drivers.thermal.flir_file.content import Content, NotRadiometric
from drivers.thermal.flir_file.recording import Recording, recording
from drivers.thermal.flir_file.settings import FlirFileSettings

CHANNEL = "file"
FILE_BYTES_MAX = 32 * 1024 * 1024
PIXELS_MAX = 1 << 26
"""Of all frames of one message: four times what its bytes hold unpacked."""
DAMAGED_MAX = 64
"""Frames of one message that cannot be read, before it is left alone."""
SAMPLE_BYTES_MAX = 120


class FileDecoder:
    """Each message is one file."""

    def __init__(self, settings: FlirFileSettings) -> None:
        self._gain_k = settings.tlinear_gain_k
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
        """The file has ended: the camera and its frames, or Rejects; nothing when there was not a byte."""
        content, too_long = bytes(self._content), self._too_long
        self._content, self._too_long = bytearray(), False
        if not content:
            return []
        try:
            if too_long:
                raise NotRadiometric("file_too_long")
            return list(read_all(recording(content, self._gain_k), content, at))
        except NotRadiometric as why:
            return [rejected(content, at, why)]


def read_all(frames: Recording, content: Content, at: Instant) -> Iterator[DeviceEvent]:
    """All frames, what cannot be read as Rejects; the camera once, until it changes."""
    known: DeviceIdentified | None = None
    pixels = damaged = 0
    for number in range(len(frames)):
        if pixels > PIXELS_MAX or damaged > DAMAGED_MAX:
            yield rejected(content, at, NotRadiometric("too_many_frames"))
            return
        for event in read_one(frames, number, content, at):
            pixels += event.raw.size if isinstance(event, ThermalFrameCaptured) else 0
            damaged += isinstance(event, Reject)
            if event != known:
                yield event
            known = event if isinstance(event, DeviceIdentified) else known


def read_one(frames: Recording, number: int, content: Content, at: Instant) -> list[DeviceEvent]:
    """What ``shown`` says, or a Reject."""
    try:
        return [*frames.shown(number, at)]
    except NotRadiometric as why:
        return [rejected(content, at, why)]


def rejected(content: Content, at: Instant, why: NotRadiometric) -> Reject:
    """How a file begins that cannot be read."""
    return Reject(at=at, reason=str(why), sample=content[:SAMPLE_BYTES_MAX])
