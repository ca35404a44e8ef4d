"""A relay board against simulated boards on real sockets and pseudo-terminals."""

import asyncio
import contextlib
import itertools
import statistics
from contextlib import AsyncExitStack

import pytest

from cardea.contract.reasons import RefusalReason
from drivers import catalog
from drivers.api import (
    DeviceIdentified,
    DeviceLost,
    DeviceMisconfigured,
    DoorMoved,
    Executed,
    HeartbeatSeen,
    HoldOpen,
    InputChanged,
    InputKind,
    LeaseOutput,
    NotExecuted,
    OpenDoor,
    ShowText,
)
from drivers.links.modbus import LineBusy
from drivers.links.opening import open_link
from drivers.links.settings import ModbusRtuSettings, ModbusTcpSettings
from drivers.sim.relay_modbus import (
    PULSE_REGISTER_FIRST,
    WATCHDOG_REGISTER,
    RelayBoard,
    RelayRtuSim,
    RelayTcpSim,
)

WATCHDOG = {"address": WATCHDOG_REGISTER, "value": 10}
BOARD = {
    "poll_s": 0.02,
    "watchdog": WATCHDOG,
    "doors": [{"door": 1, "coil": 0}, {"door": 2, "coil": 1, "pulse": {"address": PULSE_REGISTER_FIRST + 1}}],
    "contacts": [{"door": 1, "input": 4}],
    "inputs": [
        {"kind": "fire", "input": 0, "contrary_input": 1, "normally_closed": True},
        {"kind": "rex", "channel": 1, "input": 2},
    ],
    "outputs": [{"channel": 1, "coil": 8}],
}


def settings(unit=1, **changes):
    return {"unit": unit, **BOARD, **changes}


def healthy(board):
    for address, on in ((0, True), (1, False), (2, False), (4, True)):
        board.set_input(address, on=on)
    return board


@pytest.fixture
def clock(awake_clock):
    """Leases, watchdogs and delays are measured here."""
    return awake_clock


@pytest.fixture
async def tcp(clock):
    """One board behind Modbus TCP, and the link to it, running."""
    board = healthy(RelayBoard(1, clock))
    async with RelayTcpSim([board]) as sim:
        at = ModbusTcpSettings(kind="modbus_tcp", host="127.0.0.1", port=sim.port, answer_s_max=0.1)
        link = open_link("io", at, clock)
        task = asyncio.create_task(link.run())
        yield board, link
        task.cancel()
        await asyncio.wait([task])


async def online(emitted):
    await emitted.until(lambda e: isinstance(e, InputChanged) and e.kind is InputKind.REX)


async def test_says_its_inputs_at_the_start_and_on_change(tcp, emitted, open_device, running):
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)):
        fire = await emitted.until(lambda e: isinstance(e, InputChanged) and e.kind is InputKind.FIRE)
        assert fire.active is False
        door = await emitted.until(lambda e: isinstance(e, DoorMoved))
        assert (door.door, door.open) == (1, False)
        seen = len(emitted.all)
        board.set_input(0, on=False)
        board.set_input(1, on=True)
        fire = await emitted.until(
            lambda e: isinstance(e, InputChanged) and e.kind is InputKind.FIRE and e.active, since=seen
        )
        assert fire.channel == 0
        board.set_input(4, on=False)
        assert (await emitted.until(lambda e: isinstance(e, DoorMoved), since=seen)).open is True


async def test_fire_is_seen_within_half_a_second_at_the_default_rate(
    tcp, clock, emitted, open_device, running
):
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings(poll_s=0.1))
    async with running(device.run(emitted)):
        await online(emitted)
        seen = len(emitted.all)
        began_s = clock.monotonic_s()
        board.set_input(0, on=False)
        board.set_input(1, on=True)
        await emitted.until(lambda e: isinstance(e, InputChanged) and e.active is True, since=seen)
        first = len(emitted.all)
        again = await emitted.until(lambda e: isinstance(e, InputChanged) and e.active is True, since=first)
        assert again.at.mono_s - began_s < 0.35, "two agreeing facts, for the portal that debounces them"


async def test_a_contradicting_pair_is_neither_active_nor_not(tcp, emitted, open_device, running):
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        board.set_input(1, on=True)
        assert await emitted.until(lambda e: isinstance(e, InputChanged) and e.active is None)


async def test_unchanged_inputs_are_repeated_within_half_a_second_at_the_default_rate(
    tcp, emitted, open_device, running
):
    _, link = tcp
    device = open_device("io.relay_modbus", link, **settings(poll_s=0.1))
    async with running(device.run(emitted)):
        await online(emitted)
        read_s = []
        for _ in range(5):
            seen = len(emitted.all)
            again = await emitted.until(
                lambda e: isinstance(e, InputChanged) and e.kind is InputKind.REX, since=seen
            )
            read_s.append(again.at.mono_s)
        assert statistics.median(b - a for a, b in itertools.pairwise(read_s)) < 0.5


async def test_a_software_pulse_ends_by_itself_and_is_done_once(tcp, emitted, open_device, running):
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        on, off = board.expect(0, on=True), board.expect(0, on=False)
        receipts = await asyncio.gather(*(device.submit(OpenDoor("a", 1, 0.15)) for _ in range(3)))
        assert receipts == [Executed()] * 3
        released, locked = await on, await off
        assert 0.14 <= locked.at_s - released.at_s < 0.4
        assert locked.cause == "write"
        assert await device.submit(OpenDoor("a", 1, 0.15)) == Executed()
        assert board.writes == 2


async def test_opening_again_makes_the_release_longer(tcp, emitted, open_device, running):
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        on, off = board.expect(0, on=True), board.expect(0, on=False)
        await device.submit(OpenDoor("a", 1, 0.1))
        await device.submit(OpenDoor("b", 1, 0.4))
        assert (await off).at_s - (await on).at_s >= 0.38
        assert len(board.history) == 2


async def test_the_board_times_the_pulse_when_it_can(tcp, emitted, open_device, running):
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        off = board.expect(1, on=False)
        assert await device.submit(OpenDoor("a", 2, 0.2)) == Executed()
        assert board.coil(1)
        assert (await off).cause == "pulse end"
        assert board.writes == 1


async def test_a_held_door_is_released_again_when_the_board_drops_it(tcp, emitted, open_device, running):
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        assert await device.submit(HoldOpen("a", 1, on=True)) == Executed()
        assert board.coil(0)
        again = board.expect(0, on=True)
        board.force(0, on=False)
        await asyncio.wait_for(again, 1)
        assert await device.submit(OpenDoor("b", 1, 0.05)) == Executed()
        await asyncio.sleep(0.2)
        assert board.coil(0), "opening must not end a hold"
        assert await device.submit(HoldOpen("c", 1, on=False)) == Executed()
        assert not board.coil(0)


async def test_a_hold_outlasts_the_watchdog_while_the_gateway_lives_and_no_longer(
    tcp, emitted, open_device, running
):
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings(watchdog={**WATCHDOG, "value": 6}))
    async with running(device.run(emitted)):
        await online(emitted)
        await device.submit(HoldOpen("a", 1, on=True))
        await asyncio.sleep(0.9)
        assert [change.on for change in board.history] == [True]
        dropped = board.expect(0, on=False)
    assert (await asyncio.wait_for(dropped, 1)).cause == "watchdog"


async def test_a_hold_asked_for_while_the_board_is_away_is_done_when_it_is_back(
    tcp, emitted, open_device, running
):
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings())
    receipt = await device.submit(HoldOpen("a", 1, on=True))
    assert isinstance(receipt, NotExecuted | Executed)
    released = board.expect(0, on=True)
    async with running(device.run(emitted)):
        await online(emitted)
        if not board.coil(0):
            await asyncio.wait_for(released, 1)
    assert (await device.submit(OpenDoor("b", 2, 1))) == NotExecuted(
        RefusalReason.UNREACHABLE, "the board is not connected"
    )


async def test_a_leased_output_lives_by_renewal(tcp, clock, emitted, open_device, running):
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        on, off = board.expect(8, on=True), board.expect(8, on=False)
        for number in range(5):
            assert await device.submit(LeaseOutput(f"l{number}", 1, 0.2)) == Executed()
            await asyncio.sleep(0.1)
        assert 0.45 <= (await off).at_s - (await on).at_s < 0.8
        await device.submit(LeaseOutput("x", 1, 2.0))
        off, told_s = board.expect(8, on=False), clock.monotonic_s()
        await device.submit(LeaseOutput("y", 1, 0))
        assert (await asyncio.wait_for(off, 1.5)).at_s - told_s < 0.5


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (OpenDoor("a", 9, 1), RefusalReason.UNSUPPORTED),
        (OpenDoor("a", 1, 0), RefusalReason.UNSAFE),
        (OpenDoor("a", 1, float("nan")), RefusalReason.UNSAFE),
        (OpenDoor("a", 1, 1e9), RefusalReason.UNSAFE),
        (HoldOpen("a", 9, on=True), RefusalReason.UNSUPPORTED),
        (LeaseOutput("a", 9, 1), RefusalReason.UNSUPPORTED),
        (LeaseOutput("a", 1, 2.1), RefusalReason.UNSAFE),
        (ShowText("a", "hello"), RefusalReason.UNSUPPORTED),
    ],
)
async def test_what_the_board_cannot_or_must_not_do(tcp, emitted, open_device, running, command, reason):
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        receipt = await device.submit(command)
        assert isinstance(receipt, NotExecuted)
        assert receipt.reason is reason
    assert board.writes == 0


async def test_the_watchdog_is_written_and_read_back(tcp, emitted, open_device, running):
    board, link = tcp
    for reads, problem in ((0, "hold the last output"), (7, "reads 7")):
        board.faults.watchdog_reads = reads
        with pytest.raises(DeviceMisconfigured, match=problem):
            await asyncio.wait_for(open_device("io.relay_modbus", link, **settings()).run(emitted), 2)
    board.faults.watchdog_reads = None
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
    assert board.writes == 0


async def test_a_start_pulses_no_lock_and_ends_leased_outputs(tcp, emitted, open_device, running):
    board, link = tcp
    board.force(0, on=True)
    board.force(8, on=True)
    before = len(board.history)
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        await asyncio.sleep(0.1)
        assert [(c.coil, c.on) for c in list(board.history)[before:]] == [(8, False)]


async def test_a_restarted_board_is_commissioned_anew(tcp, emitted, open_device, running, monkeypatch):
    monkeypatch.setattr("drivers.io.relay_modbus.session.RECHECK_S", 0.05)
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)) as task:
        await online(emitted)
        board.restart()
        with pytest.raises(DeviceLost, match="restarted"):
            await asyncio.wait_for(task, 2)


async def test_a_coil_that_does_not_obey_is_said(tcp, emitted, open_device, running):
    board, link = tcp
    board.faults.stuck_coils.add(0)
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)) as task:
        await online(emitted)
        await device.submit(HoldOpen("a", 1, on=True))
        with pytest.raises(DeviceLost, match="coil 0"):
            await asyncio.wait_for(task, 4)


async def test_an_address_that_the_board_does_not_have_is_misconfiguration(tcp, emitted, open_device):
    _, link = tcp
    device = open_device("io.relay_modbus", link, **settings(inputs=[{"kind": "fire", "input": 999}]))
    with pytest.raises(DeviceMisconfigured, match="discrete input"):
        await asyncio.wait_for(device.run(emitted), 2)


async def test_says_what_it_is_when_asked(tcp, emitted, open_device, running):
    _, link = tcp
    device = open_device(
        "io.relay_modbus", link, **settings(identification="read_device_information", doors=[], outputs=[])
    )
    async with running(device.run(emitted)):
        assert await emitted.until(lambda e: isinstance(e, DeviceIdentified))
        assert emitted.of(HeartbeatSeen)


async def test_a_board_with_outputs_only_shows_that_it_lives(tcp, emitted, open_device, running, monkeypatch):
    monkeypatch.setattr("drivers.io.relay_modbus.session.HEARTBEAT_S", 0.05)
    _board, link = tcp
    device = open_device("io.relay_modbus", link, **settings(inputs=[], contacts=[]))
    async with running(device.run(emitted)):
        await emitted.until(lambda e: isinstance(e, HeartbeatSeen))
        await emitted.until(lambda e: isinstance(e, HeartbeatSeen), since=1)
        assert emitted.of(HeartbeatSeen) == emitted.all


async def test_what_the_board_says_can_be_captured(tcp, emitted, open_device, running):
    class Sink:
        def __init__(self):
            self.pieces = []

        def write(self, channel, chunk, at, *, end=False):
            self.pieces.append((channel, chunk, at, end))

    _, link = tcp
    sink = Sink()
    device = open_device("io.relay_modbus", link, capture=sink, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
    driver = catalog.find("io.relay_modbus")
    decoder = driver.decoders["line"](driver.settings.model_validate(settings()))
    told = [event for _, chunk, at, _ in sink.pieces for event in decoder.feed(chunk, at)]
    assert {channel for channel, *_ in sink.pieces} == {"line"}
    assert told[:3] == [event for event in emitted.all if not isinstance(event, HeartbeatSeen)][:3]


async def test_a_command_that_nobody_answers_is_not_executed_and_taken_back(
    tcp, emitted, open_device, running
):
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings(poll_s=0.2, watchdog={**WATCHDOG, "value": 600}))
    async with running(device.run(emitted)):
        await online(emitted)
        heard, locked = board.expect(0, on=True), board.expect(0, on=False)
        board.faults.silent = True
        receipts = [
            await device.submit(OpenDoor("a", 1, 60)),
            await device.submit(OpenDoor("b", 2, 1)),
            await device.submit(LeaseOutput("c", 1, 2)),
        ]
        for receipt in receipts:
            assert isinstance(receipt, NotExecuted)
            assert receipt.reason is RefusalReason.UNREACHABLE
        assert heard.done(), "the board heard it, only its answer was lost"
        board.faults.silent = False
        assert (await asyncio.wait_for(locked, 3)).cause == "write"


async def test_a_command_that_the_board_refuses(tcp, emitted, open_device, running):
    _, link = tcp
    doors = [{"door": 1, "coil": 0, "pulse": {"address": 999}}]
    device = open_device("io.relay_modbus", link, **settings(doors=doors))
    async with running(device.run(emitted)):
        await online(emitted)
        receipt = await device.submit(OpenDoor("a", 1, 1))
        assert isinstance(receipt, NotExecuted)
        assert receipt.reason is RefusalReason.DEVICE_REFUSED


async def test_a_line_with_a_full_queue_says_so(tcp, emitted, open_device, running, monkeypatch):
    async def busy(*_args, **_more):
        raise LineBusy("too many")

    _, link = tcp
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        monkeypatch.setattr(link, "write_register", busy)
        monkeypatch.setattr(link, "write_coil", busy)
        for command in (OpenDoor("a", 2, 1), OpenDoor("b", 1, 1)):
            receipt = await device.submit(command)
            assert isinstance(receipt, NotExecuted)
            assert receipt.reason is RefusalReason.QUEUE_FULL


async def test_events_that_nobody_fetches_end_the_session(tcp, open_device, running, monkeypatch):
    monkeypatch.setattr("drivers.io.relay_modbus.session.EVENTS_MAX", 3)
    stuck = asyncio.Event()

    async def emit(_event):
        await stuck.wait()

    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings())
    with pytest.raises(DeviceLost, match="not fetched"):
        await asyncio.wait_for(device.run(emit), 4)
    assert board.requests > 3


async def test_a_hold_that_is_ended_twice_and_a_door_that_was_never_held(tcp, emitted, open_device, running):
    board, link = tcp
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        assert await device.submit(HoldOpen("a", 1, on=False)) == Executed()
        assert board.writes == 0


async def test_needs_a_modbus_link(open_device):
    with pytest.raises(DeviceMisconfigured, match="modbus"):
        open_device("io.relay_modbus", None, **settings())


# --- two units on one serial line ----------------------------------------------------------------


@pytest.fixture
async def line(clock, tmp_path):
    """Two boards on one RTU line, and the link to them."""
    boards = healthy(RelayBoard(1, clock)), healthy(RelayBoard(2, clock))
    async with RelayRtuSim(boards, tmp_path / "rs485") as sim:
        link = open_link("rs485", ModbusRtuSettings(kind="modbus_rtu", path=sim.path, baud=115200), clock)
        task = asyncio.create_task(link.run())
        yield sim, boards, link, task
        task.cancel()
        await asyncio.wait([task])


async def test_two_units_share_one_line(line, new_emitted, open_device, running):
    _, boards, link, _ = line
    devices = [open_device("io.relay_modbus", link, **settings(unit)) for unit in (1, 2)]
    heard = [new_emitted(), new_emitted()]
    async with AsyncExitStack() as stack:
        for device, ear in zip(devices, heard, strict=True):
            await stack.enter_async_context(running(device.run(ear)))
        for ear in heard:
            await online(ear)
        opened = boards[1].expect(0, on=True)
        assert await devices[1].submit(OpenDoor("a", 1, 0.1)) == Executed()
        await asyncio.wait_for(opened, 1)
        assert not boards[0].history
        boards[0].set_input(2, on=True)
        await heard[0].until(lambda e: isinstance(e, InputChanged) and e.kind is InputKind.REX and e.active)
        assert not [e for e in heard[1].of(InputChanged) if e.active]


async def test_a_silent_unit_is_lost_and_its_neighbour_goes_on(
    line, new_emitted, clock, open_device, running
):
    _, boards, link, link_task = line
    first, second = new_emitted(), new_emitted()
    devices = [open_device("io.relay_modbus", link, **settings(unit)) for unit in (1, 2)]
    async with running(devices[0].run(first)) as silent, running(devices[1].run(second)):
        await online(first)
        await online(second)
        boards[0].faults.silent = True
        with pytest.raises(DeviceLost, match="unit 1"):
            await asyncio.wait_for(silent, 4)
        seen = len(second.all)
        began_s = clock.monotonic_s()
        boards[1].set_input(2, on=True)
        rex = await second.until(lambda e: isinstance(e, InputChanged) and e.active is True, since=seen)
        assert rex.at.mono_s - began_s < 0.5
        assert not link_task.done()


async def test_fire_is_seen_in_time_beside_a_unit_that_is_silent_and_tried_all_the_time(
    line, new_emitted, clock, open_device, running
):
    _, boards, link, _ = line
    boards[0].faults.silent = True

    async def keep_trying():
        while True:
            with contextlib.suppress(DeviceLost):
                await open_device("io.relay_modbus", link, **settings(1)).run(new_emitted())

    ear = new_emitted()
    device = open_device("io.relay_modbus", link, **settings(2, poll_s=0.1))
    async with running(device.run(ear)), running(keep_trying()):
        await online(ear)
        seen = len(ear.all)
        began_s = clock.monotonic_s()
        boards[1].set_input(0, on=False)
        boards[1].set_input(1, on=True)
        await ear.until(lambda e: isinstance(e, InputChanged) and e.active is True, since=seen)
        told = len(ear.all)
        fire = await ear.until(lambda e: isinstance(e, InputChanged) and e.active is True, since=told)
        assert fire.at.mono_s - began_s < 0.48


async def test_garbage_on_the_line_is_got_over(line, emitted, open_device, running):
    sim, boards, link, _ = line
    device = open_device("io.relay_modbus", link, **settings(2))
    async with running(device.run(emitted)) as task:
        await online(emitted)
        for noise in (b"\xff\x00\x17", bytes(range(64)), b"\x02\x02\xff" * 40):
            sim.inject(noise)
            await asyncio.sleep(0.03)
        boards[1].faults.noise = b"\x55\xaa"
        await asyncio.sleep(0.05)
        boards[1].faults.noise = b""
        seen = len(emitted.all)
        boards[1].set_input(2, on=True)
        await emitted.until(lambda e: isinstance(e, InputChanged) and e.active is True, since=seen)
        assert not task.done()


async def test_an_unplugged_line_is_a_lost_link(line, emitted, open_device, running):
    sim, _, link, link_task = line
    device = open_device("io.relay_modbus", link, **settings())
    async with running(device.run(emitted)) as task:
        await online(emitted)
        sim.hang_up()
        with pytest.raises(DeviceLost, match="rs485"):
            await asyncio.wait_for(link_task, 4)
        with pytest.raises(DeviceLost):
            await asyncio.wait_for(task, 4)
