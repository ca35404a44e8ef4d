"""Frames out of an HTPA module's datagrams.

The channel holds one datagram after another, each behind its length (2 bytes, little-endian). A frame is
1290 little-endian words in two datagrams: 1024 temperatures of 0.1 K row by row, 256 electrical offsets, the
supply voltage, the array's own temperature (0.1 K), 8 readings of its PTAT (source: Heimann's firmware for
32x32d, ``sortUDPpacket``).
"""

import numpy as np

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, DeviceIdentified, LinearScale, Reject, ThermalFrameCaptured, Unfit
from drivers.thermal.htpa.parts import FIRST_BYTES, SECOND_BYTES, Pairing, Part, Stray, Whole
from drivers.thermal.htpa.protocol import Identity, read_answer
from drivers.thermal.htpa.settings import HtpaSettings
from drivers.thermal_fitness import CountRange, Stillness, unfit_counts

CHANNEL = "datagrams"
HEIGHT, WIDTH = 32, 32
SCALE = LinearScale(gain_c=0.1, offset_c=-273.15)
POSSIBLE = CountRange(2_000, 6_000)
"""200 and 600 K."""
DATAGRAM_BYTES_MAX = 1500
"""Longer ones come from no module, and a capture that says so is damaged."""
SAMPLE_BYTES_MAX = 120
_SENSOR_AT = 2 * (HEIGHT * WIDTH + 256 + 1)
_SENSOR_DK_MIN, _SENSOR_DK_MAX = 2_332, 3_932
"""-40 and +120 °C: the array works from -20 to +85."""


def recorded(datagram: bytes) -> bytes:
    """A datagram as it stands in the channel, cut off where it is longer than any module's."""
    kept = datagram[:DATAGRAM_BYTES_MAX]
    return len(kept).to_bytes(2, "little") + kept


class DatagramDecoder:
    """One sensor's datagrams."""

    def __init__(self, settings: HtpaSettings) -> None:
        self._settings = settings
        self._begin()

    def feed(self, chunk: bytes, at: Instant) -> list[DeviceEvent]:
        """The next bytes of the channel."""
        events: list[DeviceEvent] = []
        if self._damaged:
            return events
        self._pending += chunk
        while len(self._pending) >= 2:
            length = int.from_bytes(self._pending[:2], "little")
            if length > DATAGRAM_BYTES_MAX:
                events.append(_reject("length_unbelievable", self._pending[:2], at))
                self._pending.clear()
                self._damaged = True
                break
            if len(self._pending) < 2 + length:
                break
            events += self._taken(bytes(self._pending[2 : 2 + length]), at)
            del self._pending[: 2 + length]
        return events

    def missed(self, at: Instant) -> list[DeviceEvent]:
        """Datagrams were lost before they got here: what has begun is no frame any more."""
        return [*self._told(self._pairing.give_up()), Reject(at=at, reason="datagrams_lost")]

    def finish(self, at: Instant) -> list[DeviceEvent]:
        """The capture has ended."""
        events = self._told(self._pairing.give_up())
        if self._pending:
            events.append(_reject("datagram_cut_short", self._pending, at))
        self._begin()
        return events

    def _begin(self) -> None:
        self._pending = bytearray()
        self._damaged = False
        """The next datagram's beginning is not known any more."""
        self._pairing = Pairing(self._settings.part_s_max)
        self._stillness = Stillness()

    def _taken(self, datagram: bytes, at: Instant) -> list[DeviceEvent]:
        if len(datagram) in {FIRST_BYTES, SECOND_BYTES}:
            return self._told(self._pairing.take(Part(datagram, at)))
        answer = read_answer(datagram)
        if isinstance(answer, Identity):
            return [DeviceIdentified(at=at, model=answer.model, firmware=answer.firmware, serial=answer.mac)]
        return [_reject("datagram_unknown", datagram, at)] if answer is None else []

    def _told(self, found: list[Whole | Stray]) -> list[DeviceEvent]:
        return [
            self._frame(each) if isinstance(each, Whole) else _reject(each.why, each.part.data, each.part.at)
            for each in found
        ]

    def _frame(self, whole: Whole) -> ThermalFrameCaptured:
        pixels = np.frombuffer(whole.data, "<i2", HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
        raw = np.maximum(pixels, 0).astype(np.uint16)
        sensor_dk = int.from_bytes(whole.data[_SENSOR_AT : _SENSOR_AT + 2], "little")
        sensible = _SENSOR_DK_MIN <= sensor_dk <= _SENSOR_DK_MAX
        still = self._stillness.look(raw, None)
        frozen = still.pictures >= self._settings.frozen_frames
        return ThermalFrameCaptured(
            at=whole.at,
            raw=raw,
            scale=SCALE,
            sensor_temp_c=round(sensor_dk / 10 + SCALE.offset_c, 2) if sensible else None,
            unfit=unfit_counts(raw, POSSIBLE) or (Unfit.FROZEN if frozen else None),
        )


def _reject(reason: str, content: bytes | bytearray, at: Instant) -> Reject:
    return Reject(at=at, reason=reason, sample=bytes(content[:SAMPLE_BYTES_MAX]))
