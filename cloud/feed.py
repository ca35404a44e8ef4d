"""What has just been committed, for listeners in this process: the console shows it without asking."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from cardea.contract.orders import Presence, Receipt
from cardea.contract.records import DeviceRecord
from cardea.contract.zones import ZoneRecord
from cloud.ledger.views import Entry, Passage

EVENTS_MAX = 1000
SUBSCRIBERS_MAX = 1000


@dataclass(frozen=True, slots=True)
class EntryDecided:
    """A decided approach, as the entry feed shows it; nobody has been seen to pass yet."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class PassageSeen:
    """Somebody went through."""

    passage: Passage


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    """A gateway said something of a device."""

    site: str
    gateway: str
    device: DeviceRecord


@dataclass(frozen=True, slots=True)
class ZoneChanged:
    """A gateway said something of a disinfection zone."""

    site: str
    gateway: str
    zone: ZoneRecord


@dataclass(frozen=True, slots=True)
class AlertChanged:
    """An alert was made, or its history grew: read it again."""

    alert: int


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """A gateway, or its last will, said how it is."""

    site: str
    presence: Presence


@dataclass(frozen=True, slots=True)
class OrderAnswered:
    """The prompt answer to an order."""

    site: str
    gateway: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class EpochFenced:
    """A clone was fenced; somebody must approve or remove it."""

    site: str
    gateway: str
    epoch: str


FeedEvent = (
    EntryDecided
    | PassageSeen
    | DeviceChanged
    | ZoneChanged
    | AlertChanged
    | PresenceChanged
    | OrderAnswered
    | EpochFenced
)


class Subscription:
    """One listener's events in order. A slow listener loses the oldest, counted, and holds nobody up."""

    def __init__(self, events_max: int = EVENTS_MAX) -> None:
        self._events: deque[FeedEvent] = deque(maxlen=events_max)
        self._arrived = asyncio.Event()
        self.dropped = 0

    def put(self, event: FeedEvent) -> None:
        """Append; the oldest goes when there is no room."""
        if len(self._events) == self._events.maxlen:
            self.dropped += 1
        self._events.append(event)
        self._arrived.set()

    async def __aiter__(self) -> AsyncIterator[FeedEvent]:
        while True:
            while self._events:
                yield self._events.popleft()
            self._arrived.clear()
            await self._arrived.wait()


class TooManySubscribers(Exception):
    """The feed serves no more listeners; try again when a page has been closed."""


class Feed:
    """Hands each event to every listener; ``version`` counts, for those who only want to know whether."""

    def __init__(self) -> None:
        self._subscribers: set[Subscription] = set()
        self.version = 0

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._subscribers)

    @contextmanager
    def subscribe(self, events_max: int = EVENTS_MAX) -> Generator[Subscription]:
        """Listen for as long as the context lasts.

        Raises:
            TooManySubscribers: there are ``SUBSCRIBERS_MAX`` already.
        """
        if len(self._subscribers) >= SUBSCRIBERS_MAX:
            raise TooManySubscribers(f"{SUBSCRIBERS_MAX} listeners already")
        subscription = Subscription(events_max)
        self._subscribers.add(subscription)
        try:
            yield subscription
        finally:
            self._subscribers.discard(subscription)

    def changed(self) -> None:
        """Something has changed that no event tells of."""
        self.version += 1

    def publish(self, *events: FeedEvent) -> None:
        """Hand events to everybody."""
        self.version += 1
        for subscription in self._subscribers:
            for event in events:
                subscription.put(event)
