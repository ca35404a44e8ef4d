"""The bus inside one process: a broker in memory that behaves as Mosquitto does for us.

Retained messages, delayed wills, sessions that survive a cut for ``SESSION_EXPIRY_S``, one session per
identity, access rules, bounded queues. Time and fate are handed in: on a virtual-time loop with a seeded
:class:`Network` the same run happens again. A simulation cuts, stops and starts it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Protocol

from cardea.runtime.access import Allows, Direction
from cardea.runtime.bus import (
    BusDown,
    BusRefused,
    Message,
    Will,
    check_sendable,
)
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.inbox import BYTES_MAX, MESSAGES_MAX, Inbox, Tally
from cardea.runtime.topic_filter import is_filter, matches

SESSION_EXPIRY_S = 60.0
RETAINED_MAX = 10_000
BACKLOG_MAX = 10_000
IN_FLIGHT_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one publish: when each copy arrives (none: lost), and when the PUBACK (None: never)."""

    arrives_s: tuple[float, ...] = (0.0,)
    acknowledged_s: float | None = 0.0


class Network(Protocol):
    """Decides the fate of each publish."""

    def fate(self, identity: str, topic: str) -> Fate:
        """The fate of what ``identity`` publishes to ``topic`` now."""
        ...


class FairNetwork:
    """Everything arrives once and at once."""

    def fate(self, identity: str, topic: str) -> Fate:  # noqa: ARG002  # the same for all
        """Arrives."""
        return Fate()


@dataclass(frozen=True, slots=True)
class FoulNetwork:
    """Loses, doubles and delays by chance. Shares are of one publish each, 0…1."""

    entropy: Entropy
    lost: float = 0.0
    doubled: float = 0.0
    unacknowledged: float = 0.0
    delay_s_max: float = 0.0

    def fate(self, identity: str, topic: str) -> Fate:  # noqa: ARG002  # chance does not look
        """Drawn from the handed-in entropy, always with the same number of draws."""
        lost, doubled, silent = (
            self.entropy.uniform(0.0, 1.0) < share for share in (self.lost, self.doubled, self.unacknowledged)
        )
        first_s, second_s, acknowledged_s = (self.entropy.uniform(0.0, self.delay_s_max) for _ in range(3))
        copies = (first_s, second_s) if doubled else (first_s,)
        return Fate(() if lost else copies, None if silent else acknowledged_s)


def _everything(_identity: str, _direction: Direction, _topic: str) -> bool:
    return True


@dataclass(slots=True)
class _Seat:
    """What the broker remembers of one identity, connected or not."""

    filters: dict[str, None] = field(default_factory=dict[str, None])
    backlog: deque[Message] = field(default_factory=lambda: deque[Message](maxlen=BACKLOG_MAX))
    session: "MemorySession | None" = None
    generation: int = 0
    """Counts connections and cuts, so that a timer knows whether it has been overtaken."""


class MemoryBroker:
    """All that Mosquitto is to us. Must be made and used on one event loop; ``close`` when done."""

    def __init__(
        self,
        clock: Clock,
        *,
        network: Network | None = None,
        allowed: Allows = _everything,
        messages_max: int = MESSAGES_MAX,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self._clock = clock
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._allowed = allowed
        self._seats: dict[str, _Seat] = {}
        self._refused: set[str] = set()
        self._up = True
        self._timers: set[asyncio.Task[None]] = set()
        self.network: Network = network or FairNetwork()
        self.retained: dict[str, bytes] = {}

    def bus(self, identity: str) -> "MemoryBus":
        """The bus as ``identity`` sees it."""
        return MemoryBus(self, identity)

    def cut(self, identity: str) -> None:
        """Break one connection, as when a cable is pulled: the will is spoken after its delay."""
        session = self._seats[identity].session if identity in self._seats else None
        if session is not None:
            self._lost(session, "the connection was cut")

    def stop(self) -> None:
        """The broker goes away: connections end, nobody can connect. Sessions and retained messages stay."""
        self._up = False
        for identity in self._seats:
            self.cut(identity)

    def start(self) -> None:
        """The broker is back."""
        self._up = True

    def refuse(self, identity: str) -> None:
        """Take this identity no more, as when its certificate is revoked."""
        self._refused.add(identity)
        self.cut(identity)

    async def close(self) -> None:
        """End all connections and timers."""
        self.stop()
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._timers, return_exceptions=True)

    def seat(self, identity: str, tally: Tally, will: Will | None) -> "MemorySession":
        """Let an identity in; a connection that it has already is taken over (one session per identity).

        Raises:
            BusDown: the broker is stopped.
            BusRefused: this identity is not taken.
        """
        if not self._up:
            raise BusDown("the broker is stopped")
        if identity in self._refused:
            raise BusRefused(f"{identity} is not taken")
        seat = self._seats.setdefault(identity, _Seat())
        if seat.session is not None:
            self._lost(seat.session, "taken over by another connection")
        seat.generation += 1
        inbox = Inbox(tally, messages_max=self._messages_max, bytes_max=self._bytes_max)
        seat.session = MemorySession(self, identity, inbox, tally, will)
        while seat.backlog:
            inbox.put(seat.backlog.popleft())
        return seat.session

    def subscribe(self, session: "MemorySession", name: str) -> None:
        """Add a filter and hand over what is retained below it; what may not be read is left out."""
        self._seats[session.identity].filters[name] = None
        for topic, payload in self.retained.items():
            if matches(name, topic) and self._allowed(session.identity, Direction.READ, topic):
                session.inbox.put(Message(topic, payload, retain=True))

    async def publish(self, session: "MemorySession", topic: str, payload: bytes, *, retain: bool) -> None:
        """Let a message meet its fate; returns when its PUBACK would arrive."""
        if not self._allowed(session.identity, Direction.WRITE, topic):
            await self._clock.sleep(0.0)
            session.tally.refused += 1
            raise BusDown(f"{topic}: refused by the broker: Not authorized")
        fate = self.network.fate(session.identity, topic)
        for delay_s in fate.arrives_s:
            self._arrive_after(delay_s, topic, payload, retain=retain)
        if fate.acknowledged_s is None:
            self._lost(session, "the broker does not answer")
        await self._clock.sleep(fate.acknowledged_s or 0.0)
        session.raise_if_ended()
        session.tally.published += 1

    def tell(self, session: "MemorySession", topic: str, payload: bytes) -> None:
        """Let whoever is there hear a message now; it may be lost, and is kept for nobody."""
        if not self._allowed(session.identity, Direction.WRITE, topic):
            return
        if self.network.fate(session.identity, topic).arrives_s:
            for seat in self._listening(topic):
                if seat.session is not None:
                    seat.session.inbox.put(Message(topic, payload))
        session.tally.published += 1

    def leave(self, session: "MemorySession") -> None:
        """A good-bye: will and session are forgotten."""
        seat = self._seats.get(session.identity)
        if seat is not None and seat.session is session:
            del self._seats[session.identity]

    def _lost(self, session: "MemorySession", why: str) -> None:
        seat = self._seats[session.identity]
        seat.session = None
        seat.generation += 1
        session.inbox.end(BusDown(why))
        expiry_s = max(SESSION_EXPIRY_S, session.will.delay_s if session.will else 0.0)
        self._start(self._expire(session.identity, seat, seat.generation, expiry_s))
        if session.will is not None:
            self._start(self._speak(session.will, session.identity, seat, seat.generation))

    async def _speak(self, will: Will, identity: str, seat: _Seat, generation: int) -> None:
        await self._clock.sleep(float(will.delay_s))
        if seat.generation == generation and self._allowed(identity, Direction.WRITE, will.topic):
            self._route(will.topic, will.payload, retain=will.retain)

    async def _expire(self, identity: str, seat: _Seat, generation: int, expiry_s: float) -> None:
        await self._clock.sleep(expiry_s)
        if seat.generation == generation and self._seats.get(identity) is seat:
            del self._seats[identity]

    def _arrive_after(self, delay_s: float, topic: str, payload: bytes, *, retain: bool) -> None:
        if delay_s <= 0.0:
            self._route(topic, payload, retain=retain)
        elif len(self._timers) < IN_FLIGHT_MAX:
            self._start(self._arrive(delay_s, topic, payload, retain=retain))

    async def _arrive(self, delay_s: float, topic: str, payload: bytes, *, retain: bool) -> None:
        await self._clock.sleep(delay_s)
        self._route(topic, payload, retain=retain)

    def _route(self, topic: str, payload: bytes, *, retain: bool) -> None:
        if retain:
            self._retain(topic, payload)
        message = Message(topic, payload)
        for seat in self._listening(topic):
            if seat.session is None:
                seat.backlog.append(message)
            else:
                seat.session.inbox.put(message)

    def _listening(self, topic: str) -> "list[_Seat]":
        return [
            seat
            for identity, seat in self._seats.items()
            if any(matches(name, topic) for name in seat.filters)
            and self._allowed(identity, Direction.READ, topic)
        ]

    def _retain(self, topic: str, payload: bytes) -> None:
        if not payload:
            self.retained.pop(topic, None)
        elif topic in self.retained or len(self.retained) < RETAINED_MAX:
            self.retained[topic] = payload

    def _start(self, timer: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(timer)
        self._timers.add(task)
        task.add_done_callback(self._timers.discard)


class MemoryBus:
    """The broker in memory as one identity sees it."""

    def __init__(self, broker: MemoryBroker, identity: str) -> None:
        self._broker = broker
        self._identity = identity
        self.tally = Tally()

    async def connect(self, will: Will | None = None) -> "MemorySession":
        """A new session; raises BusDown or BusRefused."""
        return self._broker.seat(self._identity, self.tally, will)


class MemorySession:
    """One connection to the broker in memory."""

    def __init__(
        self, broker: MemoryBroker, identity: str, inbox: Inbox, tally: Tally, will: Will | None
    ) -> None:
        self._broker = broker
        self.identity = identity
        self.inbox = inbox
        self.tally = tally
        self.will = will

    async def subscribe(self, *filters: str) -> None:
        """Ask for messages; one that is no filter ends the session, as a broker would."""
        self.raise_if_ended()
        for name in filters:
            if not is_filter(name):
                raise BusDown(f"could not subscribe: {name!r} is no filter")
        for name in filters:
            self._broker.subscribe(self, name)

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Hand a message to the broker; returns on its PUBACK."""
        check_sendable(topic, payload)
        self.raise_if_ended()
        await self._broker.publish(self, topic, payload, retain=retain)

    async def tell(self, topic: str, payload: bytes) -> None:
        """Hand a message over for whoever listens at this moment."""
        check_sendable(topic, payload)
        self.raise_if_ended()
        self._broker.tell(self, topic, payload)

    def messages(self) -> AsyncIterator[Message]:
        """What arrives, until the session ends (BusDown)."""
        return self.inbox.messages()

    async def close(self) -> None:
        """Say good-bye; safe to call again or after the end."""
        if self.inbox.ended is None:
            self._broker.leave(self)
            self.inbox.end(BusDown("closed"))

    def raise_if_ended(self) -> None:
        """Raise BusDown when the session has ended."""
        if self.inbox.ended is not None:
            raise BusDown(*self.inbox.ended.args)
