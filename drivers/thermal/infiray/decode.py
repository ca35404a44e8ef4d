"""Frames out of what an InfiRay module sends: pictures as they are, or a P3's bulk transfers with markers."""

import numpy as np

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, Reject, ThermalFrameCaptured
from drivers.thermal.infiray.fitness import Fitness
from drivers.thermal.infiray.layout import HEIGHT, LAYOUTS, ROW_BYTES, SCALE, WIDTH
from drivers.thermal.infiray.markers import (
    LOOKED_AT_BYTES,
    MARKER_BYTES,
    Octets,
    markers_agree,
    markers_stand,
    presentation_time,
)
from drivers.thermal.infiray.settings import InfiraySettings

YUYV, STREAM = "yuyv", "stream"
"""Channels: pictures one after another; bulk transfers one after another."""
SAMPLE_BYTES_MAX = 120


class FrameReader:
    """One camera's pictures in a row."""

    def __init__(self, settings: InfiraySettings) -> None:
        self._layout = LAYOUTS[settings.model]
        self._fitness = Fitness(settings.frozen_s)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of a picture: rows, columns, bytes of a pixel."""
        return self._layout.rows, WIDTH, 2

    @property
    def picture_bytes(self) -> int:
        """Of a picture."""
        return self._layout.picture_bytes

    def read(self, content: bytes, at: Instant, number: int | None = None) -> ThermalFrameCaptured:
        """A picture's bytes, all of them, and its presentation time where there is one."""
        words = np.frombuffer(content, "<u2", HEIGHT * WIDTH, self._layout.counts_row * ROW_BYTES)
        raw = words.astype(np.uint16, copy=False).reshape(HEIGHT, WIDTH)
        judgement = self._fitness.judge(raw, number, at)
        return ThermalFrameCaptured(
            at=at,
            raw=raw,
            scale=SCALE,
            number=number,
            since_flat_field_s=judgement.since_flat_field_s,
            unfit=judgement.unfit,
        )


class YuyvDecoder:
    """Pictures of one connection, which begins with one; nothing between them says where one begins."""

    def __init__(self, settings: InfiraySettings) -> None:
        self._settings = settings
        self._begin()

    @property
    def can_align(self) -> bool:
        """Whether pictures are found again when bytes were lost."""
        return False

    def feed(self, chunk: bytes, at: Instant) -> list[DeviceEvent]:
        """The next bytes."""
        self._pending += chunk
        size = self._reader.picture_bytes
        events: list[DeviceEvent] = []
        while len(self._pending) >= size:
            events.append(self._reader.read(bytes(self._pending[:size]), at))
            del self._pending[:size]
        return events

    def overrun(self, at: Instant) -> list[DeviceEvent]:
        """Bytes were lost before they got here: the next picture's beginning is guessed to be next."""
        self._pending.clear()
        return [Reject(at=at, reason="bytes_lost")]

    def finish(self, at: Instant) -> list[DeviceEvent]:
        """The connection has ended."""
        events: list[DeviceEvent] = [_reject("frame_cut_short", self._pending, at)] if self._pending else []
        self._begin()
        return events

    def _begin(self) -> None:
        self._reader = FrameReader(self._settings)
        self._pending = bytearray()


class StreamDecoder:
    """Bulk transfers of one connection.

    A frame is believed when a marker stands before and one after it, and both are of the same frame. Else the
    next such place is looked for; what was passed over is one Reject, and another for each frame's length.
    """

    def __init__(self, settings: InfiraySettings) -> None:
        self._settings = settings
        self._begin()

    @property
    def can_align(self) -> bool:
        """Whether frames are found again when bytes were lost."""
        return True

    def feed(self, chunk: bytes, at: Instant) -> list[DeviceEvent]:
        """The next bytes."""
        self._pending += chunk
        events: list[DeviceEvent] = []
        while len(self._pending) >= self._size:
            found = self._frame_begins()
            if found == 0:
                events.append(self._taken(at))
                self._drop(self._size)
                continue
            if found is None and len(self._pending) < 2 * self._size:
                break
            events.append(self._passed_over(at))
            self._drop(self._size if found is None else found)
        return events

    def overrun(self, at: Instant) -> list[DeviceEvent]:
        """Bytes were lost before they got here: what has begun is no frame any more."""
        self._drop(len(self._pending))
        return [Reject(at=at, reason="bytes_lost")]

    def finish(self, at: Instant) -> list[DeviceEvent]:
        """The connection has ended."""
        events: list[DeviceEvent] = [_reject("frame_cut_short", self._pending, at)] if self._pending else []
        self._begin()
        return events

    def _begin(self) -> None:
        self._reader = FrameReader(self._settings)
        self._size = self._reader.picture_bytes + 2 * MARKER_BYTES
        self._pending = bytearray()
        self._searched = 0
        """So many places at the beginning of what is pending begin no frame."""

    def _frame_begins(self) -> int | None:
        """The first place, within a frame's length, at which a frame begins; ``None`` when none is known.

        The first place is looked at by itself: while all is well there is nothing to search.
        """
        places = min(len(self._pending) - self._size + 1, self._size)
        while self._searched < places:
            count = places - self._searched if self._searched else 1
            before, after = self._markers(self._searched, count)
            found = np.flatnonzero(markers_stand(before, after, count) & markers_agree(before, after, count))
            if len(found):
                return self._searched + int(found[0])
            self._searched += count
        return None

    def _markers(self, first: int, count: int) -> tuple[Octets, Octets]:
        """What stands where the first and the last marker would, for frames that begin from ``first`` on."""
        last, length = first + self._size - MARKER_BYTES, count - 1 + LOOKED_AT_BYTES
        before, after = self._pending[first : first + length], self._pending[last : last + length]
        return np.frombuffer(before, np.uint8), np.frombuffer(after, np.uint8)

    def _taken(self, at: Instant) -> DeviceEvent:
        content = bytes(self._pending[: self._size - MARKER_BYTES])
        return self._reader.read(content[MARKER_BYTES:], at, presentation_time(content))

    def _passed_over(self, at: Instant) -> Reject:
        whole = bool(markers_stand(*self._markers(0, 1), 1)[0])
        return _reject("markers_disagree" if whole else "frame_unbelievable", self._pending, at)

    def _drop(self, count: int) -> None:
        del self._pending[:count]
        self._searched = 0


def _reject(reason: str, content: bytearray, at: Instant) -> Reject:
    return Reject(at=at, reason=reason, sample=bytes(content[:SAMPLE_BYTES_MAX]))
