"""Parts of the links: turns, spans, the bounded ear, captures and their replay."""

import asyncio
import datetime as dt
import itertools
import json
import math
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.time import ClockQuality, Instant
from drivers.api import CredentialPresented, DeviceLost, DeviceMisconfigured, LinkKind
from drivers.links import capture as capturing
from drivers.links.capture import CaptureFile
from drivers.links.modbus import BitTable, LineBusy, ModbusLink, WordTable, frame_gap_s
from drivers.links.opening import open_link
from drivers.links.replay import CaptureUnreadable, ReplayLink, capture_driver, read_capture, read_raw
from drivers.links.settings import ModbusRtuSettings, ModbusTcpSettings, TcpSettings
from drivers.links.spans import spans
from drivers.links.stream import FRAMES_MAX, Closed, Opened, Overrun, Received, StreamLink
from drivers.links.turns import TooManyWait, Turns, Urgency
from drivers.sim.relay_modbus import INPUTS, REGISTERS, RelayBoard, RelayRtuSim, RelayTcpSim


def at(mono_s):
    utc = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=mono_s)
    return Instant(mono_s, utc, ClockQuality.SYNCHRONISED)


# --- spans ---------------------------------------------------------------------------------------


@given(st.sets(st.integers(0, 65535), max_size=60), st.integers(0, 40), st.integers(1, 200))
def test_spans_hold_every_address_and_keep_to_their_length(addresses, gap_max, count_max):
    found = spans(addresses, gap_max=gap_max, count_max=count_max)
    covered = [set(range(first, first + count)) for first, count in found]
    assert addresses <= set().union(*covered)
    assert sum(map(len, covered)) == len(set().union(*covered)), "they overlap"
    assert all(count <= count_max for _, count in found)
    for (first, count), (after, _) in itertools.pairwise(found):
        assert after - (first + count) > gap_max or after - first >= count_max, "could have been read at once"
    assert all({first, first + count - 1} <= addresses for first, count in found)


# --- turns ---------------------------------------------------------------------------------------


async def test_urgent_ones_go_first_and_equals_in_order():
    turns = Turns(10)
    order = []

    async def take(name, urgency):
        async with turns.turn(urgency):
            order.append(name)

    async with turns.turn(Urgency.POLL):
        waiting = [
            asyncio.create_task(take(name, urgency))
            for name, urgency in (
                ("poll-1", Urgency.POLL),
                ("poll-2", Urgency.POLL),
                ("open-1", Urgency.COMMAND),
                ("open-2", Urgency.COMMAND),
            )
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert order == ["open-1", "open-2", "poll-1", "poll-2"]


@pytest.mark.parametrize("cancelled_after", ["called", "waiting"])
async def test_a_turn_is_not_lost_with_who_waited_for_it(cancelled_after):
    turns = Turns(10)

    async def take():
        async with turns.turn(Urgency.POLL):
            pass

    first = turns.turn(Urgency.POLL)
    await first.__aenter__()
    waiting = asyncio.create_task(take())
    await asyncio.sleep(0)
    if cancelled_after == "called":
        await first.__aexit__(None, None, None)
        waiting.cancel()
    else:
        waiting.cancel()
        await asyncio.sleep(0)
        await first.__aexit__(None, None, None)
    await asyncio.wait([waiting])
    async with asyncio.timeout(1), turns.turn(Urgency.POLL):
        pass


async def test_holder_and_waiter_that_end_in_the_same_moment_leave_the_turn_to_the_next():
    turns = Turns(10)
    took = asyncio.Event()

    async def take(name):
        async with turns.turn(Urgency.POLL):
            if name == "last":
                took.set()
            await asyncio.Event().wait()

    holder, waiter, last = [asyncio.create_task(take(name)) for name in ("holder", "waiter", "last")]
    await asyncio.sleep(0)
    holder.cancel()
    waiter.cancel()
    done, _ = await asyncio.wait([holder, waiter])
    assert all(task.cancelled() for task in done)
    async with asyncio.timeout(1):
        await took.wait()
    last.cancel()
    await asyncio.wait([last])


async def test_only_so_many_wait():
    turns = Turns(1)
    async with turns.turn(Urgency.POLL):
        waiting = asyncio.create_task(turns.turn(Urgency.POLL).__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(TooManyWait):
            await turns.turn(Urgency.COMMAND).__aenter__()
    await waiting


# --- the ear -------------------------------------------------------------------------------------


async def test_a_slow_device_loses_the_newest_bytes_and_is_told():
    link = StreamLink("l", LinkKind.TCP)
    with link.attach() as slow, link.attach("elsewhere") as other:
        connection = link.opened("here", lambda _: None)
        for number in range(FRAMES_MAX + 9):
            link.received(connection, b"%d" % number)
        link.closed(connection, "gone")
        link.closed(connection, "gone again")
        link.received(connection, b"from the grave")
        frames = [await slow.receive() for _ in range(FRAMES_MAX + 2)]
        assert frames[0] == Opened(connection)
        assert frames[FRAMES_MAX - 1] == Received(connection, b"%d" % (FRAMES_MAX - 2))
        assert frames[FRAMES_MAX:] == [Overrun(10), Closed(connection, "gone")]
        other.send(connection, b"nobody there")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await other.receive()


async def test_a_device_that_comes_late_hears_of_what_stands():
    link = StreamLink("l", LinkKind.TCP)
    written = []
    connection = link.opened("here", written.append)
    with link.attach("here") as ear:
        assert await ear.receive() == Opened(connection)
        ear.send(connection, b"hello")
    assert written == [b"hello"]
    with link.attach("there") as ear, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await ear.receive()


async def test_a_link_of_no_kind_cannot_run():
    with pytest.raises(NotImplementedError):
        await StreamLink("l", LinkKind.TCP).run()


def test_port_0_is_for_listening():
    with pytest.raises(ValueError, match="needs listen"):
        TcpSettings(kind="tcp", host="a", port=0)


# --- captures ------------------------------------------------------------------------------------


async def test_what_was_captured_is_read_again(tmp_path):
    path = tmp_path / "captures" / "qr-1.jsonl"
    sink = CaptureFile(path, "readers.qr_tcp", "qr-1")
    sink.write("line", b"\x00one\r\n", at(100))
    sink.write("line", b"", at(101.5), end=True)
    await sink.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert capture_driver(path) == "readers.qr_tcp"
    first, last = read_capture(path)
    assert (first.channel, first.data, first.end) == ("line", b"\x00one\r\n", False)
    assert (last.data, last.end, last.at.mono_s) == (b"", True, 1.5)
    assert last.at.utc - first.at.utc == dt.timedelta(seconds=1.5)
    assert json.loads(path.read_text().splitlines()[0])["device"] == "qr-1"


async def test_captures_are_bounded_and_rotate(tmp_path):
    path = tmp_path / "c.jsonl"
    sink = CaptureFile(path, "d", "x", file_bytes_max=2000, files_max=3)
    for number in range(60):
        sink.write("line", b"%04d" % number * 50, at(number))
    await sink.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["c.jsonl", "c.jsonl.1", "c.jsonl.2"]
    assert all(file.stat().st_size < 2500 for file in files)
    newest = list(read_capture(path))[-1]
    assert newest.data == b"0059" * 50
    assert sink.dropped == 0


async def test_what_the_disk_does_not_take_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(capturing, "WAITING_BYTES_MAX", 10)
    sink = CaptureFile(tmp_path / "c.jsonl", "d", "x")
    sink.write("line", b"12345678", at(0))
    sink.write("line", b"12345678", at(0))
    assert sink.dropped == 1
    await sink.close()
    (tmp_path / "file").write_text("")
    blocked = CaptureFile(tmp_path / "file" / "c.jsonl", "d", "x")
    blocked.write("line", b"1", at(0))
    await blocked.close()
    blocked.write("line", b"2", at(1))
    assert blocked.dropped == 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no capture"),
        (b'{"cardea_capture": 2, "driver": "d", "device": "x", "started": "2026-01-01"}', "format 2"),
        (b'{"cardea_capture": 1}', "no capture"),
        (b'{"cardea_capture":1,"driver":"d","device":"x","started":"2026-01-01"}\n{"t":0}', "line 2"),
        (
            (
                b'{"cardea_capture":1,"driver":"d","device":"x","started":"2026-01-01"}\n'
                b'{"t":0,"channel":"a","bytes":"?"}'
            ),
            "line 2",
        ),
        (b'{"cardea_capture":1,"driver":"d","device":"x","started":"noon"}\n{"t":0,"channel":"a"}', "line 2"),
        (
            b'{"cardea_capture":1,"driver":"d","device":"x","started":"2026-01-01"}\n{"t":1e300,"channel":"a"}',
            "line 2",
        ),
        (b"\xff\xfe", "no capture"),
    ],
)
def test_a_damaged_capture_says_where(tmp_path, content, problem):
    path = tmp_path / "c.jsonl"
    path.write_bytes(content)
    with pytest.raises(CaptureUnreadable, match=problem):
        list(read_capture(path))


def test_raw_bytes_are_one_channel(tmp_path):
    path = tmp_path / "raw"
    path.write_bytes(b"x" * 100_000)
    pieces = list(read_raw(path, "line"))
    assert sum(len(piece.data) for piece in pieces) == 100_000
    assert [piece.end for piece in pieces] == [False, False, True]
    assert capture_driver(path) is None
    with pytest.raises(CaptureUnreadable, match="cannot be read"):
        list(read_raw(tmp_path / "none", "line"))


@pytest.mark.parametrize(("speed", "takes_s"), [(math.inf, 0.0), (2.0, 0.1), (1.0, 0.2)])
async def test_a_capture_plays_as_a_device(tmp_path, clock, emitted, open_device, running, speed, takes_s):
    path = tmp_path / "c.jsonl"
    sink = CaptureFile(path, "readers.qr_tcp", "x")
    for t, data in ((10, b"one\n"), (10.1, b"tw"), (10.2, b"o\n")):
        sink.write("line", data, at(t), end=t == 10)
    await sink.close()
    link = ReplayLink("replay", LinkKind.TCP, read_capture(path), clock, speed=speed)
    device = open_device("readers.qr_tcp", link, accepted_reply="06")
    with link.attach():
        began_s = clock.monotonic_s()
        async with running(device.run(emitted)) as task:
            with pytest.raises(DeviceLost, match="capture has ended"):
                await link.run()
            assert takes_s <= clock.monotonic_s() - began_s < takes_s + 0.15
            with pytest.raises(DeviceLost):
                await asyncio.wait_for(task, 1)
    assert [e.value for e in emitted.of(CredentialPresented)][:1] == ["one"]


# --- Modbus --------------------------------------------------------------------------------------


@pytest.fixture
async def modbus(clock):
    board = RelayBoard(3, clock)
    async with RelayTcpSim([board]) as sim:
        settings = ModbusTcpSettings(
            kind="modbus_tcp", host="127.0.0.1", port=sim.port, waiting_max=4, answer_s_max=0.05
        )
        link = open_link("io", settings, clock)
        assert isinstance(link, ModbusLink)
        task = asyncio.create_task(link.run())
        await link.ready()
        yield board, link, task
        task.cancel()
        await asyncio.wait([task])


async def test_one_request_for_many_addresses(modbus):
    board, link, _ = modbus
    board.set_input(2, on=True)
    board.set_input(15, on=True)
    found = await link.read_bits(3, BitTable.INPUTS, [0, 2, 15])
    assert (found[0], found[2], found[15]) == (False, True, True)
    assert await link.read_words(3, WordTable.INPUT, [0]) == {0: 0}
    assert board.requests == 2
    with pytest.raises(DeviceMisconfigured, match=f"discrete inputs 0…{INPUTS}: illegal address"):
        await link.read_bits(3, BitTable.INPUTS, [0, INPUTS])
    with pytest.raises(DeviceMisconfigured, match="illegal address"):
        await link.write_register(3, REGISTERS, 1)


async def test_an_identification_is_read(modbus):
    _, link, _ = modbus
    assert set(await link.identify(3)) <= {0, 1, 2}


async def test_a_full_queue_refuses(modbus):
    board, link, _ = modbus
    board.faults.silent = True
    asked = [asyncio.create_task(link.read_words(3, WordTable.HOLDING, [0])) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(LineBusy):
        await link.write_coil(3, 0, on=True)
    for each in asked:
        with pytest.raises(DeviceLost, match="no answer"):
            await each


async def test_a_line_on_which_nobody_answers_is_a_broken_link(modbus, monkeypatch):
    monkeypatch.setattr("drivers.links.modbus.MISSES_MAX", 3)
    board, link, task = modbus
    board.faults.silent = True
    for _ in range(3):
        with pytest.raises(DeviceLost):
            await link.read_words(3, WordTable.HOLDING, [0])
    with pytest.raises(DeviceLost, match="nobody answered 3"):
        await asyncio.wait_for(task, 1)
    with pytest.raises(DeviceLost, match="not connected"):
        await link.write_coil(3, 0, on=True)


async def test_a_link_that_does_not_come_up_is_lost(clock, tmp_path, unused_tcp_port, monkeypatch):
    monkeypatch.setattr("drivers.links.modbus.UP_S_MAX", 0.01)
    for settings in (
        ModbusTcpSettings(kind="modbus_tcp", host="127.0.0.1", port=unused_tcp_port),
        ModbusRtuSettings(kind="modbus_rtu", path=tmp_path / "none"),
    ):
        link = open_link("io", settings, clock)
        assert isinstance(link, ModbusLink)
        with pytest.raises(DeviceLost, match="cannot be opened"):
            await link.run()
        with pytest.raises(DeviceLost, match="not connected"):
            await link.ready()


async def test_a_late_answer_is_not_taken_for_the_next(clock, tmp_path):
    board, neighbour = RelayBoard(1, clock), RelayBoard(2, clock)
    async with RelayRtuSim([board, neighbour], tmp_path / "line") as sim:
        settings = ModbusRtuSettings(kind="modbus_rtu", path=sim.path, baud=115200, answer_s_max=0.05)
        link = open_link("io", settings, clock)
        assert isinstance(link, ModbusLink)
        task = asyncio.create_task(link.run())
        await link.ready()
        board.faults.silent = True
        with pytest.raises(DeviceLost):
            await link.read_bits(1, BitTable.INPUTS, range(8))
        sim.inject(bytes.fromhex("010201ff"))
        neighbour.set_input(0, on=True)
        assert await link.read_bits(2, BitTable.INPUTS, [0]) == {0: True}
        task.cancel()
        await asyncio.wait([task])


def test_frames_are_apart_as_the_standard_says():
    assert frame_gap_s(9600) == pytest.approx(3.5 * 11 / 9600)
    assert frame_gap_s(115200) == 0.00175
