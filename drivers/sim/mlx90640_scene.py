"""Words of a simulated MLX90640 that looks at a scene: its datasheet's equations, solved for the RAM.

Source: Melexis MLX90640 datasheet 3901090640, Rev 12, chapter 11. The calibration is a simple one: offset,
gain, sensitivity, and how offsets follow temperature and supply are there, pixels differ as they do in real
sensors; the coefficients KsTa, KsTo, TGC and KvPTAT are 0, which makes the equations exact to solve.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint16]
Celsius = npt.NDArray[np.float64]
"""Shape (24, 32)."""
Scene = Callable[[float], Celsius]
"""Temperatures of objects at a time, s."""

HEIGHT, WIDTH = 24, 32
KELVIN = 273.15
GAIN, GAIN_READ = 6000, 5900
PTAT_25, KT_PTAT, ALPHA_PTAT, VBE = 12_200, 42.5, 9.0, 19_000
K_VDD, VDD_25 = -3200, -13_056
OFFSET, ALPHA, ALPHA_SCALE, ALPHA_STEP = -60, 12_000, 38, 5
KTA, KTA_SCALE, KTA_STEP = 48, 13, 2
KV, KV_SCALE = 3, 3
COOLER_C = 8.0
"""By how much the surroundings are colder than the sensor."""
_ROWS, _COLUMNS = np.indices((HEIGHT, WIDTH))
_OWN_OFFSET = (_ROWS * 5 + _COLUMNS * 3) % 21 - 10
_OWN_ALPHA = (_ROWS + 2 * _COLUMNS) % 7 + 1
_OWN_KTA = _COLUMNS % 3 - 1


class SceneSource:
    """A sensor that looks at ``scene``; see :class:`drivers.sim.mlx90640.Source`."""

    def __init__(
        self,
        scene: Scene,
        *,
        emissivity: float = 0.98,
        ta_c: float = 31.0,
        vdd_v: float = 3.28,
        noise_counts: int = 1,
        broken: tuple[int, ...] = (),
        outliers: tuple[int, ...] = (),
    ) -> None:
        self._scene = scene
        self._emissivity = emissivity
        self.ta_c = ta_c
        self.vdd_v = vdd_v
        self._noise_counts = noise_counts
        self._broken = list(broken)
        self.eeprom = eeprom(broken, outliers)

    def measure(self, number: int, at_s: float, *, chess: bool) -> tuple[int, Words]:
        """Sub-pages by turns; the other one's pixels stand in RAM as they were, which here is as of now."""
        del chess
        ram = np.zeros(832, np.int64)
        ram[0x30A] = GAIN_READ
        ram[0x32A] = round((self.vdd_v - 3.3) * K_VDD + VDD_25)
        art = (self.ta_c - 25) * KT_PTAT + PTAT_25
        ram[0x300] = VBE
        ram[0x320] = round(art * VBE / (2**18 - ALPHA_PTAT * art))
        counts = self._counts(self._scene(at_s), *_as_told(ram))
        noise = (_ROWS * 7 + _COLUMNS * 3 + number * 5) % 3 - 1
        ram[:768] = np.rint(counts + noise * self._noise_counts).ravel()
        ram[self._broken] = 0
        return number % 2, ram.astype(np.uint16)

    def _counts(self, temps_c: Celsius, ta_c: float, vdd_v: float) -> Celsius:
        """What the pixels count, by the temperature and supply that the rounded words will tell."""
        alpha = (ALPHA + (_OWN_ALPHA << ALPHA_STEP)) / 2.0**ALPHA_SCALE
        warm = 1 + (KTA + (_OWN_KTA << KTA_STEP)) / 2.0**KTA_SCALE * (ta_c - 25)
        supply = 1 + KV / 2.0**KV_SCALE * (vdd_v - 3.3)
        seen = self._emissivity * _power(temps_c) + (1 - self._emissivity) * _power(ta_c - COOLER_C)
        return (alpha * (seen - _power(ta_c)) + (OFFSET + _OWN_OFFSET) * warm * supply) * GAIN_READ / GAIN


def eeprom(broken: tuple[int, ...] = (), outliers: tuple[int, ...] = ()) -> Words:
    """The calibration as the EEPROM holds it; some pixels marked as broken, or as out of specification."""
    words = np.zeros(832, np.int64)
    words[0x07:0x0A] = 0x51AD, 0x0000, 0x0001
    words[0x0C] = 0x1901
    words[0x0F] = 0xBE33
    words[0x10] = round((ALPHA_PTAT - 8) * 4) << 12
    words[0x11] = OFFSET
    words[0x20] = (ALPHA_SCALE - 30) << 12 | ALPHA_STEP
    words[0x21] = ALPHA
    words[0x30] = GAIN
    words[0x31] = PTAT_25
    words[0x32] = round(KT_PTAT * 8)
    words[0x33] = (K_VDD // 32 & 0xFF) << 8 | ((VDD_25 + 8192) // 32 + 256)
    words[0x34] = KV * 0x1111
    words[0x36] = words[0x37] = KTA * 0x0101
    words[0x38] = 2 << 12 | KV_SCALE << 8 | (KTA_SCALE - 8) << 4 | KTA_STEP
    words[0x3F] = 2 << 12 | 8 << 8 | 8 << 4 | 9
    pixels = (_OWN_OFFSET & 0x3F) << 10 | _OWN_ALPHA << 4 | (_OWN_KTA & 7) << 1
    words[0x40:] = pixels.ravel()
    words[0x40 + np.array(outliers, np.int64)] |= 1
    words[0x40 + np.array(broken, np.int64)] = 0
    return words.astype(np.uint16)


def _as_told(ram: npt.NDArray[np.int64]) -> tuple[float, float]:
    """The sensor's own temperature and supply, as exactly as its words tell them."""
    art = ram[0x320] / (ram[0x320] * ALPHA_PTAT + ram[0x300]) * 2**18
    return float((art - PTAT_25) / KT_PTAT + 25), float((ram[0x32A] - VDD_25) / K_VDD + 3.3)


def _power(temp_c: npt.ArrayLike) -> Celsius:
    return (np.asarray(temp_c, np.float64) + KELVIN) ** 4
