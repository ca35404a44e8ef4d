"""Rows of the outbox as the batches of the wire."""

from collections.abc import Sequence

import msgspec

from cardea.contract.batches import BATCH_BYTES_MAX, ROWS_MAX, Lane, RowBatch, TelemetryBatch, to_columns
from cardea.contract.encoding import READING, Undecodable, encode
from cardea.contract.records import Reading
from edge.outbox import Row

_ENVELOPE_BYTES = 1024
ROWS_BYTES_MAX = BATCH_BYTES_MAX - _ENVELOPE_BYTES - ROWS_MAX
"""Bytes of the rows of one batch at the most; the rest is for the envelope and the commas between them."""


def batch(lane: Lane, epoch: str, rows: Sequence[Row]) -> bytes:
    """An unbroken run of rows as one message.

    Raises:
        ValueError: a telemetry row is no reading; the outbox takes none such in.
    """
    first = rows[0][0]
    if lane is Lane.TELEMETRY:
        readings = tuple(_reading(body) for _, body in rows)
        return encode(TelemetryBatch(lane, epoch, first, to_columns(readings)))
    return encode(RowBatch(lane, epoch, first, tuple(msgspec.Raw(body) for _, body in rows)))


def _reading(body: bytes) -> Reading:
    reading = READING.decode(body)
    if isinstance(reading, Undecodable):
        raise ValueError(f"a telemetry row is no reading: {reading.reason}")  # noqa: TRY004  # the bytes are wrong
    return reading
