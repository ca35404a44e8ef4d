"""A message from the bus, taken apart as far as that goes without knowing what is stored already."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from cardea.contract.batches import Lane, RowBatch, TelemetryBatch
from cardea.contract.encoding import PRESENCE, RECEIPT, ROW_BATCH, SCENE, TELEMETRY_BATCH, Undecodable
from cardea.contract.orders import Presence, Receipt
from cardea.contract.scenes import Mark, Scene, Showing
from cardea.contract.time import INTEGER_MAX
from cardea.contract.topics import LANE_LEAF, Leaf, parse
from cloud.ingest import salvage
from cloud.ingest.columns import Telemetry, in_columns, one_by_one

_EPOCH = re.compile(r"[0-9A-Za-z._-]{1,64}")
_EPOCH_ADVICE = "the epoch must be 1 to 64 letters, digits, dots, dashes or underscores"
_DEVICE_CHARACTERS_MAX = 128
_ROUNDING = 1e-6

Body = bytes | Undecodable
"""A row still as JSON text, or what could not be read."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Rows ``first, first + 1, …`` of the alert or record lane of one epoch. The gateway is the topic's: the
    broker's ACL vouches for it.
    """

    gateway: str
    lane: Lane
    epoch: str
    first: int
    bodies: tuple[Body, ...]

    @property
    def last(self) -> int:
        """The sequence number of the last row."""
        return self.first + len(self.bodies) - 1


@dataclass(frozen=True, slots=True)
class PresenceHeard:
    """What a gateway, or its last will, says of itself. ``kept``: the broker had it, of unknown age."""

    gateway: str
    presence: Presence
    kept: bool


@dataclass(frozen=True, slots=True)
class ReceiptHeard:
    """The prompt answer to an order; its durable twin comes through the record lane."""

    gateway: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class SceneHeard:
    """A thermal picture: shown, never stored."""

    gateway: str
    scene: Scene


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that names no rows: kept raw and counted; there is nothing to acknowledge."""

    gateway: str
    leaf: Leaf
    undecodable: Undecodable


@dataclass(frozen=True, slots=True)
class Foreign:
    """A topic that is none of ours, or in the wrong shard."""

    topic: str


Arrival = Delivery | Telemetry | PresenceHeard | ReceiptHeard | SceneHeard | Unreadable | Foreign


def read(topic: str, payload: bytes, *, kept: bool = False) -> Arrival:
    """A message as an arrival; never raises."""
    address = parse(topic)
    reader = None if address is None else _READERS.get(address.leaf)
    if address is None or reader is None:
        return Foreign(topic)
    found = reader(address.gateway, payload, kept)
    return Unreadable(address.gateway, address.leaf, found) if isinstance(found, Undecodable) else found


def _rows(lane: Lane) -> "_Reader":
    def read_rows(gateway: str, payload: bytes, _kept: bool) -> Arrival | Undecodable:  # noqa: FBT001  # one shape for all readers
        batch = ROW_BATCH.decode(payload)
        if isinstance(batch, RowBatch):
            header = salvage.Header(batch.lane, batch.epoch, batch.first)
            return _delivery(gateway, lane, header, tuple(map(bytes, batch.rows)), payload)
        saved = salvage.rows(payload, batch.reason)
        return batch if saved is None else _delivery(gateway, lane, *saved, payload)

    return read_rows


def _readings(gateway: str, payload: bytes, _kept: bool) -> Arrival | Undecodable:  # noqa: FBT001  # one shape for all readers
    batch = TELEMETRY_BATCH.decode(payload)
    if isinstance(batch, TelemetryBatch):
        try:
            columns = in_columns(batch.columns)
        except ValueError as error:
            batch = Undecodable(payload, str(error))
        else:
            header = salvage.Header(batch.lane, batch.epoch, batch.first)
            wrong = _wrong(header, Lane.TELEMETRY, len(batch.columns.s))
            if wrong is not None:
                return Undecodable(payload, wrong)
            return Telemetry(gateway, batch.epoch, batch.first, batch.columns.series, *columns)
    saved = salvage.readings(payload, batch.reason)
    if saved is None:
        return batch
    header, bodies = saved
    wrong = _wrong(header, Lane.TELEMETRY, len(bodies))
    if wrong is not None:
        return Undecodable(payload, wrong)
    return Telemetry(gateway, header.epoch, header.first, *one_by_one(bodies))


def _delivery(
    gateway: str, lane: Lane, header: salvage.Header, bodies: tuple[Body, ...], payload: bytes
) -> Arrival | Undecodable:
    wrong = _wrong(header, lane, len(bodies))
    if wrong is not None:
        return Undecodable(payload, wrong)
    return Delivery(gateway, lane, header.epoch, header.first, bodies)


def _wrong(header: salvage.Header, lane: Lane, rows: int) -> str | None:
    """Why rows under this header cannot be taken."""
    if header.lane != lane:
        return f"a batch of lane {header.lane} in the topic of {lane}"
    if _EPOCH.fullmatch(header.epoch) is None:
        return _EPOCH_ADVICE
    if not rows or header.first + rows > INTEGER_MAX:
        return f"no rows, or sequence numbers beyond {INTEGER_MAX}"
    return None


def _presence(gateway: str, payload: bytes, kept: bool) -> Arrival | Undecodable:  # noqa: FBT001  # one shape for all readers
    presence = PRESENCE.decode(payload)
    if isinstance(presence, Undecodable):
        return presence
    if presence.gateway != gateway:
        return Undecodable(payload, f"the presence of {presence.gateway!r:.80} in another's topic")
    if _EPOCH.fullmatch(presence.epoch) is None:
        return Undecodable(payload, _EPOCH_ADVICE)
    if not presence.version.isprintable():
        return Undecodable(payload, "the version is not text that can be shown")
    return PresenceHeard(gateway, presence, kept)


def _receipt(gateway: str, payload: bytes, _kept: bool) -> Arrival | Undecodable:  # noqa: FBT001  # one shape for all readers
    receipt = RECEIPT.decode(payload)
    return receipt if isinstance(receipt, Undecodable) else ReceiptHeard(gateway, receipt)


def _scenes(*showings: Showing) -> "_Reader":
    def read_scene(gateway: str, payload: bytes, kept: bool) -> Arrival | Undecodable:  # noqa: FBT001  # one shape for all readers
        """What is wrong with a scene is kept, its picture is not: no picture is ever stored."""
        scene = SCENE.decode(payload)
        if isinstance(scene, Undecodable):
            return Undecodable(b"", scene.reason)
        wrong = "a scene that the broker had kept: it is shown live or not at all" if kept else None
        wrong = wrong or _wrong_with(scene, showings)
        return SceneHeard(gateway, scene) if wrong is None else Undecodable(b"", wrong)

    return read_scene


def _wrong_with(scene: Scene, showings: tuple[Showing, ...]) -> str | None:
    """Why a scene cannot be shown."""
    if scene.showing not in showings:
        return f"a scene that shows {scene.showing.value} has no place in this topic"
    if (scene.showing is Showing.CLEAR) != (scene.lease is not None):
        return "a clear scene comes under an order, and no other does"
    if len(scene.grid) != scene.width * scene.height:
        return f"a grid of {len(scene.grid)} pixels is not {scene.width} x {scene.height} of them"
    if not (math.isfinite(scene.min_c) and math.isfinite(scene.max_c) and scene.min_c <= scene.max_c):
        return f"{scene.min_c:g} to {scene.max_c:g} degrees is no range"
    if not (scene.device.isprintable() and 0 < len(scene.device) <= _DEVICE_CHARACTERS_MAX):
        return "the device is not a name that can be shown"
    if not all(map(_lies_inside, scene.marks)):
        return "a mark lies outside the scene"
    return None


def _lies_inside(mark: Mark) -> bool:
    across, down = mark.left + mark.width, mark.top + mark.height
    edges = (mark.left, mark.top, mark.width, mark.height, across, down)
    return all(0.0 <= edge <= 1.0 + _ROUNDING for edge in edges)  # never true of what is not a number


_Reader = Callable[[str, bytes, bool], Arrival | Undecodable]
_READERS: dict[Leaf, _Reader] = {
    **{leaf: _rows(lane) for lane, leaf in LANE_LEAF.items() if lane is not Lane.TELEMETRY},
    Leaf.LANE_TELEMETRY: _readings,
    Leaf.STATE: _presence,
    Leaf.RECEIPT: _receipt,
    Leaf.SCENE: _scenes(Showing.THINGS, Showing.BLURRED),
    Leaf.SCENE_CLEAR: _scenes(Showing.CLEAR),
}
FILTER_LEAVES = tuple(_READERS)
"""What the aggregator subscribes to."""
