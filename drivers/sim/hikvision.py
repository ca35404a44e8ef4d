"""A Hikvision face terminal on real sockets: ISAPI with Digest, push, stream, ``remoteCheck``, history.

It is built from PROTOCOLS.md alone and shares nothing with the driver. Whatever goes wrong with real
terminals can be made to go wrong here.
"""

import asyncio
import datetime as dt
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self

from cardea.runtime.clock import Clock, Entropy
from drivers.sim import hikvision_payloads as payloads
from drivers.sim.digest import Digest
from drivers.sim.hikvision_isapi import IsapiServer
from drivers.sim.hikvision_payloads import Inner
from drivers.sim.hikvision_push import Message, Pusher
from drivers.sim.web import WebServer

HISTORY_MAX = 50_000
BOUNDARY = "MIME_boundary"
ABNORMAL_C = 37.3
ZONE = dt.timezone(dt.timedelta(hours=8))
_MASKS = {True: "yes", False: "no", None: "unknown"}


class DecidedBy(StrEnum):
    """Who ended the wait of a presented credential."""

    GATEWAY = "gateway"
    TERMINAL = "terminal"
    NOBODY = "nobody"
    """The gateway did not answer in time; the door stayed shut."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one presented credential; moments in monotonic seconds."""

    serial: int
    granted: bool
    by: DecidedBy
    info: str
    presented_s: float
    decided_s: float

    @property
    def waited_s(self) -> float:
        """From the credential to the verdict and, where granted, the release."""
        return self.decided_s - self.presented_s


@dataclass(slots=True)
class Door:
    """One relay. ``releases`` are the moments of its pulses, monotonic seconds."""

    held: bool = False
    releases: deque[float] = field(default_factory=lambda: deque[float](maxlen=1024))
    released: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at every pulse and hold; whoever waits clears it first."""


@dataclass(slots=True)
class Faults:
    """What goes wrong until it is put right again."""

    boundary_case: bool = False
    """The stream's body spells the boundary in lower case, its header in mixed case."""
    heartbeat_as_event: bool = False
    """Heartbeats come under the part name of events."""
    xml_events: bool = False
    """Events are XML, whatever was asked for."""
    pictures_bytes: int = 0
    """Every event carries a picture of about this size."""
    duplicates: int = 0
    """Every event is sent so many times more."""
    clock_text: str | None = None
    """What stands in every time field instead of a time."""
    silent: bool = False
    """Events happen and are logged, but are neither pushed nor streamed: push never started."""


class HikvisionTerminal:
    """``async with HikvisionTerminal(…) as terminal: await terminal.present(employee_no="17")``."""

    def __init__(  # noqa: PLR0913  # the whole set-up of a device, by keyword
        self,
        clock: Clock,
        entropy: Entropy,
        *,
        password: str,
        user: str = "cardea",
        host: str = "127.0.0.1",
        port: int = 0,
        serial_number: str = "DS-K1T671TM20210101V010300ENE00000001",
        remote_check: bool = True,
        verdict_s_max: float = 5.0,
        stream_heartbeat_s: float = 10.0,
        resend_s: float = 1.0,
        clock_skew_s: float = 0.0,
    ) -> None:
        self.clock = clock
        self.user = user
        self.serial_number = serial_number
        self.model = "DS-K1T671TM-3XF"
        self.remote_check = remote_check
        self.verdict_s_max = verdict_s_max
        self.clock_skew_s = clock_skew_s
        self.faults = Faults()
        self.digest = Digest(user, password, clock, entropy)
        self.pusher = Pusher(clock, resend_s)
        self.doors = {1: Door(), 2: Door()}
        self.history: deque[Inner] = deque(maxlen=HISTORY_MAX)
        self.streams: set[asyncio.Transport] = set()
        self.stream_opened = asyncio.Event()
        self.push_armed = asyncio.Event()
        self.snapshots: dict[str, bytes] = {}
        """The JPEG that goes with the events of a person, by employee number, while it may be sent."""
        self.late_answers = 0
        self.cut_next_stream_part_at: int | None = None
        self._stream_heartbeat_s = stream_heartbeat_s
        self._serial = 0
        self._asks: dict[int, tuple[int, asyncio.Future[tuple[bool, str]]]] = {}
        self.isapi = IsapiServer(self)
        self._web = WebServer(self.isapi.serve, host, port)
        self._host = host
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def __aenter__(self) -> Self:
        await self._web.open()
        self._tasks = tuple(
            asyncio.create_task(work)
            for work in (self.pusher.run(), self._beat_on_push(), self._beat_on_streams())
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self._web.close()

    @property
    def port(self) -> int:
        """The port of ISAPI."""
        return self._web.port

    @property
    def base_url(self) -> str:
        """Where the terminal answers."""
        return f"http://{self._host}:{self.port}"

    # --- what people do ---------------------------------------------------------------------------

    async def present(
        self,
        *,
        employee_no: str = "",
        card: str = "",
        qr: str = "",
        temp_c: float | None = None,
        mask: bool | None = None,
        health_code: int | None = None,
        known: bool = True,
        door: int = 1,
    ) -> Verdict:
        """Present one credential (none: an unknown face) and wait for what becomes of it.

        ``known``: whether the terminal itself lets this person in where it decides.
        """
        minor = _minor(employee_no, card, qr, known=known or self.remote_check)
        fields: Inner = {"majorEventType": payloads.MAJOR_EVENT, "subEventType": minor, "doorNo": door}
        said = {"employeeNoString": employee_no, "cardNo": card, "QRCodeInfo": qr}
        fields |= {name: value for name, value in said.items() if value}
        if temp_c is not None:
            fields |= {
                "thermometryUnit": "celsius",
                "currTemperature": temp_c,
                "isAbnomalTemperature": temp_c >= ABNORMAL_C,
            }
        if health_code is not None:
            fields |= {"HealthInfo": {"healthCode": health_code}}
        fields |= {"mask": _MASKS[mask], "currentVerifyMode": "cardOrFaceOrPw", "cardReaderNo": 1}
        if self.remote_check:
            return await self._ask(fields, door)
        presented_s = self.clock.monotonic_s()
        granted = known and bool(employee_no or card or qr)
        serial = self.tell(fields)
        if granted:
            self.release(door)
        decided_s = self.clock.monotonic_s()
        return Verdict(serial, granted, DecidedBy.TERMINAL, "", presented_s, decided_s)

    async def _ask(self, fields: Inner, door: int) -> Verdict:
        serial = self._next_serial()
        answered: asyncio.Future[tuple[bool, str]] = asyncio.get_running_loop().create_future()
        self._asks[serial] = door, answered
        presented_s = self.clock.monotonic_s()
        self.send({**fields, "serialNo": serial, "remoteCheck": True, "currentEvent": True})
        result, by = "timeout", DecidedBy.NOBODY
        granted, info = False, ""
        try:
            async with asyncio.timeout(self.verdict_s_max):
                granted, info = await answered
            result, by = ("success" if granted else "failed"), DecidedBy.GATEWAY
        except TimeoutError:
            pass
        finally:
            del self._asks[serial]
        decided_s = self.clock.monotonic_s()
        minor = fields["subEventType"] if granted else payloads.NO_RIGHT
        self.tell({**fields, "subEventType": minor, "remoteCheckResult": result, "frontSerialNo": serial})
        return Verdict(serial, granted, by, info, presented_s, decided_s)

    # --- what the gateway does --------------------------------------------------------------------

    def answer(self, serial: int, *, granted: bool, info: str) -> bool:
        """A verdict came; whether anybody still waits for it. A grant releases the door."""
        door, waiting = self._asks.get(serial, (0, None))
        if waiting is None or waiting.done():
            self.late_answers += 1
            return False
        if granted:
            self.release(door)
        waiting.set_result((granted, info))
        return True

    def release(self, door: int) -> None:
        """One pulse of the relay."""
        self.doors[door].releases.append(self.clock.monotonic_s())
        self.doors[door].released.set()

    def command_door(self, door: int, order: str) -> bool:
        """RemoteControl; whether the order is known. A pulse answers whoever waits."""
        if door not in self.doors or order not in {"open", "close", "alwaysOpen", "alwaysClose"}:
            return False
        self.doors[door].held = order == "alwaysOpen"
        if self.doors[door].held:
            self.doors[door].released.set()
        if order == "open":
            self.release(door)
            for its_door, waiting in self._asks.values():
                if its_door == door and not waiting.done():
                    waiting.set_result((True, ""))
        self.tell({"majorEventType": payloads.MAJOR_OPERATION, "subEventType": 0x400, "doorNo": door})
        return True

    # --- telling ----------------------------------------------------------------------------------

    def tell(self, fields: Inner) -> int:
        """Log an event and send it; its serial number."""
        serial, time = self._next_serial(), self.time_text()
        event: Inner = {"serialNo": serial, "frontSerialNo": serial - 1, **fields, "currentEvent": True}
        self.history.append({**_as_logged(event), "time": time})
        self.send(event, time=time)
        return serial

    def send(self, event: Inner, *, time: str | None = None) -> None:
        """Push and stream an event without logging it: also one that was sent before, or late."""
        if self.faults.silent or not (self.pusher.host or self.streams):
            return
        form = payloads.XML if self.faults.xml_events else payloads.JSON
        snapshot = self._snapshot(event)
        if snapshot is not None:
            event = {**event, "picturesNumber": 1}
        enveloped = payloads.envelope(event, time or self.time_text(), self._host)
        text = payloads.encoded(enveloped, form)
        picture = snapshot or payloads.picture(self.faults.pictures_bytes)
        for _ in range(1 + self.faults.duplicates):
            self.pusher.push(self._message(text, form, picture))
            self.stream_bytes(self._parts(text, form, "AccessControllerEvent", picture))

    def send_logged(self, serials: list[int]) -> None:
        """Send logged events again in this order, as a terminal does after an outage."""
        by_serial = {entry["serialNo"]: entry for entry in self.history}
        for serial in serials:
            entry = by_serial[serial]
            event = {**entry, "majorEventType": entry["major"], "subEventType": entry["minor"]}
            self.send({**event, "currentEvent": False}, time=str(entry["time"]))

    def push_raw(self, kind: str, body: bytes) -> None:
        """Push any bytes."""
        self.pusher.push(Message(kind, body))

    def stream_bytes(self, raw: bytes) -> None:
        """Write any bytes to every stream; cut them off first if that was asked for."""
        cut, self.cut_next_stream_part_at = self.cut_next_stream_part_at, None
        for transport in tuple(self.streams):
            if transport.is_closing():
                self.streams.discard(transport)
                continue
            transport.write(raw if cut is None else raw[:cut])
            if cut is not None:
                transport.close()
                self.streams.discard(transport)

    def open_stream(self, transport: asyncio.Transport) -> None:
        """A client holds ``alertStream`` open from now on."""
        self.streams.add(transport)
        self.stream_opened.set()

    def drop_streams(self) -> None:
        """End every stream, as terminals do after 40 s."""
        for transport in tuple(self.streams):
            transport.close()
        self.streams.clear()

    # --- outages ----------------------------------------------------------------------------------

    async def go_offline(self) -> None:
        """Pull the network cable: what happens now is only logged."""
        self.push_armed.clear()
        self.stream_opened.clear()
        self.drop_streams()
        self.pusher.forget()
        await self._web.close()

    async def come_back(self) -> None:
        """Plug it in again; the push host is lost."""
        await self._web.open()

    async def reboot(self) -> None:
        """Off and on: connections, nonces and the push host are gone, the log is not."""
        await self.go_offline()
        self.digest.expire()
        await self.come_back()

    # --- the rest ---------------------------------------------------------------------------------

    def time(self) -> dt.datetime:
        """What the terminal's clock shows."""
        return self.clock.now().utc.astimezone(ZONE) + dt.timedelta(seconds=self.clock_skew_s)

    def time_text(self) -> str:
        """The same as the terminal writes it."""
        return self.faults.clock_text or payloads.time_text(self.time())

    def _next_serial(self) -> int:
        self._serial += 1
        return self._serial

    def _snapshot(self, event: Inner) -> bytes | None:
        allowed = self.isapi.config.get("uploadCapPic") is True
        return self.snapshots.get(str(event.get("employeeNoString"))) if allowed else None

    def _message(self, text: bytes, form: str, picture: bytes) -> Message:
        if not picture:
            return Message(form, text)
        return Message(
            f"multipart/form-data; boundary={BOUNDARY}",
            self._parts(text, form, "event_log", picture) + f"--{BOUNDARY}--\r\n".encode(),
        )

    def _parts(self, text: bytes, form: str, name: str, picture: bytes = b"") -> bytes:
        boundary = BOUNDARY.lower() if self.faults.boundary_case else BOUNDARY
        raw = payloads.part(name, form, text, boundary)
        if picture:
            raw += payloads.part("Picture", "image/jpeg", picture, boundary, '; filename="Picture.jpg"')
        return raw

    async def _beat_on_push(self) -> None:
        while True:
            await self.push_armed.wait()
            host = self.pusher.host
            await self.clock.sleep(host.heartbeat_s if host else 1.0)
            if self.pusher.host and not self.pusher.waiting and not self.faults.silent:
                beat = payloads.heartbeat(self.time_text(), self._host)
                self.pusher.push(Message(payloads.JSON, payloads.encoded(beat, payloads.JSON)))

    async def _beat_on_streams(self) -> None:
        while True:
            await self.clock.sleep(self._stream_heartbeat_s)
            self.beat()

    def beat(self) -> None:
        """One heartbeat on every stream, now."""
        name = "AccessControllerEvent" if self.faults.heartbeat_as_event else "heartBeat"
        beat = payloads.encoded(payloads.heartbeat(self.time_text(), self._host), payloads.JSON)
        boundary = BOUNDARY.lower() if self.faults.boundary_case else BOUNDARY
        if self.streams and not self.faults.silent:
            self.stream_bytes(payloads.part(name, payloads.JSON, beat, boundary))


def _minor(employee_no: str, card: str, qr: str, *, known: bool) -> int:
    if qr:
        return payloads.QR_OK if known else payloads.NO_RIGHT
    if card:
        return payloads.CARD_OK if known else payloads.CARD_UNKNOWN
    if not employee_no:
        return payloads.FACE_UNKNOWN
    return payloads.FACE_OK if known else payloads.NO_RIGHT


def _as_logged(event: Inner) -> Inner:
    """The log names the type fields otherwise than the live event."""
    logged = {name: value for name, value in event.items() if name not in {"majorEventType", "subEventType"}}
    return {**logged, "major": event["majorEventType"], "minor": event["subEventType"]}
