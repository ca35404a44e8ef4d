"""Known pyrometers over TCP and over a line: registers, what they report, the emissivity that is set."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pymodbus.constants import ExcCodes

from drivers.api import DeviceLost, DeviceMisconfigured, SpotMeasured, Unfit
from drivers.links.opening import open_link
from drivers.links.replay import read_capture
from drivers.links.settings import ModbusRtuSettings, ModbusTcpSettings
from drivers.sim.relay_modbus import RelayRtuSim, RelayTcpSim
from drivers.sim.spot_modbus import AT20, OS_MINI, PYROUSB, Registers, SpotInstrument
from drivers.thermal.modbus_spot.decode import LineDecoder
from drivers.thermal.modbus_spot.instruments import INSTRUMENTS
from drivers.thermal.modbus_spot.registers import StatusRegister
from drivers.thermal.modbus_spot.settings import SpotSettings

DRIVER = "thermal.modbus_spot"
CAPTURES = Path(__file__).parents[2] / "conformance/captures" / DRIVER
SIMULATED: dict[str, Registers] = {"pyrousb": PYROUSB, "os_mini": OS_MINI, "at20": AT20}
OF_CALEX = ["pyrousb", "os_mini"]


@asynccontextmanager
async def on_tcp(clock: Any, *units: SpotInstrument) -> AsyncGenerator[Any]:
    async with RelayTcpSim(units) as sim:
        link = open_link("io", ModbusTcpSettings(kind="modbus_tcp", host="127.0.0.1", port=sim.port), clock)
        task = asyncio.create_task(link.run())
        yield link
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def on_a_line(clock: Any, *units: SpotInstrument) -> AsyncGenerator[Any]:
    async with RelayRtuSim(units) as sim:
        settings = ModbusRtuSettings(kind="modbus_rtu", path=sim.path, baud=9600, answer_s_max=0.5)
        link = open_link("rs485", settings, clock)
        task = asyncio.create_task(link.run())
        yield link
        task.cancel()
        await asyncio.wait([task])


def quick(instrument: str, **changes: Any) -> dict[str, Any]:
    return {"unit": 1, "instrument": instrument, "poll_s": 0.05, **changes}


# --- The registers that they have -----------------------------------------------------------------


def test_every_known_instrument_is_simulated():
    assert SIMULATED.keys() == INSTRUMENTS.keys()


@pytest.mark.parametrize("instrument", INSTRUMENTS)
@pytest.mark.parametrize("bus", [on_tcp, on_a_line])
async def test_measures(clock, emitted, open_device, running, instrument, bus):
    unit = SpotInstrument(1, SIMULATED[instrument])
    async with bus(clock, unit) as link, running(open_device(DRIVER, link, **quick(instrument)).run(emitted)):
        first = await emitted.until(lambda e: e.unfit is None)
        unit.set_temperature(-12.3)
        cold = await emitted.until(lambda e: e.surface_temp_c != 36.0)
    knows = instrument in OF_CALEX
    assert first == SpotMeasured(
        at=first.at,
        surface_temp_c=36.0,
        sensor_temp_c=25.0 if knows else None,
        emissivity=0.98 if knows else None,
    )
    assert cold.surface_temp_c == pytest.approx(-12.3)


@pytest.mark.parametrize("instrument", OF_CALEX)
async def test_what_they_report_of_themselves(clock, emitted, open_device, running, instrument):
    unit = SpotInstrument(1, SIMULATED[instrument])
    reported = {
        0b00001: Unfit.SENSOR_FAULT,
        0b00010: Unfit.SENSOR_FAULT,
        0b00100: Unfit.SENSOR_FAULT,
        0b01000: Unfit.OUT_OF_RANGE,
        0b10000: Unfit.OUT_OF_RANGE,
    }
    async with (
        on_tcp(clock, unit) as link,
        running(open_device(DRIVER, link, **quick(instrument)).run(emitted)),
    ):
        for status, unfit in reported.items():
            unit.set_status(status)
            said = await emitted.until(lambda e, unfit=unfit: e.unfit is unfit, since=len(emitted.all))
            assert said.surface_temp_c is None
        unit.set_status(0)
        await emitted.until(lambda e: e.unfit is None, since=len(emitted.all))


@pytest.mark.parametrize("instrument", INSTRUMENTS)
async def test_one_that_is_stuck(clock, emitted, open_device, running, instrument):
    unit = SpotInstrument(1, SIMULATED[instrument])
    unit.stuck = True
    async with (
        on_tcp(clock, unit) as link,
        running(open_device(DRIVER, link, **quick(instrument, frozen_s=1.0)).run(emitted)),
    ):
        await emitted.until(lambda e: e.unfit is Unfit.FROZEN)


async def test_a_camera_before_its_first_picture_is_no_measurement(clock, emitted, open_device, running):
    unit = SpotInstrument(1, AT20)
    for address in (0x07, 0x08):
        unit.set_word(address, 0)
    async with on_tcp(clock, unit) as link, running(open_device(DRIVER, link, **quick("at20")).run(emitted)):
        measured = await emitted.until(lambda _: True)
    assert (measured.surface_temp_c, measured.unfit) == (None, Unfit.OUT_OF_RANGE)


async def test_one_that_is_silent(clock, emitted, open_device):
    unit = SpotInstrument(1, AT20)
    async with on_tcp(clock, unit) as link:
        session = asyncio.create_task(open_device(DRIVER, link, **quick("at20")).run(emitted))
        await emitted.until(lambda _: True)
        unit.silent = True
        with pytest.raises(DeviceLost, match="no answer"):
            await session


@pytest.mark.parametrize(
    ("refusal", "raised", "why"),
    [
        (ExcCodes.DEVICE_BUSY, DeviceLost, "exception 6"),
        (ExcCodes.DEVICE_FAILURE, DeviceLost, "exception 4"),
        (ExcCodes.ILLEGAL_ADDRESS, DeviceMisconfigured, "illegal address"),
        (ExcCodes.ILLEGAL_FUNCTION, DeviceMisconfigured, "illegal function"),
    ],
)
async def test_one_that_answers_with_an_exception(clock, emitted, open_device, refusal, raised, why):
    unit = SpotInstrument(1, PYROUSB)
    unit.refusal = refusal
    async with on_tcp(clock, unit) as link:
        with pytest.raises(raised, match=why):
            await open_device(DRIVER, link, **quick("pyrousb")).run(emitted)
    assert not emitted.all


def test_what_is_named_overrules_what_is_known():
    named = SpotSettings.model_validate(
        {
            "unit": 1,
            "instrument": "pyrousb",
            "surface": {"address": 0x13},
            "status": {"address": 0x20, "meanings": [{"mask": 1, "value": 0, "unfit": "warming_up"}]},
        }
    ).registers
    known = INSTRUMENTS["pyrousb"]
    assert (named.surface.address, named.sensor, named.emissivity) == (0x13, known.sensor, known.emissivity)
    assert isinstance(named.status, StatusRegister)
    assert named.status.address == 0x20


def test_without_an_instrument_the_surface_must_be_named():
    with pytest.raises(ValidationError, match="name an instrument"):
        SpotSettings.model_validate({"unit": 1})
    free = SpotSettings.model_validate({"unit": 1, "surface": {"address": 3}}).registers
    assert (free.surface.address, free.sensor, free.status) == (3, None, None)


# --- What is written ------------------------------------------------------------------------------


@pytest.mark.parametrize("instrument", OF_CALEX)
async def test_an_emissivity_is_set_where_it_wears_out_nothing(
    clock, emitted, open_device, running, instrument
):
    unit = SpotInstrument(1, SIMULATED[instrument])
    unit.set_emissivity(0.95)
    async with (
        on_a_line(clock, unit) as link,
        running(open_device(DRIVER, link, **quick(instrument, emissivity_set=0.98)).run(emitted)),
    ):
        first = await emitted.until(lambda _: True)
        volatile, kept = SIMULATED[instrument].emissivity_volatile, SIMULATED[instrument].emissivity
        assert volatile is not None
        assert kept is not None
        assert (unit.word(volatile), unit.word(kept), unit.wear) == (9800, 9500, 0)
        unit.restart()
        assert unit.word(volatile) == 9500
        async with asyncio.timeout(5):
            while unit.word(volatile) != 9800:
                await clock.sleep(0.02)
        await emitted.until(lambda _: True, since=len(emitted.all))
    assert first.emissivity == 0.98
    assert {event.emissivity for event in emitted.all} == {0.98}, "nothing is told under another one"
    assert unit.wear == 0


async def test_an_emissivity_that_is_not_taken(clock, emitted, open_device):
    unit = SpotInstrument(1, PYROUSB)
    unit.set_emissivity(0.95)
    unit.deaf = True
    async with on_tcp(clock, unit) as link:
        with pytest.raises(
            DeviceMisconfigured, match="9800 was written to holding register 24, which holds 9500"
        ):
            await open_device(DRIVER, link, **quick("pyrousb", emissivity_set=0.98)).run(emitted)


async def test_nothing_is_written_where_nothing_was_asked(clock, emitted, open_device, running):
    unit = SpotInstrument(1, PYROUSB)
    unit.set_emissivity(0.95)
    async with (
        on_tcp(clock, unit) as link,
        running(open_device(DRIVER, link, **quick("pyrousb")).run(emitted)),
    ):
        measured = await emitted.until(lambda _: len(emitted.all) >= 2)
    assert (measured.emissivity, unit.word(0x18), unit.wear) == (0.95, 9500, 0)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"instrument": "at20", "emissivity_set": 0.98}, "no register of this instrument takes it"),
        ({"surface": {"address": 1}, "emissivity_set": 0.98}, "no register of this instrument takes it"),
        ({"instrument": "os_mini", "emissivity_set": 0.15}, "must be 0.2 or more"),
        ({"instrument": "pyrousb", "emissivity_set": 1.01}, "less than or equal to 1"),
        ({"instrument": "pyrometer"}, "'pyrousb', 'os_mini' or 'at20'"),
    ],
)
def test_emissivities_that_cannot_be_set(settings, why):
    with pytest.raises(ValidationError, match=why):
        SpotSettings.model_validate({"unit": 1, **settings})


async def test_a_free_map_may_say_where_an_emissivity_goes(clock, emitted, open_device, running):
    unit = SpotInstrument(1, OS_MINI)
    settings = {
        "unit": 1,
        "poll_s": 0.05,
        "surface": {"address": 0x0F},
        "emissivity_written": {"address": 0x17},
        "emissivity_set": 0.9,
    }
    async with on_tcp(clock, unit) as link, running(open_device(DRIVER, link, **settings).run(emitted)):
        measured = await emitted.until(lambda _: True)
    assert (measured.surface_temp_c, measured.emissivity, unit.word(0x17)) == (36.0, 0.9, 9000)


# --- What they said -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capture", "instrument", "temps_c"),
    [
        ("rs485-sniffer", "pyrousb", [36.4, 36.5, None, None, None, 36.6, 36.7]),
        ("os-mini", "os_mini", [35.8, 36.1, 36.4, -4.1, None, None, 36.2]),
        ("at20", "at20", [35.1, 36.2, -10.5, None, 36.4]),
    ],
)
def test_captures(capture, instrument, temps_c):
    decoder = LineDecoder(SpotSettings.model_validate({"unit": 1, "instrument": instrument}))
    pieces = list(read_capture(CAPTURES / f"{capture}.jsonl"))
    events: list[Any] = [event for piece in pieces for event in decoder.feed(piece.data, piece.at)]
    events += decoder.finish(pieces[-1].at)
    found = [event.surface_temp_c for event in events if isinstance(event, SpotMeasured)]
    assert found == [temp_c if temp_c is None else pytest.approx(temp_c) for temp_c in temps_c]
