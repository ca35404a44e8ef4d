"""aiomqtt's client with its three gaps closed.

aiomqtt 2.5 (a) returns from ``publish`` as if all were well when the broker answers with an error,
(b) waits for its whole time-out when a broker hangs up before its greeting, which is how a certificate
refused under TLS 1.3 looks, and (c) spends most of its time per message on tasks and topic objects. So the
callbacks that it installs on paho are overridden here, and only here; ``aiomqtt < 3`` is pinned.
Measured (``bench/bus.py``: TLS, QoS 1, 200 bytes, 100 in flight): 55 µs of CPU to publish and 70 to
receive a message, where aiomqtt alone takes 78 and 115 without TLS (MESSAGING.md).
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Any

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import ConnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

Arrived = Callable[[str, bytes, bool], None]
Gone = Callable[[str], None]


class Troubles(logging.Handler):
    """Keeps the last thing that paho complained of: it logs a TLS alert and then forgets it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self.logger = logging.Logger("mqtt")  # noqa: LOG001  # apart from the process's loggers on purpose
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text."""
        self.last = record.getMessage()


class NotAcknowledged(Exception):
    """The broker answered a PUBLISH with an error."""


class HungUp(aiomqtt.MqttError):
    """The broker ended the connection before its greeting."""


class MqttClient(aiomqtt.Client):
    """One connection. ``arrived(topic, payload, retain)`` and ``gone(why)`` are called on the event loop."""

    def __init__(
        self,
        hostname: str,
        port: int,
        *,
        arrived: Arrived,
        gone: Gone,
        troubles: Troubles,
        **options: Any,  # noqa: ANN401  # aiomqtt's own, passed on
    ) -> None:
        super().__init__(hostname, port, logger=troubles.logger, **options)
        self._arrived = arrived
        self._gone = gone
        self._troubles = troubles
        self._acknowledgements: dict[int, asyncio.Future[None]] = {}
        self._abandoned = False
        self.packet_bytes_max: int | None = None
        """What the broker takes, by its greeting."""
        self.receive_maximum: int | None = None
        """How many unacknowledged messages the broker takes, by its greeting."""
        self._client.connect_timeout = self.timeout
        self._client.on_connect = self._greeted
        self._client.on_disconnect = self._hung_up
        self._client.on_message = lambda _client, _data, message: self._take(message)
        self._client.on_publish = lambda _client, _data, mid, code, _properties: self._acknowledge(mid, code)

    async def enter(self) -> None:
        """Connect.

        Raises:
            aiomqtt.MqttError: refused (MqttCodeError), no greeting (HungUp), no connection, or none in time.
        """
        await self.__aenter__()
        self._disconnected.add_done_callback(self._broke)

    async def publish_acknowledged(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """QoS 1; returns on the PUBACK.

        Raises:
            NotAcknowledged: the broker answered with an error.
            aiomqtt.MqttError: the connection is gone.
        """
        await self._published(topic, payload, qos=1, retain=retain)

    async def publish_written(self, topic: str, payload: bytes) -> None:
        """QoS 0; returns once it is written to the connection.

        Raises:
            aiomqtt.MqttError: the connection is gone.
        """
        await self._published(topic, payload, qos=0, retain=False)

    async def _published(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        info = self._client.publish(topic, payload, qos, retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttError(self._troubles.last or "not connected")
        if qos == 0 and info.is_published():
            return
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acknowledgements[info.mid] = acknowledged
        try:
            await acknowledged
        finally:
            self._acknowledgements.pop(info.mid, None)

    def leave(self) -> None:
        """Say good-bye, so that the broker forgets the will and the session at once."""
        properties = Properties(PacketTypes.DISCONNECT)
        properties.SessionExpiryInterval = 0
        self._client.disconnect(properties=properties)

    def abandon(self) -> None:
        """Cut the connection without a word, also one that is still being made in a worker thread."""
        self._abandoned = True
        wire = self._client.socket()
        if isinstance(wire, socket.socket):
            with contextlib.suppress(OSError):  # cut already
                wire.shutdown(socket.SHUT_RDWR)

    def _greeted(
        self,
        client: PahoClient,
        userdata: object,
        flags: ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if self._abandoned:
            self.abandon()
            return
        self.packet_bytes_max = getattr(properties, "MaximumPacketSize", None)
        self.receive_maximum = getattr(properties, "ReceiveMaximum", None)
        self._on_connect(client, userdata, flags, code, properties)

    def _hung_up(
        self, _client: PahoClient, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        """Paho calls this on the loop, or in the worker thread that still connects."""
        self._loop.call_soon_threadsafe(self._over, self._troubles.last or str(code))

    def _broke(self, disconnected: "asyncio.Future[None]") -> None:
        """aiomqtt keeps here what paho raised over a packet that it could not take apart."""
        error = None if disconnected.cancelled() else disconnected.exception()
        if error is not None:
            self.abandon()
            self._over(str(error))

    def _over(self, why: str) -> None:
        if not self._connected.done():
            self._connected.set_exception(HungUp(why))
        if not self._disconnected.done():
            self._disconnected.set_result(None)
        for acknowledged in self._acknowledgements.values():
            if not acknowledged.done():
                acknowledged.set_exception(aiomqtt.MqttError(why))
        self._gone(why)

    def _take(self, message: MQTTMessage) -> None:
        self._arrived(message.topic, bytes(message.payload), message.retain)

    def _acknowledge(self, mid: int, code: ReasonCode) -> None:
        acknowledged = self._acknowledgements.get(mid)
        if acknowledged is None or acknowledged.done():
            return
        if code.is_failure:
            acknowledged.set_exception(NotAcknowledged(str(code)))
        else:
            acknowledged.set_result(None)
