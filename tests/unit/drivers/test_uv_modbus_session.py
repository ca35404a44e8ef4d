"""A disinfection unit against the simulated one on real sockets and a pseudo-terminal."""

import asyncio
import itertools
import statistics
from contextlib import AsyncExitStack

import pytest

from cardea.contract.reasons import RefusalReason
from drivers.api import (
    DeviceIdentified,
    DeviceLost,
    DeviceMisconfigured,
    Executed,
    HeartbeatSeen,
    HoldOpen,
    InputChanged,
    LeaseOutput,
    NotExecuted,
    OpenDoor,
    Reject,
    UnitReported,
)
from drivers.disinfection.uv_modbus import DRIVER
from drivers.disinfection.uv_modbus.actuation import CONTACTOR, EMITTER
from drivers.links.modbus import LineBusy, ModbusLink
from drivers.links.opening import open_link
from drivers.links.settings import ModbusRtuSettings, ModbusTcpSettings
from drivers.sim.relay_modbus import RelayBoard, RelayRtuSim, RelayTcpSim
from drivers.sim.uv_lamp import Lamp
from drivers.sim.uv_unit import CONTACTOR_COIL, EMITTER_COIL, WATCHDOG_REGISTER, Part, UvUnit

NAME = "disinfection.uv_modbus"
WRITE_COIL, WRITE_REGISTER = 5, 6
POLL_S = 0.05


def settings(**changes):
    return {**DRIVER.example, "poll_s": POLL_S, **changes}


def watched(**changes):
    """Settings of a unit that is only watched."""
    return settings(**{"emitter": None, "contactor": None, "watchdog": None, **changes})


@pytest.fixture
def clock(awake_clock):
    """Leases, watchdogs and delays are measured here."""
    return awake_clock


@pytest.fixture
async def tcp(clock):
    """One unit behind Modbus TCP, the link to it, and the link's task."""
    uv = UvUnit(1, clock, lamp=Lamp(warm_up_s=1e-6), hours=1000.0)
    async with RelayTcpSim([uv]) as sim:
        at = ModbusTcpSettings(kind="modbus_tcp", host="127.0.0.1", port=sim.port, answer_s_max=0.2)
        link = open_link("uv", at, clock)
        assert isinstance(link, ModbusLink)
        task = asyncio.create_task(link.run())
        yield uv, link, task
        task.cancel()
        await asyncio.wait([task])


async def online(emitted, *, since=0):
    return await emitted.until(lambda e: isinstance(e, UnitReported), since=since)


async def reported(emitted, *, since=None, **values):
    """The first report from now on that says so."""
    start = len(emitted.all) if since is None else since
    return await emitted.until(
        lambda e: isinstance(e, UnitReported) and all(e.values.get(k) == v for k, v in values.items()),
        since=start,
    )


async def emit_light(device, lease_s=2.0, name="on"):
    assert await device.submit(LeaseOutput(f"{name} contactor", CONTACTOR, lease_s)) == Executed()
    assert await device.submit(LeaseOutput(f"{name} emitter", EMITTER, lease_s)) == Executed()


def ours(history):
    return [(change.part, change.on, change.cause) for change in history]


# --- what it says --------------------------------------------------------------------------------


async def test_says_what_the_unit_says_by_the_agreed_names(tcp, emitted, open_device, running):
    _, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)):
        said = (await online(emitted)).values
        assert said == pytest.approx(
            {
                "output_on": 0, "contactor_on": 0, "irradiance_uw_cm2": 0, "lamp_h": 1000.0,
                "lamp_life_h": 9000, "lamp_life_pct": 800 / 9, "watchdog": 10, "enclosure_closed": 1,
                "fault_on": 0, "temperature_c": 22.0,
            }
        )  # fmt: skip
        assert emitted.of(HeartbeatSeen)


async def test_reports_come_at_least_every_three_tenths_of_a_second(tcp, emitted, open_device, running):
    _, link, _ = tcp
    device = open_device(NAME, link, **settings(poll_s=DRIVER.settings.model_fields["poll_s"].default))
    async with running(device.run(emitted)):
        for _ in range(6):
            await online(emitted, since=len(emitted.all))
    times_s = [report.at.mono_s for report in emitted.of(UnitReported)]
    waits_s = [later - earlier for earlier, later in itertools.pairwise(times_s)]
    assert statistics.median(waits_s) < 0.3


async def test_d2_what_cannot_be_believed_is_left_out(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        uv.nan_sensor()
        await emitted.until(lambda e: isinstance(e, Reject) and e.reason == "not_a_number")
        said = (await online(emitted, since=len(emitted.all))).values
        assert "irradiance_uw_cm2" not in said
        assert said["lamp_h"] == 1000.0
        uv.lose_measuring()
        await emitted.until(lambda e: isinstance(e, Reject) and e.reason == "unreadable")
        said = (await online(emitted, since=len(emitted.all))).values
        assert set(said) == {"output_on", "contactor_on", "enclosure_closed", "fault_on", "watchdog"}
        assert len(emitted.of(Reject)) == 5, "each value once, not with every reading"


async def test_what_is_recorded_is_decoded_to_what_was_said(tcp, emitted, open_device, running):
    class Recorded:
        def __init__(self):
            self.pieces = []

        def write(self, channel, chunk, at, *, end=False):
            self.pieces.append((channel, chunk, at))

    uv, link, _ = tcp
    recorded = Recorded()
    device = open_device(NAME, link, recorded, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        await emit_light(device)
        await reported(emitted, output_on=1.0)
    decoder = DRIVER.decoders["line"](DRIVER.settings.model_validate(settings()))
    assert {channel for channel, _, _ in recorded.pieces} == {"line"}
    events = [event for _, chunk, at in recorded.pieces for event in decoder.feed(chunk, at)]
    decoded = [event for event in events if isinstance(event, UnitReported)]
    assert len(decoded) == len(events)
    said = [report.values for report in emitted.of(UnitReported)]
    assert [event.values for event in decoded][: len(said)] == said
    assert uv.history


async def test_says_what_it_is_when_asked_and_that_it_lives(tcp, emitted, open_device, running, monkeypatch):
    monkeypatch.setattr("drivers.disinfection.uv_modbus.session.HEARTBEAT_S", 0.05)
    _, link, _ = tcp
    device = open_device(NAME, link, **settings(identification="read_device_information"))
    async with running(device.run(emitted)):
        assert await emitted.until(lambda e: isinstance(e, DeviceIdentified))
        first = len(emitted.all)
        await emitted.until(lambda e: isinstance(e, HeartbeatSeen), since=first)


async def test_events_that_nobody_fetches_end_the_session(tcp, open_device, monkeypatch):
    monkeypatch.setattr("drivers.disinfection.uv_modbus.session.EVENTS_MAX", 3)
    stuck = asyncio.Event()

    async def emit(_event):
        await stuck.wait()

    _, link, _ = tcp
    with pytest.raises(DeviceLost, match="not fetched"):
        await asyncio.wait_for(open_device(NAME, link, **settings()).run(emit), 4)


# --- D3: outputs are leases ----------------------------------------------------------------------


async def test_d3_a_lease_ends_by_itself_within_one_poll(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings(poll_s=0.2))
    async with running(device.run(emitted)):
        await online(emitted)
        on, off = uv.expect(Part.EMITTER, on=True), uv.expect(Part.EMITTER, on=False)
        await emit_light(device, 0.5)
        began, ended = await on, await asyncio.wait_for(off, 2)
        assert ended.cause == "write"
        assert 0.45 <= ended.at_s - began.at_s < 0.5 + 0.2
        assert (await reported(emitted, output_on=0.0, contactor_on=0.0)).values["irradiance_uw_cm2"] == 0


async def test_d3_a_lease_lives_by_renewal_and_ends_at_once_when_told(
    tcp, clock, emitted, open_device, running
):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        for number in range(5):
            await emit_light(device, 1.0, f"renewal {number}")
            await clock.sleep(0.25)
        assert ours(uv.history) == [
            (Part.CONTACTOR, True, "write"), (Part.EMITTER, True, "write"), (Part.LAMP, True, "write"),
        ]  # fmt: skip
        assert await device.submit(LeaseOutput("off", EMITTER, 0)) == Executed()
        assert not uv.on(Part.LAMP), "the answer comes after the deed"
        assert uv.on(Part.CONTACTOR)


async def test_d3_a_lease_ends_in_time_while_a_reading_hangs(tcp, emitted, open_device, running, monkeypatch):
    async def hang(*_args):
        await asyncio.Event().wait()

    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        on, off = uv.expect(Part.LAMP, on=True), uv.expect(Part.LAMP, on=False)
        await emit_light(device, 0.3)
        monkeypatch.setattr(link, "read_words", hang)
        ended = await asyncio.wait_for(off, 2)
        assert ended.cause == "write"
        assert ended.at_s - (await on).at_s < 0.6


async def test_d3_a_session_that_is_cancelled_switches_off(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        await emit_light(device)
        assert uv.on(Part.LAMP)
    assert [(change.part, change.on) for change in uv.history][3:] == [
        (Part.EMITTER, False), (Part.LAMP, False), (Part.CONTACTOR, False),
    ]  # fmt: skip
    assert {change.cause for change in uv.history} == {"write"}


async def test_d3_the_units_own_watchdog_covers_a_gateway_that_dies(tcp, emitted, open_device, running):
    uv, link, link_task = tcp
    device = open_device(NAME, link, **settings(watchdog={"address": 0, "value": 3}))
    async with running(device.run(emitted)) as session:
        await online(emitted)
        await emit_light(device)
        off = uv.expect(Part.LAMP, on=False)
        link_task.cancel()
        with pytest.raises(DeviceLost):
            await asyncio.wait_for(session, 3)
        assert (await asyncio.wait_for(off, 1)).cause == "watchdog"
        assert not uv.on(Part.CONTACTOR)


async def test_d3_a_watchdog_that_is_not_kept_is_refused(tcp, emitted, open_device):
    uv, link, _ = tcp
    for reads, problem in ((0, "hold the last output"), (7, "reads 7")):
        uv.watchdog_reads = reads
        with pytest.raises(DeviceMisconfigured, match=problem):
            await asyncio.wait_for(open_device(NAME, link, **settings()).run(emitted), 2)
    assert not uv.history


async def test_d3_an_emitter_without_a_watchdog_cannot_be_driven(tcp, open_device):
    _, link, _ = tcp
    with pytest.raises(DeviceMisconfigured, match="without a watchdog"):
        open_device(NAME, link, **settings(watchdog=None))


async def test_without_an_emitter_a_unit_is_watched_and_nothing_is_written(
    tcp, emitted, open_device, running
):
    uv, link, _ = tcp
    uv.force(Part.CONTACTOR, on=True)
    uv.force(Part.EMITTER, on=True)
    device = open_device(NAME, link, **watched(watchdog={"address": WATCHDOG_REGISTER, "value": 10}))
    async with running(device.run(emitted)) as session:
        said = (await online(emitted)).values
        assert (said["output_on"], said["watchdog"]) == (1.0, 0.0)
        receipt = await device.submit(LeaseOutput("a", EMITTER, 1.0))
        assert isinstance(receipt, NotExecuted)
        assert receipt.reason is RefusalReason.UNSUPPORTED
        await online(emitted, since=len(emitted.all))
        assert not session.done()
    assert uv.on(Part.LAMP)
    assert not {function for function, _ in uv.heard} & {WRITE_COIL, WRITE_REGISTER}


async def test_an_emitter_without_a_contactor_and_a_coil_far_from_the_other(
    tcp, emitted, open_device, running
):
    uv, link, _ = tcp
    uv.force(Part.CONTACTOR, on=True)
    device = open_device(NAME, link, **settings(contactor=None))
    async with running(device.run(emitted)):
        await online(emitted)
        assert await device.submit(LeaseOutput("a", EMITTER, 2.0)) == Executed()
        await reported(emitted, output_on=1.0)
        receipt = await device.submit(LeaseOutput("b", CONTACTOR, 2.0))
        assert isinstance(receipt, NotExecuted)
        assert receipt.reason is RefusalReason.UNSUPPORTED
    assert uv.on(Part.CONTACTOR)
    assert not uv.on(Part.EMITTER)
    apart = open_device(NAME, link, **settings(contactor={"coil": 15}))
    before = len(uv.heard)
    async with running(apart.run(emitted)):
        await online(emitted, since=len(emitted.all))
    read = {address for function, address in list(uv.heard)[before:] if function == 1}
    assert read == {EMITTER_COIL, 15}


# --- D5: off before anything else ----------------------------------------------------------------


async def test_d5_outputs_go_off_before_anything_else(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    uv.force(Part.CONTACTOR, on=True)
    uv.force(Part.EMITTER, on=True)
    before = len(uv.history)
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        assert list(uv.heard)[:2] == [(WRITE_COIL, EMITTER_COIL), (WRITE_COIL, CONTACTOR_COIL)]
        assert not uv.on(Part.LAMP)
        assert all(not change.on for change in list(uv.history)[before:])


async def test_d5_nothing_comes_on_again_by_itself(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        await emit_light(device)
    before = len(uv.history)
    async with running(device.run(emitted)):
        await online(emitted, since=len(emitted.all))
        await online(emitted, since=len(emitted.all))
    assert len(uv.history) == before


# --- D6: read-back -------------------------------------------------------------------------------


async def test_d6_feedback_is_what_the_unit_shows_and_never_the_command(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        assert await device.submit(LeaseOutput("a", EMITTER, 1.0)) == Executed()
        assert uv.on(Part.EMITTER)
        assert (await online(emitted, since=len(emitted.all))).values["output_on"] == 0.0
        uv.weld()
        assert await device.submit(LeaseOutput("b", CONTACTOR, 1.0)) == Executed()
        await reported(emitted, output_on=1.0)
        assert await device.submit(LeaseOutput("c", EMITTER, 0)) == Executed()
        seen = len(emitted.all)
        await online(emitted, since=seen)
        said = (await online(emitted, since=len(emitted.all))).values
        assert (said["output_on"], said["contactor_on"]) == (1.0, 1.0)
        assert said["irradiance_uw_cm2"] > 50
        assert await device.submit(LeaseOutput("d", CONTACTOR, 0)) == Executed()
        await reported(emitted, output_on=0.0, contactor_on=0.0)


async def test_d6_a_welded_relay_is_cut_by_the_contactor_when_nobody_does_it(
    tcp, emitted, open_device, running, monkeypatch
):
    monkeypatch.setattr("drivers.disinfection.uv_modbus.outputs.FEEDBACK_S_MAX", 0.2)
    uv, link, _ = tcp
    uv.weld()
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)) as session:
        await online(emitted)
        await emit_light(device)
        await reported(emitted, output_on=1.0)
        await device.submit(LeaseOutput("off", EMITTER, 0))
        off = uv.expect(Part.LAMP, on=False)
        with pytest.raises(DeviceLost, match="output_on contradicts"):
            await asyncio.wait_for(session, 3)
        assert (await off).cause == "write"
        assert not uv.on(Part.CONTACTOR)


@pytest.mark.parametrize("part", [Part.EMITTER, Part.CONTACTOR])
async def test_d6_a_coil_that_somebody_else_switches_ends_everything(
    tcp, emitted, open_device, running, part
):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)) as session:
        await online(emitted)
        await emit_light(device)
        uv.force(part, on=False)
        with pytest.raises(DeviceLost, match="not as it was switched"):
            await asyncio.wait_for(session, 3)
        assert not uv.on(Part.EMITTER)
        assert not uv.on(Part.CONTACTOR)


async def test_d6_what_somebody_else_switches_on_is_switched_off(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)) as session:
        await online(emitted)
        off = uv.expect(Part.EMITTER, on=False)
        uv.force(Part.EMITTER, on=True)
        with pytest.raises(DeviceLost, match="not as it was switched"):
            await asyncio.wait_for(session, 3)
        assert (await off).cause == "write"


# --- losing the unit -----------------------------------------------------------------------------


async def test_a_unit_that_forgot_its_watchdog_is_commissioned_anew(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)) as session:
        await online(emitted)
        await emit_light(device)
        off = uv.expect(Part.LAMP, on=False)
        uv.forget_watchdog()
        with pytest.raises(DeviceLost, match="restarted"):
            await asyncio.wait_for(session, 3)
        assert (await off).cause == "write"
    async with running(device.run(emitted)):
        await reported(emitted, watchdog=10.0)
        assert uv.watchdog_s == 1.0
        assert not uv.on(Part.LAMP)


async def test_a_unit_that_loses_its_power_is_lost_and_comes_back_dark(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)) as session:
        await online(emitted)
        await emit_light(device)
        uv.lose_power(30.0)
        with pytest.raises(DeviceLost):
            await asyncio.wait_for(session, 3)
        receipt = await device.submit(LeaseOutput("late", EMITTER, 1.0))
        assert isinstance(receipt, NotExecuted)
        assert receipt.reason is RefusalReason.UNREACHABLE
    uv.lose_power(0.0)
    async with running(device.run(emitted)) as session:
        await reported(emitted, watchdog=10.0, output_on=0.0)
        assert not session.done()


async def test_one_missed_answer_is_no_loss(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)) as session:
        await online(emitted)
        uv.answers_lost = 1
        await online(emitted, since=len(emitted.all))
        await online(emitted, since=len(emitted.all))
        assert uv.answers_lost == 0
        assert not session.done()


async def test_a_silent_unit_is_lost(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **watched())
    async with running(device.run(emitted)) as session:
        await online(emitted)
        uv.silent = True
        with pytest.raises(DeviceLost, match="no answer"):
            await asyncio.wait_for(session, 3)


async def test_an_address_that_the_unit_does_not_have_is_misconfiguration(tcp, emitted, open_device):
    _, link, _ = tcp
    registers = [{"metric": "ozone_ppm", "address": 999, "plausible": [0, 1]}]
    with pytest.raises(DeviceMisconfigured, match="input register"):
        await asyncio.wait_for(open_device(NAME, link, **settings(registers=registers)).run(emitted), 2)


async def test_needs_a_modbus_link(open_device):
    with pytest.raises(DeviceMisconfigured, match="modbus"):
        open_device(NAME, None, **settings())


# --- commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (LeaseOutput("a", 2, 1.0), RefusalReason.UNSUPPORTED),
        (LeaseOutput("a", EMITTER, 2.01), RefusalReason.UNSAFE),
        (LeaseOutput("a", EMITTER, -0.1), RefusalReason.UNSAFE),
        (LeaseOutput("a", EMITTER, float("nan")), RefusalReason.UNSAFE),
        (LeaseOutput("a", CONTACTOR, float("inf")), RefusalReason.UNSAFE),
        (OpenDoor("a", 1, 1.0), RefusalReason.UNSUPPORTED),
        (HoldOpen("a", 1, on=True), RefusalReason.UNSUPPORTED),
    ],
)
async def test_what_the_unit_cannot_or_must_not_do(tcp, emitted, open_device, running, command, reason):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        receipt = await device.submit(command)
        assert isinstance(receipt, NotExecuted)
        assert receipt.reason is reason
    assert not uv.history


async def test_a_command_is_done_once(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    early = await device.submit(LeaseOutput("early", EMITTER, 1.0))
    assert early == NotExecuted(RefusalReason.UNREACHABLE, "the unit is not connected")
    async with running(device.run(emitted)):
        await online(emitted)
        writes = [request for request in uv.heard if request[0] == WRITE_COIL]
        receipts = await asyncio.gather(*(device.submit(LeaseOutput("a", EMITTER, 0.1)) for _ in range(4)))
        assert receipts == [Executed()] * 4
        await asyncio.wait_for(uv.expect(Part.EMITTER, on=False), 1)
        assert await device.submit(LeaseOutput("a", EMITTER, 0.1)) == Executed()
        assert not uv.on(Part.EMITTER)
        assert len([request for request in uv.heard if request[0] == WRITE_COIL]) == len(writes) + 2


async def test_a_command_that_nobody_answers_is_taken_back(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)) as session:
        await online(emitted)
        on, off = uv.expect(Part.EMITTER, on=True), uv.expect(Part.EMITTER, on=False)
        uv.silent = True
        receipt = await asyncio.wait_for(device.submit(LeaseOutput("a", EMITTER, 2.0)), 2)
        assert isinstance(receipt, NotExecuted)
        assert receipt.reason is RefusalReason.UNREACHABLE
        assert on.done(), "the unit heard it, only its answer was lost"
        assert (await asyncio.wait_for(off, 1)).cause == "write"
        with pytest.raises(DeviceLost):
            await asyncio.wait_for(session, 3)


async def test_a_command_is_answered_in_time_when_the_line_hangs(
    tcp, emitted, open_device, running, monkeypatch
):
    async def hang(*_args, **_more):
        await asyncio.Event().wait()

    monkeypatch.setattr("drivers.disinfection.uv_modbus.actuation.COMMAND_S_MAX", 0.1)
    monkeypatch.setattr("drivers.disinfection.uv_modbus.session.OFF_S_MAX", 0.1)
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        with monkeypatch.context() as patched:
            patched.setattr(link, "write_coil", hang)
            async with asyncio.timeout(1):
                receipt = await device.submit(LeaseOutput("a", EMITTER, 1.0))
            assert receipt == NotExecuted(RefusalReason.UNREACHABLE, "no answer in time")
    assert not uv.on(Part.EMITTER)


async def test_a_session_ends_in_time_when_the_line_hangs(tcp, emitted, open_device, monkeypatch):
    async def hang(*_args, **_more):
        await asyncio.Event().wait()

    monkeypatch.setattr("drivers.disinfection.uv_modbus.session.OFF_S_MAX", 0.1)
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings(watchdog={"address": 0, "value": 5}))
    session = asyncio.create_task(device.run(emitted))
    await online(emitted)
    await emit_light(device)
    monkeypatch.setattr(link, "write_coil", hang)
    off = uv.expect(Part.LAMP, on=False)
    session.cancel()
    async with asyncio.timeout(1):
        await asyncio.wait([session])
    assert session.cancelled()
    assert (await asyncio.wait_for(off, 2)).cause == "watchdog"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LineBusy("too many"), RefusalReason.QUEUE_FULL),
        (DeviceMisconfigured("no such coil"), RefusalReason.DEVICE_REFUSED),
    ],
)
async def test_a_busy_line_and_a_unit_that_refuses(
    tcp, emitted, open_device, running, monkeypatch, error, reason
):
    async def refuse(*_args, **_more):
        raise error

    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        with monkeypatch.context() as patched:
            patched.setattr(link, "write_coil", refuse)
            receipt = await device.submit(LeaseOutput("a", EMITTER, 1.0))
        assert isinstance(receipt, NotExecuted)
        assert receipt.reason is reason
    assert not uv.on(Part.EMITTER)


async def test_d3_a_lease_that_ends_between_two_tries_does_not_switch_on(
    tcp, clock, emitted, open_device, running, monkeypatch
):
    tried = []
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        write = link.write_coil

        async def lose_the_first(unit, coil, *, on):
            tried.append(on)
            if len(tried) > 1:
                return await write(unit, coil, on=on)
            await clock.sleep(0.1)
            raise DeviceLost("no answer")

        monkeypatch.setattr(link, "write_coil", lose_the_first)
        receipt = await device.submit(LeaseOutput("a", EMITTER, 0.05))
        assert isinstance(receipt, NotExecuted)
        assert receipt.reason is RefusalReason.EXPIRED
        assert tried == [True, False]
    assert not uv.history


async def test_a_lease_that_waited_too_long_for_its_turn_is_none(tcp, clock, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings())
    async with running(device.run(emitted)):
        await online(emitted)
        async with device._actuation._writing:
            waiting = asyncio.create_task(device.submit(LeaseOutput("a", EMITTER, 0.05)))
            await clock.sleep(0.1)
        receipt = await waiting
        assert isinstance(receipt, NotExecuted)
        assert receipt.reason is RefusalReason.EXPIRED
        assert not uv.history


async def test_what_is_on_is_written_again_within_the_watchdogs_time(tcp, emitted, open_device, running):
    uv, link, _ = tcp
    device = open_device(NAME, link, **settings(watchdog={"address": 0, "value": 3}))
    async with running(device.run(emitted)):
        await online(emitted)
        await emit_light(device, 0.6)
        ended = await asyncio.wait_for(uv.expect(Part.LAMP, on=False), 2)
        assert ended.cause == "write"
        again = [request for request in uv.heard if request == (WRITE_COIL, EMITTER_COIL)]
        assert len(again) >= 5, "off at the start, on, again and again, off"


# --- on a serial line ----------------------------------------------------------------------------


async def test_a_unit_and_a_relay_board_share_one_line(clock, tmp_path, new_emitted, open_device, running):
    board, uv = RelayBoard(2, clock), UvUnit(1, clock)
    async with RelayRtuSim([board, uv], tmp_path / "rs485") as sim, AsyncExitStack() as stack:
        link = open_link("rs485", ModbusRtuSettings(kind="modbus_rtu", path=sim.path, baud=115200), clock)
        assert isinstance(link, ModbusLink)
        await stack.enter_async_context(running(link.run()))
        device = open_device(NAME, link, **settings())
        contacts = open_device(
            "io.relay_modbus", link, unit=2, inputs=[{"kind": "door", "input": 0, "normally_closed": True}]
        )
        said, moved = new_emitted(), new_emitted()
        await stack.enter_async_context(running(contacts.run(moved)))
        session = await stack.enter_async_context(running(device.run(said)))
        await online(said)
        await moved.until(lambda e: isinstance(e, InputChanged) and e.active is True)
        await emit_light(device)
        await reported(said, output_on=1.0, contactor_on=1.0)
        board.set_input(0, on=True)
        await moved.until(lambda e: isinstance(e, InputChanged) and e.active is False)
        sim.inject(b"\xff\x00\x17" * 9)
        await online(said, since=len(said.all))
        assert not session.done()
        off = uv.expect(Part.LAMP, on=False)
        session.cancel()
        assert (await asyncio.wait_for(off, 1)).cause == "write"


def test_the_coils_are_those_of_the_example():
    assert DRIVER.example["emitter"]["coil"] == EMITTER_COIL
    assert DRIVER.example["contactor"]["coil"] == CONTACTOR_COIL
