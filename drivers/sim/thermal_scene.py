"""A door as a Lepton sees it: a wall, a warm reference disc, people who come and stand, a sensor that drifts.

Synthetic from end to end. What it imitates was measured on clips of real doors: frame noise of a few
hundredths of a degree, an offset of the whole picture that wanders by tenths within minutes, and jumps of it
at flat-field corrections, during which the camera repeats its last frame.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.api import RawFrame

HEIGHT, WIDTH = FRAME_SHAPE = (120, 160)
KELVIN_C = 273.15
COUNTS_PER_K = 100
Disc = tuple[int, int, int]
"""Row and column of the centre, radius: pixels."""
DISC: Disc = (93, 132, 6)
NOISE_SD_C = 0.02
DRIFT_C_MAX = 2.0
DRIFT_SD_C = 0.012
"""Of one second's step of the offset's random walk."""
FLAT_FIELD_EVERY_S_MIN, FLAT_FIELD_EVERY_S_MAX = 180, 200
"""The camera's factory setting is three minutes."""
_SINCE_S = 30
"""The last correction before the scene began."""
FLAT_FIELD_LASTS_S = 0.9
JUMP_C_MAX = 0.6
WALK_S = 1.0
"""How long somebody takes to step in front of the camera, and to leave."""
_STAND_COLUMN = 70
_PATCH_ROWS, _PATCH_COLUMNS = 96, 72
_FACE_ROW, _FACE_COLUMN = 32.0, 35.5
_FACE_HEIGHT, _FACE_WIDTH = 23.0, 16.0
"""Semi-axes, pixels."""
_CLOTHES_C, _HAIR_C = 28.5, 29.5
Celsius = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Visitor:
    """Somebody who comes at the next frame, or came at ``since_s``."""

    picture_c: Celsius
    covers: Mask
    stays_s: float
    since_s: float | None = None


class ThermalScene:
    """Frames of one door by the time since its start, which never goes back. The same seed, the same door."""

    def __init__(self, seed: int, reference_c: float = 37.0, disc: Disc = DISC) -> None:
        self.reference_c = reference_c
        self.disc = disc
        self._seed = seed
        self._still_c = _room(np.random.default_rng([seed, 1]))
        self._still_c[_disc(disc)] = reference_c
        self._sensor = _Sensor(seed)
        self._visitor: _Visitor | None = None
        self._last: RawFrame | None = None

    @property
    def occupied(self) -> bool:
        """Whether somebody is there, or comes at the next frame."""
        return self._visitor is not None

    def enter(self, surface_temp_c: float, stays_s: float) -> None:
        """Somebody steps in front of the camera, in the place of whoever is there.

        The mean of the four hottest pixels of the face is ``surface_temp_c``, before the sensor's offset and
        noise; ``stays_s`` counts from the first step in to the last step out.
        """
        picture_c, covers = _person(surface_temp_c)
        self._visitor = _Visitor(picture_c, covers, stays_s)

    def frame(self, at_s: float) -> tuple[RawFrame, float]:
        """The frame at ``at_s``: counts of 0.01 K, shape (120, 160), and how long the last flat-field
        correction has been over, s; 0 while one is under way, with the last frame again.
        """
        offset_c, since_s = self._sensor.at(at_s)
        seen_c = self._still_c.copy()
        self._paste(seen_c, at_s)
        if since_s == 0 and self._last is not None:
            return self._last, since_s
        noise_c = np.random.default_rng([self._seed, 2, round(at_s * 1000)]).normal(
            0, NOISE_SD_C, seen_c.shape
        )
        self._last = np.rint((seen_c + noise_c + offset_c + KELVIN_C) * COUNTS_PER_K).astype(np.uint16)
        return self._last, since_s

    def offset_c(self) -> float:
        """The sensor's offset in the last frame: what a reference lets a gateway take away."""
        return self._sensor.offset_c

    def _paste(self, seen_c: Celsius, at_s: float) -> None:
        visitor = self._visitor
        if visitor is None:
            return
        if visitor.since_s is None:
            visitor = self._visitor = _Visitor(visitor.picture_c, visitor.covers, visitor.stays_s, at_s)
        assert visitor.since_s is not None
        gone_s = at_s - visitor.since_s
        if gone_s >= visitor.stays_s:
            self._visitor = None
            return
        column = _column(gone_s, visitor.stays_s)
        hidden = max(0, -column)
        covers = visitor.covers[:, hidden:]
        place = seen_c[HEIGHT - _PATCH_ROWS :, column + hidden : column + _PATCH_COLUMNS]
        place[covers] = visitor.picture_c[:, hidden:][covers]


class _Sensor:
    """The offset of the whole picture: a bounded random walk by seconds, with a jump at each correction."""

    def __init__(self, seed: int) -> None:
        self._dice = np.random.default_rng([seed, 3])
        self._step = 0
        self._began_s = -_SINCE_S
        self._next_s = self._later(0)
        self.offset_c = float(self._dice.uniform(-1.0, 1.0))

    def at(self, at_s: float) -> tuple[float, float]:
        """The offset, and the time since the last correction was over (0 during one)."""
        while self._step < int(at_s):
            self._step += 1
            change_c = float(self._dice.normal(0, DRIFT_SD_C))
            if self._step == self._next_s:
                self._began_s = self._next_s
                self._next_s = self._later(self._next_s)
                change_c += float(self._dice.uniform(-JUMP_C_MAX, JUMP_C_MAX))
            moved_c = self.offset_c + change_c
            self.offset_c = moved_c if abs(moved_c) <= DRIFT_C_MAX else self.offset_c - change_c
        return self.offset_c, max(0.0, at_s - self._began_s - FLAT_FIELD_LASTS_S)

    def _later(self, step: int) -> int:
        return step + int(self._dice.integers(FLAT_FIELD_EVERY_S_MIN, FLAT_FIELD_EVERY_S_MAX))


def _column(gone_s: float, stays_s: float) -> int:
    """The left edge of the person: in from the left, a little sway, out again; the disc is never hidden."""
    stand = _STAND_COLUMN - _PATCH_COLUMNS // 2
    walk_s = min(WALK_S, stays_s / 3)
    nearest_s = min(gone_s, stays_s - gone_s)
    if nearest_s < walk_s:
        return round(-_PATCH_COLUMNS + (stand + _PATCH_COLUMNS) * nearest_s / walk_s)
    return stand + round(float(np.sin(gone_s * 1.7)))


def _room(dice: np.random.Generator) -> Celsius:
    """A wall between 22 and 24 °C with a door frame, a cool pane and a lamp, softly uneven."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    coarse = dice.normal(0, 0.15, (HEIGHT // 20, WIDTH // 20))
    room_c = 22.9 + 0.5 * (1 - rows / HEIGHT) + np.kron(coarse, np.ones((20, 20)))
    room_c += 0.25 * np.sin(columns / 9.0 + dice.uniform(0, 6))
    room_c[:, 20:24] += 0.5
    room_c[12:60, 100:124] -= 0.9
    room_c[4:9, 60:90] += 1.0
    return np.clip(room_c, 22.0, 24.0)


def _disc(disc: Disc) -> Mask:
    row, column, radius_px = disc
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius_px**2


def _person(surface_temp_c: float) -> tuple[Celsius, Mask]:
    """Head and shoulders, shape (96, 72), and which of the pixels they are."""
    rows, columns = np.mgrid[0:_PATCH_ROWS, 0:_PATCH_COLUMNS].astype(np.float64)
    down, across = (rows - _FACE_ROW) / _FACE_HEIGHT, (columns - _FACE_COLUMN) / _FACE_WIDTH
    head = down**2 + across**2 <= 1.0
    hair = head & (down < -0.55 + 0.25 * np.abs(across))
    neck = (np.abs(across) < 0.6) & (rows > _FACE_ROW) & (rows < _FACE_ROW + _FACE_HEIGHT + 8)
    body = ((rows - _PATCH_ROWS) / 40.0) ** 2 + ((columns - _FACE_COLUMN) / 35.0) ** 2 <= 1.0
    skin_c = -1.3 - 0.9 * across**2 - 1.5 * np.exp(-(((down - 0.25) / 0.2) ** 2) - (across / 0.2) ** 2)
    for side in (-1, 1):
        skin_c += 1.4 * np.exp(-(((down + 0.05) / 0.07) ** 2) - ((across - side * 0.27) / 0.1) ** 2)
    face = head & ~hair
    skin_c += surface_temp_c - np.sort(skin_c[face])[-4:].mean()
    picture_c = np.full(rows.shape, _CLOTHES_C)
    picture_c[neck] = surface_temp_c - 1.5
    picture_c[head] = skin_c[head]
    picture_c[hair] = _HAIR_C
    return picture_c, head | neck | body
