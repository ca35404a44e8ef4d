"""One JPEG a message in, one picture out."""

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, PictureCaptured, Reject
from drivers.links.jpeg import JPEG_BYTES_MAX, decoded

SAMPLE_BYTES_MAX = 16
"""Of a picture that nobody understands no more than its first markers is shown."""


class JpegDecoder:
    """Pictures of one channel."""

    def __init__(self) -> None:
        self._message = bytearray()
        self._too_long = False

    def feed(self, chunk: bytes, at: Instant) -> list[DeviceEvent]:  # noqa: ARG002  # the end says when
        """Take more of the message; it is a picture only as a whole."""
        room = JPEG_BYTES_MAX - len(self._message)
        self._too_long = self._too_long or len(chunk) > room
        self._message += chunk[:room]
        return []

    def finish(self, at: Instant) -> list[DeviceEvent]:
        """The message has ended."""
        message, too_long = bytes(self._message), self._too_long
        self._message.clear()
        self._too_long = False
        if not message:
            return []
        found = "picture_too_long" if too_long else decoded(message)
        if isinstance(found, str):
            return [Reject(at=at, reason=found, sample=message[:SAMPLE_BYTES_MAX])]
        return [PictureCaptured(at=at, picture=found)]
