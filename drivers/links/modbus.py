"""One Modbus connection or line, shared by the units on it (pymodbus).

One request is on the line at a time; urgent ones overtake polls; waiting is bounded. pymodbus neither
retries nor reconnects here: a session decides what to ask again, the supervisor runs the link again.
Source: Modbus Application Protocol V1.1b3; Modbus over Serial Line V1.02.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import TypeVar

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse

from cardea.runtime.clock import Clock
from drivers.api import DeviceLost, DeviceMisconfigured, LinkKind
from drivers.links.settings import ModbusRtuSettings, ModbusTcpSettings, ModbusTiming
from drivers.links.spans import Span, spans
from drivers.links.turns import TooManyWait, Turns, Urgency

UP_S_MAX = 2.0
"""How long connecting may take, and how long a session that starts waits for it; requests do not wait."""
MISSES_MAX = 15
"""After so many requests in a row that nobody answered, the link itself is taken for broken."""
SETTLE_S = 0.03
"""Silence on a serial line after a missed answer, so that a late one is not taken for the next."""
BITS_GAP_MAX = 16
WORDS_GAP_MAX = 4
_BITS_MAX = 2000
_WORDS_MAX = 125
_NEVER = 1_000_000_000
_CHARACTER_BITS = 11
_NOT_THERE: Mapping[int, str] = {1: "illegal function", 2: "illegal address", 3: "illegal value"}
"""Exception codes that say the configuration is wrong; the others say "not now"."""

Connected = Callable[[bool], None]
MakeClient = Callable[[Connected], ModbusBaseClient]
Request = Callable[[ModbusBaseClient], Awaitable[ModbusPDU]]
T = TypeVar("T")

# pymodbus logs each missed answer as an error; the supervisor says it once (STYLE.md).
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class LineBusy(DeviceLost):
    """Too many requests wait for the line already."""


class BitTable(Enum):
    """A table of bits, by the function that reads it."""

    COILS = "coil"
    INPUTS = "discrete input"


class WordTable(Enum):
    """A table of 16-bit registers, by the function that reads it."""

    HOLDING = "holding register"
    INPUT = "input register"


class ModbusLink:
    """A shared Modbus connection.

    All requests raise DeviceLost (no answer, or not now) or DeviceMisconfigured (the unit says that it has
    no such thing).
    """

    def __init__(
        self, name: str, make_client: MakeClient, settings: ModbusTiming, clock: Clock, *, gap_s: float = 0.0
    ) -> None:
        self.name = name
        self._make_client = make_client
        self._clock = clock
        self._gap_s = gap_s
        self._answer_s_max = settings.answer_s_max
        self._turns = Turns(settings.waiting_max)
        self._client: ModbusBaseClient | None = None
        self._up = asyncio.Event()
        self._lost: asyncio.Future[str] | None = None
        self._misses = 0
        self._unsettled = False

    @property
    def kind(self) -> LinkKind:
        """Modbus."""
        return LinkKind.MODBUS

    async def run(self) -> None:
        """Connect and serve until the link breaks (DeviceLost)."""
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_connection(stands: bool) -> None:  # noqa: FBT001  # pymodbus calls it so
            if not stands and not lost.done():
                lost.set_result("the connection broke")

        client = self._make_client(on_connection)
        client.set_max_no_responses(_NEVER)
        try:
            if not await client.connect():
                raise DeviceLost(f"link {self.name}: {client.comm_params.host} cannot be opened")
            # pymodbus has one time for connecting and for answers; a connection may take longer to be made.
            client.ctx.comm_params.timeout_connect = self._answer_s_max
            self._client, self._lost, self._misses = client, lost, 0
            self._up.set()
            raise DeviceLost(f"link {self.name}: {await lost}")
        finally:
            self._up.clear()
            self._client = self._lost = None
            client.close()

    async def ready(self) -> None:
        """Until the link is connected; DeviceLost when that takes longer than ``UP_S_MAX``."""
        try:
            async with asyncio.timeout(UP_S_MAX):
                await self._up.wait()
        except TimeoutError:
            raise DeviceLost(f"link {self.name}: not connected") from None

    async def read_bits(self, unit: int, table: BitTable, addresses: Iterable[int]) -> dict[int, bool]:
        """The asked bits of ``table`` by address (FC01, FC02), one request for each stretch."""
        found: dict[int, bool] = {}
        for span in spans(addresses, gap_max=BITS_GAP_MAX, count_max=_BITS_MAX):
            reply = await self._ask(unit, _named(table, span), Urgency.POLL, _bit_request(unit, table, span))
            found |= dict(zip(_addresses(span), _enough(reply.bits, span), strict=False))
        return found

    async def read_words(self, unit: int, table: WordTable, addresses: Iterable[int]) -> dict[int, int]:
        """The asked registers of ``table`` by address (FC03, FC04), one request for each stretch."""
        found: dict[int, int] = {}
        for span in spans(addresses, gap_max=WORDS_GAP_MAX, count_max=_WORDS_MAX):
            reply = await self._ask(unit, _named(table, span), Urgency.POLL, _word_request(unit, table, span))
            found |= dict(zip(_addresses(span), _enough(reply.registers, span), strict=False))
        return found

    async def write_coil(self, unit: int, address: int, *, on: bool) -> None:
        """Switch one coil (FC05); returns when the unit has confirmed it."""
        await self._ask(
            unit, f"coil {address}", Urgency.COMMAND, lambda c: c.write_coil(address, on, device_id=unit)
        )

    async def write_register(self, unit: int, address: int, value: int) -> None:
        """Write one holding register (FC06), 0…65535; returns when the unit has confirmed it."""
        await self._ask(
            unit,
            f"holding register {address}",
            Urgency.COMMAND,
            lambda c: c.write_register(address, value, device_id=unit),
        )

    async def identify(self, unit: int) -> dict[int, bytes]:
        """Basic device identification by object id (FC43/14): 0 vendor, 1 product code, 2 revision."""
        reply = await self._ask(
            unit, "device identification", Urgency.POLL, lambda c: c.read_device_information(device_id=unit)
        )
        if not isinstance(reply, ReadDeviceInformationResponse):
            raise DeviceLost(f"unit {unit}: no identification in its answer")
        return {key: value for key, value in reply.information.items() if isinstance(value, bytes)}

    async def _ask(self, unit: int, what: str, urgency: Urgency, request: Request) -> ModbusPDU:
        client = self._client
        if client is None:
            raise DeviceLost(f"link {self.name}: not connected")
        try:
            async with self._turns.turn(urgency):
                await self._quiet()
                reply = await self._exchange(client, unit, what, request)
        except TooManyWait:
            raise LineBusy(f"link {self.name}: too many requests wait for the line") from None
        if not reply.isError():
            return reply
        if (why := _NOT_THERE.get(reply.exception_code)) is not None:
            raise DeviceMisconfigured(f"unit {unit}: {what}: {why}")
        raise DeviceLost(f"unit {unit}: {what}: answers with exception {reply.exception_code}")

    async def _quiet(self) -> None:
        """The silence that separates frames on a serial line."""
        if self._gap_s:
            await self._clock.sleep(max(self._gap_s, SETTLE_S) if self._unsettled else self._gap_s)
        self._unsettled = True

    async def _exchange(self, client: ModbusBaseClient, unit: int, what: str, request: Request) -> ModbusPDU:
        try:
            reply = await request(client)
        except ModbusException as error:
            self._missed()
            raise DeviceLost(f"unit {unit}: {what}: no answer") from error
        self._misses = 0
        self._unsettled = False
        _honour_cancellation()
        return reply

    def _missed(self) -> None:
        self._misses += 1
        if self._misses >= MISSES_MAX and self._lost is not None and not self._lost.done():
            self._lost.set_result(f"nobody answered {self._misses} requests in a row")


def tcp_client(settings: ModbusTcpSettings) -> MakeClient:
    """A maker of clients that connect over TCP."""

    def make(on_connection: Connected) -> ModbusBaseClient:
        return AsyncModbusTcpClient(
            settings.host,
            port=settings.port,
            timeout=UP_S_MAX,
            retries=0,
            reconnect_delay=0,
            trace_connect=on_connection,
        )

    return make


def rtu_client(settings: ModbusRtuSettings) -> MakeClient:
    """A maker of clients that open a serial port."""

    def make(on_connection: Connected) -> ModbusBaseClient:
        return AsyncModbusSerialClient(
            str(settings.path),
            baudrate=settings.baud,
            bytesize=settings.bytesize,
            parity=settings.parity[0].upper(),
            stopbits=settings.stopbits,
            timeout=UP_S_MAX,
            retries=0,
            reconnect_delay=0,
            trace_connect=on_connection,
        )

    return make


def frame_gap_s(baud: int) -> float:
    """Silence between RTU frames: 3.5 characters, 1.75 ms above 19200 Bd (Serial Line V1.02, 2.5.1.1)."""
    return 0.00175 if baud > 19200 else 3.5 * _CHARACTER_BITS / baud


def _honour_cancellation() -> None:
    """Python 3.11's ``wait_for``, inside pymodbus, swallows a cancellation that meets the answer."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _named(table: BitTable | WordTable, span: Span) -> str:
    first, count = span
    return f"{table.value} {first}" if count == 1 else f"{table.value}s {first}…{first + count - 1}"


def _addresses(span: Span) -> range:
    return range(span[0], span[0] + span[1])


def _enough(values: Sequence[T], span: Span) -> Sequence[T]:
    if len(values) < span[1]:
        raise DeviceLost(f"answered {len(values)} values for {span[1]} asked")
    return values


def _bit_request(unit: int, table: BitTable, span: Span) -> Request:
    first, count = span
    if table is BitTable.COILS:
        return lambda client: client.read_coils(first, count=count, device_id=unit)
    return lambda client: client.read_discrete_inputs(first, count=count, device_id=unit)


def _word_request(unit: int, table: WordTable, span: Span) -> Request:
    first, count = span
    if table is WordTable.HOLDING:
        return lambda client: client.read_holding_registers(first, count=count, device_id=unit)
    return lambda client: client.read_input_registers(first, count=count, device_id=unit)
