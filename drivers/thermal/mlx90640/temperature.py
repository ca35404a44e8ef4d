"""Object temperatures out of a page of an MLX90640's RAM. Pure.

Source: Melexis MLX90640 datasheet 3901090640, Rev 12, chapter 11.2 (calculations). The emissivity divides
what is left after the compensation pixel, as in Melexis' newer drivers: that pixel sees no object.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.thermal.mlx90640.calibration import ZERO_C, Calibration, Plane
from drivers.thermal.mlx90640.registers import (
    HEIGHT,
    PIXELS,
    WIDTH,
    WORDS,
    Control,
    Words,
    pages_of,
    signed,
)

KELVIN = 273.15
TA_0_C, VDD_0_V = 25.0, 3.3
_VBE, _CP, _GAIN, _PTAT, _VDD = 0x300, (0x308, 0x328), 0x30A, 0x320, 0x32A
INVALID = 0x7FFF
"""What a converter that ran over leaves in RAM."""


class Unbelievable(Exception):
    """What was read is no measurement."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """The sensor itself when a page was measured."""

    vdd_v: float
    ta_c: float
    gain: float


def read_sensor(calibration: Calibration, control: Control, ram: Words) -> Sensor:
    """Supply, own temperature and gain out of the 832 words from 0x0400.

    Raises:
        Unbelievable: words that no measurement leaves.
    """
    if ram.shape != (WORDS,):
        raise Unbelievable
    auxiliary = [int(ram[at]) for at in (_VBE, *_CP, _GAIN, _PTAT, _VDD)]
    vbe, _, _, gain, ptat, vdd = (int(each) for each in signed(np.array(auxiliary), 16))
    art = ptat * calibration.alpha_ptat + vbe
    if INVALID in auxiliary or gain == 0 or art == 0:
        raise Unbelievable
    corrected = 2.0 ** (calibration.resolution_bits - control.resolution_bits) * vdd
    vdd_v = (corrected - calibration.vdd_25) / calibration.k_vdd + VDD_0_V
    share = 1 + calibration.kv_ptat * (vdd_v - VDD_0_V)
    if share == 0:
        raise Unbelievable
    ptat_art = ptat / art * 2**18
    ta_c = (ptat_art / share - calibration.v_ptat_25) / calibration.kt_ptat + TA_0_C
    return Sensor(vdd_v, ta_c, calibration.gain / gain)


def temperatures(
    calibration: Calibration,
    control: Control,
    ram: Words,
    sensor: Sensor,
    *,
    emissivity: float,
    reflected_c: float,
) -> Plane:
    """What all pixels see, °C, shape (24, 32); NaN where no temperature gives such a signal.

    Only the pixels of the sub-page that ``sensor`` was read with are of the same moment.
    """
    pages = pages_of(control.pattern)
    signal = _signal(calibration, control, ram, sensor, pages) / emissivity
    alpha = calibration.alpha - calibration.tgc * np.array(calibration.cp_alpha)[pages]
    alpha = alpha * (1 + calibration.ks_ta * (sensor.ta_c - TA_0_C))
    ta_4, reflected_4 = (sensor.ta_c + KELVIN) ** 4, (reflected_c + KELVIN) ** 4
    around_4 = reflected_4 - (reflected_4 - ta_4) / emissivity
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        rough_c = _first(calibration, signal, alpha, around_4)
        return _within_its_range(calibration, signal, alpha, around_4, rough_c)


def _signal(
    calibration: Calibration, control: Control, ram: Words, sensor: Sensor, pages: npt.NDArray[np.int64]
) -> Plane:
    """Counts of radiation alone: gain, offset, pattern and the sensor's own warmth taken out."""
    ta, vdd = sensor.ta_c - TA_0_C, sensor.vdd_v - VDD_0_V
    counts = signed(ram[:PIXELS], 16).reshape(HEIGHT, WIDTH) * sensor.gain
    counts = counts - calibration.offset * (1 + calibration.kta * ta) * (1 + calibration.kv * vdd)
    first_c, second_c, third_c = calibration.pattern_c
    cp_offset = np.array(calibration.cp_offset, np.float64)
    if control.pattern != calibration.pattern:
        counts = counts + third_c * (2 * _ODD_ROWS - 1) - second_c * _CONVERSION
        cp_offset[1] += first_c
    cp_counts = signed(ram[list(_CP)], 16) * sensor.gain
    cp_counts = cp_counts - cp_offset * (1 + calibration.cp_kta * ta) * (1 + calibration.cp_kv * vdd)
    return counts - calibration.tgc * cp_counts[pages]


def _first(calibration: Calibration, signal: Plane, alpha: Plane, around_4: float) -> Plane:
    """Temperature by the slope of the second range alone."""
    slope = calibration.ks_to[1]
    correction = slope * _root_4(alpha**3 * (signal + alpha * around_4))
    return _root_4(signal / (alpha * (1 - slope * KELVIN) + correction) + around_4) - KELVIN


def _within_its_range(
    calibration: Calibration, signal: Plane, alpha: Plane, around_4: float, rough_c: Plane
) -> Plane:
    """Temperature by the slope of the range that the first one lies in."""
    corners = np.array(calibration.corners_c)
    slopes = np.array(calibration.ks_to)
    at = np.searchsorted(corners[1:], rough_c, side="right")
    bend = 1 + slopes[at] * (rough_c - corners[at])
    return _root_4(signal / (alpha * _scales(calibration)[at] * bend) + around_4) - KELVIN


def _scales(calibration: Calibration) -> Plane:
    """Sensitivity at the beginning of each range, in that of the second; shape (4,)."""
    coldest_c, _, third_c, fourth_c = calibration.corners_c
    first, second, third, _ = calibration.ks_to
    at_third = 1 + second * (third_c - ZERO_C)
    at_fourth = at_third * (1 + third * (fourth_c - third_c))
    return np.array([1 / (1 + first * (ZERO_C - coldest_c)), 1.0, at_third, at_fourth])


def _root_4(values: Plane) -> Plane:
    return np.sqrt(np.sqrt(values))


_NUMBERS = np.arange(PIXELS).reshape(HEIGHT, WIDTH)
_ODD_ROWS = _NUMBERS // WIDTH % 2
_CONVERSION = ((_NUMBERS + 2) // 4 - (_NUMBERS + 3) // 4 + (_NUMBERS + 1) // 4 - _NUMBERS // 4) * (
    1 - 2 * _ODD_ROWS
)
"""How a pixel's place counts when the pattern is not that of the calibration (datasheet, 11.2.2.5.3)."""
