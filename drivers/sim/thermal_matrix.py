"""What simulated network cameras look at: a room with noise, and one warm spot in its middle."""

import numpy as np
import numpy.typing as npt

Celsius = npt.NDArray[np.float64]
NOISE_SD_C = 0.05
ROOM_C = 22.0


class Matrix:
    """Pictures (height, width) in °C, no two of them the same; the same seed, the same pictures."""

    def __init__(self, height: int, width: int, seed: int = 0) -> None:
        self.height = height
        self.width = width
        self.spot_c = 36.5
        self._dice = np.random.default_rng(seed)
        rows, columns = np.ogrid[:height, :width]
        away = ((rows - (height - 1) / 2) / (height / 6)) ** 2 + (
            (columns - (width - 1) / 2) / (width / 6)
        ) ** 2
        self._covers = away <= 1.0

    def celsius(self) -> Celsius:
        """The next picture."""
        still_c = np.where(self._covers, self.spot_c, ROOM_C)
        return still_c + self._dice.normal(0.0, NOISE_SD_C, still_c.shape)
