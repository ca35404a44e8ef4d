"""MLX90640: halves into frames, restarts, what is unfit, and bytes that are no reads."""

import datetime as dt
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cardea.contract.time import ClockQuality, Instant
from drivers.api import (
    CELSIUS,
    Conditions,
    DeviceIdentified,
    Reject,
    ThermalFrameCaptured,
    Unfit,
    UnitReported,
)
from drivers.sim.mlx90640_scene import SceneSource
from drivers.thermal.mlx90640.blocks import encode
from drivers.thermal.mlx90640.decode import STUCK_PAGES, MemoryDecoder
from drivers.thermal.mlx90640.fitness import WARM_S
from drivers.thermal.mlx90640.settings import Mlx90640Settings

UTC = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
AS_WANTED, AS_POWERED = 0x1981, 0x1901
PERIOD_S = 0.25
SETTINGS = Mlx90640Settings()


def at(mono_s: float) -> Instant:
    return Instant(mono_s, UTC, ClockQuality.SYNCHRONISED)


def block(register: int, *words: int) -> bytes:
    return encode(register, np.array(words, ">u2").tobytes())


def scene(_at_s: float = 0.0) -> Any:
    temps_c = np.full((24, 32), 22.0)
    temps_c[8:16, 10:20] = 36.0
    return temps_c


def page(source: SceneSource, number: int, control: int = AS_WANTED, sub_page: int | None = None) -> bytes:
    which, ram = source.measure(number, 0.0, chess=True)
    status = (which if sub_page is None else sub_page) | 8
    return block(0x800D, control) + block(0x8000, status) + block(0x0400, *ram)


class Reading:
    """A decoder that has been given an EEPROM, and the events of what it is given since."""

    def __init__(self, source: SceneSource, settings: Mlx90640Settings = SETTINGS) -> None:
        self.source = source
        self.decoder = MemoryDecoder(settings)
        self.first: list[Any] = list(self.decoder.feed(block(0x2400, *source.eeprom), at(0.0)))

    def page(self, number: int, mono_s: float, **how: Any) -> list[Any]:
        return list(self.decoder.feed(page(self.source, number, **how), at(mono_s)))

    def frame(self, mono_s: float, number: int = 0, **how: Any) -> ThermalFrameCaptured:
        assert self.page(2 * number, mono_s - PERIOD_S, **how) == []
        (frame,) = self.page(2 * number + 1, mono_s, **how)
        return frame


def test_an_eeprom_says_who_the_sensor_is_and_which_pixels_are_none():
    assert Reading(SceneSource(scene, broken=(7,), outliers=(8, 9))).first == [
        DeviceIdentified(at=at(0.0), model="MLX90640", serial="51ad00000001"),
        UnitReported(at=at(0.0), values={"broken_pixels": 1.0, "outlier_pixels": 2.0}),
    ]


def test_the_same_eeprom_again_says_nothing_and_another_one_begins_anew():
    reading = Reading(SceneSource(scene))
    reading.page(0, 10.0)
    assert reading.decoder.feed(block(0x2400, *reading.source.eeprom), at(10.1)) == []
    assert len(reading.page(1, 10.0 + PERIOD_S)) == 1
    reading.page(0, 20.0)
    other = SceneSource(scene, outliers=(3,))
    assert len(reading.decoder.feed(block(0x2400, *other.eeprom), at(20.1))) == 2
    assert reading.page(1, 20.0 + PERIOD_S) == []


def test_two_halves_make_a_frame():
    frame = Reading(SceneSource(scene, ta_c=31.0)).frame(10.0)
    assert (frame.raw.shape, frame.raw.dtype, frame.scale) == ((24, 32), np.float32, CELSIUS)
    assert np.abs(frame.raw - scene()).max() <= 0.45, "a count and a half"
    assert (frame.at, frame.unfit, frame.uptime_s, frame.number) == (at(10.0), None, None, None)
    assert frame.sensor_temp_c is not None
    assert frame.sensor_temp_c == pytest.approx(31.0, abs=0.3)
    assert frame.conditions == Conditions(
        emissivity=0.98, distance_m=0.0, reflected_c=round(frame.sensor_temp_c - 8, 2)
    )


def test_each_half_is_of_its_own_page():
    first, second = (SceneSource(lambda _, t=t: np.full((24, 32), t), noise_counts=0) for t in (20.0, 40.0))
    reading = Reading(first)
    reading.page(0, 1.0)
    reading.source = second
    (frame,) = reading.page(1, 1.0 + PERIOD_S)
    rows, columns = np.indices((24, 32))
    assert np.abs(frame.raw - np.where((rows + columns) % 2, 40.0, 20.0)).max() < 0.25


def test_emissivity_and_reflection_as_the_settings_say():
    settings = Mlx90640Settings(emissivity=0.9, reflected_c=50.0)
    frame = Reading(SceneSource(scene), settings).frame(10.0)
    assert frame.conditions == Conditions(emissivity=0.9, distance_m=0.0, reflected_c=50.0)
    assert frame.raw[12, 15] < 35.0, "what is reflected is warmer than what the scene was made with"


@pytest.mark.parametrize("pages", [(0, 1), (1, 0)])
def test_halves_that_are_too_far_apart_are_not_mixed(pages):
    reading = Reading(SceneSource(scene))
    assert reading.page(pages[0], 10.0) == []
    assert reading.page(pages[1], 10.0 + 3 * PERIOD_S) == []
    (frame,) = reading.page(pages[0], 10.0 + 4 * PERIOD_S)
    assert frame.unfit is None


def test_each_half_is_used_once_and_the_newest_of_its_kind():
    reading = Reading(SceneSource(scene))
    assert [len(reading.page(n, 10.0 + n * PERIOD_S)) for n in range(6)] == [0, 1, 0, 1, 0, 1]
    assert reading.page(0, 20.0) == []
    assert reading.page(2, 20.0 + 2 * PERIOD_S) == []
    assert len(reading.page(3, 20.0 + 3 * PERIOD_S)) == 1


def test_halves_before_and_after_another_setting_are_not_mixed():
    reading = Reading(SceneSource(scene))
    reading.page(0, 10.0)
    assert reading.page(1, 10.1, control=AS_POWERED) == []


def test_a_sub_page_that_does_not_change_is_said():
    reading = Reading(SceneSource(scene))
    events = [
        event for n in range(2 * STUCK_PAGES + 2) for event in reading.page(n, n * PERIOD_S, sub_page=0)
    ]
    assert [event.reason for event in events] == ["sub_page_stuck"] * 2


# --- What is unfit --------------------------------------------------------------------------------


def test_a_sensor_that_was_just_powered_warms_up():
    reading = Reading(SceneSource(scene))
    reading.decoder.feed(block(0x800D, AS_POWERED), at(100.0))
    early, later = reading.frame(101.0), reading.frame(100.0 + WARM_S, 1)
    assert (early.unfit, early.uptime_s) == (Unfit.WARMING_UP, 1.0)
    assert (later.unfit, later.uptime_s) == (None, WARM_S)


def test_frames_that_stand_still_are_frozen():
    reading = Reading(SceneSource(scene, noise_counts=0), Mlx90640Settings(frozen_frames=3))
    assert [reading.frame(1.0 + n).unfit for n in range(4)] == [None, None, Unfit.FROZEN, Unfit.FROZEN]
    reading.source = SceneSource(scene)
    assert reading.frame(9.0).unfit is None


@pytest.mark.parametrize("count", [4, 5])
def test_four_doubtful_pixels_are_filled_and_five_are_a_fault(count):
    frame = Reading(SceneSource(scene, broken=(300, 500, 600), outliers=(10, 20)[: count - 3])).frame(1.0)
    assert frame.unfit is (Unfit.SENSOR_FAULT if count > 4 else None)
    assert np.abs(frame.raw - scene()).max() <= 14.0
    assert np.abs(np.ravel(frame.raw)[[10, 20, 600]] - 22.0).max() < 0.5


@pytest.mark.parametrize(
    ("source", "unfit"),
    [
        (SceneSource(scene, vdd_v=2.5), Unfit.SENSOR_FAULT),
        (SceneSource(scene, ta_c=95.0), Unfit.OUT_OF_RANGE),
        (SceneSource(lambda _: np.full((24, 32), 340.0)), Unfit.OUT_OF_RANGE),
        (SceneSource(lambda _: np.where(np.arange(768).reshape(24, 32) < 300, 340.0, 30.0)), None),
    ],
)
def test_what_the_sensor_cannot_measure(source, unfit):
    assert Reading(source).frame(1.0).unfit is unfit


def test_what_is_no_number_is_a_fault():
    reading = Reading(SceneSource(scene))
    _, ram = reading.source.measure(0, 0.0, chess=True)
    ram[41] = 0x8000
    content = block(0x800D, AS_WANTED) + block(0x8000, 8) + block(0x0400, *ram)
    reading.decoder.feed(content, at(1.0))
    (frame,) = reading.page(1, 1.0 + PERIOD_S)
    assert (frame.unfit, bool(np.isfinite(frame.raw).all())) == (Unfit.SENSOR_FAULT, False)


# --- What is no reading ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (page(SceneSource(scene), 0), "page_out_of_place"),
        (block(0x2400, *[0xFFFF] * 832), "eeprom_uncalibrated"),
        (block(0x2400, *SceneSource(scene).eeprom) + block(0x0400, *[1] * 832), "page_out_of_place"),
        (
            block(0x2400, *SceneSource(scene).eeprom)
            + block(0x800D, AS_WANTED)
            + block(0x8000, 0)
            + block(0x0400, *[1] * 832),
            "page_out_of_place",
        ),
        (
            block(0x2400, *SceneSource(scene).eeprom)
            + block(0x800D, AS_WANTED)
            + block(0x8000, 8)
            + block(0x0400, *[0] * 832),
            "page_unbelievable",
        ),
        (b"\x24\x00\x03\x40 and no more", "bytes_of_no_read"),
    ],
)
def test_what_means_nothing_is_rejected(content, reason):
    decoder = MemoryDecoder(SETTINGS)
    events = [*decoder.feed(content, at(1.0)), *decoder.finish(at(1.0))]
    (reject,) = (event for event in events if isinstance(event, Reject))
    assert (reject.reason, len(reject.sample) <= 120) == (reason, True)


SOURCE = SceneSource(scene)
LINE = (
    block(0x2400, *SOURCE.eeprom)
    + b"\x00noise"
    + b"".join(page(SOURCE, n) for n in range(2))
    + b"\xff" * 700
    + block(0x800D, AS_POWERED)
)


def decoded(content: bytes, cuts: Any = ()) -> list[Any]:
    decoder = MemoryDecoder(SETTINGS)
    places = sorted({0, len(content), *cuts})
    events = [e for a, b in itertools.pairwise(places) for e in decoder.feed(content[a:b], at(1.0))]
    return [*events, *decoder.finish(at(1.0))]


@given(st.lists(st.integers(0, len(LINE)), max_size=12))
@property_settings(max_examples=40)
def test_cut_anywhere(cuts):
    kinds = [event.reason if isinstance(event, Reject) else type(event) for event in decoded(LINE, cuts)]
    assert kinds == [
        DeviceIdentified,
        UnitReported,
        "bytes_of_no_read",
        ThermalFrameCaptured,
        "bytes_of_no_read",
        "bytes_of_no_read",
        "bytes_of_no_read",
    ]


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([LINE[:3000], LINE[1500:]])), max_size=6))
@property_settings(max_examples=40)
def test_garbage_never_raises(pieces):
    for event in decoded(b"".join(pieces)):
        assert len(getattr(event, "sample", b"")) <= 120


@given(st.integers(0, 2**32 - 1))
@property_settings(max_examples=40)
def test_any_words_in_a_page_make_a_frame_or_a_reject(seed):
    random = np.random.default_rng(seed)
    reading = Reading(SOURCE)
    for number in range(4):
        ram = random.integers(0, 65536, 832).tolist()
        content = block(0x800D, AS_WANTED) + block(0x8000, number % 2 | 8) + block(0x0400, *ram)
        for event in reading.decoder.feed(content, at(1.0)):
            assert isinstance(event, Reject | ThermalFrameCaptured)
            assert isinstance(event, Reject) or event.unfit is not None or np.isfinite(event.raw).all()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"refresh_hz": 3.0}, "0.5, 1, 2, 4"),
        ({"refresh_hz": 0.5, "silence_s_max": 11.0}, "longer than 3 frames"),
        ({"emissivity": 0.0}, "greater than or equal to 0.1"),
        ({"address": 0x78}, "less than or equal to 119"),
    ],
)
def test_settings_that_cannot_work(changes, why):
    with pytest.raises(ValidationError, match=why):
        Mlx90640Settings.model_validate(changes)
