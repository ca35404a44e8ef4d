"""An MLX90640's calibration, restored from its EEPROM. Pure.

Source: Melexis MLX90640 datasheet 3901090640, Rev 12, chapter 11.1 (restoring calibration data from EEPROM)
and table 10 (note 1: a broken pixel's word is 0; note 2: an outlier's lowest bit is set). Words are named by
their place in the EEPROM, from 0x2400.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.thermal.mlx90640.eeprom import Fields
from drivers.thermal.mlx90640.registers import HEIGHT, PIXELS, WIDTH, WORDS, Pattern, Words

Plane = npt.NDArray[np.float64]
"""Shape (24, 32)."""
Mask = npt.NDArray[np.bool_]
_SERIAL = slice(0x07, 0x0A)
_OPTIONS, _CHESS_IS_NOT = 0x0A, 0x0800
_OFFSETS, _SENSITIVITIES = 0x10, 0x20
_GAIN, _PTAT_25, _PTAT, _VDD, _KV, _CHESS, _KTA, _SCALES = 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x38
_CP_ALPHA, _CP_OFFSET, _CP_K, _TGC, _KS_TO, _CORNERS = 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3F
COLDEST_C, ZERO_C = -40.0, 0.0
"""Where the first two ranges of temperature begin; the others say so themselves."""


class Uncalibrated(Exception):
    """What was read is no calibration."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Calibration:
    """By the datasheet's names; voltages in counts, ``alpha`` in counts per K^4."""

    serial: str
    k_vdd: float
    vdd_25: float
    kv_ptat: float
    kt_ptat: float
    v_ptat_25: float
    alpha_ptat: float
    gain: float
    tgc: float
    resolution_bits: int
    ks_ta: float
    corners_c: tuple[float, float, float, float]
    """Where the four ranges of object temperature begin."""
    ks_to: tuple[float, float, float, float]
    alpha: Plane
    offset: Plane
    kta: Plane
    kv: Plane
    cp_alpha: tuple[float, float]
    """Of the compensation pixel, for either sub-page."""
    cp_offset: tuple[float, float]
    cp_kta: float
    cp_kv: float
    pattern_c: tuple[float, float, float]
    """Corrections for a pattern other than that of the calibration."""
    pattern: Pattern
    """In which it was calibrated."""
    broken: Mask
    outliers: Mask

    @property
    def doubtful(self) -> Mask:
        """Pixels that measure nothing to be relied upon; shape (24, 32)."""
        return self.broken | self.outliers | (self.alpha <= 0.0)


def restore(eeprom: Words) -> Calibration:
    """The calibration in the 832 words from 0x2400.

    Raises:
        Uncalibrated: they are of no sensor's: all alike, or without what every calibration has.
    """
    if eeprom.shape != (WORDS,):
        raise Uncalibrated(f"{eeprom.size} words instead of {WORDS}")
    if np.all(eeprom == eeprom[0]):
        raise Uncalibrated(f"its EEPROM holds nothing but {int(eeprom[0]):#06x}")
    part = Fields(eeprom)
    found = Calibration(
        serial="".join(f"{int(word):04x}" for word in eeprom[_SERIAL]),
        k_vdd=32 * part.signed(_VDD, 8, 8),
        vdd_25=(part.bits(_VDD, 0, 8) - 256) * 32 - 8192,
        kv_ptat=part.signed(_PTAT, 10, 6) / 2**12,
        kt_ptat=part.signed(_PTAT, 0, 10) / 2**3,
        v_ptat_25=part.signed(_PTAT_25, 0, 16),
        alpha_ptat=part.bits(_OFFSETS, 12, 4) / 4 + 8,
        gain=part.signed(_GAIN, 0, 16),
        tgc=part.signed(_TGC, 0, 8) / 2**5,
        resolution_bits=part.bits(_SCALES, 12, 2),
        ks_ta=part.signed(_TGC, 8, 8) / 2**13,
        corners_c=_corners(part),
        ks_to=_ks_to(part),
        alpha=_alpha(part),
        offset=_offset(part),
        kta=_kta(part),
        kv=_kv(part),
        cp_alpha=_cp_alpha(part),
        cp_offset=_cp_offset(part),
        cp_kta=part.signed(_CP_K, 0, 8) / 2 ** (part.bits(_SCALES, 4, 4) + 8),
        cp_kv=part.signed(_CP_K, 8, 8) / 2 ** part.bits(_SCALES, 8, 4),
        pattern_c=(
            part.signed(_CHESS, 0, 6) / 2**4,
            part.signed(_CHESS, 6, 5) / 2,
            part.signed(_CHESS, 11, 5) / 2**3,
        ),
        pattern="interleaved" if int(eeprom[_OPTIONS]) & _CHESS_IS_NOT else "chess",
        broken=part.pixels == 0,
        outliers=(part.pixels != 0) & (part.pixels & 1 == 1),
    )
    for value, name in ((found.k_vdd, "supply"), (found.kt_ptat, "temperature"), (found.gain, "gain")):
        if value == 0:
            raise Uncalibrated(f"its EEPROM holds no calibration of its {name}")
    if np.count_nonzero(found.doubtful) > PIXELS // 2:
        raise Uncalibrated("its EEPROM holds no calibration of its pixels")
    return found


def _alpha(part: Fields) -> Plane:
    own = part.of_pixels(4, 6) << part.bits(_SENSITIVITIES, 0, 4)
    total = part.bits(_SENSITIVITIES + 1, 0, 16) + part.surface(_SENSITIVITIES) + own
    return total / 2.0 ** (part.bits(_SENSITIVITIES, 12, 4) + 30)


def _offset(part: Fields) -> Plane:
    own = part.of_pixels(10, 6) << part.bits(_OFFSETS, 0, 4)
    total = part.signed(_OFFSETS + 1, 0, 16) + part.surface(_OFFSETS) + own
    return total.astype(np.float64)


def _kta(part: Fields) -> Plane:
    shared = _by_parity(
        (part.signed(_KTA, 8, 8), part.signed(_KTA + 1, 8, 8)),
        (part.signed(_KTA, 0, 8), part.signed(_KTA + 1, 0, 8)),
    )
    own = part.of_pixels(1, 3) << part.bits(_SCALES, 0, 4)
    return (shared + own) / 2.0 ** (part.bits(_SCALES, 4, 4) + 8)


def _kv(part: Fields) -> Plane:
    shared = _by_parity(
        (part.signed(_KV, 12, 4), part.signed(_KV, 4, 4)),
        (part.signed(_KV, 8, 4), part.signed(_KV, 0, 4)),
    )
    return shared / 2.0 ** part.bits(_SCALES, 8, 4)


def _by_parity(odd_row: tuple[int, int], even_row: tuple[int, int]) -> npt.NDArray[np.int64]:
    """One number for each parity of row and column, counted from 1; shape (24, 32)."""
    return np.tile(np.array([odd_row, even_row], np.int64), (HEIGHT // 2, WIDTH // 2))


def _cp_alpha(part: Fields) -> tuple[float, float]:
    first = part.signed(_CP_ALPHA, 0, 10) / 2.0 ** (part.bits(_SENSITIVITIES, 12, 4) + 27)
    return first, first * (1 + part.signed(_CP_ALPHA, 10, 6) / 2**7)


def _cp_offset(part: Fields) -> tuple[float, float]:
    first = part.signed(_CP_OFFSET, 0, 10)
    return first, first + part.signed(_CP_OFFSET, 10, 6)


def _corners(part: Fields) -> tuple[float, float, float, float]:
    step_c = part.bits(_CORNERS, 12, 2) * 10
    third_c = part.bits(_CORNERS, 4, 4) * step_c
    return COLDEST_C, ZERO_C, third_c, third_c + part.bits(_CORNERS, 8, 4) * step_c


def _ks_to(part: Fields) -> tuple[float, float, float, float]:
    scale = 2.0 ** (part.bits(_CORNERS, 0, 4) + 8)
    places = ((_KS_TO, 0), (_KS_TO, 8), (_KS_TO + 1, 0), (_KS_TO + 1, 8))
    first, second, third, fourth = (part.signed(at, low, 8) / scale for at, low in places)
    return first, second, third, fourth
