"""The relay driver's pure parts: contacts, outputs, RTU frames, settings."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from pydantic import ValidationError
from pymodbus.framer.rtu import FramerRTU

from cardea.contract.time import ClockQuality, Instant
from drivers.api import DoorMoved, InputChanged, InputKind
from drivers.io.relay_modbus.contacts import REPEAT_S, Contacts
from drivers.io.relay_modbus.decode import LineDecoder, exchange
from drivers.io.relay_modbus.outputs import ADOPT_S, DISOBEYED_MAX, OutputPlan
from drivers.io.relay_modbus.settings import RelaySettings
from drivers.links.rtu import Garbage, RtuFrame, RtuFramer, crc, encode

WATCHDOG = {"address": 0, "value": 20}


def at(mono_s):
    return Instant(mono_s, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)


def board(**settings):
    return RelaySettings.model_validate({"unit": 1, **settings})


# --- contacts ------------------------------------------------------------------------------------

FIRE = {"kind": "fire", "input": 0}


def levels(contacts, samples):
    events = [e for i, bits in enumerate(samples) for e in contacts.sample(bits, at(i / 100))]
    return [e.active if isinstance(e, InputChanged) else e.open for e in events]


@pytest.mark.parametrize(
    ("samples", "wanted"),
    [
        ("0", []),
        ("00", [False]),
        ("000", [False, False]),
        ("0000", [False, False]),
        ("11", [True]),
        ("0010100", [False, False]),
        ("000110", [False, False, True]),
        ("0001110", [False, False, True, True]),
        ("00011000", [False, False, True, False, False]),
        ("00" + "10" * 4 + "1", [False, False]),
        ("00" + "10" * 5, [False, False, None]),
        ("01" * 5 + "000", [None, False, False]),
    ],
)
def test_a_change_needs_equal_samples_in_a_row(samples, wanted):
    contacts = Contacts(board(inputs=[{"kind": "rex", "input": 0}]))
    assert levels(contacts, [{0: sample == "1"} for sample in samples]) == wanted


def test_a_fire_contact_is_told_as_it_is_read():
    contacts = Contacts(board(inputs=[FIRE]))
    told = levels(contacts, [{0: sample == "1"} for sample in "0000101100"])
    assert told == [False, False, True, False, True, True, False, False]


@pytest.mark.parametrize(
    ("normally_closed", "bits", "active"),
    [(False, "10", True), (False, "01", False), (True, "10", False), (True, "01", True), (True, "11", None),
     (False, "00", None)],
)  # fmt: skip
def test_a_pair_must_contradict_itself(normally_closed, bits, active):
    fire = {**FIRE, "contrary_input": 1, "normally_closed": normally_closed}
    contacts = Contacts(board(inputs=[fire], debounce_samples=1))
    assert levels(contacts, [{0: bits[0] == "1", 1: bits[1] == "1"}]) == [active]


def test_a_door_contact_is_told_on_change_only_and_never_when_contradictory():
    contacts = Contacts(board(contacts=[{"door": 7, "input": 0, "contrary_input": 1}], debounce_samples=1))
    samples = [(True, False), (True, False), (True, True), (False, True)]
    events = [e for i, (a, b) in enumerate(samples) for e in contacts.sample({0: a, 1: b}, at(i * 10))]
    assert [(e.door, e.open) for e in events if isinstance(e, DoorMoved)] == [(7, False), (7, True)]
    assert len(events) == 2


@given(kind=st.sampled_from(InputKind), waits=st.lists(st.floats(0.09, 0.14), min_size=20, max_size=80))
def test_with_ten_readings_a_second_an_input_is_never_older_than_half_a_second(kind, waits):
    contacts = Contacts(board(inputs=[{"kind": kind, "input": 0}]))
    now_s, said_s = 0.0, None
    for wait in waits:
        now_s += wait
        assert said_s is None or now_s - said_s < 0.5
        if contacts.sample({0: False}, at(now_s)):
            said_s = now_s
    assert said_s is not None
    assert now_s - said_s < REPEAT_S


def test_an_unchanged_input_is_repeated_no_more_often_than_it_must():
    contacts = Contacts(board(inputs=[FIRE]))
    told = [bool(contacts.sample({0: False}, at(tenth / 10))) for tenth in range(1, 102)]
    assert sum(told[2:]) <= 25


# --- outputs -------------------------------------------------------------------------------------

OUTPUTS = board(
    watchdog=WATCHDOG,
    doors=[{"door": 1, "coil": 0}, {"door": 2, "coil": 1, "release_level": "off"}],
    outputs=[{"channel": 1, "coil": 2}],
)


class Coils(RuleBasedStateMachine):
    """Whatever is ordered, and whatever gets lost: what is on is held, leased or being switched off."""

    def __init__(self):
        super().__init__()
        self.plan = OutputPlan(OUTPUTS)
        self.now_s = 100.0
        self.coils = {0: False, 1: True, 2: False}
        self.plan.adopt(self.coils, self.now_s)
        self.until_s = {0: 0.0, 1: 0.0, 2: 0.0}
        self.held = set()

    @rule(step_s=st.floats(0.0, 5.0))
    def time_passes(self, step_s):
        self.now_s += step_s

    @rule(door=st.sampled_from(OUTPUTS.doors), release_s=st.floats(0.1, 9.0))
    def open(self, door, release_s):
        self.plan.open(door, self.now_s + release_s)
        self.until_s[door.coil] = max(self.until_s[door.coil], self.now_s + release_s)

    @rule(door=st.sampled_from(OUTPUTS.doors))
    def hold(self, door):
        self.plan.hold(door)
        self.held.add(door.coil)

    @rule(door=st.sampled_from(OUTPUTS.doors))
    def unhold(self, door):
        self.plan.unhold(door, self.now_s)
        self.held.discard(door.coil)
        self.until_s[door.coil] = self.now_s

    @rule(lease_s=st.floats(0.0, 2.0))
    def lease(self, lease_s):
        self.plan.lease(OUTPUTS.outputs[0], self.now_s + lease_s)
        self.until_s[2] = self.now_s + lease_s

    @rule(arrives=st.booleans())
    def write(self, arrives):
        for coil in self.plan.due(self.now_s):
            level = self.plan.wanted(coil, self.now_s)
            if arrives:
                self.coils[coil] = level
                self.plan.wrote(coil, level=level)
        assert not (arrives and self.plan.due(self.now_s))

    @rule()
    def watchdog_drops(self):
        self.coils = dict.fromkeys(self.coils, False)
        watched = self.plan.watched(self.now_s)
        self.plan.observed({coil: self.coils[coil] for coil in watched})

    @invariant()
    def what_is_wanted_is_held_or_leased(self):
        for coil, active_level in ((0, True), (1, False), (2, True)):
            wanted_active = self.plan.wanted(coil, self.now_s) is active_level
            assert wanted_active == (coil in self.held or self.until_s[coil] > self.now_s)

    @invariant()
    def the_next_lease_lies_ahead(self):
        next_s = self.plan.next_s(self.now_s)
        assert next_s is None or next_s > self.now_s


TestCoils = Coils.TestCase


def test_a_start_writes_only_leased_outputs():
    plan = OutputPlan(OUTPUTS)
    plan.adopt({0: True, 1: True, 2: True}, 0.0)
    assert plan.due(0.0) == (2,)
    assert plan.watched(0.0) == (2, 0)
    assert plan.due(ADOPT_S) == (2, 0), "a door that nobody holds is locked after the grace"
    plan.hold(OUTPUTS.doors[0])
    assert plan.due(ADOPT_S + 100) == (2,)


def test_what_may_or_may_not_have_arrived_is_taken_back():
    plan = OutputPlan(OUTPUTS)
    plan.open(OUTPUTS.doors[0], 10.0)
    plan.abandon(0, 1.0)
    assert plan.due(1.0) == (0,)
    assert plan.wanted(0, 1.0) is False


def test_a_coil_that_does_not_obey_is_named():
    plan = OutputPlan(OUTPUTS)
    plan.hold(OUTPUTS.doors[0])
    for _ in range(DISOBEYED_MAX - 1):
        plan.wrote(0, level=True)
        assert plan.observed({0: False}) is None
    plan.wrote(0, level=True)
    assert plan.observed({0: False}) == 0


# --- RTU -----------------------------------------------------------------------------------------


@given(st.binary(max_size=64))
def test_the_crc_is_pymodbus_too(content):
    assert crc(content).to_bytes(2, "little") == FramerRTU.compute_CRC(content).to_bytes(2, "big")


PUBLISHED = (
    "1101001300250E84", "1101 05CD6BB20E1B45E6", "110200C40016BAA9", "110203ACDB352018", "1103006B00037687",
    "110306AE415652434049AD", "1105 00ACFF004E8B", "1106000100039A9B", "110F0013000A02CD01BF0B",
    "110F0013000A2699", "11100001000204000A0102C6F0", "1110000100021298", "0A8102B053",
)  # fmt: skip
"""Frames of the Simply Modbus examples, CRC included."""


@pytest.mark.parametrize("text", PUBLISHED)
def test_published_frames_are_found(text):
    content = bytes.fromhex(text)
    framer = RtuFramer()
    assert [*framer.feed(content), *framer.finish()] == [RtuFrame(content[0], content[1], content[2:-2])]
    assert encode(content[0], content[1], content[2:-2]) == content


@given(st.lists(st.sampled_from(PUBLISHED), min_size=1, max_size=6), st.data())
def test_frames_are_found_among_noise_that_looks_like_nothing(texts, data):
    framer = RtuFramer()
    stream, wanted = b"", []
    for text in texts:
        content = bytes.fromhex(text)
        stream += data.draw(st.binary(max_size=5).map(lambda noise: b"\x00" * len(noise))) + content
        wanted.append(RtuFrame(content[0], content[1], content[2:-2]))
    items = [*framer.feed(stream), *framer.finish()]
    assert [item for item in items if isinstance(item, RtuFrame)] == wanted


def test_endless_garbage_is_told_in_pieces():
    framer = RtuFramer()
    items = [*framer.feed(b"\x00" * 700), *framer.finish()]
    assert [len(item.content) for item in items if isinstance(item, Garbage)] == [256, 256, 188]


@given(st.dictionaries(st.integers(0, 40), st.booleans(), min_size=1))
def test_what_a_session_captures_is_decoded_to_the_same_events(bits):
    inputs = [{"kind": "rex", "channel": address, "input": address} for address in sorted(bits)]
    settings = board(inputs=inputs[:64], debounce_samples=1)
    assert LineDecoder(settings).feed(exchange(1, bits), at(0)) == Contacts(settings).sample(bits, at(0))


def test_another_units_inputs_and_a_lone_answer_are_nothing():
    decoder = LineDecoder(board(inputs=[FIRE], debounce_samples=1))
    assert decoder.feed(exchange(2, {0: True}), at(0)) == []
    assert decoder.feed(encode(1, 2, b"\x01\x01"), at(0)) == []
    assert len(decoder.feed(exchange(1, {0: True}), at(0))) == 1


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "nothing is connected"),
        ({"doors": [{"door": 1, "coil": 0}]}, "watchdog is needed"),
        ({"outputs": [{"channel": 1, "coil": 0}]}, "watchdog is needed"),
        ({"inputs": [FIRE, FIRE]}, "kind and channel"),
        ({"contacts": [{"door": 1, "input": 0}, {"door": 1, "input": 1}]}, "door 1 is given twice"),
        (
            {"watchdog": WATCHDOG, "doors": [{"door": 1, "coil": 0}], "outputs": [{"channel": 1, "coil": 0}]},
            "coil of doors and outputs 0 is given twice",
        ),
        ({"watchdog": {"address": 0, "value": 1}, "inputs": [FIRE]}, "shorter than 3 readings"),
        ({"watchdog": {"address": 0, "value": 0}, "inputs": [FIRE]}, "greater than or equal to 1"),
    ],
)
def test_settings_that_are_unsafe_or_contradictory(settings, problem):
    with pytest.raises(ValidationError, match=problem):
        board(**settings)


def test_a_door_that_the_board_times_needs_no_watchdog():
    door = {"door": 1, "coil": 0, "pulse": {"address": 16}}
    assert board(doors=[door]).watchdog is None
