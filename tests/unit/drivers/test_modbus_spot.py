"""Pyrometers on Modbus: numbers in every shape, what is no measurement, lines, and simulated instruments."""

import asyncio
import datetime as dt
import itertools
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cardea.contract.reasons import RefusalReason
from cardea.contract.time import ClockQuality, Instant
from drivers.api import (
    DeviceLost,
    DeviceMisconfigured,
    NotExecuted,
    OpenDoor,
    Reject,
    SpotMeasured,
    Unfit,
)
from drivers.links.opening import open_link
from drivers.links.rtu import encode
from drivers.links.settings import ModbusRtuSettings, ModbusTcpSettings, TcpSettings
from drivers.sim.relay_modbus import RelayRtuSim, RelayTcpSim
from drivers.sim.spot_modbus import Registers, SpotInstrument
from drivers.thermal.modbus_spot.decode import LineDecoder, exchange
from drivers.thermal.modbus_spot.reading import Instrument
from drivers.thermal.modbus_spot.settings import SpotSettings

UTC = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)

PYROUSB: Any = {"unit": 1, "instrument": "pyrousb"}
OS_MINI: Any = {"unit": 1, "instrument": "os_mini"}
AT20: Any = {"unit": 1, "instrument": "at20"}


def at(mono_s=5.0):
    return Instant(mono_s, UTC, ClockQuality.SYNCHRONISED)


def spot(**changes):
    return SpotSettings.model_validate({"unit": 1, "surface": {"address": 0}, **changes})


def holding(*words, first=0) -> Any:
    return {("holding", first + i): word for i, word in enumerate(words)}


def pyrousb(surface=364, sensor=251, status=0, emissivity=9500) -> Any:
    return {
        ("holding", 0x08): emissivity,
        ("holding", 0x12): surface & 0xFFFF,
        ("holding", 0x14): sensor,
        ("holding", 0x15): status,
    }


def reading(settings, words, mono_s=5.0):
    return Instrument(settings).read(words, at(mono_s))


# --- Numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("register", "words", "temp_c"),
    [
        ({"type": "int16"}, [365], 36.5),
        ({"type": "int16"}, [0xFFFF], -0.1),
        ({"type": "uint16", "scale_c": 0.01, "offset_c": -273.15}, [30_965], 36.5),
        ({"type": "int32"}, [0, 365], 36.5),
        ({"type": "int32"}, [0xFFFF, 0xFFFF], -0.1),
        ({"type": "int32", "word_order": "low_first"}, [365, 0], 36.5),
        ({"type": "uint32", "scale_c": 0.001}, [0, 36_500], 36.5),
        ({"type": "float32", "scale_c": 1.0}, struct.unpack(">2H", struct.pack(">f", 36.5)), 36.5),
        (
            {"type": "float32", "scale_c": 1.0, "word_order": "low_first"},
            struct.unpack(">2H", struct.pack(">f", 36.5))[::-1],
            36.5,
        ),
    ],
)
def test_a_number_in_every_shape(register, words, temp_c):
    measured = reading(spot(surface={"address": 0, **register}), holding(*words))
    assert measured.surface_temp_c == pytest.approx(temp_c)
    assert measured.unfit is None


@given(st.floats(-30, 400, width=32), st.sampled_from(["high_first", "low_first"]))
def test_what_was_put_in_comes_out(temp_c, order):
    words = list(struct.unpack(">2H", struct.pack(">f", temp_c)))
    if order == "low_first":
        words.reverse()
    register = {"address": 0, "type": "float32", "scale_c": 1.0, "word_order": order}
    assert reading(spot(surface=register), holding(*words)).surface_temp_c == pytest.approx(temp_c, abs=1e-4)


def test_known_instruments():
    measured = reading(SpotSettings.model_validate(PYROUSB), pyrousb())
    assert measured == SpotMeasured(at=at(), surface_temp_c=36.4, sensor_temp_c=25.1, emissivity=0.95)
    mini: Any = {
        ("holding", 0x0E): 364,
        ("holding", 0x10): 251,
        ("holding", 0x07): 9500,
        ("holding", 0x11): 0,
    }
    assert reading(SpotSettings.model_validate(OS_MINI), mini) == measured
    at20 = reading(SpotSettings.model_validate(AT20), holding(0, 2732 + 365, first=7))
    assert at20.surface_temp_c == pytest.approx(36.5)


# --- What is no measurement -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "unfit"),
    [
        (0, None),
        (0b00001, Unfit.SENSOR_FAULT),
        (0b00010, Unfit.SENSOR_FAULT),
        (0b00100, Unfit.SENSOR_FAULT),
        (0b01000, Unfit.OUT_OF_RANGE),
        (0b10000, Unfit.OUT_OF_RANGE),
        (0b10001, Unfit.SENSOR_FAULT),
        (0b100000, None),
    ],
)
def test_the_status_word_never_lets_a_number_through(status, unfit):
    measured = reading(SpotSettings.model_validate(PYROUSB), pyrousb(status=status))
    assert measured.unfit is unfit
    assert (measured.surface_temp_c is None) == (unfit is not None)


@pytest.mark.parametrize(
    ("count", "unfit"),
    [
        (99, Unfit.OUT_OF_RANGE),
        (100, None),
        (500, None),
        (501, Unfit.OUT_OF_RANGE),
        (0x7FFF, Unfit.OUT_OF_RANGE),
    ],
)
def test_only_what_the_instrument_can_measure(count, unfit):
    measured = reading(spot(surface_c_min=10.0, surface_c_max=50.0), holding(count))
    assert measured.unfit is unfit
    assert (measured.surface_temp_c is None) == (unfit is not None)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number(value):
    words = struct.unpack(">2H", struct.pack(">f", value))
    register = {"address": 0, "type": "float32", "scale_c": 1.0}
    measured = reading(spot(surface=register, sensor=register), holding(*words))
    assert measured == SpotMeasured(at=at(), surface_temp_c=None, unfit=Unfit.OUT_OF_RANGE)


@pytest.mark.parametrize(("counts", "emissivity"), [(0, None), (1, 0.0001), (10_000, 1.0), (10_001, None)])
def test_an_emissivity_that_cannot_be(counts, emissivity):
    assert reading(SpotSettings.model_validate(PYROUSB), pyrousb(emissivity=counts)).emissivity == emissivity


def test_temperatures_that_stand_still_are_frozen():
    instrument = Instrument(SpotSettings.model_validate({**PYROUSB, "frozen_s": 10.0}))

    def unfit(mono_s, **words):
        measured = instrument.read(pyrousb(**words), at(mono_s))
        assert (measured.surface_temp_c is None) == (measured.unfit is not None)
        return measured.unfit

    assert unfit(100.0) is None
    assert unfit(109.9, emissivity=9600) is None
    assert unfit(110.0) is Unfit.FROZEN
    assert unfit(111.0, sensor=252) is None
    assert unfit(120.9, sensor=252) is None
    assert unfit(121.0, sensor=252) is Unfit.FROZEN
    assert unfit(122.0, surface=363, sensor=252) is None


# --- Settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"surface": {"address": 65535, "type": "int32"}}, "last address is 65535"),
        ({"surface_c_min": 50, "surface_c_max": 50}, "below surface_c_max"),
        (
            {"status": {"address": 1, "meanings": [{"mask": 1, "value": 2, "unfit": "frozen"}]}},
            "mask leaves out",
        ),
        ({"status": {"address": 1, "meanings": []}}, "at least 1"),
    ],
)
def test_settings_that_cannot_work(changes, why):
    with pytest.raises(ValidationError, match=why):
        spot(**changes)


# --- A line ---------------------------------------------------------------------------------------

SETTINGS = SpotSettings.model_validate(PYROUSB)
LINE = exchange(1, pyrousb()) + exchange(1, pyrousb(365)) + exchange(1, pyrousb(status=8))


def decoded(content, settings=SETTINGS, cuts=()) -> list[Any]:
    decoder = LineDecoder(settings)
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    events = [event for a, b in itertools.pairwise(places) for event in decoder.feed(content[a:b], at())]
    return [*events, *decoder.finish(at())]


def temperatures(events):
    return [event.surface_temp_c for event in events if isinstance(event, SpotMeasured)]


@given(st.lists(st.integers(0, len(LINE)), max_size=10))
def test_a_line_cut_anywhere(cuts):
    events = decoded(LINE, cuts=cuts)
    assert temperatures(events) == [36.4, 36.5, None]
    assert events[2].unfit is Unfit.OUT_OF_RANGE


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=20), st.sampled_from([LINE, encode(1, 3, b"\0\x12\0\x04"), b"\x01\x03"])
        ),
        max_size=8,
    )
)
@property_settings(max_examples=60)
def test_garbage_on_a_line_never_raises(pieces):
    content = b"".join(pieces)
    assert all(isinstance(event, SpotMeasured | Reject) for event in decoded(content))


def test_answers_that_answer_nothing():
    request = encode(1, 3, struct.pack(">HH", 0x12, 1))
    strange = (
        encode(1, 3, b"\x02\x01\x6c"),  # nobody asked
        request + encode(1, 4, b"\x02\x01\x6c"),  # of the other table
        request + encode(1, 3, b"\x04\x01\x6c\0\0"),  # longer than asked
        request + encode(1, 0x83, b"\x02") + encode(1, 3, b"\x02\x01\x6c")[:0],  # refused
        encode(2, 3, struct.pack(">HH", 0x12, 1)) + encode(2, 3, b"\x02\x01\x6c"),  # another unit's
        encode(1, 6, struct.pack(">HH", 0x18, 9500)),  # somebody writes
        encode(1, 3, struct.pack(">HH", 0x30, 1)) + encode(1, 3, b"\x02\x01\x6c"),  # of no interest
    )
    for content in strange:
        assert decoded(content, spot(surface={"address": 0x12})) == []


def test_a_line_of_input_registers():
    settings = spot(surface={"address": 4, "table": "input"}, sensor={"address": 4})
    words: Any = {("input", 4): 365, ("holding", 4): 210}
    assert decoded(exchange(1, words), settings) == [
        SpotMeasured(at=at(), surface_temp_c=36.5, sensor_temp_c=21.0)
    ]


# --- Simulated instruments ------------------------------------------------------------------------


class Capture:
    def __init__(self):
        self.line = b""

    def write(self, channel, chunk, at, *, end=False):
        assert (channel, end) == ("line", False)
        self.line += chunk


@pytest.fixture
async def pyrometer(clock):
    """An instrument behind Modbus TCP, and the running link to it."""
    instrument = SpotInstrument(1)
    async with RelayTcpSim([instrument]) as sim:
        link = open_link("io", ModbusTcpSettings(kind="modbus_tcp", host="127.0.0.1", port=sim.port), clock)
        task = asyncio.create_task(link.run())
        yield instrument, link
        task.cancel()
        await asyncio.wait([task])


QUICK = {**PYROUSB, "poll_s": 0.05}


async def test_measures_over_tcp_and_what_was_read_can_be_decoded_again(
    pyrometer, emitted, open_device, running
):
    instrument, link = pyrometer
    instrument.set_emissivity(0.95)
    capture = Capture()
    async with running(open_device("thermal.modbus_spot", link, capture, **QUICK).run(emitted)):
        first = await emitted.until(lambda e: True)
        instrument.set_temperature(-12.3)
        await emitted.until(lambda e: e.surface_temp_c == -12.3)
    assert (first.surface_temp_c, first.sensor_temp_c, first.emissivity) == (36.0, 25.0, 0.95)
    assert temperatures(decoded(capture.line)) == temperatures(emitted.all)


async def test_neighbours_are_read_together(pyrometer, emitted, open_device, running):
    instrument, link = pyrometer
    async with running(open_device("thermal.modbus_spot", link, **QUICK).run(emitted)):
        await emitted.until(lambda e: len(emitted.all) >= 3)
    assert instrument.requests <= 2 * (len(emitted.all) + 1), "emissivity, and all the others in one"


async def test_a_fault_that_the_instrument_reports(pyrometer, emitted, open_device, running):
    instrument, link = pyrometer
    async with running(open_device("thermal.modbus_spot", link, **QUICK).run(emitted)):
        await emitted.until(lambda e: e.unfit is None)
        instrument.set_status(1)
        fault = await emitted.until(lambda e: e.unfit is Unfit.SENSOR_FAULT)
        instrument.set_status(0)
        await emitted.until(lambda e: e.unfit is None, since=len(emitted.all))
    assert fault.surface_temp_c is None


async def test_an_instrument_that_is_stuck(pyrometer, emitted, open_device, running):
    instrument, link = pyrometer
    async with running(open_device("thermal.modbus_spot", link, **QUICK, frozen_s=1.0).run(emitted)):
        instrument.stuck = True
        instrument.set_temperature(30.0)
        frozen = await emitted.until(lambda e: e.unfit is Unfit.FROZEN)
        instrument.stuck = False
        instrument.set_temperature(30.0)
        await emitted.until(lambda e: e.surface_temp_c == 30.0)
    assert frozen.surface_temp_c is None


async def test_a_silent_instrument_is_lost_and_its_neighbour_is_not(
    clock, emitted, new_emitted, open_device, running
):
    silent, other = SpotInstrument(1), SpotInstrument(2)
    async with RelayRtuSim([silent, other]) as sim:
        link = open_link(
            "rs485", ModbusRtuSettings(kind="modbus_rtu", path=sim.path, answer_s_max=0.2), clock
        )
        beside = new_emitted()
        second = open_device("thermal.modbus_spot", link, **{**QUICK, "unit": 2})
        async with running(link.run()), running(second.run(beside)):
            session = asyncio.create_task(open_device("thermal.modbus_spot", link, **QUICK).run(emitted))
            await emitted.until(lambda e: e.surface_temp_c == 36.0)
            silent.silent = True
            with pytest.raises(DeviceLost, match="no answer"):
                await session
            other.set_temperature(33.3)
            await beside.until(lambda e: e.surface_temp_c == 33.3)


async def test_a_single_missed_answer_is_forgiven(pyrometer, emitted, open_device, running, monkeypatch):
    instrument, link = pyrometer
    async with running(open_device("thermal.modbus_spot", link, **QUICK).run(emitted)) as task:
        await emitted.until(lambda e: True)
        answered = instrument.on_wire
        missed = asyncio.Event()

        def miss_once(answer):
            if missed.is_set():
                return answered(answer)
            missed.set()
            return b""

        monkeypatch.setattr(instrument, "on_wire", miss_once)
        await missed.wait()
        await emitted.until(lambda e: True, since=len(emitted.all))
        assert not task.done()


async def test_registers_that_are_not_there(pyrometer, emitted, open_device):
    with pytest.raises(DeviceMisconfigured, match="illegal address"):
        await open_device("thermal.modbus_spot", pyrometer[1], unit=1, surface={"address": 500}).run(emitted)


async def test_an_instrument_in_kelvin_over_input_registers(clock, emitted, open_device, running):
    kelvin = Registers(surface=(2,), sensor=3, offset_counts=2732)
    async with RelayTcpSim([SpotInstrument(7, kelvin)]) as sim:
        link = open_link("io", ModbusTcpSettings(kind="modbus_tcp", host="127.0.0.1", port=sim.port), clock)
        surface = {"address": 2, "table": "input", "scale_c": 0.1, "offset_c": -273.2}
        device = open_device("thermal.modbus_spot", link, unit=7, surface=surface)
        async with running(link.run()), running(device.run(emitted)):
            measured = await emitted.until(lambda e: True)
    assert measured.surface_temp_c == pytest.approx(36.0)
    assert (measured.sensor_temp_c, measured.emissivity) == (None, None)


def test_a_link_of_another_kind(clock, open_device):
    link = open_link("t", TcpSettings(kind="tcp", host="127.0.0.1", port=1), clock)
    with pytest.raises(DeviceMisconfigured, match="modbus_rtu"):
        open_device("thermal.modbus_spot", link, **PYROUSB)


async def test_a_thermometer_takes_no_orders(pyrometer, open_device):
    receipt = await open_device("thermal.modbus_spot", pyrometer[1], **PYROUSB).submit(OpenDoor("a", 1, 1.0))
    assert isinstance(receipt, NotExecuted)
    assert receipt.reason is RefusalReason.UNSUPPORTED
