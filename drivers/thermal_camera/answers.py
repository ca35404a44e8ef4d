"""A camera's answers, each a message of its own, which says something when it is whole. Pure."""

from collections.abc import Callable

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, Reject

SAMPLE_BYTES_MAX = 120
PICTURE = b"\xff\xd8"
"""How a JPEG begins."""
Read = Callable[[bytes, Instant], DeviceEvent]
"""What a whole answer says."""


class AnswerDecoder:
    """One answer after another; of one that is longer than ``bytes_max`` no more than that is kept."""

    def __init__(self, read: Read, bytes_max: int) -> None:
        self._read = read
        self._bytes_max = bytes_max
        self._begin()

    def feed(self, chunk: bytes, at: Instant) -> list[DeviceEvent]:
        """The next bytes of an answer."""
        del at
        self._too_long = self._too_long or len(self._answer) + len(chunk) > self._bytes_max
        if not self._too_long:
            self._answer += chunk
        return []

    def finish(self, at: Instant) -> list[DeviceEvent]:
        """The answer has ended."""
        answer, too_long = bytes(self._answer), self._too_long
        self._begin()
        if too_long:
            return [Reject(at=at, reason="answer_too_long", sample=sample_of(answer))]
        return [self._read(answer, at)] if answer else []

    def _begin(self) -> None:
        self._answer = bytearray()
        self._too_long = False


def sample_of(content: bytes) -> bytes:
    """The beginning of an answer, without a byte of any picture (SAFETY.md, item 18)."""
    return content[:SAMPLE_BYTES_MAX].partition(PICTURE)[0]
