"""What may become a row: checked before it is committed, so that nothing waits that could never be sent."""

from collections.abc import Sequence

import msgspec

from cardea.contract.batches import ROWS_MAX, Lane
from cardea.contract.encoding import READING, Codec, Undecodable

ROW_BYTES_MAX = 64 * 1024
"""Bytes of one row at the most; several fit into a batch."""
_CODEC: dict[Lane, Codec[object]] = {
    Lane.ALERT: Codec(msgspec.Raw),
    Lane.RECORD: Codec(msgspec.Raw),
    Lane.TELEMETRY: READING,  # pyright: ignore[reportAssignmentType]  # only asked whether it decodes
}


class RowRefused(ValueError):
    """The rows could never be sent; ``reason`` is the word under which they are counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def require(lane: Lane, bodies: Sequence[bytes]) -> None:
    """Nothing, when all of these rows can be taken.

    Raises:
        RowRefused: they cannot.
    """
    if len(bodies) > ROWS_MAX:
        raise RowRefused("too_many")
    if any(len(body) > ROW_BYTES_MAX for body in bodies):
        raise RowRefused("too_long")
    if any(isinstance(_CODEC[lane].decode(body), Undecodable) for body in bodies):
        raise RowRefused("undecodable")
