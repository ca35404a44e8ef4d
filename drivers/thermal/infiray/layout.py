"""Where the counts stand in what an InfiRay module sends as a picture of 16-bit pixels. Pure.

Sources: for the P2 Pro its UVC descriptors and the analysis at github.com/LeoDJ/P2Pro-Viewer; for the P3 the
traffic analysis at github.com/jvdillon/p3-ir-camera ("P3 USB Protocol"). Both: a picture for the eye above,
little-endian counts of 1/64 K below. What the P3's two rows between them mean is not known.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.api import LinearScale

HEIGHT, WIDTH = 192, 256
ROW_BYTES = 2 * WIDTH
SCALE = LinearScale(gain_c=1 / 64, offset_c=-273.15)
FRAMES_PER_S = 25


@dataclass(frozen=True, slots=True)
class Layout:
    """One model's picture."""

    rows: int
    counts_row: int
    """The first of the rows with counts; ``HEIGHT`` of them follow."""

    @property
    def picture_bytes(self) -> int:
        """Of the whole picture."""
        return self.rows * ROW_BYTES


LAYOUTS: Mapping[str, Layout] = {"p2_pro": Layout(384, 192), "p3": Layout(386, 194)}
