"""The simulated disinfection unit: its physics in virtual time, its registers and watchdog on sockets."""

import asyncio
import itertools
import math
import struct

import pytest

from drivers.api import DeviceLost, DeviceMisconfigured
from drivers.links.modbus import BitTable, ModbusLink, WordTable
from drivers.links.opening import open_link
from drivers.links.settings import ModbusRtuSettings, ModbusTcpSettings
from drivers.sim.relay_modbus import RelayBoard, RelayRtuSim, RelayTcpSim
from drivers.sim.uv_lamp import COLD, LIFE_LEFT, Burning, Lamp
from drivers.sim.uv_unit import (
    CONTACTOR_COIL,
    CONTACTOR_INPUT,
    EMITTER_COIL,
    ENCLOSURE_INPUT,
    FAULT_INPUT,
    HOLDING,
    IRRADIANCE_REGISTER,
    LAMP_H_REGISTER,
    LIFE_H_REGISTER,
    OUTPUT_INPUT,
    TEMPERATURE_REGISTER,
    WATCHDOG_REGISTER,
    Part,
    UvUnit,
)

UNIT = 5

# --- the lamp ------------------------------------------------------------------------------------


def burning(*, hours=0.0, **lamp):
    return Burning(Lamp(**lamp), hours, seed=1, now_s=0.0)


def test_irradiance_rises_while_the_lamp_warms_up_and_is_nothing_when_it_is_off():
    lamp = burning(new_uw_cm2=100.0, warm_up_s=60.0)
    assert lamp.irradiance_uw_cm2 == 0
    lamp.on = True
    seen = []
    for now_s in range(0, 120, 10):
        lamp.pass_time(now_s)
        seen.append(lamp.irradiance_uw_cm2)
    assert seen[0] == pytest.approx(100 * COLD)
    assert all(later > earlier for earlier, later in itertools.pairwise(seen[:7]))
    assert seen[6:] == pytest.approx([100.0] * 6, rel=0.001)
    lamp.on = False
    assert lamp.irradiance_uw_cm2 == 0
    warm_c = lamp.temperature_c
    lamp.pass_time(1e6)
    assert lamp.temperature_c < warm_c


def test_hours_are_counted_faster_and_age_the_lamp():
    lamp = burning(life_h=1000, warm_up_s=1.0, acceleration=3600.0)
    lamp.on = True
    lamp.pass_time(500.0)
    assert lamp.hours == pytest.approx(500.0)
    lamp.on = False
    lamp.pass_time(900.0)
    assert lamp.hours == pytest.approx(500.0)
    lamp.on, lamp.hours = True, 1000.0
    lamp.pass_time(902.0)
    assert lamp.irradiance_uw_cm2 == pytest.approx(120.0 * LIFE_LEFT, rel=0.01)


def test_the_same_seed_is_the_same_noise():
    first, again = burning(hours=1.0), burning(hours=1.0)
    first.on = again.on = True
    shown = [first.sensed_uw_cm2() for _ in range(50)]
    assert shown == [again.sensed_uw_cm2() for _ in range(50)]
    assert len(set(shown)) == 50
    assert max(abs(value / first.irradiance_uw_cm2 - 1) for value in shown) < 0.05


# --- the unit on its line ------------------------------------------------------------------------


@pytest.fixture
def clock(awake_clock):
    """Watchdogs and outages are measured here."""
    return awake_clock


@pytest.fixture
async def unit(clock):
    """A unit behind Modbus TCP, and what asks it."""
    uv = UvUnit(UNIT, clock, lamp=Lamp(warm_up_s=1e-6), hours=1234.56)
    async with RelayTcpSim([uv]) as sim:
        at = ModbusTcpSettings(kind="modbus_tcp", host="127.0.0.1", port=sim.port, answer_s_max=0.2)
        link = open_link("uv", at, clock)
        assert isinstance(link, ModbusLink)
        task = asyncio.create_task(link.run())
        await link.ready()
        yield uv, link
        task.cancel()
        await asyncio.wait([task])


async def inputs(link):
    return await link.read_bits(UNIT, BitTable.INPUTS, range(4))


async def irradiance(link):
    words = await link.read_words(UNIT, WordTable.INPUT, [IRRADIANCE_REGISTER, IRRADIANCE_REGISTER + 1])
    return struct.unpack(">f", struct.pack(">2H", *words.values()))[0]


async def switch(link, *, on):
    for coil in (CONTACTOR_COIL, EMITTER_COIL):
        await link.write_coil(UNIT, coil, on=on)


async def test_emits_only_with_both_relays_on(unit):
    uv, link = unit
    burns = uv.expect(Part.LAMP, on=True)
    await link.write_coil(UNIT, EMITTER_COIL, on=True)
    assert not uv.on(Part.LAMP)
    assert (await inputs(link))[OUTPUT_INPUT] is False
    await link.write_coil(UNIT, CONTACTOR_COIL, on=True)
    assert (await burns).cause == "write"
    assert await inputs(link) == {
        OUTPUT_INPUT: True, CONTACTOR_INPUT: True, ENCLOSURE_INPUT: True, FAULT_INPUT: False,
    }  # fmt: skip
    assert await irradiance(link) == pytest.approx(uv.irradiance_uw_cm2, rel=0.05)
    assert await link.read_bits(UNIT, BitTable.COILS, [0, 1]) == {0: True, 1: True}


async def test_its_registers(unit):
    uv, link = unit
    words = await link.read_words(UNIT, WordTable.INPUT, range(2, 6))
    hours = words[LAMP_H_REGISTER] << 16 | words[LAMP_H_REGISTER + 1]
    assert (hours, words[LIFE_H_REGISTER], words[TEMPERATURE_REGISTER]) == (12346, 9000, 220)
    uv.age(100.0)
    assert uv.lamp_h == pytest.approx(1334.56)
    uv.new_lamp()
    assert uv.lamp_h == 0
    with pytest.raises(DeviceMisconfigured):
        await link.read_words(UNIT, WordTable.INPUT, [HOLDING])
    await link.write_coil(UNIT, 7, on=True)
    await link.write_register(UNIT, 7, 1)
    assert not uv.history, "what means nothing does nothing"


async def test_without_a_request_the_watchdog_drops_both_relays(unit):
    uv, link = unit
    await link.write_register(UNIT, WATCHDOG_REGISTER, 2)
    assert (await link.read_words(UNIT, WordTable.HOLDING, [WATCHDOG_REGISTER]))[0] == 2
    assert uv.watchdog_s == pytest.approx(0.2)
    await switch(link, on=True)
    began = uv.history[-1]
    dropped = await asyncio.wait_for(uv.expect(Part.LAMP, on=False), 2)
    assert dropped.cause == "watchdog"
    assert 0.19 <= dropped.at_s - began.at_s < 0.5
    assert not uv.on(Part.EMITTER)
    assert not uv.on(Part.CONTACTOR)


async def test_a_factory_set_watchdog_holds_the_output_for_ever(unit):
    uv, link = unit
    await link.write_register(UNIT, WATCHDOG_REGISTER, 1)
    await switch(link, on=True)
    uv.forget_watchdog()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(uv.expect(Part.LAMP, on=False), 0.25)
    assert (await link.read_words(UNIT, WordTable.HOLDING, [WATCHDOG_REGISTER]))[0] == 0


async def test_a_welded_relay_stays_on_until_the_contactor_opens(unit):
    uv, link = unit
    uv.weld()
    await switch(link, on=True)
    await link.write_coil(UNIT, EMITTER_COIL, on=False)
    assert await link.read_bits(UNIT, BitTable.COILS, [EMITTER_COIL]) == {EMITTER_COIL: False}
    assert (await inputs(link))[OUTPUT_INPUT] is True
    assert uv.on(Part.LAMP)
    await link.write_coil(UNIT, CONTACTOR_COIL, on=False)
    assert (await inputs(link))[OUTPUT_INPUT] is False
    assert not uv.on(Part.LAMP)


async def test_a_dead_lamp_is_live_and_dark(unit):
    uv, link = unit
    await switch(link, on=True)
    uv.dead_lamp()
    shown = await inputs(link)
    assert (shown[OUTPUT_INPUT], shown[FAULT_INPUT]) == (True, True)
    assert await irradiance(link) == 0
    uv.new_lamp()
    assert await irradiance(link) > 0


async def test_a_sensor_that_is_stuck_or_shows_no_number(unit):
    uv, link = unit
    await switch(link, on=True)
    uv.stuck_sensor()
    shown = await irradiance(link)
    await switch(link, on=False)
    assert await irradiance(link) == shown > 0
    uv.nan_sensor()
    assert math.isnan(await irradiance(link))
    uv.well_sensor()
    assert await irradiance(link) == 0


async def test_a_measuring_board_that_is_gone(unit):
    uv, link = unit
    uv.lose_measuring()
    with pytest.raises(DeviceLost, match="exception 4"):
        await irradiance(link)
    assert (await inputs(link))[ENCLOSURE_INPUT] is True


async def test_a_watchdog_register_that_is_not_kept(unit):
    uv, link = unit
    uv.watchdog_reads = 0
    await link.write_register(UNIT, WATCHDOG_REGISTER, 5)
    assert (await link.read_words(UNIT, WordTable.HOLDING, [WATCHDOG_REGISTER]))[0] == 0


async def test_an_enclosure_that_is_opened(unit):
    uv, link = unit
    uv.open_enclosure()
    assert (await inputs(link))[ENCLOSURE_INPUT] is False
    uv.close_enclosure()
    assert (await inputs(link))[ENCLOSURE_INPUT] is True


async def test_without_power_it_is_silent_and_afterwards_as_new(unit, clock):
    uv, link = unit
    await link.write_register(UNIT, WATCHDOG_REGISTER, 20)
    uv.weld(Part.CONTACTOR)
    await switch(link, on=True)
    off = uv.expect(Part.LAMP, on=False)
    uv.lose_power(10.0)
    assert (await off).cause == "power"
    with pytest.raises(DeviceLost):
        await inputs(link)
    uv.lose_power(0.0)
    await clock.sleep(0)
    async with asyncio.timeout(2):
        while True:
            try:
                shown = await inputs(link)
                break
            except DeviceLost:
                continue
    assert (shown[OUTPUT_INPUT], shown[CONTACTOR_INPUT]) == (False, True)
    assert (await link.read_words(UNIT, WordTable.HOLDING, [WATCHDOG_REGISTER]))[0] == 0
    assert await link.read_bits(UNIT, BitTable.COILS, [0, 1]) == {0: False, 1: False}


async def test_stands_beside_a_relay_board_on_one_line(clock, tmp_path):
    board, uv = RelayBoard(1, clock), UvUnit(UNIT, clock)
    board.set_input(0, on=True)
    async with RelayRtuSim([board, uv], tmp_path / "rs485") as sim:
        link = open_link("rs485", ModbusRtuSettings(kind="modbus_rtu", path=sim.path, baud=115200), clock)
        assert isinstance(link, ModbusLink)
        task = asyncio.create_task(link.run())
        await link.ready()
        assert await link.read_bits(1, BitTable.INPUTS, [0]) == {0: True}
        assert (await inputs(link))[ENCLOSURE_INPUT] is True
        uv.silent = True
        with pytest.raises(DeviceLost):
            await inputs(link)
        assert await link.read_bits(1, BitTable.INPUTS, [0]) == {0: True}
        assert list(uv.heard) == [(2, 0), (2, 0)]
        uv.force(Part.CONTACTOR, on=True)
        assert [change.cause for change in uv.history] == ["hand"]
        task.cancel()
        await asyncio.wait([task])
