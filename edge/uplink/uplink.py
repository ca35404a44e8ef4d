"""The gateway's one session after another: lanes up, presence, and what comes down handed on."""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from cardea.contract.encoding import encode
from cardea.contract.orders import Presence
from cardea.contract.time import wire_time
from cardea.contract.topics import DOWNWARD, Leaf, parse, topic
from cardea.runtime.bus import Bus, BusDown, BusRefused, Message, Session, Will, keep_connected
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.logs import get_logger
from edge.outbox import Outbox
from edge.uplink.sender import Sender, waiting

PRESENCE_S = 10.0
GOODBYE_S_MAX = 2.0

Receive = Callable[[Leaf, Message], None]
"""Takes an order or a desired document; must not wait."""

_log = get_logger("uplink")


class Uplink:
    """Keeps a session with the broker and sends over it what the outbox holds."""

    def __init__(
        self,
        gateway: str,
        outbox: Outbox,
        clock: Clock,
        entropy: Entropy,
        *,
        version: str,
        policy_version: Callable[[], int],
        receive: Receive,
    ) -> None:
        self._gateway = gateway
        self._outbox = outbox
        self._clock = clock
        self._entropy = entropy
        self._version = version
        self._policy_version = policy_version
        self._receive = receive
        self._session: Session | None = None
        self._sender: Sender | None = None
        self._told_down = False
        self.strays = 0
        """Messages under topics that are not ours."""
        outbox.listen(lambda _: self._wake())

    @property
    def online(self) -> bool:
        """Whether there is a session with the broker."""
        return self._session is not None

    @property
    def unheard(self) -> bool:
        """Whether batches are sent and nobody says that they are stored."""
        return self._sender is not None and self._sender.unheard

    async def run(self, bus: Bus) -> NoReturn:
        """Serve one session after another until cancelled; raises StoreFailed when the disk fails."""
        await keep_connected(
            bus, self._clock, self._entropy, will=self._will, serve=self.serve, lost=self._lost
        )
        raise AssertionError("keep_connected ends only with an exception")

    async def publish(self, leaf: Leaf, payload: bytes) -> bool:
        """Say something at once, outside the lanes; whether the broker took it."""
        if self._session is None:
            return False
        try:
            await self._session.publish(topic(self._gateway, leaf), payload)
        except BusDown:
            return False
        return True

    async def tell(self, leaf: Leaf, payload: bytes) -> bool:
        """Say something to whoever listens at this moment, kept by no broker; whether it went out."""
        if self._session is None:
            return False
        try:
            await self._session.tell(topic(self._gateway, leaf), payload)
        except BusDown:
            return False
        return True

    async def serve(self, session: Session) -> None:
        """Use ``session`` until it ends (BusDown). When cancelled, say good-bye first.

        Nothing counts as in flight on a new session: what was not acknowledged is sent again.
        """
        await session.subscribe(*(topic(self._gateway, leaf) for leaf in DOWNWARD))
        self._session = session
        self._sender = sender = Sender(self._gateway, self._outbox, session, self._clock)
        self._told_down = False
        _log.info("uplink_up", waiting=waiting(self._outbox))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._show_presence(session))
                tasks.create_task(sender.run())
                tasks.create_task(self._read(session, sender, tasks))
        except BaseExceptionGroup as group:
            raise _worst(group) from group
        except asyncio.CancelledError:
            await self._say_goodbye(session)
            raise
        finally:
            self._session = self._sender = None

    async def _read(self, session: Session, sender: Sender, tasks: asyncio.TaskGroup) -> None:
        async for message in session.messages():
            address = parse(message.topic)
            if address is None or address.gateway != self._gateway:
                self.strays += 1
            elif address.leaf is Leaf.ACK:
                await sender.acknowledge(message.payload, tasks)
            else:
                self._receive(address.leaf, message)

    async def _show_presence(self, session: Session) -> None:
        while True:
            await self._publish_presence(session, online=True)
            await self._clock.sleep(PRESENCE_S)

    async def _say_goodbye(self, session: Session) -> None:
        try:
            async with asyncio.timeout(GOODBYE_S_MAX):
                await self._publish_presence(session, online=False)
        except (BusDown, TimeoutError):
            _log.info("uplink_goodbye_unheard")

    async def _publish_presence(self, session: Session, *, online: bool) -> None:
        await session.publish(topic(self._gateway, Leaf.STATE), self._presence(online=online), retain=True)

    def _presence(self, *, online: bool) -> bytes:
        return encode(
            Presence(
                gateway=self._gateway,
                online=online,
                epoch=self._outbox.epoch,
                version=self._version,
                at=wire_time(self._clock.now()),
                pending=waiting(self._outbox),
                policy_version=self._policy_version(),
            )
        )

    def _will(self) -> Will:
        return Will(topic(self._gateway, Leaf.STATE), self._presence(online=False))

    def _wake(self) -> None:
        if self._sender is not None:
            self._sender.wake()

    def _lost(self, error: BusDown) -> None:
        """Log once when the connection is gone, not once for each attempt to have it again."""
        if not self._told_down:
            say = _log.error if isinstance(error, BusRefused) else _log.warning
            say("uplink_down", reason=str(error), waiting=waiting(self._outbox))
        self._told_down = True


def _worst(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one exception that decides what happens next: anything before BusDown, which is retried."""
    leaves: list[BaseException] = []
    unread: list[BaseException] = [group]
    while unread:
        error = unread.pop()
        if isinstance(error, BaseExceptionGroup):
            unread.extend(error.exceptions)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # a group of unknown kind
        else:
            leaves.append(error)
    return next((error for error in leaves if not isinstance(error, BusDown)), leaves[0])
