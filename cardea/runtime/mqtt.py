"""The bus over MQTT 5 (aiomqtt on paho), TLS with client certificates.

Sessions: ``clean_start`` off, session expiry ``SESSION_EXPIRY_S`` or the will's delay, whichever is longer.
With an expiry of 0 a broker would speak the will at once, whatever its delay (MQTT 5, 3.1.3.2.2), and with
``clean_start`` on it would speak it at the reconnect. So a blip leaves neither a false "offline" nor a lost
order; longer absences start afresh, since the outbox sends again whatever was not acknowledged as stored.
A good-bye (:meth:`Session.close`) ends the session at the broker at once.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from cardea.runtime.bus import (
    PACKET_BYTES_MAX,
    BusDown,
    BusRefused,
    Message,
    Will,
    check_sendable,
)
from cardea.runtime.inbox import BYTES_MAX, MESSAGES_MAX, Inbox, Tally
from cardea.runtime.mqtt_client import HungUp, MqttClient, NotAcknowledged, Troubles

KEEPALIVE_S = 15
"""Half the default delay of a will (MESSAGING.md)."""
SESSION_EXPIRY_S = 60
ANSWER_S_MAX = 10.0
"""A broker that does not answer within this time is taken for gone."""
GOODBYE_S_MAX = 2.0
UNACKNOWLEDGED_MAX = 100
"""Publishes in flight at the most; fewer when the broker asks for fewer."""
_REFUSED_CODES = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C})
"""CONNACK reasons that only a person can change: version, client id, password, authorisation, ban, method."""
_REFUSED_WORDS = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "certificate", "unknown ca", "access denied")
"""Words of TLS alerts which say that a certificate was not taken (RFC 8446, 6.2)."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how each side proves who it is."""

    host: str
    port: int
    ca_file: Path
    cert_file: Path
    key_file: Path


class MqttBus:
    """Sessions of one identity with one broker. Certificate files are read anew for each session."""

    def __init__(
        self,
        broker: Broker,
        identity: str,
        *,
        messages_max: int = MESSAGES_MAX,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self._broker = broker
        self._identity = identity
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self.tally = Tally()

    async def connect(self, will: Will | None = None) -> "MqttSession":
        """A new session.

        Raises:
            BusRefused: a certificate or identity is not taken, or our own files cannot be used.
            BusDown: no broker there, or it does not answer.
        """
        context = await asyncio.get_running_loop().run_in_executor(None, tls_context, self._broker)
        inbox = Inbox(self.tally, messages_max=self._messages_max, bytes_max=self._bytes_max)
        troubles = Troubles()
        client = MqttClient(
            self._broker.host,
            self._broker.port,
            arrived=lambda topic, payload, retain: inbox.put(Message(topic, payload, retain)),
            gone=lambda why: inbox.end(BusDown(why)),
            troubles=troubles,
            identifier=self._identity,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            keepalive=KEEPALIVE_S,
            timeout=ANSWER_S_MAX,
            max_inflight_messages=UNACKNOWLEDGED_MAX,
            properties=_connect_properties(will),
            will=_mqtt_will(will),
            tls_context=context,
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )
        try:
            await client.enter()
        except aiomqtt.MqttError as error:
            client.abandon()
            raise _refused_or_down(error, troubles) from error
        except asyncio.CancelledError:
            client.abandon()
            raise
        return MqttSession(client, inbox, self.tally)


class MqttSession:
    """One connection to the broker, from its start to its end."""

    def __init__(self, client: MqttClient, inbox: Inbox, tally: Tally) -> None:
        self._client = client
        self._inbox = inbox
        self._tally = tally
        self._packet_bytes_max = min(PACKET_BYTES_MAX, client.packet_bytes_max or PACKET_BYTES_MAX)
        self._slots = asyncio.Semaphore(min(UNACKNOWLEDGED_MAX, client.receive_maximum or UNACKNOWLEDGED_MAX))

    async def subscribe(self, *filters: str) -> None:
        """Ask for messages with QoS 1. The broker's ACL may still let none of them through."""
        self._raise_if_ended()
        wanted = [(name, SubscribeOptions(qos=1)) for name in filters]
        try:
            answers = await self._client.subscribe(wanted)
        except (aiomqtt.MqttError, ValueError) as error:
            raise self._ended(f"could not subscribe: {error}") from error
        refused = [str(code) for code in answers if isinstance(code, ReasonCode) and code.is_failure]
        if refused:
            raise BusDown(f"could not subscribe: {', '.join(refused)}")

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Hand a message to the broker with QoS 1; at most ``UNACKNOWLEDGED_MAX`` wait for PUBACKs."""
        await self._hand_over(
            topic, payload, lambda: self._client.publish_acknowledged(topic, payload, retain=retain)
        )

    async def tell(self, topic: str, payload: bytes) -> None:
        """Hand a message to the broker with QoS 0, which keeps it for nobody who is away."""
        await self._hand_over(topic, payload, lambda: self._client.publish_written(topic, payload))

    async def _hand_over(self, topic: str, payload: bytes, hand: Callable[[], Awaitable[None]]) -> None:
        check_sendable(topic, payload, self._packet_bytes_max)
        async with self._slots:
            self._raise_if_ended()
            try:
                async with asyncio.timeout(ANSWER_S_MAX):
                    await hand()
            except NotAcknowledged as error:
                self._tally.refused += 1
                raise BusDown(f"{topic}: refused by the broker: {error}") from error
            except aiomqtt.MqttError as error:
                raise self._ended(str(error)) from error
            except TimeoutError as error:
                raise self._ended("the broker does not answer") from error
            self._tally.published += 1

    def messages(self) -> AsyncIterator[Message]:
        """What arrives, until the session ends (BusDown)."""
        return self._inbox.messages()

    async def close(self) -> None:
        """Say good-bye so that the will is not spoken; safe to call again or after the end."""
        if self._inbox.ended is not None:
            return
        self._client.leave()
        try:
            async with asyncio.timeout(GOODBYE_S_MAX):
                await self._inbox.wait_ended()
        except TimeoutError:
            self._client.abandon()

    def _ended(self, why: str) -> BusDown:
        self._inbox.end(BusDown(why))
        self._client.abandon()
        return BusDown(why)

    def _raise_if_ended(self) -> None:
        if self._inbox.ended is not None:
            raise BusDown(*self._inbox.ended.args)


class _ClosingSocket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho would leave that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001  # the signature of ssl
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def tls_context(broker: Broker) -> ssl.SSLContext:
    """TLS 1.2 or later, the broker's certificate and name verified, our own certificate shown. Blocks.

    Raises:
        BusRefused: a file is missing or is not what it should be; one line naming it.
    """
    for path in (broker.ca_file, broker.cert_file, broker.key_file):
        if not path.is_file():
            raise BusRefused(f"{path}: no such file; certificates come from the operator of the broker")
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=broker.ca_file)
        context.sslsocket_class = _ClosingSocket
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(broker.cert_file, broker.key_file)
    except OSError as error:
        files = f"{broker.ca_file}, {broker.cert_file}, {broker.key_file}"
        raise BusRefused(f"{files}: no certificates that fit together: {error.strerror or error}") from error
    return context


def _connect_properties(will: Will | None) -> Properties:
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = max(SESSION_EXPIRY_S, will.delay_s if will else 0)
    properties.MaximumPacketSize = PACKET_BYTES_MAX
    return properties


def _mqtt_will(will: Will | None) -> aiomqtt.Will | None:
    if will is None:
        return None
    properties = Properties(PacketTypes.WILLMESSAGE)
    properties.WillDelayInterval = will.delay_s
    return aiomqtt.Will(will.topic, will.payload, qos=1, retain=will.retain, properties=properties)


def _refused_or_down(error: aiomqtt.MqttError, troubles: Troubles) -> BusDown:
    if isinstance(error, aiomqtt.MqttCodeError):
        code = error.rc.value if isinstance(error.rc, ReasonCode) else error.rc
        return BusRefused(str(error)) if code in _REFUSED_CODES else BusDown(str(error))
    said = troubles.last or str(error)
    if any(word in said for word in _REFUSED_WORDS):
        return BusRefused(said)
    if isinstance(error, HungUp):  # the alert of a refusal is sometimes lost with the connection
        return BusDown(f"hung up before the greeting ({said}): starting, or our certificate is not taken")
    return BusDown(said)
