"""The bus: what gateway and aggregator need of MQTT, and no more.

``cardea.runtime.mqtt`` speaks it over aiomqtt, ``cardea.runtime.memory_bus`` inside one process.
A session that broke stays broken: :func:`keep_connected` makes the next one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from cardea.runtime.backoff import Backoff
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.topic_filter import is_topic


class BusDown(Exception):
    """No connection to the broker, or the one there was has ended. Try again later."""


class BusRefused(BusDown):
    """The broker does not take this identity; trying again changes nothing until somebody acts."""


class MessageTooLong(ValueError):
    """The broker would end the connection over a message of this size; nothing was sent."""


PACKET_BYTES_MAX = 1024 * 1024
"""Bytes of one MQTT packet at the most, in both directions; our broker refuses longer ones."""


_PACKET_OVERHEAD_BYTES = 16


def check_sendable(topic: str, payload: bytes, packet_bytes_max: int = PACKET_BYTES_MAX) -> None:
    """Raise ValueError for what is no topic, MessageTooLong for what a broker would hang up over."""
    if not is_topic(topic):
        raise ValueError(f"{topic!r} is no topic to publish to")
    size = len(topic.encode()) + len(payload) + _PACKET_OVERHEAD_BYTES
    if size > packet_bytes_max:
        raise MessageTooLong(f"{topic}: {size} bytes, the broker takes {packet_bytes_max}")


@dataclass(frozen=True, slots=True)
class Message:
    """One message; ``retain`` says that the broker had kept it."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us ``delay_s`` after we vanish."""

    topic: str
    payload: bytes
    retain: bool = True
    delay_s: int = 30


class Session(Protocol):
    """One connection to the broker, from its start to its end."""

    async def subscribe(self, *filters: str) -> None:
        """Ask for messages; raises BusDown."""
        ...

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Hand a message to the broker with QoS 1; returns on its PUBACK, which is no proof of storage.

        Raises:
            BusDown: the connection ended before the PUBACK, or the broker answered with an error.
            MessageTooLong: the broker takes no packet of this size.
            ValueError: one cannot publish to ``topic``.
        """
        ...

    async def tell(self, topic: str, payload: bytes) -> None:
        """Hand a message to the broker with QoS 0, for whoever listens at this moment: it is kept for nobody
        who is away, neither in memory nor on the broker's disk. Returns once it is on its way.

        Raises:
            BusDown: the connection has ended.
            MessageTooLong: the broker takes no packet of this size.
            ValueError: one cannot publish to ``topic``.
        """
        ...

    def messages(self) -> AsyncIterator[Message]:
        """What arrives, until the session ends (BusDown). What a full queue drops is counted."""
        ...

    async def close(self) -> None:
        """End the connection in good order."""
        ...


class Bus(Protocol):
    """A broker that can be connected to."""

    async def connect(self, will: Will | None = None) -> Session:
        """A new session; raises BusDown or BusRefused."""
        ...


Serve = Callable[[Session], Awaitable[None]]
Told = Callable[[BusDown], None]


async def keep_connected(
    bus: Bus, clock: Clock, entropy: Entropy, *, will: Callable[[], Will | None], serve: Serve, lost: Told
) -> None:
    """Serve one session after another until cancelled, with full jitter between them.

    ``lost`` is called once each time a session could not be had or has ended.
    """
    backoff = Backoff(clock, entropy)
    while True:
        try:
            session = await bus.connect(will())
            backoff.reset()
            try:
                await _serve_apart(serve, session)
            finally:
                await session.close()
        except BusDown as error:
            lost(error)
        await backoff.wait()


async def _serve_apart(serve: Serve, session: Session) -> None:
    """Serve in a task of its own. A task group that is cancelled while one of its tasks fails tells only of
    the failure (Python before 3.13): here the cancellation is ours and cannot be mistaken for a lost session.
    """
    serving = asyncio.ensure_future(serve(session))
    try:
        await asyncio.wait({serving})
    except asyncio.CancelledError:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        raise
    serving.result()
