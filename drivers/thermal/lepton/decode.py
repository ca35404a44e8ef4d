"""Frames out of the bytes of a Lepton: 160 columns, 120 rows and (mostly) two of telemetry, little-endian.

The first byte of a connection begins a frame. A frame is believed when its telemetry is; else the alignment
is lost, and the next place is taken at which telemetry stands where a frame would have it, with counters
that go on from the last frame's; if there is none within a frame's length, the counters may have begun anew.
What was passed over is one Reject, and another for each frame's length of it. Without telemetry every 38400
bytes are a frame, whatever they say: only the range of counts then tells that they are none.
"""

import numpy as np

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, LinearScale, Reject, ThermalFrameCaptured
from drivers.thermal.lepton.fitness import Fitness
from drivers.thermal.lepton.settings import LeptonSettings
from drivers.thermal.lepton.telemetry import (
    ROWS,
    WORDS_READ,
    Flags,
    Octets,
    read_telemetry,
    telemetry_goes_on,
    telemetry_starts,
)

CHANNEL = "y16"
HEIGHT, WIDTH = 120, 160
TLINEAR = LinearScale(gain_c=0.01, offset_c=-273.15)
"""Source: datasheet, 3.5 (radiometry modes), high TLinear resolution."""
SAMPLE_BYTES_MAX = 120
_ROW_BYTES = 2 * WIDTH
_PICTURE_BYTES = HEIGHT * _ROW_BYTES
_TELEMETRY_BYTES = ROWS * _ROW_BYTES


class FrameReader:
    """One camera's frames in a row, each whole."""

    def __init__(self, settings: LeptonSettings) -> None:
        self._layout = _LAYOUTS[settings.telemetry]
        self._fitness = Fitness(settings.frozen_frames)

    @property
    def rows(self) -> int:
        """How many rows a frame has, with telemetry."""
        return self._layout.frame_bytes // _ROW_BYTES

    def read(self, content: bytes, at: Instant) -> ThermalFrameCaptured | Reject:
        """A frame's bytes, ``rows`` x 160 words: the frame, or a Reject when its telemetry is none."""
        layout = self._layout
        whole: Octets = np.frombuffer(content, np.uint8)
        said = None
        if layout.telemetry_at is not None:
            rows = whole[layout.telemetry_at : layout.telemetry_at + _TELEMETRY_BYTES]
            if not telemetry_starts(rows, 1)[0]:
                return _reject("frame_unbelievable", content, at)
            said = read_telemetry(rows)
        picture = whole[layout.picture_at : layout.picture_at + _PICTURE_BYTES]
        raw = picture.view("<u2").astype(np.uint16, copy=False).reshape(HEIGHT, WIDTH)
        return ThermalFrameCaptured(
            at=at,
            raw=raw,
            scale=TLINEAR,
            number=said.number if said else None,
            uptime_s=said.uptime_s if said else None,
            since_flat_field_s=said.since_flat_field_s if said else None,
            sensor_temp_c=said.sensor_temp_c if said else None,
            unfit=self._fitness.judge(raw, said),
        )


class Y16Decoder:
    """The frames of one connection."""

    def __init__(self, settings: LeptonSettings) -> None:
        self._settings = settings
        self._layout = _LAYOUTS[settings.telemetry]
        self._begin()

    @property
    def can_align(self) -> bool:
        """Whether frames are found again when bytes were lost."""
        return self._layout.telemetry_at is not None

    def feed(self, chunk: bytes, at: Instant) -> list[DeviceEvent]:
        """The next bytes."""
        self._pending += chunk
        events: list[DeviceEvent] = []
        size = self._layout.frame_bytes
        while len(self._pending) >= size:
            found = self._frame_begins()
            if found == 0:
                events.append(self._taken(bytes(self._pending[:size]), at))
                self._drop(size)
                continue
            if found is None and len(self._pending) < 2 * size:
                break
            events.append(_reject("frame_unbelievable", self._pending, at))
            if found is None:
                self._before = None
            self._drop(size if found is None else found)
        return events

    def overrun(self, at: Instant) -> list[DeviceEvent]:
        """Bytes were lost before they got here: what has begun is no frame any more."""
        self._drop(len(self._pending))
        return [Reject(at=at, reason="bytes_lost")]

    def finish(self, at: Instant) -> list[DeviceEvent]:
        """The connection has ended."""
        events: list[DeviceEvent] = []
        if self._pending:
            events.append(_reject("frame_cut_short", self._pending, at))
        self._begin()
        return events

    def _begin(self) -> None:
        self._reader = FrameReader(self._settings)
        self._before: tuple[float, int] | None = None
        """Uptime and number of the last frame, from which the next must go on."""
        self._pending = bytearray()
        self._searched = 0
        """So many places at the beginning of what is pending begin no frame."""

    def _frame_begins(self) -> int | None:
        """The first place, within a frame's length, at which a frame begins; ``None`` when none is known.

        The first place is looked at by itself: while all is well there is nothing to search.
        """
        if self._layout.telemetry_at is None:
            return 0
        places = min(len(self._pending) - self._layout.frame_bytes + 1, self._layout.frame_bytes)
        while self._searched < places:
            count = places - self._searched if self._searched else 1
            first = self._layout.telemetry_at + self._searched
            window = bytes(self._pending[first : first + count - 1 + 2 * WORDS_READ])
            places_found = np.flatnonzero(self._believed(np.frombuffer(window, np.uint8), count))
            if len(places_found):
                return self._searched + int(places_found[0])
            self._searched += count
        return None

    def _believed(self, window: Octets, count: int) -> Flags:
        starts = telemetry_starts(window, count)
        return starts if self._before is None else starts & telemetry_goes_on(window, count, *self._before)

    def _taken(self, content: bytes, at: Instant) -> DeviceEvent:
        event = self._reader.read(content, at)
        if (
            isinstance(event, ThermalFrameCaptured)
            and event.uptime_s is not None
            and event.number is not None
        ):
            self._before = (event.uptime_s, event.number)
        return event

    def _drop(self, count: int) -> None:
        del self._pending[:count]
        self._searched = 0


def _reject(reason: str, content: bytes | bytearray, at: Instant) -> Reject:
    return Reject(at=at, reason=reason, sample=bytes(content[:SAMPLE_BYTES_MAX]))


class _Layout:
    """Where picture and telemetry stand in a frame."""

    def __init__(self, picture_at: int, telemetry_at: int | None) -> None:
        self.picture_at = picture_at
        self.telemetry_at = telemetry_at
        self.frame_bytes = _PICTURE_BYTES + (0 if telemetry_at is None else _TELEMETRY_BYTES)


_LAYOUTS = {
    "footer": _Layout(0, _PICTURE_BYTES),
    "header": _Layout(_TELEMETRY_BYTES, 0),
    "none": _Layout(0, None),
}
