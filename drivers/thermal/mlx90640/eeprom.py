"""How numbers stand in an MLX90640's EEPROM: in bits of words and nibbles of rows and columns.

Source: Melexis MLX90640 datasheet 3901090640, Rev 12, table 10.
"""

import numpy as np
import numpy.typing as npt

from drivers.thermal.mlx90640.registers import HEIGHT, WIDTH, WORDS, Words, signed

_PIXELS = slice(0x40, WORDS)


class Fields:
    """Numbers out of the 832 words; places count from 0x2400."""

    def __init__(self, eeprom: Words) -> None:
        self._words = eeprom
        self.pixels = eeprom[_PIXELS].reshape(HEIGHT, WIDTH)

    def bits(self, at: int, low: int, count: int) -> int:
        """``count`` bits of the word at ``at``, from bit ``low`` on."""
        return int(self._words[at]) >> low & (1 << count) - 1

    def signed(self, at: int, low: int, count: int) -> int:
        """The same in two's complement."""
        value = self.bits(at, low, count)
        return value - (1 << count) if value >> (count - 1) else value

    def nibbles(self, at: int, words: int) -> npt.NDArray[np.int64]:
        """Signed numbers of four bits, four to a word, the lowest first."""
        spread = self._words[at : at + words, np.newaxis] >> np.array([0, 4, 8, 12], np.uint16)
        return signed(spread.ravel() & 0xF, 4)

    def of_pixels(self, low: int, count: int) -> npt.NDArray[np.int64]:
        """Each pixel's own signed number; shape (24, 32)."""
        return signed(self.pixels >> low & (1 << count) - 1, count)

    def surface(self, at: int) -> npt.NDArray[np.int64]:
        """What rows and columns share, without the pixels' own; shape (24, 32).

        The first word holds the scales, from 2 on follow six words of rows and eight of columns.
        """
        rows = self.nibbles(at + 2, 6) << self.bits(at, 8, 4)
        columns = self.nibbles(at + 8, 8) << self.bits(at, 4, 4)
        return rows[:, np.newaxis] + columns
