"""The disinfection driver's pure parts: register arithmetic, readings, leases, decoding, settings."""

import datetime as dt
import math
import struct

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import ValidationError

from cardea.contract.time import ClockQuality, Instant
from drivers.api import Reject, UnitReported
from drivers.disinfection.uv_modbus import DRIVER
from drivers.disinfection.uv_modbus.decode import LineDecoder, exchange
from drivers.disinfection.uv_modbus.outputs import FEEDBACK_S_MAX, Feedback, Leases
from drivers.disinfection.uv_modbus.readings import REJECT_S, Readings
from drivers.disinfection.uv_modbus.registers import COUNT_MAX, Batch, batches, cells, is_on, number
from drivers.disinfection.uv_modbus.settings import NumberType, Order, Register, Signal, Table, UvSettings
from drivers.links.rtu import crc, encode

UTC = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)


def at(mono_s):
    return Instant(mono_s, UTC, ClockQuality.SYNCHRONISED)


def unit(**changes):
    return UvSettings.model_validate({**DRIVER.example, **changes})


def register(**changes):
    return Register.model_validate(
        {"metric": "dose_mj_cm2", "address": 7, "plausible": [-1e9, 1e9], **changes}
    )


# --- register arithmetic -------------------------------------------------------------------------

COUNTS = {
    NumberType.INT16: st.integers(-(2**15), 2**15 - 1),
    NumberType.UINT16: st.integers(0, 2**16 - 1),
    NumberType.INT32: st.integers(-(2**31), 2**31 - 1),
    NumberType.UINT32: st.integers(0, 2**32 - 1),
    NumberType.FLOAT32: st.floats(width=32, allow_nan=False),
}


def as_stored(kind, byte_order, word_order, count):
    """The registers of a number by shifts: nothing of it is the driver's."""
    if kind is NumberType.FLOAT32:
        count = int.from_bytes(struct.pack("<f", count), "little")
    bits = 16 * kind.words
    whole = count % 2**bits
    words = [whole >> 16 * place & 0xFFFF for place in reversed(range(kind.words))]
    if word_order is Order.LITTLE:
        words.reverse()
    swapped = [(word & 0xFF) << 8 | word >> 8 for word in words]
    return words if byte_order is Order.BIG else swapped


@given(st.sampled_from(NumberType), st.sampled_from(Order), st.sampled_from(Order), st.data())
def test_every_type_in_every_order_comes_back(kind, byte_order, word_order, data):
    count = data.draw(COUNTS[kind])
    stored = as_stored(kind, byte_order, word_order, count)
    it = register(type=kind, byte_order=byte_order, word_order=word_order)
    assert len(cells(it)) == len(stored) == kind.words
    assert number(it, stored) == count


@given(COUNTS[NumberType.INT32], st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_scale_and_offset(count, scale, offset):
    assume(scale != 0)
    it = register(type="int32", linear=[scale, offset])
    stored = as_stored(NumberType.INT32, Order.BIG, Order.BIG, count)
    assert number(it, stored) == pytest.approx(scale * count + offset)


@pytest.mark.parametrize(
    ("changes", "words", "value"),
    [
        ({"type": "float32"}, [0x42F6, 0xE979], 123.456),
        ({"type": "float32", "word_order": "little"}, [0xE979, 0x42F6], 123.456),
        ({"type": "float32", "byte_order": "little"}, [0xF642, 0x79E9], 123.456),
        ({"type": "float32", "byte_order": "little", "word_order": "little"}, [0x79E9, 0xF642], 123.456),
        ({"type": "uint32"}, [0x0001, 0x0000], 65536),
        ({"type": "int16", "linear": [0.1, 0]}, [0xFF9C], -10.0),
        ({"type": "uint16", "linear": [0.1, -273.2]}, [2982], 25.0),
    ],
)
def test_known_registers(changes, words, value):
    assert number(register(**changes), words) == pytest.approx(value, rel=1e-6)


def test_a_float_that_is_no_number_is_none():
    assert math.isnan(number(register(type="float32"), [0x7FC0, 0]))
    assert math.isinf(number(register(type="float32"), [0xFF80, 0]))


@pytest.mark.parametrize(
    ("changes", "word", "on"),
    [
        ({}, 1, True),
        ({}, 0, False),
        ({"inverted": True}, 0, True),
        ({"inverted": True}, 1, False),
        ({"table": "holding", "mask": 0x10}, 0xFFEF, False),
        ({"table": "holding", "mask": 0x10}, 0x0010, True),
        ({"table": "input", "on_min": 350}, 349, False),
        ({"table": "input", "on_min": 350}, 350, True),
    ],
)
def test_a_signal_is_a_bit_a_flag_or_a_current(changes, word, on):
    assert is_on(Signal.model_validate({"metric": "output_on", "address": 0, **changes}), word) is on


@st.composite
def maps(draw):
    spots = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["holding", "input"]), st.integers(0, 400), st.sampled_from(NumberType)
            ),
            max_size=32,
        )
    )
    bits = draw(st.lists(st.tuples(st.sampled_from(Table), st.integers(0, 400)), min_size=1, max_size=32))
    return UvSettings.model_validate(
        {
            "unit": 1,
            "registers": [
                {"metric": f"r{i}_v", "table": t, "address": a, "type": k, "plausible": [0, 1]}
                for i, (t, a, k) in enumerate(spots)
            ],
            "signals": [{"metric": f"s{i}_on", "table": t, "address": a} for i, (t, a) in enumerate(bits)],
        }
    )


@given(maps())
def test_requests_read_the_map_and_nothing_else_and_tear_no_number(settings):
    requests = batches(settings)
    read = [cell for batch in requests for cell in batch.cells]
    wanted = {cell for each in settings.registers for cell in cells(each)}
    wanted |= {(each.table, each.address) for each in settings.signals}
    assert set(read) == wanted
    for each in settings.registers:
        assert any(set(cells(each)) <= set(batch.cells) for batch in requests)
    assert all(batch.count <= COUNT_MAX[batch.table] for batch in requests)
    assert len(read) == len(set(read))


def test_neighbours_are_read_together():
    assert [(batch.table, batch.first, batch.count) for batch in batches(unit())] == [
        (Table.DISCRETE, 0, 4), (Table.HOLDING, 0, 1), (Table.INPUT, 0, 6),
    ]  # fmt: skip


def test_the_largest_map_there_can_be_fits_in_one_request():
    many = [
        {"metric": f"r{i}_v", "table": "holding", "address": 2 * i, "type": "uint32", "plausible": [0, 1]}
        for i in range(32)
    ]
    signals = [{"metric": f"s{i}_on", "table": "holding", "address": 64 + i} for i in range(32)]
    watchdog = {"address": 96, "value": 10}
    settings = UvSettings.model_validate(
        {"unit": 1, "registers": many, "signals": signals, "watchdog": watchdog}
    )
    (batch,) = batches(settings)
    assert batch.count == 97 <= COUNT_MAX[Table.HOLDING]


# --- readings ------------------------------------------------------------------------------------


def words(irradiance=100.0, hours=12345, life=9000, temperature=220, signals=(1, 1, 1, 0), watchdog=10):
    packed = struct.unpack(">6H", struct.pack(">fIHh", irradiance, hours, life, temperature))
    found = {(Table.INPUT, place): word for place, word in enumerate(packed)}
    found |= {(Table.DISCRETE, place): bit for place, bit in enumerate(signals)}
    return {**found, (Table.HOLDING, 0): watchdog}


def values(events):
    return dict(next(event.values for event in events if isinstance(event, UnitReported)))


def test_what_a_unit_says_by_name():
    assert values(Readings(unit()).take(words(), at(0))) == pytest.approx(
        {
            "irradiance_uw_cm2": 100.0, "lamp_h": 1234.5, "lamp_life_h": 9000.0, "temperature_c": 22.0,
            "output_on": 1.0, "contactor_on": 1.0, "enclosure_closed": 1.0, "fault_on": 0.0,
            "watchdog": 10.0, "lamp_life_pct": 86.2833333,
        }
    )  # fmt: skip


@pytest.mark.parametrize("burned_h", [0, 90000, 90001, 999999])
def test_the_life_left_is_a_share(burned_h):
    left = values(Readings(unit()).take(words(hours=burned_h), at(0)))["lamp_life_pct"]
    assert left == pytest.approx(max(0.0, 100 - burned_h / 900))


def test_the_life_left_is_the_units_own_where_it_tells_it():
    told = {"metric": "lamp_life_pct", "address": 6, "plausible": [0, 100]}
    settings = unit(registers=[*DRIVER.example["registers"], told])
    assert values(Readings(settings).take({**words(), (Table.INPUT, 6): 42}, at(0)))["lamp_life_pct"] == 42
    assert "lamp_life_pct" not in values(Readings(settings).take(words(), at(0)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"irradiance": math.nan}, "not_a_number"),
        ({"irradiance": math.inf}, "not_a_number"),
        ({"irradiance": -0.5}, "out_of_range"),
        ({"irradiance": 5001.0}, "out_of_range"),
    ],
)
def test_d2_what_cannot_be_believed_is_missing_and_told_now_and_then(changes, reason):
    readings = Readings(unit())
    told = []
    for tenth in range(int(REJECT_S * 10) + 1):
        events = readings.take(words(**changes), at(tenth / 10))
        assert "irradiance_uw_cm2" not in values(events)
        assert values(events)["lamp_h"] == 1234.5
        told += [(tenth, event.reason, event.sample) for event in events if isinstance(event, Reject)]
    assert told == [(0, reason, b"irradiance_uw_cm2"), (REJECT_S * 10, reason, b"irradiance_uw_cm2")]


def test_d2_what_was_not_read_now_is_missing():
    readings = Readings(unit())
    readings.take(words(), at(0))
    part = {cell: word for cell, word in words().items() if cell != (Table.INPUT, 1)}
    events = readings.take({**part, (Table.DISCRETE, 0): 0}, at(1))
    assert "irradiance_uw_cm2" not in values(events)
    assert values(events)["output_on"] == 0.0
    assert [event.reason for event in events if isinstance(event, Reject)] == ["unreadable"]


def test_a_unit_that_says_nothing_believable_reports_nothing():
    settings = UvSettings.model_validate(
        {"unit": 1, "registers": [{"metric": "ozone_ppm", "address": 0, "plausible": [0, 1]}]}
    )
    events = Readings(settings).take({(Table.INPUT, 0): 2}, at(0))
    assert [type(event) for event in events] == [Reject]


@given(st.dictionaries(st.sampled_from(sorted(words())), st.integers(0, 65535)))
def test_whatever_stands_in_the_registers_only_finite_plausible_numbers_are_reported(found):
    for event in Readings(unit()).take(found, at(0)):
        if isinstance(event, UnitReported):
            assert all(math.isfinite(value) for value in event.values.values())
            assert 0 <= event.values.get("irradiance_uw_cm2", 0) <= 5000
            assert -40 <= event.values.get("temperature_c", 0) <= 120


# --- decoding ------------------------------------------------------------------------------------


def heard(settings, found):
    told = [batch for batch in batches(settings) if set(batch.cells) <= found.keys()]
    return [exchange(settings.unit, each, [found[cell] for cell in each.cells]) for each in told]


def line(settings, found):
    return b"".join(heard(settings, found))


@given(
    st.floats(width=32), st.integers(0, 2**32 - 1), st.tuples(*[st.integers(0, 1)] * 4), st.integers(0, 65535)
)
def test_what_a_session_captures_is_decoded_to_the_same_events(irradiance, hours, signals, watchdog):
    found = words(irradiance=irradiance, hours=hours, signals=signals, watchdog=watchdog)
    decoded = LineDecoder(unit()).feed(line(unit(), found), at(0))
    assert repr(decoded) == repr(Readings(unit()).take(found, at(0)))


def misframed(content):
    """Whether the first eight bytes of an answer of nine have a right CRC as well: a framer that knows
    neither side takes them for a request."""
    return len(content) == 17 and int.from_bytes(content[14:16], "little") == crc(content[8:14])


@given(maps(), st.data())
def test_any_map_is_decoded_as_it_was_read(settings, data):
    cells_ = [cell for batch in batches(settings) for cell in batch.cells]
    drawn = data.draw(st.binary(min_size=2 * len(cells_), max_size=2 * len(cells_)))
    highest = {Table.COIL: 1, Table.DISCRETE: 1, Table.HOLDING: 0xFFFF, Table.INPUT: 0xFFFF}
    stands = struct.unpack(f">{len(cells_)}H", drawn)
    found = {cell: word & highest[cell[0]] for cell, word in zip(cells_, stands, strict=True)}
    told = heard(settings, found)
    assume(not any(misframed(one) for one in told))
    decoder = LineDecoder(settings)
    decoded = [event for one in told for event in decoder.feed(one, at(0))]
    assert repr(decoded) == repr(Readings(settings).take(found, at(0)))


def test_a_round_that_lacks_an_answer_is_told_when_the_next_begins():
    decoder = LineDecoder(unit())
    whole = words()
    lacking = {cell: word for cell, word in whole.items() if cell[0] is not Table.INPUT}
    assert decoder.feed(line(unit(), lacking), at(0)) == []
    events = decoder.feed(line(unit(), whole), at(1))
    reports = [event for event in events if isinstance(event, UnitReported)]
    assert ["irradiance_uw_cm2" in report.values for report in reports] == [False, True]
    assert {event.reason for event in events if isinstance(event, Reject)} == {"unreadable"}


def test_a_round_under_way_at_the_end_says_nothing():
    decoder = LineDecoder(unit())
    decoder.feed(line(unit(), words())[:-1], at(0))
    assert not [event for event in decoder.finish(at(0)) if isinstance(event, UnitReported)]
    assert len(decoder.feed(line(unit(), words()), at(1))) == 1


def test_writes_exceptions_other_units_and_lone_answers_are_nothing():
    decoder = LineDecoder(unit())
    for frame in (
        encode(1, 5, bytes.fromhex("0000ff00")),
        encode(1, 6, bytes.fromhex("0000000a")),
        encode(1, 0x84, b"\x02"),
        encode(2, 4, bytes.fromhex("00000006")),
        encode(1, 4, bytes.fromhex("02000a")),
        encode(1, 4, bytes.fromhex("0000ffff")),
        encode(1, 4, bytes.fromhex("00000000")),
        exchange(1, Batch(Table.INPUT, 100, 2), [1, 2]),
    ):
        assert decoder.feed(frame, at(0)) == []
    assert len(decoder.feed(line(unit(), words()), at(0))) == 1


def test_garbage_is_told():
    decoder = LineDecoder(unit())
    garbage = b"\x00\xff" * 300
    events = [*decoder.feed(garbage, at(0)), *decoder.finish(at(0))]
    rejects = [event for event in events if isinstance(event, Reject)]
    assert len(rejects) == len(events) > 1
    assert {reject.reason for reject in rejects} == {"bytes_of_no_frame"}
    assert all(len(reject.sample) <= 120 for reject in rejects)


# --- leases --------------------------------------------------------------------------------------

EMITTER, CONTACTOR = 10, 11


class Relays(RuleBasedStateMachine):
    """D3: whatever is ordered and whatever gets lost, what should be on is leased at this moment."""

    def __init__(self):
        super().__init__()
        self.leases = Leases({0: EMITTER, 1: CONTACTOR})
        self.now_s = 100.0
        self.until_s = {EMITTER: 0.0, CONTACTOR: 0.0}
        self.relays = {EMITTER: True, CONTACTOR: True}

    @rule(step_s=st.floats(0.0, 3.0))
    def time_passes(self, step_s):
        self.now_s += step_s

    @rule(coil=st.sampled_from([EMITTER, CONTACTOR]), lease_s=st.floats(0.0, 2.0))
    def lease(self, coil, lease_s):
        self.until_s[coil] = self.now_s + lease_s
        self.leases.lease(coil, self.until_s[coil])

    @rule()
    def end_all(self):
        self.leases.end_all()
        self.until_s = dict.fromkeys(self.until_s, 0.0)

    @rule()
    def begin_anew(self):
        self.leases.forget()
        self.until_s = dict.fromkeys(self.until_s, 0.0)
        assert self.leases.due(self.now_s) == self.leases.maybe_on() == (EMITTER, CONTACTOR)

    @rule()
    def writes_arrive(self):
        for coil in self.leases.due(self.now_s):
            self.relays[coil] = self.leases.wanted(coil, self.now_s)
            self.leases.told(coil, on=self.relays[coil])
        assert not self.leases.due(self.now_s)
        assert self.leases.astray(self.relays) is None

    @precondition(lambda self: self.leases.due(self.now_s))
    @rule(arrives=st.booleans())
    def a_write_goes_unanswered(self, arrives):
        coil = self.leases.due(self.now_s)[0]
        if arrives:
            self.relays[coil] = self.leases.wanted(coil, self.now_s)
        self.leases.abandon(coil)
        self.until_s[coil] = 0.0
        assert coil in self.leases.due(self.now_s)
        assert self.leases.astray(self.relays) is not None

    @invariant()
    def only_what_is_leased_is_wanted(self):
        active = tuple(coil for coil in self.until_s if self.until_s[coil] > self.now_s)
        assert self.leases.active(self.now_s) == active
        assert self.leases.emits(self.now_s) == (len(active) == 2)

    @invariant()
    def what_is_on_is_leased_or_due_to_be_written(self):
        for coil, on in self.relays.items():
            known = coil not in self.leases.due(self.now_s)
            assert not (on and known) or self.until_s[coil] > self.now_s

    @invariant()
    def the_next_end_lies_ahead(self):
        ends = [until_s for until_s in self.until_s.values() if until_s > self.now_s]
        assert self.leases.next_s(self.now_s) == min(ends, default=None)


TestRelays = Relays.TestCase


def test_a_unit_without_relays_never_emits():
    leases = Leases({})
    assert not leases.emits(0.0)
    assert leases.astray({}) is None
    assert leases.coil(0) is None


@pytest.mark.parametrize(
    ("shown", "leased", "contradicts"),
    [
        (1.0, (EMITTER, CONTACTOR), False),
        (0.0, (EMITTER, CONTACTOR), True),
        (None, (EMITTER, CONTACTOR), True),
        (0.0, (CONTACTOR,), False),
        (1.0, (CONTACTOR,), True),
        (None, (CONTACTOR,), True),
        (1.0, (), False),
        (None, (), False),
    ],
)
def test_d6_feedback_that_contradicts_what_is_leased_does_so_not_for_long(shown, leased, contradicts):
    leases = Leases({0: EMITTER, 1: CONTACTOR})
    for coil in leased:
        leases.lease(coil, 1000.0)
    feedback = Feedback(0.0)
    assert not feedback.contradicts(shown, leases, FEEDBACK_S_MAX)
    assert feedback.contradicts(shown, leases, FEEDBACK_S_MAX + 0.01) is contradicts
    right = float(leases.emits(0.0))
    assert not feedback.contradicts(right, leases, 50.0)
    assert not feedback.contradicts(shown, leases, 51.0)


# --- settings ------------------------------------------------------------------------------------

SIGNALS = DRIVER.example["signals"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"signals": [], "registers": [], "emitter": None, "contactor": None}, "nothing is read"),
        ({"signals": SIGNALS[1:]}, "needs the signal output_on"),
        ({"signals": [{**SIGNALS[0], "table": "coil"}, *SIGNALS[1:]]}, "coil 0 is the command itself"),
        ({"signals": [SIGNALS[0], {**SIGNALS[1], "table": "coil"}]}, "coil 1 is the command itself"),
        ({"signals": [*SIGNALS, SIGNALS[3]]}, "metric fault_on is given twice"),
        ({"signals": [*SIGNALS, {"metric": "watchdog", "address": 9}]}, "metric watchdog is given twice"),
        ({"contactor": {"coil": 0}}, "coil 0 is given twice"),
        ({"emitter": None}, "upstream of an emitter"),
        ({"signals": [{**SIGNALS[0], "mask": 2}, *SIGNALS[1:]]}, "a bit is 0 or 1"),
        ({"signals": [{**SIGNALS[0], "on_min": 2}, *SIGNALS[1:]]}, "a bit is 0 or 1"),
        (
            {
                "signals": [
                    *SIGNALS,
                    {"metric": "a_on", "table": "input", "address": 1, "mask": 6, "on_min": 7},
                ]
            },
            "lets through",
        ),
        ({"watchdog": {"address": 0, "value": 0}}, "greater than or equal to 1"),
        ({"watchdog": {"address": 0, "value": 5}}, "shorter than 3 readings"),
        ({"watchdog": {"address": 0, "value": 21}}, "no more than 2.0 s"),
        ({"registers": [{"metric": "irradiance", "address": 0, "plausible": [0, 1]}]}, "end with its unit"),
        ({"registers": [{"metric": "lamp_h", "address": 0, "plausible": [1, 1]}]}, "must be below"),
        (
            {"registers": [{"metric": "lamp_h", "address": 0, "plausible": [0, 1], "linear": [0, 1]}]},
            "scale of 0",
        ),
        (
            {"registers": [{"metric": "lamp_h", "address": 65535, "type": "int32", "plausible": [0, 1]}]},
            "does not fit at address 65535",
        ),
        ({"registers": [{"metric": "lamp_h", "address": 0, "plausible": [0, math.nan]}]}, "finite number"),
    ],
)
def test_settings_that_are_unsafe_or_contradictory(changes, problem):
    with pytest.raises(ValidationError, match=problem):
        unit(**changes)


def test_a_number_may_stand_at_the_last_address():
    assert register(address=65534, type="float32").type.words == 2
