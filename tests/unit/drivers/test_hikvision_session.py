"""The Hikvision session against the simulated terminal, over real sockets with real Digest."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from cardea.contract.reasons import RefusalReason
from cardea.contract.records import CredentialKind
from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers.api import (
    Accepted,
    AnswerCheck,
    CredentialPresented,
    Device,
    DeviceContext,
    DeviceIdentified,
    DeviceLost,
    DeviceMisconfigured,
    DeviceRefused,
    Emit,
    Executed,
    HeartbeatSeen,
    HoldOpen,
    LeaseOutput,
    NotExecuted,
    OpenDoor,
    Refused,
    Reject,
    ShowText,
    TemperatureMeasured,
)
from drivers.gates.hikvision import DRIVER, push
from drivers.gates.hikvision.intake import ASKS_MAX, Intake
from drivers.links.http_listener import HttpListener, HttpListenerSettings
from drivers.sim.hikvision import DecidedBy, HikvisionTerminal

PASSWORD = "correct horse"
Running = Callable[..., Any]
NewEmitted = Callable[[], Any]
TRANSPORTS = pytest.mark.parametrize("transport", ["push", "stream"])


@dataclass
class At:
    """A cursor that stands somewhere."""

    serial: int | None = None

    async def load(self) -> int | None:
        return self.serial


class Capture:
    def __init__(self) -> None:
        self.written: list[tuple[str, bytes, bool]] = []

    def write(self, channel: str, chunk: bytes, at: Any, *, end: bool = False) -> None:
        self.written.append((channel, chunk, end))


@dataclass
class Rig:
    """A terminal, a listener, and devices that talk to them."""

    terminal: HikvisionTerminal
    listener: HttpListener
    running: Running
    tasks: Any
    clock: SystemClock

    def device(
        self,
        *,
        name: str = "gate-1",
        terminal: HikvisionTerminal | None = None,
        cursor: int | None = None,
        password: str = PASSWORD,
        link: Any = "listener",
        capture: Capture | None = None,
        **settings: Any,
    ) -> Device:
        context = DeviceContext(
            device=name,
            clock=self.clock,
            entropy=SystemEntropy(),
            secrets=lambda _name: password,
            link=self.listener if link == "listener" else link,
            cursor=At(cursor),
            capture=capture,
        )
        known = {
            "base_url": (terminal or self.terminal).base_url,
            "user": "cardea",
            "password_secret": "gate-1",
            "heartbeat_s": 1,
            "silence_s_max": 0.3,
            **settings,
        }
        return DRIVER.open(DRIVER.settings.model_validate(known), context)

    async def start(self, device: Device, emit: Emit) -> asyncio.Task[None]:
        return await self.tasks.enter_async_context(self.running(device.run(emit)))

    async def ready(self, device: Device, emit: Any) -> asyncio.Task[None]:
        """Started, and events would arrive."""
        task = await self.start(device, emit)
        signs = [
            asyncio.ensure_future(event.wait())
            for event in (self.terminal.push_armed, self.terminal.stream_opened)
        ]
        async with asyncio.timeout(5):
            await asyncio.wait([task, *signs], return_when=asyncio.FIRST_COMPLETED)
        for sign in signs:
            sign.cancel()
        if task.done():
            task.result()
        return task


@pytest.fixture
async def terminal(clock: SystemClock) -> AsyncGenerator[HikvisionTerminal]:
    async with HikvisionTerminal(
        clock,
        SystemEntropy(),
        password=PASSWORD,
        verdict_s_max=2.0,
        resend_s=0.02,
        stream_heartbeat_s=0.1,
    ) as simulated:
        yield simulated


@pytest.fixture
async def rig(terminal: HikvisionTerminal, running: Running, clock: SystemClock) -> AsyncGenerator[Rig]:
    link = HttpListener(
        "terminals",
        HttpListenerSettings.model_validate({"kind": "http_listener", "bind": "127.0.0.1", "port": 0}),
    )
    async with AsyncExitStack() as tasks:
        await tasks.enter_async_context(running(link.run()))
        yield Rig(terminal, link, running, tasks, clock)


def answering(device: Device, emitted: Any, *, granted: bool = True, text: str = "Welcome") -> Any:
    """Emits, and answers every question."""
    answers: set[asyncio.Future[Any]] = set()

    async def emit(event: Any) -> Accepted | Refused:
        outcome = await emitted(event)
        if isinstance(event, CredentialPresented) and event.ask is not None and isinstance(outcome, Accepted):
            command = AnswerCheck(f"answer-{event.ask}", event.ask, granted, text)
            answers.add(asyncio.ensure_future(device.submit(command)))
        return outcome

    return emit


def credentials(emitted: Any) -> list[CredentialPresented]:
    return emitted.of(CredentialPresented)


# --- the way of a passage -------------------------------------------------------------------------


@TRANSPORTS
async def test_the_gateway_decides(rig: Rig, emitted: Any, transport: str) -> None:
    device = rig.device(transport=transport)
    await rig.ready(device, answering(device, emitted))
    verdict = await rig.terminal.present(employee_no="17", temp_c=36.4, mask=True)
    assert (verdict.granted, verdict.by, verdict.info) == (True, DecidedBy.GATEWAY, "Welcome")
    assert 0 <= verdict.waited_s < 2
    assert len(rig.terminal.doors[1].releases) == 1
    (temperature,) = emitted.of(TemperatureMeasured)
    (credential,) = credentials(emitted)
    assert temperature.value_c == 36.4
    assert (credential.kind, credential.value, credential.ask, credential.mask, credential.offline) == (
        CredentialKind.FACE,
        "17",
        verdict.serial,
        True,
        False,
    )
    assert emitted.all.index(temperature) < emitted.all.index(credential)


@TRANSPORTS
async def test_the_gateway_denies(rig: Rig, emitted: Any, transport: str) -> None:
    device = rig.device(transport=transport)
    await rig.ready(device, answering(device, emitted, granted=False, text="See the staff"))
    verdict = await rig.terminal.present(card="0012")
    assert (verdict.granted, verdict.by, verdict.info) == (False, DecidedBy.GATEWAY, "See the staff")
    assert not rig.terminal.doors[1].releases


@TRANSPORTS
async def test_the_terminal_decides(rig: Rig, emitted: Any, transport: str) -> None:
    device = rig.device(transport=transport, verdict="terminal")
    await rig.ready(device, emitted)
    assert not rig.terminal.remote_check
    verdict = await rig.terminal.present(qr="CDA1:ABC", temp_c=36.1)
    assert (verdict.granted, verdict.by) == (True, DecidedBy.TERMINAL)
    credential = await emitted.until(lambda e: isinstance(e, CredentialPresented))
    assert (credential.kind, credential.value, credential.granted, credential.ask) == (
        CredentialKind.QR,
        "CDA1:ABC",
        True,
        None,
    )


async def test_two_terminals_on_one_listener(rig: Rig, clock: SystemClock, new_emitted: NewEmitted) -> None:
    async with HikvisionTerminal(clock, SystemEntropy(), password=PASSWORD) as second:
        seen = {"gate-1": new_emitted(), "gate-2": new_emitted()}
        for name, simulated in (("gate-1", rig.terminal), ("gate-2", second)):
            device = rig.device(name=name, terminal=simulated)
            await rig.start(device, answering(device, seen[name]))
        async with asyncio.timeout(5):
            await rig.terminal.push_armed.wait()
            await second.push_armed.wait()
            verdicts = await asyncio.gather(
                rig.terminal.present(employee_no="1"), second.present(employee_no="2")
            )
        assert all(v.granted for v in verdicts)
        assert [e.value for e in credentials(seen["gate-1"])] == ["1"]
        assert [e.value for e in credentials(seen["gate-2"])] == ["2"]


async def test_the_terminal_says_who_it_is(rig: Rig, emitted: Any) -> None:
    rig.terminal.clock_skew_s = 90
    await rig.start(rig.device(serial=rig.terminal.serial_number), emitted)
    event = await emitted.until(lambda e: isinstance(e, DeviceIdentified))
    assert (event.model, event.firmware, event.serial) == (
        "DS-K1T671TM-3XF",
        "V3.2.30",
        rig.terminal.serial_number,
    )
    assert event.clock_skew_s == pytest.approx(90, abs=2)


@pytest.mark.parametrize("said", ["1971--10--29 -23:-27:-54", "1970-01-01T00:00:12+08:00"])
async def test_a_bad_clock_harms_nothing(rig: Rig, emitted: Any, said: str) -> None:
    rig.terminal.faults.clock_text = said
    device = rig.device()
    await rig.ready(device, answering(device, emitted))
    assert (await rig.terminal.present(employee_no="17")).granted
    assert credentials(emitted)[0].device_utc is None


async def test_verdict_gateway_is_written_to_the_terminal_and_pictures_are_switched_off(
    rig: Rig, emitted: Any
) -> None:
    rig.terminal.remote_check = False
    rig.terminal.isapi.config["remoteCheckDoorEnabled"] = False
    await rig.ready(rig.device(verdict="gateway", verdict_s_max=3), emitted)
    assert rig.terminal.remote_check
    assert rig.terminal.verdict_s_max == 3
    config = rig.terminal.isapi.config
    assert (config["checkChannelType"], config["uploadCapPic"], config["saveCapPic"]) == (
        "ISAPIListen",
        False,
        False,
    )
    assert "saveFacePic" not in config


@TRANSPORTS
async def test_the_picture_that_was_asked_for_comes_with_the_person_and_is_not_recorded(
    rig: Rig, emitted: Any, transport: str
) -> None:
    picture = b"\xff\xd8" + b"the face of 17 " * 9000 + b"\xff\xd9"
    rig.terminal.snapshots["17"] = picture
    capture = Capture()
    device = rig.device(transport=transport, capture=capture, snapshots=True)
    await rig.ready(device, answering(device, emitted))
    assert rig.terminal.isapi.config["uploadCapPic"] is True
    assert rig.terminal.isapi.config["saveCapPic"] is False, "the terminal itself keeps none"
    for number in ("17", "18"):
        assert (await rig.terminal.present(employee_no=number)).granted
    assert [each.snapshot for each in credentials(emitted)] == [picture, None]
    assert b"the face" not in b"".join(chunk for _, chunk, _ in capture.written)


# --- acknowledgement ------------------------------------------------------------------------------


async def test_a_push_is_acknowledged_only_when_it_is_committed(rig: Rig, emitted: Any) -> None:
    device = rig.device(verdict="terminal")
    await rig.ready(device, emitted)
    emitted.refuse()
    await rig.terminal.present(employee_no="17", temp_c=36.4)
    await emitted.until(lambda e: isinstance(e, TemperatureMeasured))
    async with asyncio.timeout(5):
        while rig.terminal.pusher.refused < 2:
            rig.terminal.pusher.heard.clear()
            await rig.terminal.pusher.heard.wait()
    assert rig.terminal.pusher.delivered == 0
    assert set(rig.terminal.pusher.statuses) == {503}
    assert not credentials(emitted)
    emitted.outcome = Accepted()
    await emitted.until(lambda e: isinstance(e, CredentialPresented))
    async with asyncio.timeout(5):
        while not rig.terminal.pusher.delivered:
            rig.terminal.pusher.heard.clear()
            await rig.terminal.pusher.heard.wait()


async def test_a_refused_stream_event_comes_again_from_the_history(rig: Rig, emitted: Any) -> None:
    device = rig.device(transport="stream", verdict="terminal")
    await rig.ready(device, emitted)
    emitted.refuse()
    await rig.terminal.present(employee_no="17")
    await emitted.until(lambda e: isinstance(e, CredentialPresented))
    emitted.outcome = Accepted()
    again = await emitted.until(lambda e: isinstance(e, CredentialPresented) and e.offline)
    assert again.value == "17"


async def test_an_exception_behind_emit_is_no_acknowledgement(rig: Rig, emitted: Any) -> None:
    fail = [True]

    async def emit(event: Any) -> Accepted | Refused:
        if isinstance(event, CredentialPresented) and fail:
            fail.pop()
            raise RuntimeError("bug")
        return await emitted(event)

    await rig.ready(rig.device(verdict="terminal"), emit)
    await rig.terminal.present(employee_no="17")
    await emitted.until(lambda e: isinstance(e, CredentialPresented))
    assert rig.terminal.pusher.statuses[0] == 503


# --- faults of terminals --------------------------------------------------------------------------


@TRANSPORTS
async def test_repeated_events_are_told_once(rig: Rig, emitted: Any, transport: str) -> None:
    rig.terminal.faults.duplicates = 3
    device = rig.device(transport=transport)
    await rig.ready(device, answering(device, emitted))
    for number in ("1", "2"):
        assert (await rig.terminal.present(employee_no=number)).granted
    await rig.terminal.present(employee_no="3")
    assert [e.value for e in credentials(emitted)] == ["1", "2", "3"]


@TRANSPORTS
@pytest.mark.parametrize("quirk", ["boundary_case", "heartbeat_as_event", "xml_events", "pictures_bytes"])
async def test_quirks(rig: Rig, emitted: Any, transport: str, quirk: str) -> None:
    setattr(rig.terminal.faults, quirk, 30_000 if quirk == "pictures_bytes" else True)
    capture = Capture()
    device = rig.device(transport=transport, capture=capture)
    await rig.ready(device, answering(device, emitted))
    assert (await rig.terminal.present(employee_no="17", temp_c=36.4)).granted
    rig.terminal.beat()
    await emitted.until(lambda e: isinstance(e, HeartbeatSeen))
    assert not emitted.of(Reject)
    written = b"".join(chunk for channel, chunk, _ in capture.written if channel == transport)
    assert b"employeeNo" in written
    assert bytes(range(1, 256)) not in written, "no byte of a picture is kept, not even in a capture"
    decoder = DRIVER.decoders[transport](None)  # pyright: ignore[reportArgumentType]  # chosen by the test
    replayed: list[Any] = []
    for channel, chunk, end in capture.written:
        assert channel == transport
        replayed += decoder.feed(chunk, emitted.all[0].at)
        if end:
            replayed += decoder.finish(emitted.all[0].at)
    assert [e.value for e in replayed if isinstance(e, CredentialPresented)] == ["17"]


@TRANSPORTS
async def test_garbage_is_counted_and_the_next_person_enters(rig: Rig, emitted: Any, transport: str) -> None:
    device = rig.device(transport=transport)
    await rig.ready(device, answering(device, emitted))
    rig.terminal.push_raw("application/json", b'{"eventType": ')
    rig.terminal.push_raw("multipart/form-data; boundary=x", b"\x00\xff" * 50)
    rig.terminal.stream_bytes(b"\x00\xff garbage\r\n" * 50)
    await emitted.until(lambda e: isinstance(e, Reject))
    assert (await rig.terminal.present(employee_no="17")).granted


async def test_a_stream_cut_amid_an_event_goes_on_and_loses_nothing(rig: Rig, emitted: Any) -> None:
    device = rig.device(transport="stream", verdict="terminal")
    await rig.ready(device, emitted)
    rig.terminal.cut_next_stream_part_at = 200
    await rig.terminal.present(employee_no="17")
    cut = await emitted.until(lambda e: isinstance(e, CredentialPresented))
    assert cut.offline
    assert any(e.reason == "part_cut_off" for e in emitted.of(Reject))


async def test_a_push_cut_amid_an_event_comes_again(rig: Rig, emitted: Any) -> None:
    device = rig.device()
    await rig.ready(device, answering(device, emitted))
    rig.terminal.pusher.cut_next_at = 300
    assert (await rig.terminal.present(employee_no="17")).granted


async def test_a_stream_that_drops_is_opened_again_at_once(rig: Rig, emitted: Any) -> None:
    device = rig.device(transport="stream")
    task = await rig.ready(device, answering(device, emitted))
    for number in range(7):
        rig.terminal.stream_opened.clear()
        rig.terminal.beat()
        await emitted.until(lambda e: isinstance(e, HeartbeatSeen), since=len(emitted.all))
        rig.terminal.drop_streams()
        async with asyncio.timeout(5):
            await rig.terminal.stream_opened.wait()
        assert (await rig.terminal.present(employee_no=str(number))).granted
    assert not task.done()
    assert [e.value for e in credentials(emitted)] == [str(n) for n in range(7)]


async def test_a_silent_stream_is_a_dead_one(rig: Rig, emitted: Any) -> None:
    device = rig.device(transport="stream", silence_s_max=0.25)
    await rig.ready(device, answering(device, emitted))
    rig.terminal.stream_opened.clear()
    rig.terminal.faults.silent = True
    async with asyncio.timeout(5):
        await rig.terminal.stream_opened.wait()
    rig.terminal.faults.silent = False
    assert (await rig.terminal.present(employee_no="17")).granted


async def test_a_stream_that_always_ends_at_once_is_lost(rig: Rig, emitted: Any) -> None:
    rig.terminal.faults.silent = True
    task = await rig.ready(rig.device(transport="stream"), emitted)

    async def drop() -> None:
        while True:
            await rig.terminal.stream_opened.wait()
            rig.terminal.stream_opened.clear()
            rig.terminal.drop_streams()

    async with rig.running(drop()):
        with pytest.raises(DeviceLost, match="ends again and again"):
            async with asyncio.timeout(20):
                await task


@TRANSPORTS
async def test_nonces_expire_at_any_time(rig: Rig, emitted: Any, transport: str) -> None:
    device = rig.device(transport=transport)
    await rig.ready(device, answering(device, emitted))
    for number in range(3):
        rig.terminal.digest.expire()
        assert (await rig.terminal.present(employee_no=str(number))).granted
    rig.terminal.digest.nonce_s_max = 0.0
    assert (await rig.terminal.present(employee_no="9")).by is DecidedBy.NOBODY, "a nonce that never holds"


async def test_a_reboot_that_loses_push_is_noticed_and_repaired(rig: Rig, emitted: Any) -> None:
    device = rig.device()
    await rig.ready(device, answering(device, emitted))
    assert (await rig.terminal.present(employee_no="1")).granted
    await rig.terminal.reboot()
    rig.terminal.remote_check = False
    await rig.terminal.present(employee_no="2")
    rig.terminal.remote_check = True
    async with asyncio.timeout(5):
        await rig.terminal.push_armed.wait()
    assert (await rig.terminal.present(employee_no="3")).granted
    missed = await emitted.until(lambda e: isinstance(e, CredentialPresented) and e.value == "2")
    assert (missed.offline, missed.ask, missed.granted) == (True, None, True)
    assert sorted(e.value for e in credentials(emitted)) == ["1", "2", "3"]


async def test_push_that_never_starts_is_said_in_one_line(rig: Rig, emitted: Any) -> None:
    rig.terminal.faults.silent = True
    task = await rig.ready(rig.device(silence_s_max=0.2, verdict="terminal"), emitted)

    async def pass_by() -> None:
        while True:
            await rig.terminal.present(employee_no="17")
            await asyncio.sleep(0.05)

    async with rig.running(pass_by()):
        with pytest.raises(DeviceLost, match='does not start to push; set transport = "stream"'):
            async with asyncio.timeout(5):
                await task
    assert len(credentials(emitted)) > 3
    assert all(e.offline for e in credentials(emitted))


@pytest.mark.parametrize(
    ("deployed", "why"),
    [
        ({"/ISAPI/AccessControl/DeployInfo"}, "does not say whether it pushes"),
        ({"/ISAPI/Event/notification/httpHosts-GET"}, "though the terminal says that it pushes"),
    ],
)
async def test_push_that_does_not_arrive_is_said_in_one_line(
    rig: Rig, emitted: Any, deployed: set[str], why: str
) -> None:
    rig.terminal.isapi.missing |= deployed
    settings: dict[str, Any] = {
        "silence_s_max": 0.2,
        "verdict": "terminal",
        "push_host": "127.0.0.1",
        "push_port": 1,
    }
    task = await rig.ready(rig.device(**settings), emitted)

    async def pass_by() -> None:
        while True:
            await rig.terminal.present(employee_no="17")
            await asyncio.sleep(0.05)

    async with rig.running(pass_by()):
        with pytest.raises(DeviceLost, match=why):
            async with asyncio.timeout(5):
                await task


async def test_a_listener_that_does_not_listen_is_said(
    rig: Rig, emitted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "LISTENER_S_MAX", 0.05)
    deaf = HttpListener("deaf", HttpListenerSettings(kind="http_listener", bind="127.0.0.1", port=0))
    with pytest.raises(DeviceLost, match="link deaf does not listen"):
        await rig.device(link=deaf).run(emitted)


async def test_a_quiet_night_without_heartbeats_is_no_fault(rig: Rig, emitted: Any) -> None:
    rig.terminal.faults.silent = True
    task = await rig.ready(rig.device(silence_s_max=0.2), emitted)
    for _ in range(5):
        await emitted.until(lambda e: isinstance(e, HeartbeatSeen), since=len(emitted.all))
    assert not task.done()


async def test_nobody_else_can_push(rig: Rig, emitted: Any) -> None:
    await rig.ready(rig.device(), emitted)
    host = rig.terminal.pusher.host
    assert host is not None
    body = json.dumps({"eventType": "heartBeat"})
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{rig.listener.port}", trust_env=False) as client:
        for path, status in (("/gate-1/guess", 403), ("/gate-1", 403), ("/gate-9/x", 404), (host.url, 200)):
            assert (await client.post(path, content=body)).status_code == status
        assert (await client.post(host.url)).status_code == 200


# --- history --------------------------------------------------------------------------------------


async def passed(terminal: HikvisionTerminal, numbers: range) -> None:
    """People whom the terminal let in by itself while nobody listened."""
    terminal.remote_check = False
    for number in numbers:
        await terminal.present(employee_no=str(number), temp_c=36.5)
    terminal.remote_check = True


@TRANSPORTS
async def test_missed_events_come_offline_in_order_and_once(rig: Rig, emitted: Any, transport: str) -> None:
    await passed(rig.terminal, range(100))
    rig.terminal.faults.duplicates = 1
    device = rig.device(transport=transport)
    await rig.ready(device, answering(device, emitted))
    await emitted.until(lambda e: isinstance(e, CredentialPresented) and e.value == "99")
    missed = credentials(emitted)
    assert [e.value for e in missed] == [str(n) for n in range(100)]
    assert all(e.offline and e.ask is None for e in missed)
    assert all(t.offline for t in emitted.of(TemperatureMeasured))
    rig.terminal.send_logged([7, 3, 50])
    assert (await rig.terminal.present(employee_no="live")).granted
    assert [e.value for e in credentials(emitted)[100:]] == ["live"]


async def test_history_is_read_on_from_the_cursor(rig: Rig, emitted: Any) -> None:
    await passed(rig.terminal, range(10))
    await rig.ready(rig.device(cursor=7), emitted)
    await emitted.until(lambda e: isinstance(e, CredentialPresented) and e.cursor == 10)
    assert [e.cursor for e in credentials(emitted)] == [8, 9, 10]


async def test_a_search_that_ignores_the_first_serial_repeats_nothing(rig: Rig, emitted: Any) -> None:
    rig.terminal.isapi.knows_first_serial = False
    await passed(rig.terminal, range(65))
    await rig.ready(rig.device(cursor=62), emitted)
    await emitted.until(lambda e: isinstance(e, CredentialPresented) and e.cursor == 65)
    assert [e.cursor for e in credentials(emitted)] == [63, 64, 65]


async def test_the_last_committed_event_sent_again_is_known(rig: Rig, emitted: Any) -> None:
    await passed(rig.terminal, range(3))
    device = rig.device(cursor=3)
    await rig.ready(device, answering(device, emitted))
    rig.terminal.send_logged([3, 2])
    again = await emitted.until(lambda e: isinstance(e, CredentialPresented))
    assert (again.cursor, again.offline) == (2, True), "older ones may have lost their acknowledgement"


async def test_events_between_two_streams_are_fetched(rig: Rig, emitted: Any) -> None:
    device = rig.device(transport="stream")
    await rig.ready(device, answering(device, emitted))
    assert (await rig.terminal.present(employee_no="1")).granted
    rig.terminal.beat()
    rig.terminal.stream_opened.clear()
    rig.terminal.drop_streams()
    await passed(rig.terminal, range(2, 4))
    async with asyncio.timeout(5):
        await rig.terminal.stream_opened.wait()
    assert (await rig.terminal.present(employee_no="4")).granted
    await emitted.until(lambda e: isinstance(e, CredentialPresented) and e.value == "3")
    found = {e.value: e.offline for e in credentials(emitted)}
    assert found == {"1": False, "2": True, "3": True, "4": False}
    assert len(credentials(emitted)) == 4


@TRANSPORTS
async def test_a_store_that_refuses_history_gets_it_again(rig: Rig, emitted: Any, transport: str) -> None:
    await passed(rig.terminal, range(3))
    refusals = 2

    async def emit(event: Any) -> Accepted | Refused:
        nonlocal refusals
        if isinstance(event, CredentialPresented) and event.cursor == 2 and refusals:
            refusals -= 1
            return Refused(RefusalReason.STORE_FAILED)
        return await emitted(event)

    task = await rig.ready(rig.device(transport=transport), emit)
    await emitted.until(lambda e: isinstance(e, CredentialPresented) and e.cursor == 3)
    assert [e.cursor for e in credentials(emitted)] == [1, 2, 3]
    assert (refusals, task.done()) == (0, False)


async def test_history_is_bounded_and_continued(rig: Rig, emitted: Any) -> None:
    await passed(rig.terminal, range(100))
    task = await rig.ready(rig.device(history_events_max=30, silence_s_max=0.2, heartbeat_s=30), emitted)
    await emitted.until(lambda e: isinstance(e, CredentialPresented) and e.cursor == 100)
    assert [e.cursor for e in credentials(emitted)] == list(range(1, 101))
    assert not task.done()


@pytest.mark.parametrize(
    "missing", ["/ISAPI/AccessControl/AcsEvent", "/ISAPI/System/time", "/ISAPI/AccessControl/AcsCfg"]
)
async def test_what_a_terminal_need_not_have(rig: Rig, emitted: Any, missing: str) -> None:
    rig.terminal.isapi.missing.add(missing)
    device = rig.device()
    await rig.ready(device, answering(device, emitted))
    assert (await rig.terminal.present(employee_no="17")).granted


async def test_no_history_when_none_is_wanted(rig: Rig, emitted: Any) -> None:
    await passed(rig.terminal, range(3))
    device = rig.device(history_days=0)
    await rig.ready(device, answering(device, emitted))
    assert (await rig.terminal.present(employee_no="17")).granted
    assert [e.value for e in credentials(emitted)] == ["17"]


# --- commands -------------------------------------------------------------------------------------


async def test_a_door_is_opened_once_however_often_it_is_ordered(rig: Rig, emitted: Any) -> None:
    device = rig.device()
    await rig.ready(device, emitted)
    command = OpenDoor("order-1", 1, 5.0)
    receipts = await asyncio.gather(*(device.submit(command) for _ in range(5)))
    receipts.append(await device.submit(command))
    assert receipts == [Executed()] * 6
    assert len(rig.terminal.doors[1].releases) == 1
    assert await device.submit(OpenDoor("order-2", 2, 5.0)) == Executed()
    assert len(rig.terminal.doors[2].releases) == 1


async def test_a_remote_opening_lets_in_whoever_waits(rig: Rig, emitted: Any) -> None:
    device = rig.device()
    await rig.ready(device, emitted)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(rig.terminal.present(employee_no="17"))
        await emitted.until(lambda e: isinstance(e, CredentialPresented))
        await device.submit(OpenDoor("o", 1, 5.0))
    assert waiting.result().granted


async def test_fire_holds_the_door_open_until_the_reset(rig: Rig, emitted: Any) -> None:
    device = rig.device()
    await rig.ready(device, emitted)
    assert await device.submit(HoldOpen("fire", 1, on=True)) == Executed()
    assert rig.terminal.doors[1].held
    assert await device.submit(HoldOpen("reset", 1, on=False)) == Executed()
    assert not rig.terminal.doors[1].held


async def test_what_a_terminal_cannot_do(rig: Rig, emitted: Any) -> None:
    device = rig.device()
    await rig.ready(device, emitted)
    rig.terminal.isapi.missing.add("/ISAPI/AccessControl/RemoteControl/door/1")
    for command in (ShowText("a", "hello"), LeaseOutput("b", 1, 1.0), OpenDoor("c", 1, 5.0)):
        receipt = await device.submit(command)
        assert isinstance(receipt, NotExecuted)
        assert receipt.reason is RefusalReason.UNSUPPORTED
    receipt = await device.submit(OpenDoor("d", 9, 5.0))
    assert isinstance(receipt, NotExecuted)
    assert receipt.reason is RefusalReason.DEVICE_REFUSED


async def test_a_late_verdict_is_not_sent(rig: Rig, emitted: Any) -> None:
    device = rig.device(verdict_s_max=1)
    rig.terminal.verdict_s_max = 1.0
    await rig.ready(device, emitted)
    verdict = await rig.terminal.present(employee_no="17")
    assert (verdict.granted, verdict.by) == (False, DecidedBy.NOBODY)
    for command in (AnswerCheck("late", verdict.serial, True, ""), AnswerCheck("never", 999, True, "")):
        receipt = await device.submit(command)
        assert isinstance(receipt, NotExecuted)
        assert receipt.reason is RefusalReason.EXPIRED
    assert rig.terminal.late_answers == 0
    assert not rig.terminal.doors[1].releases


async def test_a_verdict_that_the_terminal_does_not_want_is_refused(rig: Rig, emitted: Any) -> None:
    device = rig.device()
    await rig.ready(device, answering(device, emitted))
    verdict = await rig.terminal.present(employee_no="17")
    receipt = await device.submit(AnswerCheck("again", verdict.serial, True, ""))
    assert receipt == NotExecuted(RefusalReason.DEVICE_REFUSED, "remoteCheckTimeout")


async def test_a_command_that_never_arrived_may_be_tried_again(rig: Rig, emitted: Any) -> None:
    device = rig.device()
    receipt = await device.submit(OpenDoor("x", 1, 5.0))
    assert isinstance(receipt, NotExecuted)
    assert receipt.reason is RefusalReason.UNREACHABLE
    task = await rig.ready(device, emitted)
    await rig.terminal.go_offline()
    receipt = await device.submit(OpenDoor("x", 1, 5.0))
    assert isinstance(receipt, NotExecuted)
    assert receipt.reason is RefusalReason.UNREACHABLE
    async with asyncio.timeout(5):
        await asyncio.wait([task])
    await rig.terminal.come_back()
    await rig.ready(device, emitted)
    assert await device.submit(OpenDoor("x", 1, 5.0)) == Executed()


UNKNOWN_DIGEST = (
    b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="a", nonce="b", algorithm=X\r\n'
    b"Content-Length: 0\r\n\r\n"
)


# --- what ends a session --------------------------------------------------------------------------


@TRANSPORTS
async def test_a_terminal_that_goes_is_lost(rig: Rig, emitted: Any, transport: str) -> None:
    task = await rig.ready(rig.device(transport=transport), emitted)
    await rig.terminal.go_offline()
    with pytest.raises(DeviceLost):
        async with asyncio.timeout(5):
            await task


async def test_a_terminal_that_is_not_there_is_lost(rig: Rig, emitted: Any) -> None:
    await rig.terminal.go_offline()
    with pytest.raises(DeviceLost):
        await rig.device().run(emitted)


async def test_a_wrong_password_is_refused(rig: Rig, emitted: Any) -> None:
    with pytest.raises(DeviceRefused, match="user or password"):
        await rig.device(password="wrong").run(emitted)


@pytest.mark.parametrize(
    ("settings", "missing", "why"),
    [
        ({"serial": "OTHER"}, None, "expected is 'OTHER'"),
        ({}, "/ISAPI/System/deviceInfo", "no access terminal"),
        ({}, "/ISAPI/AccessControl/capabilities", "no access terminal"),
        ({}, "/ISAPI/Event/notification/httpHosts", 'set transport = "stream"'),
        ({"transport": "stream"}, "/ISAPI/Event/notification/alertStream", "no event stream"),
        ({"verdict": "gateway"}, "/ISAPI/AccessControl/AcsCfg", "cannot ask for a verdict"),
        ({"link": None}, None, "needs a link of kind http_listener"),
        ({"base_url": "https://127.0.0.1:1", "ca_file": "/nonexistent"}, None, "ca_file"),
    ],
)
async def test_a_wrong_configuration_is_said(
    rig: Rig, emitted: Any, settings: dict[str, Any], missing: str | None, why: str
) -> None:
    if missing:
        rig.terminal.isapi.missing.add(missing)
    with pytest.raises(DeviceMisconfigured, match=why):
        async with asyncio.timeout(5):
            await rig.device(**settings).run(emitted)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", DeviceMisconfigured),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n<a></a> ", DeviceMisconfigured),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + bytes(5_000_000), DeviceMisconfigured),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", DeviceRefused),
        (
            UNKNOWN_DIGEST,
            DeviceMisconfigured,
        ),
        (b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="a"\r\nContent-Length: 0\r\n\r\n', DeviceLost),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", DeviceLost),
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", DeviceMisconfigured),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", DeviceMisconfigured),
        (b"SSH-2.0-OpenSSH\r\n\r\n", DeviceLost),
        (b"", DeviceLost),
    ],
)
async def test_whatever_answers_at_that_address(
    rig: Rig, emitted: Any, answer: bytes, error: type[Exception]
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(error):
            async with asyncio.timeout(5):
                await rig.device(base_url=f"http://127.0.0.1:{port}").run(emitted)


async def test_a_terminal_that_does_not_answer_is_lost(rig: Rig, emitted: Any) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(DeviceLost, match="ReadTimeout"):
            await rig.device(base_url=f"http://127.0.0.1:{port}", answer_s_max=0.1).run(emitted)


@pytest.mark.parametrize("base_url", ["ftp://x", "http://", "http://x/y", "x", "http://x?y"])
def test_base_url_is_checked(base_url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        DRIVER.settings.model_validate({"base_url": base_url, "user": "a", "password_secret": "b"})


# --- each serial number once ----------------------------------------------------------------------


def seen(clock: SystemClock, cursor: int, ask: int | None = None) -> list[CredentialPresented]:
    return [CredentialPresented(at=clock.now(), cursor=cursor, ask=ask, kind=CredentialKind.CARD, value="1")]


async def test_a_repetition_waits_for_the_fate_of_the_first(clock: SystemClock) -> None:
    intake, fate = Intake(None), asyncio.Event()
    outcomes: list[Accepted | Refused] = [Refused(RefusalReason.QUEUE_FULL), Accepted()]

    async def emit(_event: Any) -> Accepted | Refused:
        await fate.wait()
        return outcomes.pop(0)

    for taken in (False, True):
        fate.clear()
        both = [asyncio.ensure_future(intake.take(seen(clock, 5), emit)) for _ in range(2)]
        await asyncio.sleep(0)
        fate.set()
        assert await asyncio.gather(*both) == [taken, taken]
    assert not outcomes
    assert await intake.take(seen(clock, 5), emit)


async def test_what_the_history_told_first_can_still_be_asked(clock: SystemClock, emitted: Any) -> None:
    intake = Intake(None)
    assert await intake.take(seen(clock, 5), emitted)
    assert await intake.take(seen(clock, 5, ask=5), emitted)
    assert await intake.take(seen(clock, 5, ask=5), emitted)
    assert [e.ask for e in emitted.all] == [None, 5]
    assert intake.asked_s(5) is not None


async def test_questions_are_remembered_to_a_bound(clock: SystemClock, emitted: Any) -> None:
    intake = Intake(None)
    for ask in range(1, ASKS_MAX + 2):
        await intake.take(seen(clock, ask, ask), emitted)
    assert intake.asked_s(1) is None
    assert intake.asked_s(2) is not None
    assert intake.settled == ASKS_MAX + 1
