"""JSON encoding of the wire (msgspec), and decoding that never raises on what a peer sent."""

from typing import Generic, TypeVar

import msgspec

from cardea.contract.batches import Ack, Lane, RowBatch, TelemetryBatch
from cardea.contract.orders import Order, Presence, Receipt, Statuses
from cardea.contract.policy import Policy
from cardea.contract.records import Alert, Reading, Record
from cardea.contract.scenes import Scene

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder()


class Undecodable(msgspec.Struct, frozen=True):
    """Bytes that are not what they should be, and why. Kept raw, counted, acknowledged."""

    raw: bytes
    reason: str


class Codec(Generic[T]):
    """Strict decoder of one wire type; unknown fields are accepted so that a newer peer can add some."""

    def __init__(self, wire_type: object) -> None:
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(wire_type)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]  # unions are types to msgspec, not to pyright

    def decode(self, raw: bytes) -> T | Undecodable:
        """The value, or what was wrong with it; never raises."""
        try:
            return self._decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Undecodable(raw, str(error) or type(error).__name__)


def encode(value: object) -> bytes:
    """Any contract type as JSON text in UTF-8."""
    return _ENCODER.encode(value)


RECORD = Codec[Record](Record)
ALERT = Codec[Alert](Alert)
READING = Codec[Reading](Reading)
ROW_BATCH = Codec[RowBatch](RowBatch)
TELEMETRY_BATCH = Codec[TelemetryBatch](TelemetryBatch)
ACK = Codec[Ack](Ack)
ORDER = Codec[Order](Order)
RECEIPT = Codec[Receipt](Receipt)
PRESENCE = Codec[Presence](Presence)
STATUSES = Codec[Statuses](Statuses)
POLICY = Codec[Policy](Policy)
SCENE = Codec[Scene](Scene)

ROW = {Lane.ALERT: ALERT, Lane.RECORD: RECORD}
"""The codec of one row, by lane; telemetry travels in columns."""
