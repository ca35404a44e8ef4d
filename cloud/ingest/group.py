"""A group of arrivals that is committed in one transaction and acknowledged after it."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from cardea.contract.batches import Ack, Lane
from cardea.contract.orders import Receipt
from cardea.contract.ranges import Ranges, Span, merge
from cardea.contract.scenes import Showing
from cloud.ingest.arrivals import (
    Arrival,
    Delivery,
    Foreign,
    PresenceHeard,
    ReceiptHeard,
    SceneHeard,
    Unreadable,
)
from cloud.ingest.columns import Telemetry
from cloud.ingest.epochs import ADMITS, Epochs, Move
from cloud.ingest.rows import Overflowed, Poison, Row, take

LaneKey = tuple[str, Lane, str]
"""Gateway, lane, epoch."""


@dataclass(slots=True)
class Known:
    """What the ledger holds of every gateway that may speak; advanced only by a committed group."""

    epochs: dict[str, Epochs]
    stored: dict[LaneKey, Ranges]

    def advance(self, group: "Group") -> None:
        """The group has been committed."""
        self.epochs.update(group.epochs)
        self.stored.update(group.stored)


@dataclass(frozen=True, slots=True)
class Silence:
    """For how long the active epochs have been silent, s, and after how long a new one takes over, s."""

    heard_s_ago: Mapping[str, float]
    takeover_s: float

    def of(self, gateway: str) -> float:
        """Seconds; for ever when it was never heard."""
        return self.heard_s_ago.get(gateway, float("inf"))


@dataclass(slots=True)
class Counts:
    """Conservation (SAFETY.md R4): ``received`` = ``stored`` + ``poison`` + ``duplicates`` + ``refused``, in
    rows; ``foreign``, ``unreadable`` and ``shed`` (telemetry without room, which comes again) are messages.
    """

    received: int = 0
    stored: int = 0
    poison: int = 0
    duplicates: int = 0
    refused: int = 0
    foreign: int = 0
    unreadable: int = 0
    shed: int = 0

    def add(self, other: "Counts") -> None:
        """Count on."""
        for name in Counts.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Group:
    """Builds up from arrivals; ``known`` stays as it is until the commit."""

    known: Known
    silence: Silence
    epochs: dict[str, Epochs] = field(default_factory=dict[str, Epochs])
    stored: dict[LaneKey, Ranges] = field(default_factory=dict[LaneKey, Ranges])
    rows: list[Row] = field(default_factory=list[Row])
    poison: list[Poison] = field(default_factory=list[Poison])
    telemetry: list[Telemetry] = field(default_factory=list[Telemetry])
    """Batches of an outbox that may speak once this is committed: they go on to the series' own lane."""
    presences: dict[str, PresenceHeard] = field(default_factory=dict[str, PresenceHeard])
    receipts: list[tuple[str, Receipt]] = field(default_factory=list[tuple[str, Receipt]])
    scenes: dict[tuple[str, str, Showing], SceneHeard] = field(
        default_factory=dict[tuple[str, str, Showing], SceneHeard]
    )
    """The newest by gateway, device and what it shows; for people who look, not for the ledger."""
    fenced: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Gateways and the epochs fenced just now."""
    heard: dict[str, str] = field(default_factory=dict[str, str])
    """Gateways that gave a sign of life by themselves, and their epochs."""
    overflowed: set[tuple[str, Lane]] = field(default_factory=set[tuple[str, Lane]])
    strangers: set[str] = field(default_factory=set[str])
    """Gateways that nobody declared."""
    counts: Counts = field(default_factory=Counts)
    _spans: dict[LaneKey, list[Span]] = field(default_factory=dict[LaneKey, list[Span]])

    @property
    def changes_nothing(self) -> bool:
        """Whether there is nothing to commit; there may be something to acknowledge again."""
        return not (self.rows or self.poison or self.presences or self.epochs or self.stored)

    def add(self, arrival: Arrival) -> None:
        """Take one arrival in. What an unknown gateway says is refused."""
        if isinstance(arrival, Foreign):
            self.counts.foreign += 1
        elif arrival.gateway not in self.known.epochs:
            self._refuse(arrival)
        elif isinstance(arrival, Delivery):
            self._add_delivery(arrival)
        elif isinstance(arrival, Telemetry):
            self._add_telemetry(arrival)
        elif isinstance(arrival, PresenceHeard):
            self._add_presence(arrival)
        elif isinstance(arrival, ReceiptHeard):
            self.receipts.append((arrival.gateway, arrival.receipt))
        elif isinstance(arrival, SceneHeard):
            self.scenes[arrival.gateway, arrival.scene.device, arrival.scene.showing] = arrival
        else:
            self._add_unreadable(arrival)

    def approve(self, gateway: str, epoch: str) -> None:
        """A person says that this epoch is the gateway.

        Raises:
            KeyError: no such gateway, or no such epoch of it.
        """
        self.epochs[gateway] = self._epochs_of(gateway).approve(epoch)

    def acks(self) -> tuple[tuple[str, Ack], ...]:
        """Gateway and acknowledgement, one for each lane and epoch that something arrived of.

        To be published after the commit and never before (SAFETY.md R1).
        """
        return tuple(
            (gateway, Ack(lane, epoch, merge(spans))) for (gateway, lane, epoch), spans in self._spans.items()
        )

    def _refuse(self, arrival: Arrival) -> None:
        assert not isinstance(arrival, Foreign), "it has a gateway"
        self.strangers.add(arrival.gateway)
        rows = len(arrival.bodies) if isinstance(arrival, Delivery) else 0
        rows += len(arrival.s) if isinstance(arrival, Telemetry) else 0
        self.counts.received += rows
        self.counts.refused += rows

    def _add_delivery(self, delivery: Delivery) -> None:
        self.counts.received += len(delivery.bodies)
        if not self._admits(delivery.gateway, delivery.epoch):
            self.counts.refused += len(delivery.bodies)
            return
        key = (delivery.gateway, delivery.lane, delivery.epoch)
        held = self.stored.get(key)
        if held is None:
            held = self.known.stored.get(key, ())
        epoch = self._epochs_of(delivery.gateway).active
        assert epoch is not None, "an admitted epoch is the active one"
        taken = take(delivery, epoch.number, held)
        if isinstance(taken, Overflowed):
            self.counts.refused += len(delivery.bodies)
            self.overflowed.add((delivery.gateway, delivery.lane))
            return
        self.rows.extend(taken.rows)
        self.poison.extend(taken.poison)
        self.counts.stored += len(taken.rows)
        self.counts.poison += len(taken.poison)
        self.counts.duplicates += taken.duplicates
        if taken.stored is not held:
            self.stored[key] = taken.stored
        self._spans.setdefault(key, []).append(taken.span)

    def _add_telemetry(self, batch: Telemetry) -> None:
        if self._admits(batch.gateway, batch.epoch):
            self.telemetry.append(batch)
        else:
            self.counts.received += len(batch.s)
            self.counts.refused += len(batch.s)

    def _add_presence(self, arrival: PresenceHeard) -> None:
        """Only what a gateway says now moves epochs: wills and kept states come late and from the dead."""
        epoch = arrival.presence.epoch
        if arrival.presence.online and not arrival.kept:
            if self._admits(arrival.gateway, epoch):
                self.presences[arrival.gateway] = arrival
            return
        active = self._epochs_of(arrival.gateway).active
        if active is not None and active.name == epoch:
            self.presences[arrival.gateway] = arrival

    def _add_unreadable(self, arrival: Unreadable) -> None:
        self.counts.unreadable += 1
        raw, reason = arrival.undecodable.raw, arrival.undecodable.reason
        self.poison.append(Poison(arrival.gateway, arrival.leaf, "", zlib.crc32(raw), reason, raw))

    def _epochs_of(self, gateway: str) -> Epochs:
        return self.epochs.get(gateway) or self.known.epochs[gateway]

    def _admits(self, gateway: str, epoch: str) -> bool:
        """Whether ``epoch`` speaks for the gateway, from now on if need be."""
        silent_s = 0.0 if gateway in self.heard else self.silence.of(gateway)
        before = self._epochs_of(gateway)
        move, after = before.hear(epoch, silent_s, self.silence.takeover_s)
        if after is not before:
            self.epochs[gateway] = after
        if move is Move.FENCE:
            self.fenced.append((gateway, epoch))
        if move in ADMITS:
            self.heard[gateway] = epoch
        return move in ADMITS
