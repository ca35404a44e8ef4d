"""MLX90640: Melexis' own example, each number of it; and the datasheet, one pixel at a time, beside ours."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from drivers.sim.mlx90640_scene import SceneSource
from drivers.sim.mlx90640_scene import eeprom as simulated_eeprom
from drivers.thermal.mlx90640.calibration import Uncalibrated, restore
from drivers.thermal.mlx90640.pixels import fill
from drivers.thermal.mlx90640.registers import (
    REFRESH_HZ,
    Control,
    control_word,
    pages_of,
    read_control,
    signed,
)
from drivers.thermal.mlx90640.temperature import Unbelievable, read_sensor, temperatures

CHESS = Control(pattern="chess", resolution_bits=2, refresh_hz=4.0)
INTERLEAVED = Control(pattern="interleaved", resolution_bits=2, refresh_hz=4.0)


@pytest.fixture(scope="module")
def example(test_data: Path) -> dict[str, Any]:
    return json.loads((test_data / "thermal/mlx90640/melexis_example.json").read_text())


def words(values: Any) -> Any:
    return np.array(values, np.uint16)


# --- Melexis' example -----------------------------------------------------------------------------


@pytest.mark.needs_test_data
def test_each_parameter_of_melexis_example(example):
    found, expected = restore(words(example["eeprom_words_0x2400"])), example["expected_params"]
    told = {
        "kVdd": found.k_vdd,
        "vdd25": found.vdd_25,
        "KvPTAT": found.kv_ptat,
        "KtPTAT": found.kt_ptat,
        "vPTAT25": found.v_ptat_25,
        "alphaPTAT": found.alpha_ptat,
        "gainEE": found.gain,
        "cpKv": found.cp_kv,
        "cpKta": found.cp_kta,
        "resolutionEE": found.resolution_bits,
        "KsTa": found.ks_ta,
        "cpAlpha": list(found.cp_alpha),
        "cpOffset": list(found.cp_offset),
        "ct": list(found.corners_c),
        "KsTo": list(found.ks_to),
    }
    assert told.keys() == expected.keys()
    for name, value in expected.items():
        assert told[name] == pytest.approx(value, abs=5.1e-7, rel=1e-9 if name == "cpAlpha" else 0), name
    assert (found.pattern, found.pattern_c, found.serial) == ("chess", (0.5, 3.5, 0.0), "1710a2240185")


@pytest.mark.needs_test_data
@pytest.mark.parametrize(
    ("name", "tolerance"), [("alpha", 1e-19), ("offset", 0.0), ("kta", 5.1e-9), ("kv", 0.0)]
)
def test_each_pixel_of_melexis_example(example, name, tolerance):
    found = restore(words(example["eeprom_words_0x2400"]))
    assert np.abs(getattr(found, name).ravel() - example[f"expected_{name}"]).max() <= tolerance
    assert not found.doubtful.any()


@pytest.mark.needs_test_data
def test_each_temperature_of_melexis_example(example, test_data):
    expected = json.loads((test_data / "thermal/expected.json").read_text())["mlx90640"]
    calibration = restore(words(example["eeprom_words_0x2400"]))
    control = read_control(example["control_register"])
    temps_c = np.full((24, 32), np.nan)
    rams = [words(example[f"frame{number}_ram_words_0x0400"]) for number in (0, 1)]
    sensors = [read_sensor(calibration, control, ram) for ram in rams]
    for status, ram, sensor in zip(example["status_registers"], rams, sensors, strict=True):
        seen_c = temperatures(calibration, control, ram, sensor, emissivity=1.0, reflected_c=sensor.ta_c - 8)
        mine = pages_of(control.pattern) == status
        temps_c[mine] = seen_c[mine]
    assert sensors[1].ta_c == pytest.approx(expected["Ta_frame1_C"], abs=5e-5)
    assert sensors[1].vdd_v == pytest.approx(expected["Vdd_frame1_V"], abs=5e-5)
    assert np.abs(temps_c.ravel() - example["expected_To_C"]).max() <= expected["tolerance_C"]


# --- The datasheet once more, one pixel at a time -------------------------------------------------


def two_s(value: int, bits: int) -> int:
    return value - (1 << bits) if value >= 1 << (bits - 1) else value


def nibble(word: int, which: int) -> int:
    return word >> 4 * (which - 1) & 0xF


def root_4(value: float) -> float:
    return value**0.25 if value >= 0 else math.nan


class ByHand:
    """Datasheet, chapters 11.1 and 11.2, for pixel (row, column) counted from 1."""

    def __init__(self, ee: list[int], ram: list[int], control: int) -> None:
        self.ee, self.ram, self.control = ee, [two_s(word, 16) for word in ram], control
        self.chess = bool(control & 0x1000)
        k_vdd = two_s(ee[0x33] >> 8, 8) * 32
        vdd_25 = ((ee[0x33] & 0xFF) - 256) * 32 - 8192
        correction = 2 ** (ee[0x38] >> 12 & 3) / 2 ** (control >> 10 & 3)
        self.vdd = (correction * self.ram[0x32A] - vdd_25) / k_vdd + 3.3
        kv, kt = two_s(ee[0x32] >> 10, 6) / 4096, two_s(ee[0x32] & 0x3FF, 10) / 8
        art = self.ram[0x320] / (self.ram[0x320] * (nibble(ee[0x10], 4) / 4 + 8) + self.ram[0x300]) * 2**18
        self.ta = (art / (1 + kv * (self.vdd - 3.3)) - two_s(ee[0x31], 16)) / kt + 25
        self.gain = two_s(ee[0x30], 16) / self.ram[0x30A]

    def own(self, row: int, column: int) -> int:
        return self.ee[0x40 + (row - 1) * 32 + column - 1]

    def offset(self, row: int, column: int) -> float:
        ee, scales = self.ee, self.ee[0x10]
        of_row = two_s(nibble(ee[0x12 + (row - 1) // 4], (row - 1) % 4 + 1), 4) * 2 ** nibble(scales, 3)
        of_column = two_s(nibble(ee[0x18 + (column - 1) // 4], (column - 1) % 4 + 1), 4) * 2 ** nibble(
            scales, 2
        )
        return (
            two_s(ee[0x11], 16)
            + of_row
            + of_column
            + two_s(self.own(row, column) >> 10, 6) * 2 ** nibble(scales, 1)
        )

    def alpha(self, row: int, column: int) -> float:
        ee, scales = self.ee, self.ee[0x20]
        of_row = two_s(nibble(ee[0x22 + (row - 1) // 4], (row - 1) % 4 + 1), 4) * 2 ** nibble(scales, 3)
        of_column = two_s(nibble(ee[0x28 + (column - 1) // 4], (column - 1) % 4 + 1), 4) * 2 ** nibble(
            scales, 2
        )
        own = two_s(self.own(row, column) >> 4 & 0x3F, 6) * 2 ** nibble(scales, 1)
        return (ee[0x21] + of_row + of_column + own) / 2 ** (nibble(scales, 4) + 30)

    def temp_c(self, row: int, column: int, emissivity: float, reflected_c: float) -> float:
        ee, ta, vdd = self.ee, self.ta - 25, self.vdd - 3.3
        number = (row - 1) * 32 + column  # from 1
        odd_row, odd_column = row % 2 == 1, column % 2 == 1
        kta_word = ee[0x36] if odd_column else ee[0x37]
        kta_shared = two_s(kta_word >> 8 if odd_row else kta_word & 0xFF, 8)
        kta_own = two_s(self.own(row, column) >> 1 & 7, 3) * 2 ** nibble(ee[0x38], 1)
        kta = (kta_shared + kta_own) / 2 ** (nibble(ee[0x38], 2) + 8)
        kv_at = {(True, True): 4, (False, True): 3, (True, False): 2, (False, False): 1}[odd_row, odd_column]
        kv = two_s(nibble(ee[0x34], kv_at), 4) / 2 ** nibble(ee[0x38], 3)
        signal = self.ram[number - 1] * self.gain
        signal -= self.offset(row, column) * (1 + kta * ta) * (1 + kv * vdd)
        il_row = 0 if odd_row else 1
        calibrated_chess = not ee[0x0A] & 0x0800
        foreign = self.chess != calibrated_chess
        first = two_s(ee[0x35] & 0x3F, 6) / 16
        second, third = two_s(ee[0x35] >> 6 & 0x1F, 5) / 2, two_s(ee[0x35] >> 11, 5) / 8
        if foreign:
            conversion = {0: 0, 1: -1, 2: 0, 3: 1}[(number - 1) % 4] * (1 if il_row == 0 else -1)
            signal += third * (2 * il_row - 1) - second * conversion
        page = (row + column) % 2 if self.chess else il_row
        cp_offset = two_s(ee[0x3A] & 0x3FF, 10) + (two_s(ee[0x3A] >> 10, 6) if page else 0)
        cp_offset += first if foreign and page else 0
        cp_kta = two_s(ee[0x3B] & 0xFF, 8) / 2 ** (nibble(ee[0x38], 2) + 8)
        cp_kv = two_s(ee[0x3B] >> 8, 8) / 2 ** nibble(ee[0x38], 3)
        cp = self.ram[0x328 if page else 0x308] * self.gain
        cp -= cp_offset * (1 + cp_kta * ta) * (1 + cp_kv * vdd)
        tgc = two_s(ee[0x3C] & 0xFF, 8) / 32
        signal = (signal - tgc * cp) / emissivity
        cp_alpha = two_s(ee[0x39] & 0x3FF, 10) / 2 ** (nibble(ee[0x20], 4) + 27)
        cp_alpha *= 1 + two_s(ee[0x39] >> 10, 6) / 128 if page else 1
        alpha = (self.alpha(row, column) - tgc * cp_alpha) * (1 + two_s(ee[0x3C] >> 8, 8) / 8192 * ta)
        tr_4, ta_4 = (reflected_c + 273.15) ** 4, (self.ta + 273.15) ** 4
        around = tr_4 - (tr_4 - ta_4) / emissivity
        scale = 2 ** (nibble(ee[0x3F], 1) + 8)
        ks = [two_s(ee[at] >> low & 0xFF, 8) / scale for at in (0x3D, 0x3E) for low in (0, 8)]
        step = (ee[0x3F] >> 12 & 3) * 10
        ct = [-40, 0, nibble(ee[0x3F], 2) * step]
        ct.append(ct[2] + nibble(ee[0x3F], 3) * step)
        bend = ks[1] * root_4(alpha**3 * signal + alpha**4 * around)
        rough = root_4(signal / (alpha * (1 - ks[1] * 273.15) + bend) + around) - 273.15
        at = 0 if rough < 0 else 1 if rough < ct[2] else 2 if rough < ct[3] else 3
        grown = [1 / (1 + ks[0] * 40), 1, 1 + ks[1] * ct[2]]
        grown.append(grown[2] * (1 + ks[2] * (ct[3] - ct[2])))
        bent = alpha * grown[at] * (1 + ks[at] * (rough - ct[at]))
        return root_4(signal / bent + around) - 273.15


OBJECTS_C = st.sampled_from([-35.0, -12.0, 21.0, 36.6, 120.0, 190.0, 290.0, 330.0])


@property_settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), OBJECTS_C, st.sampled_from([CHESS, INTERLEAVED]))
def test_the_datasheet_pixel_by_pixel(seed, object_c, control):
    """Every coefficient that the simulated sensor leaves at 0 is drawn, in both patterns and all ranges."""
    random = np.random.default_rng(seed)
    source = SceneSource(lambda _: np.full((24, 32), object_c), emissivity=1.0)
    ee = source.eeprom.astype(np.int64)
    ee[0x0A] = random.choice([0, 0x0800])
    ee[0x10] |= 0x111
    ee[0x12:0x20] = random.integers(0, 0x10000, 14)
    ee[0x20] |= 0x440
    ee[0x22:0x30] = random.integers(0, 0x10000, 14)
    ee[0x32] |= random.integers(0, 8) << 10
    ee[0x34:0x38] = random.integers(0, 0x10000, 4)
    ee[0x39] = random.integers(0, 64) << 10 | random.integers(0, 512)
    ee[0x3A:0x3C] = random.integers(0, 0x10000, 2)
    ee[0x3C] = random.integers(0xE0, 0x100) << 8 | random.integers(0, 16)
    ee[0x3D:0x3F] = random.integers(0, 0x10000, 2)
    ee[0x3F] = 2 << 12 | 8 << 8 | 8 << 4 | 11
    ram = source.measure(0, 0.0, chess=True)[1].astype(np.int64)
    ram[[0x308, 0x328]] = random.integers(0xFF80, 0x10000, 2)
    calibration = restore(words(ee))
    sensor = read_sensor(calibration, control, words(ram))
    emissivity, reflected_c = random.uniform(0.5, 1.0), random.uniform(0.0, 60.0)
    ours_c = temperatures(
        calibration, control, words(ram), sensor, emissivity=emissivity, reflected_c=reflected_c
    )
    by_hand = ByHand(ee.tolist(), ram.tolist(), 0x1901 if control is CHESS else 0x0901)
    assert (sensor.ta_c, sensor.vdd_v) == pytest.approx((by_hand.ta, by_hand.vdd), abs=1e-9)
    for row, column in ((1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (4, 4), (24, 32), (12, 17), (13, 31)):
        expected_c = by_hand.temp_c(row, column, emissivity, reflected_c)
        assert ours_c[row - 1, column - 1] == pytest.approx(expected_c, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("resolution_bits", [0, 1, 2, 3])
def test_another_resolution_of_the_converter_is_corrected(resolution_bits):
    source = SceneSource(lambda _: np.full((24, 32), 30.0))
    calibration = restore(source.eeprom)
    ram = source.measure(0, 0.0, chess=True)[1].astype(np.int64)
    as_counted = signed(ram[0x32A:0x32B], 16) * 2.0 ** (resolution_bits - 2)
    ram[0x32A] = round(as_counted[0]) & 0xFFFF
    control = Control(pattern="chess", resolution_bits=resolution_bits, refresh_hz=4.0)
    assert read_sensor(calibration, control, words(ram)).vdd_v == pytest.approx(3.28, abs=2e-3)


@given(st.floats(-30, 280), st.floats(0.5, 1.0), st.floats(-10, 70), st.floats(3.0, 3.6))
@property_settings(max_examples=40)
def test_a_scene_comes_back(object_c, emissivity, ta_c, vdd_v):
    source = SceneSource(
        lambda _: np.full((24, 32), object_c),
        emissivity=emissivity,
        ta_c=ta_c,
        vdd_v=vdd_v,
        noise_counts=0,
    )
    calibration = restore(source.eeprom)
    ram = source.measure(0, 0.0, chess=True)[1]
    sensor = read_sensor(calibration, CHESS, ram)
    seen_c = temperatures(calibration, CHESS, ram, sensor, emissivity=emissivity, reflected_c=sensor.ta_c - 8)
    count_c = 1.1 / (4 * 4.3e-8 * emissivity * (object_c + 273.15) ** 3)
    assert np.abs(seen_c - object_c).max() <= count_c, "half a count of rounding, and a little"


# --- What is no calibration, no measurement -------------------------------------------------------


@pytest.mark.parametrize("fill_word", [0, 0xFFFF, 0x1234])
def test_an_eeprom_that_says_nothing(fill_word):
    with pytest.raises(Uncalibrated, match="nothing but"):
        restore(np.full(832, fill_word, np.uint16))


@pytest.mark.parametrize(("at", "why"), [(0x30, "gain"), (0x32, "temperature"), (0x33, "supply")])
def test_an_eeprom_without_what_every_calibration_has(at, why):
    ee = simulated_eeprom()
    ee[at] = 0
    with pytest.raises(Uncalibrated, match=why):
        restore(ee)


def test_an_eeprom_without_pixels_or_of_another_size():
    ee = simulated_eeprom()
    ee[0x40:] = 0
    with pytest.raises(Uncalibrated, match="pixels"):
        restore(ee)
    with pytest.raises(Uncalibrated, match="831 words"):
        restore(simulated_eeprom()[:831])


@given(st.integers(0, 2**32 - 1))
@property_settings(max_examples=60)
def test_any_words_are_restored_or_refused(seed):
    words_ = np.random.default_rng(seed).integers(0, 65536, 832).astype(np.uint16)
    try:
        calibration = restore(words_)
        sensor = read_sensor(calibration, CHESS, words_[::-1].copy())
    except (Uncalibrated, Unbelievable):
        return
    temperatures(calibration, CHESS, words_, sensor, emissivity=0.98, reflected_c=20.0)


@pytest.mark.parametrize(
    ("at", "word"), [(0x30A, 0), (0x30A, 0x7FFF), (0x32A, 0x7FFF), (0x300, 0x7FFF), (0x320, 0x7FFF)]
)
def test_a_page_that_no_measurement_leaves(at, word):
    source = SceneSource(lambda _: np.full((24, 32), 30.0))
    ram = source.measure(0, 0.0, chess=True)[1]
    ram[at] = word
    with pytest.raises(Unbelievable):
        read_sensor(restore(source.eeprom), CHESS, ram)


def test_a_supply_that_would_make_any_temperature():
    """KvPTAT and a supply far off, so that what divides the reading of the own temperature is 0."""
    ee = simulated_eeprom()
    ee[0x32] |= 0x20 << 10
    vdd_v = 3.3 + 4096 / 32
    ram = SceneSource(lambda _: np.full((24, 32), 30.0)).measure(0, 0.0, chess=True)[1]
    ee[0x33] = 0x0100 | ee[0x33] & 0xFF
    ram[0x32A] = round((vdd_v - 3.3) * 32 - 13_056) & 0xFFFF
    with pytest.raises(Unbelievable):
        read_sensor(restore(ee), CHESS, ram)


def test_a_page_of_zeros_or_of_another_size():
    calibration = restore(simulated_eeprom())
    for ram in (np.zeros(832, np.uint16), np.ones(768, np.uint16)):
        with pytest.raises(Unbelievable):
            read_sensor(calibration, CHESS, ram)


# --- Pixels and registers -------------------------------------------------------------------------


def test_broken_and_outlying_pixels_are_known():
    found = restore(simulated_eeprom(broken=(0, 100), outliers=(5, 767)))
    assert np.flatnonzero(found.broken).tolist() == [0, 100]
    assert np.flatnonzero(found.outliers).tolist() == [5, 767]
    assert np.flatnonzero(found.doubtful).tolist() == [0, 5, 100, 767]


def test_a_doubtful_pixel_takes_the_mean_of_the_sound_ones_around():
    temps_c = np.add.outer(np.arange(24.0) * 100, np.arange(32.0))
    doubtful = np.zeros((24, 32), bool)
    doubtful[0, 0] = doubtful[10, 10] = doubtful[10, 11] = True
    expected = {
        (0, 0): np.mean([1, 100, 101]),
        (10, 10): np.mean([909, 910, 911, 1009, 1109, 1110, 1111]),
    }
    temps_c[doubtful] = np.nan
    fill(temps_c, doubtful)
    assert {place: temps_c[place] for place in expected} == pytest.approx(expected)
    assert np.isfinite(temps_c).all()


def test_a_pixel_without_a_sound_neighbour_stays_as_it_is():
    temps_c, doubtful = np.zeros((24, 32)), np.ones((24, 32), bool)
    temps_c[3, 3] = np.nan
    fill(temps_c, doubtful)
    assert np.isnan(temps_c[3, 3])


@pytest.mark.parametrize("pattern", ["chess", "interleaved"])
@pytest.mark.parametrize("refresh_hz", REFRESH_HZ)
@given(st.integers(0, 0xFFFF))
@property_settings(max_examples=20)
def test_a_control_word_says_what_was_wanted_and_keeps_the_rest(pattern, refresh_hz, before):
    word = control_word(before, pattern, refresh_hz)
    told = read_control(word)
    assert (told.pattern, told.refresh_hz) == (pattern, refresh_hz)
    assert told.resolution_bits == read_control(before).resolution_bits
    assert word & 0x7F == 1, "both sub-pages by turns, running on"
    assert word & 0xE000 == before & 0xE000
    assert control_word(word, pattern, refresh_hz) == word


def test_patterns():
    assert pages_of("chess")[:2, :3].tolist() == [[0, 1, 0], [1, 0, 1]]
    assert pages_of("interleaved")[:3, 0].tolist() == [0, 1, 0]
