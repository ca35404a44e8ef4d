"""Telemetry of a simulated gateway as the wire has it, from parts that are encoded once."""

from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from cardea.contract.batches import ROWS_MAX, Lane
from cardea.contract.encoding import encode

ROWS_GOOD = 800
"""Readings worth a message: far below what the wire allows, far above what a message costs."""


@dataclass(slots=True)
class Columns:
    """Readings that are gathered for one message. ``series`` are those of every moment, in order."""

    series: tuple[str, ...]
    _head: bytes = field(init=False)
    _indices: str = field(init=False)
    _t_ms: list[int] = field(default_factory=list[int])
    _values: list[NDArray[np.float64]] = field(default_factory=list[NDArray[np.float64]])
    _began_s: float = 0.0

    def __post_init__(self) -> None:
        """Encode what never changes."""
        if not 1 <= len(self.series) <= ROWS_MAX:
            raise ValueError(f"a moment has 1 to {ROWS_MAX} readings, not {len(self.series)}")
        self._head = b'"columns":{"series":' + encode(self.series) + b',"s":['
        self._indices = ",".join(map(str, range(len(self.series))))

    def __len__(self) -> int:
        """Readings gathered so far."""
        return len(self._t_ms) * len(self.series)

    def add(self, t_ms: int, values: NDArray[np.float64], now_s: float) -> None:
        """One moment's readings."""
        if not self._t_ms:
            self._began_s = now_s
        self._t_ms.append(t_ms)
        self._values.append(values)

    def is_due(self, now_s: float, linger_s: float) -> bool:
        """Whether it is time to send: enough readings, no room for another moment's, or the oldest waits."""
        rows = len(self)
        full = rows >= ROWS_GOOD or rows + len(self.series) > ROWS_MAX
        return rows > 0 and (full or now_s - self._began_s >= linger_s)

    def encoded(self, epoch: str, first: int) -> bytes:
        """The message (:class:`cardea.contract.batches.TelemetryBatch`)."""
        moments = len(self._t_ms)
        times = ",".join(",".join([str(t_ms)] * len(self.series)) for t_ms in self._t_ms)
        values = msgspec.json.encode(np.concatenate(self._values).tolist())
        return b"".join(
            (
                f'{{"lane":"{Lane.TELEMETRY}","epoch":"{epoch}","first":{first},'.encode(),
                self._head,
                ",".join([self._indices] * moments).encode(),
                b'],"t_ms":[',
                times.encode(),
                b'],"value":',
                values,
                b"}}",
            )
        )

    def clear(self) -> None:
        """Begin the next message."""
        self._t_ms.clear()
        self._values.clear()
