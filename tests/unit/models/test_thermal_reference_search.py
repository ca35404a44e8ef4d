"""The reference is found without being told where: in drawn scenes, in real clips, and nowhere else."""

import datetime as dt
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cardea.contract.time import ClockQuality, Instant
from drivers.api import CELSIUS, LinearScale, ThermalFrameCaptured, Unfit
from models.thermal.radiometry import radiometer
from models.thermal.reference.disc import Circle, fit
from models.thermal.reference.discs import DISCS_MAX, discs
from models.thermal.reference.reference import ERROR_C_MAX, Blackbody, Reference, look
from models.thermal.reference.search import (
    FORGET_S,
    OVER_S,
    PLACES_MAX,
    TIMES_MIN,
    Search,
    find,
    located,
)

LEPTON = LinearScale(gain_c=0.01, offset_c=-273.15)
METER = radiometer(LEPTON, None)
FPS = 9.0
WANTED = (Blackbody(temp_c=37.0, uncertainty_c=0.1),)
CLIPS = (
    "20210325-091249", "20210326-110819", "810440", "810781", "814484", "814652", "815161", "816619",
    "816672", "816699", "816709",
)  # fmt: skip


def counts(temps_c: Any) -> Any:
    return np.rint((np.asarray(temps_c) + 273.15) * 100).astype(np.uint16)


def wall(shape: tuple[int, int] = (120, 160), temp_c: float = 24.0) -> Any:
    return np.full(shape, temp_c, np.float32)


def draw(temps_c: Any, row: float, column: float, radius_px: float, temp_c: float) -> Any:
    """A disc, its edge pixels mixed of it and of what is behind."""
    rows, columns = np.ogrid[: temps_c.shape[0], : temps_c.shape[1]]
    covers = np.clip(radius_px + 0.5 - np.hypot(rows - row, columns - column), 0.0, 1.0)
    temps_c[:] = temps_c * (1.0 - covers) + temp_c * covers
    return temps_c


def seen(temps_c: Any, blur_px: float = 0.7, noise_c: float = 0.05, seed: int = 1) -> Any:
    """What a camera counts of a scene."""
    blurred = cv2.GaussianBlur(temps_c, (0, 0), blur_px)
    return counts(blurred + np.random.default_rng(seed).normal(0.0, noise_c, temps_c.shape))


def shown(raws: Any, fps: float = FPS, **fields: Any) -> Iterator[ThermalFrameCaptured]:
    for number, raw in enumerate(raws):
        at = Instant(number / fps, dt.datetime(2026, 3, 2, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
        given: dict[str, Any] = {"scale": LEPTON} | fields
        yield ThermalFrameCaptured(at=at, raw=raw, **given)


# --- one frame --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(120, 160), (288, 384), (512, 640), (160, 120)])
@pytest.mark.parametrize("radius", [4.0, 6.0, 12.0])
def test_a_disc_is_found_in_frames_of_every_size(shape: tuple[int, int], radius: float) -> None:
    unit = math.sqrt(shape[0] * shape[1] / (120 * 160))
    radius_px = radius * unit
    rng = np.random.default_rng(7)
    for number in range(6):
        row, column = (float(rng.uniform(1.3 * radius_px, side - 1 - 1.3 * radius_px)) for side in shape)
        scene = wall(shape)
        top, left = int(max(0, row - 2.5 * radius_px)), int(max(0, column - 4 * radius_px))
        scene[top : int(row + 2.5 * radius_px), left : int(column + 4 * radius_px)] = 31.0
        raw = seen(draw(scene, row, column, radius_px, 35.2), blur_px=0.7 * unit, seed=number)
        found = find(raw, METER, WANTED)
        assert found is not None
        assert (found[0].temp_c, found[0].uncertainty_c) == (37.0, 0.1)
        assert (found[0].row, found[0].column) == pytest.approx((row, column), abs=0.15 * unit)
        assert found[0].radius_px == pytest.approx(radius_px, abs=0.2 * unit)


def test_frames_of_degrees_are_searched_as_well_and_pixels_that_say_nothing_do_no_harm() -> None:
    temps_c = cv2.GaussianBlur(draw(wall(), 40.0, 60.0, 6.0, 35.0), (0, 0), 0.7)
    temps_c[100:, :] = np.nan
    temps_c[34, 60] = np.nan
    found = find(temps_c, radiometer(CELSIUS, None), WANTED)
    assert found is not None
    assert (found[0].row, found[0].column) == pytest.approx((40.0, 60.0), abs=0.1)


def ellipse(temps_c: Any, row: int, column: int, axes: tuple[int, int], temp_c: float) -> Any:
    cv2.ellipse(temps_c, (column, row), axes, 0, 0, 360, temp_c, -1)
    return temps_c


def square(temps_c: Any) -> Any:
    temps_c[40:52, 60:72] = 36.0
    return temps_c


def head(temps_c: Any) -> Any:
    """A face of 8 pixels' radius with hair and a neck, as of somebody far away."""
    draw(temps_c, 50.0, 60.0, 8.0, 35.0)
    temps_c[41:45, 50:70] = 29.0
    temps_c[57:70, 56:65] = 34.5
    temps_c[66:90, 45:76] = 29.0
    return temps_c


def uneven(temps_c: Any) -> Any:
    rows, _ = np.mgrid[:120, :160]
    disc = draw(wall(temp_c=0.0), 50.0, 60.0, 8.0, 1.0) > 0.5
    temps_c[disc] = (35.0 + 0.4 * (rows - 50))[disc]
    return temps_c


NOT_IT: dict[str, Any] = {
    "nothing": wall(),
    "a cup": square(wall()),
    "a face seen from the front": ellipse(wall(), 50, 60, (9, 13), 35.0),
    "somebody's head": head(wall()),
    "something uneven": uneven(wall()),
    "a lamp": draw(wall(), 50.0, 60.0, 6.0, 37.0 + ERROR_C_MAX + 1.0),
    "something lukewarm": draw(wall(), 50.0, 60.0, 6.0, 37.0 - ERROR_C_MAX - 1.0),
    "hardly warmer than the wall": draw(wall(temp_c=34.0), 50.0, 60.0, 6.0, 35.5),
    "without an edge": cv2.GaussianBlur(draw(wall(), 50.0, 60.0, 6.0, 41.0), (0, 0), 4.0),
    "too large": draw(wall(), 50.0, 60.0, 22.0, 36.0),
    "too small": draw(wall(), 50.0, 60.0, 1.5, 36.0),
    "half of it at the border": draw(wall(), 50.0, 0.0, 6.0, 36.0),
    "a hand before it": ellipse(draw(wall(), 50.0, 60.0, 6.0, 36.0), 56, 62, (5, 12), 34.0),
    "colder than its surroundings": draw(wall(temp_c=38.0), 50.0, 60.0, 6.0, 34.0),
    "two of them": draw(draw(wall(), 50.0, 60.0, 6.0, 36.0), 20.0, 130.0, 6.0, 36.0),
}


@pytest.mark.parametrize("case", NOT_IT)
def test_what_is_not_the_one_round_sharp_uniform_warm_disc_is_not_found(case: str) -> None:
    assert find(seen(NOT_IT[case]), METER, WANTED) is None


def test_a_disc_cut_a_little_by_the_border_is_found() -> None:
    found = find(seen(draw(wall(), 50.0, 153.5, 6.0, 36.0)), METER, WANTED)
    assert found is not None
    assert (found[0].row, found[0].column) == pytest.approx((50.0, 153.5), abs=0.3)


def test_two_references_are_told_apart_by_their_temperatures() -> None:
    wanted = (Blackbody(temp_c=40.0), Blackbody(temp_c=34.0))
    raw = seen(draw(draw(wall(), 20.0, 130.0, 6.0, 38.5), 60.0, 140.0, 5.0, 32.5))
    found = find(raw, METER, wanted)
    assert found is not None
    assert [(one.temp_c, round(one.row)) for one in found] == [(40.0, 20), (34.0, 60)]
    assert find(raw, METER, WANTED) is None, "either could be it"
    unlike = seen(draw(draw(wall(), 20.0, 130.0, 6.0, 38.5), 60.0, 140.0, 5.0, 35.0))
    assert find(unlike, METER, wanted) is None
    assert find(raw, METER, ()) is None


def test_a_frame_full_of_discs_is_looked_at_only_so_far() -> None:
    scene = wall()
    for row in (20.0, 60.0, 100.0):
        for column in (20.0, 60.0, 100.0, 140.0):
            draw(scene, row, column, 6.0, 36.0)
    assert len(discs(seen(scene), METER, (37.0, 37.0))) == DISCS_MAX


def test_a_disc_that_is_none_in_the_pixels_of_the_frame_itself_is_none() -> None:
    """Four quarters that only look like one disc when seen coarsely."""
    shape = (480, 640)
    scene = draw(wall(shape), 200.0, 300.0, 24.0, 36.0)
    scene[::2, :] = 36.0 - 2.0 * (36.0 - scene[::2, :])
    scene[1::2, :] = 36.0
    coarse = cv2.resize(scene, (160, 120), interpolation=cv2.INTER_AREA)
    assert find(counts(coarse), METER, WANTED) is not None
    assert find(counts(scene), METER, WANTED) is None


@pytest.mark.parametrize("shape", [(6, 1_000_000), (1_000_000, 6), (5, 5), (0, 9)])
def test_a_frame_of_an_odd_shape_holds_no_disc(shape: tuple[int, int]) -> None:
    assert find(np.full(shape, 30_900, np.uint16), METER, WANTED) is None


any_frame = hnp.arrays(
    st.sampled_from((np.uint16, np.float32, np.uint8)),
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=30),
)


@given(raw=any_frame, temp_c=st.floats(20.0, 60.0))
@settings(max_examples=100)
def test_whatever_the_frame_the_search_ends(raw: Any, temp_c: float) -> None:
    wanted = (Blackbody(temp_c=temp_c),)
    found = find(raw, METER, wanted)
    assert found is None or raw.ndim == 2
    assert Search().step(raw, METER, wanted, 0.0).found(wanted) is None


@given(
    temps_c=hnp.arrays(np.float32, (12, 12), elements=st.floats(-300.0, 1e4, width=32) | st.just(math.nan)),
    about=st.builds(Circle, st.floats(-20.0, 30.0), st.floats(-20.0, 30.0), st.floats(0.1, 30.0)),
)
@settings(max_examples=100)
def test_whatever_the_picture_a_fit_is_near_or_none(temps_c: Any, about: Circle) -> None:
    disc = fit(temps_c, about)
    if disc is not None:
        assert disc.circle.away_px(about) <= about.radius_px
        assert disc.unround <= 1.0


# --- several frames ---------------------------------------------------------------------------------


def stepped(raws: Any, wanted: tuple[Blackbody, ...] = WANTED, fps: float = FPS) -> Search:
    search = Search()
    for number, raw in enumerate(raws):
        search = search.step(raw, METER, wanted, number / fps)
    return search


DISC = seen(draw(wall(), 20.0, 130.0, 6.0, 35.2))
HIDDEN = seen(wall())


def test_it_is_certain_only_after_many_looks_over_a_while() -> None:
    least = max(TIMES_MIN, math.ceil(OVER_S * FPS) + 1)
    assert stepped([DISC] * (least - 1)).found(WANTED) is None
    assert stepped([DISC] * least).found(WANTED) is not None
    assert stepped([DISC] * 50, fps=100.0).found(WANTED) is None
    assert stepped([DISC] * (TIMES_MIN - 1), fps=1.0).found(WANTED) is None
    assert Search().found(WANTED) is None
    assert stepped([DISC] * 20, wanted=()).found(()) is None


def test_it_is_found_though_somebody_stands_before_it_most_of_the_time() -> None:
    frames = ([HIDDEN] * 7 + [DISC] * 3) * 6
    found = stepped(frames).found(WANTED)
    assert found is not None
    assert (found[0].row, found[0].column) == pytest.approx((20.0, 130.0), abs=0.1)


def test_what_moves_is_never_it() -> None:
    frames = [seen(draw(wall(), 20.0 + 0.3 * n, 130.0 - 0.4 * n, 6.0, 36.0), seed=n) for n in range(60)]
    assert stepped(frames).found(WANTED) is None
    assert len(stepped(frames).places) <= PLACES_MAX


def test_of_two_that_stand_still_the_one_seen_twice_as_often_is_it() -> None:
    both = seen(draw(draw(wall(), 20.0, 130.0, 6.0, 36.0), 80.0, 40.0, 6.0, 36.0))
    assert stepped([both] * 30).found(WANTED) is None
    found = stepped([both] * 20 + [seen(draw(wall(), 20.0, 130.0, 6.0, 36.0))] * 25).found(WANTED)
    assert found is not None
    assert round(found[0].row) == 20


def test_what_has_not_been_seen_for_long_is_forgotten() -> None:
    search = stepped([DISC] * 20)
    assert search.step(HIDDEN, METER, WANTED, 20 / FPS + FORGET_S - 1.0).places != ()
    assert search.step(HIDDEN, METER, WANTED, 20 / FPS + FORGET_S + 1.0).places == ()
    assert search.step(HIDDEN, METER, WANTED, -100.0).places == (), "a clock that went back"


def test_two_wanted_are_found_together_or_not_at_all() -> None:
    wanted = (Blackbody(temp_c=34.0), Blackbody(temp_c=40.0))
    both = seen(draw(draw(wall(), 20.0, 130.0, 6.0, 38.5), 60.0, 140.0, 5.0, 32.5))
    one = seen(draw(wall(), 20.0, 130.0, 6.0, 38.5))
    found = stepped([both] * 20, wanted).found(wanted)
    assert found is not None
    assert [round(one.row) for one in found] == [60, 20]
    assert stepped([one] * 20, wanted).found(wanted) is None


def test_a_recording_is_read_as_far_as_needed() -> None:
    read: list[int] = []

    def raws() -> Iterator[Any]:
        for number in range(1000):
            read.append(number)
            yield DISC

    assert located(shown(raws()), WANTED) is not None
    assert len(read) < 100
    assert located(shown([HIDDEN] * 20), WANTED) is None
    assert located(shown([DISC] * 30, unfit=Unfit.FROZEN), WANTED) is None
    assert located(shown([DISC] * 30, scale=LinearScale(gain_c=0.0, offset_c=0.0)), WANTED) is None


# --- real clips -------------------------------------------------------------------------------------

Change = Callable[[Any], Any]
NOISE = np.random.default_rng(1).normal(0.0, 3.0, (400, 160, 160))


def noisy(frames: Any) -> Any:
    noise = NOISE[: len(frames), : frames.shape[1], : frames.shape[2]]
    return np.rint(frames + noise).astype(np.uint16)


def mostly_hidden(frames: Any) -> Any:
    """Somebody of 34 °C before the lower and upper thirds, where every disc is, in two frames of three."""
    changed = frames.copy()
    number = np.arange(len(frames))
    hidden = number % 9 >= 3
    changed[hidden, :45, :] = counts(34.0)
    changed[hidden, 75:, :] = counts(34.0)
    return changed


CHANGED: dict[str, tuple[Change, Callable[[float, float], tuple[float, float]]]] = {
    "as it is": (lambda frames: frames, lambda row, column: (row, column)),
    "mirrored": (lambda frames: frames[:, :, ::-1], lambda row, column: (row, 159 - column)),
    "upside down": (lambda frames: frames[:, ::-1], lambda row, column: (119 - row, column)),
    "on its side, cropped": (
        lambda frames: frames.transpose(0, 2, 1)[:, 40:],
        lambda row, column: (column - 40, row),
    ),
    "3 °C warmer": (lambda frames: frames + np.uint16(300), lambda row, column: (row, column)),
    "3 °C colder": (lambda frames: frames - np.uint16(300), lambda row, column: (row, column)),
    "with 30 mK of noise": (noisy, lambda row, column: (row, column)),
    "mostly hidden": (mostly_hidden, lambda row, column: (row, column)),
}
SHIFT_C = {"3 °C warmer": 3.0, "3 °C colder": -3.0}
ROUGHLY_TOLD = "816672"
"""The list gives this disc's centre 1.9 px beside the middle of its own half-way contour."""


@pytest.mark.needs_test_data
@pytest.mark.parametrize("change", CHANGED)
@pytest.mark.parametrize("clip", CLIPS)
def test_the_disc_of_a_real_clip_is_found_where_it_is_and_gives_the_sensors_offset(
    clip: str, change: str, test_data: Path
) -> None:
    name = f"lepton35_{clip}.npz"
    expected = json.loads((test_data / "thermal/expected.json").read_text())["lepton_screening"][name]
    told, set_c = expected["reference_disc"], expected["reference_calibrated_C"]
    changed, moved = CHANGED[change]
    frames = changed(np.load(test_data / "thermal/lepton_screening" / name)["frames"])
    every = 1 if change in ("as it is", "mostly hidden") else 3
    found = located(shown(frames[::every], FPS / every), (Blackbody(temp_c=set_c),))
    assert found is not None
    (place,) = found
    row, column = moved(*told["center_rc"])
    assert math.hypot(place.row - row, place.column - column) <= (2.0 if clip == ROUGHLY_TOLD else 1.5)
    assert place.radius_px == pytest.approx(told["radius_px"], abs=1.5)
    looks = [look(raw, place, METER) for raw in frames[::4]]
    read_c = [one.median_c for one in looks if one is not None and one.there]
    assert len(read_c) >= len(looks) // 4
    offset_c = float(np.median(read_c)) - set_c - SHIFT_C.get(change, 0.0)
    assert offset_c == pytest.approx(told["sensor_offset_C"], abs=0.1)


@pytest.mark.needs_test_data
@pytest.mark.parametrize("clip", CLIPS)
def test_in_a_real_clip_without_its_disc_no_face_is_taken_for_one(clip: str, test_data: Path) -> None:
    name = f"lepton35_{clip}.npz"
    expected = json.loads((test_data / "thermal/expected.json").read_text())["lepton_screening"][name]
    frames = np.load(test_data / "thermal/lepton_screening" / name)["frames"][::4]
    row, column = expected["reference_disc"]["center_rc"]
    away = np.hypot(*(np.mgrid[:120, :160] - np.array([row, column])[:, None, None]))
    rng = np.random.default_rng(2)
    for temp_c in (34.0, 38.0):
        wanted, search = (Blackbody(temp_c=temp_c),), Search()
        for number, frame in enumerate(frames):
            raw = frame.copy()
            around = np.median(raw[(away > 10.0) & (away < 14.0)])
            raw[away < 11.0] = np.rint(around + rng.normal(0.0, 2.0, int((away < 11.0).sum())))
            search = search.step(raw, METER, wanted, number * 4 / FPS)
        assert search.found(wanted) is None
        assert search.places == ()


def test_references_of_a_search_are_placed_ones() -> None:
    found = stepped([DISC] * 20).found(WANTED)
    assert found is not None
    assert found == (replace(found[0]),)
    assert isinstance(found[0], Reference)
