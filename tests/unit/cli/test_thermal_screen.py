"""``cardea thermal screen``: who is in a clip, what is said of each; one clear line for what is no clip."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cardea.cli.main import main
from cardea.cli.thermal import screen_clip
from drivers.sim import fff, tiff
from drivers.sim.thermal_scene import DISC, ThermalScene
from edge.configuration.settings import Screening

FPS = 9.0
UP_S, FLAT_FIELD_S = 7200.0, 7150.0
Run = Any


def door(*visits: tuple[float, float, float], lasts_s: float, seed: int = 5) -> Any:
    """Frames of a simulated door: who enters when, at which temperature, for how long."""
    scene = ThermalScene(seed)
    coming = sorted(visits)
    frames: list[Any] = []
    for number in range(round(lasts_s * FPS)):
        while coming and coming[0][0] <= number / FPS:
            _, temp_c, stays_s = coming.pop(0)
            scene.enter(temp_c, stays_s)
        frames.append(scene.frame(number / FPS)[0])
    return np.stack(frames)


def save(path: Path, frames: Any, *, up_s: float = UP_S, corrected_s: Any = FLAT_FIELD_S) -> Path:
    times_s = up_s + np.arange(len(frames)) / FPS
    last_s = np.broadcast_to(np.asarray(corrected_s, np.float64), (len(frames),)).copy()
    np.savez_compressed(path, frames=frames, uptime_s=times_s, last_ffc_s=last_s)
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command's status, its standard output (JSON as what it says) and its standard error."""

    def command(*words: object) -> tuple[int, Any, str]:
        status = main(["thermal", "screen", *map(str, words)])
        out, err = capsys.readouterr()
        return status, json.loads(out) if "--json" in words and status == 0 else out, err

    return command


@pytest.fixture(scope="module")
def two_visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody well, then somebody with a fever."""
    frames = door((2.0, 35.4, 5.0), (9.0, 38.6, 5.0), lasts_s=15.0)
    return save(tmp_path_factory.mktemp("clips") / "two.npz", frames)


def test_each_person_has_a_time_a_temperature_and_a_state(run: Run, two_visits: Path) -> None:
    status, said, err = run(two_visits, "--reference-c", 37, "--json")
    assert (status, err) == (0, "")
    well, feverish = said["people"]
    assert well["surface_temp_c"] == pytest.approx(35.4, abs=0.15)
    assert feverish["surface_temp_c"] == pytest.approx(38.6, abs=0.15)
    assert (well["state"], feverish["state"]) == ("normal", "elevated")
    assert (well["reasons"], feverish["reasons"]) == ([], [])
    assert 2.0 <= well["start_s"] < 3.5
    assert 5.5 < well["end_s"] <= 7.1
    assert 9.0 <= feverish["start_s"] < feverish["at_s"] <= feverish["end_s"] <= 14.1
    assert all(0.15 < one["uncertainty_c"] < 0.3 for one in said["people"])
    terms = well["terms"]
    added = sum(terms[name] for name in ("raw_c", "radiometry_c", "reference_c", "site_c"))
    assert added == pytest.approx(well["surface_temp_c"], abs=0.002)
    assert terms["correction"] == "one_point"


def test_the_sensor_is_summed_up(run: Run, two_visits: Path) -> None:
    _, said, _ = run(two_visits, "--reference-c", 37, "--json")
    assert (said["frames"], said["width"], said["height"]) == (135, 160, 120)
    assert said["duration_s"] == pytest.approx(134 / FPS, abs=0.01)
    reference = said["reference"]
    assert reference["found"]
    assert (round(reference["row"]), round(reference["column"]), round(reference["radius_px"])) == DISC
    sensor = said["sensor"]
    offset_c = sensor["offset_c"]
    assert offset_c["min"] <= offset_c["median"] <= offset_c["max"]
    assert sensor["drift_c"] == pytest.approx(offset_c["last"] - offset_c["first"], abs=0.002)
    assert sensor["frames_with_reference"] > 120
    assert said["people"][0]["terms"]["reference_c"] == pytest.approx(-offset_c["median"], abs=0.2)
    assert sensor["flat_field_corrections"] == 0
    assert sensor["reference_spread_c"] < 0.3


def test_a_guard_reads_one_line_a_person(run: Run, two_visits: Path) -> None:
    status, said, _ = run(two_visits, "--reference-c", 37)
    heading, well, feverish = said.splitlines()
    assert status == 0
    assert "135 frames, 14.9 s; reference at row 93, column 132, sensor" in heading
    assert "below the limit of 37.3°C" in well
    assert "above the limit of 37.3°C" in feverish


def test_the_threshold_is_the_portals_unless_another_is_given(run: Run, two_visits: Path) -> None:
    assert run(two_visits, "--reference-c", 37, "--json")[1]["threshold_c"] == Screening().elevated_c == 37.3
    _, said, _ = run(two_visits, "--reference-c", 37, "--threshold-c", 35.3, "--json")
    assert [one["state"] for one in said["people"]] == ["retest", "elevated"]


def test_what_is_known_better_of_the_object_changes_the_temperature(run: Run, two_visits: Path) -> None:
    _, said, _ = run(two_visits, "--reference-c", 37, "--emissivity", 0.95, "--json")
    assert said["people"][0]["terms"]["radiometry_c"] > 0.3


def test_a_clip_without_people_says_so(run: Run, tmp_path: Path) -> None:
    empty = save(tmp_path / "empty.npz", door(lasts_s=4.0))
    assert run(empty, "--reference-c", 37, "--json")[1]["people"] == []
    assert "nobody came near enough" in run(empty, "--reference-c", 37)[1]


def test_who_only_walks_past_is_among_the_others(run: Run, tmp_path: Path) -> None:
    passing = save(tmp_path / "passing.npz", door((2.0, 35.4, 0.9), lasts_s=5.0))
    _, said, _ = run(passing, "--reference-c", 37, "--json")
    assert said["people"] == []
    assert said["others"][0]["reasons"][0] == "not_steady"
    assert {one["surface_temp_c"] for one in said["others"]} == {None}
    assert {one["state"] for one in said["others"]} == {"not_screened"}
    assert "seen besides" in run(passing, "--reference-c", 37)[1]


def test_l7_a_sensor_that_warms_up_measures_nobody_in_the_clip(run: Run, tmp_path: Path) -> None:
    cold = save(tmp_path / "cold.npz", door((2.0, 38.6, 4.0), lasts_s=7.0), up_s=900.0, corrected_s=850.0)
    _, said, _ = run(cold, "--reference-c", 37, "--json")
    (person,) = said["people"]
    assert (person["surface_temp_c"], person["state"], person["reasons"][0]) == (
        None,
        "not_screened",
        "warming_up",
    )
    assert said["sensor"]["frames_not_screened"]["warming_up"] == said["frames"]
    _, said, _ = run(cold, "--reference-c", 37, "--warm-up-s", 600, "--json")
    assert said["people"][0]["state"] == "elevated"


def test_l7_without_a_reference_in_the_picture_people_are_not_screened(run: Run, two_visits: Path) -> None:
    status, said, _ = run(two_visits, "--reference-c", 50, "--json")
    assert status == 0
    assert not said["reference"]["found"]
    assert said["sensor"]["offset_c"] is None
    assert [one["surface_temp_c"] for one in said["people"]] == [None, None]
    assert {reason for one in said["people"] for reason in one["reasons"]} == {"reference_lost"}
    _, text, _ = run(two_visits, "--reference-c", 50)
    assert "no reference of 50 °C is in the picture" in text
    assert "the reference source is not in view" in text


def test_a_flat_field_correction_that_moves_the_sensor_is_counted_and_makes_no_fever(
    run: Run, tmp_path: Path
) -> None:
    frames = door((2.0, 35.4, 9.0), lasts_s=12.0)
    half = len(frames) // 2
    frames[half:] += np.uint16(134)
    corrected_s = np.where(np.arange(len(frames)) < half, FLAT_FIELD_S, UP_S + half / FPS)
    moved = save(tmp_path / "moved.npz", frames, corrected_s=corrected_s)
    _, said, _ = run(moved, "--reference-c", 37, "--json")
    (person,) = said["people"]
    assert person["surface_temp_c"] == pytest.approx(35.4, abs=0.15)
    assert said["sensor"]["flat_field_corrections"] == 1
    assert said["sensor"]["offset_c"]["max"] - said["sensor"]["offset_c"]["min"] > 1.2


def test_people_whom_nobody_measured_have_a_line_as_well(run: Run, tmp_path: Path) -> None:
    cold = save(tmp_path / "cold.npz", door((2.0, 35.0, 4.0), lasts_s=7.0), up_s=900.0, corrected_s=850.0)
    assert "the sensor is warming up" in run(cold, "--reference-c", 37)[1]


BROKEN: dict[str, bytes] = {
    "nothing.npz": b"",
    "garbage.npz": b"PK\x03\x04" + bytes(200),
    "text.npz": b"this is no clip",
    "still.tiff": tiff.radiometric_tiff([tiff.tlinear(20.0 + np.arange(1200.0).reshape(30, 40) / 100, 0.04)]),
    "one.fff": fff.fff(fff.test_scene(0.0))[:300],
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_clip_is_one_line_and_status_2(name: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(BROKEN[name])
    status, out, err = run(path, "--reference-c", 37, "--json")
    assert (status, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert name in err


@pytest.mark.parametrize("up_s", [-1e300, -1e12, 1e12, 1e18, 1e300])
def test_a_time_that_is_none_is_one_line_and_status_2(up_s: float, run: Run, tmp_path: Path) -> None:
    frames = np.full((2, 120, 160), 29600, np.uint16)
    path = save(tmp_path / "times.npz", frames, up_s=up_s)
    status, out, err = run(path, "--reference-c", 37, "--json")
    assert (status, out) == (2, "")
    assert f"times.npz: {up_s:g} s is no time" in err
    assert len(err.strip().splitlines()) == 1


def test_a_file_that_is_not_there_is_one_line(run: Run, tmp_path: Path) -> None:
    status, _, err = run(tmp_path / "no.npz", "--reference-c", 37)
    assert status == 2
    assert len(err.strip().splitlines()) == 1


WRONG = {
    "--reference-c": ("5", "--reference-c must be from 20 to 60, not 5"),
    "--threshold-c": ("50", "--threshold-c must be from 30 to 45, not 50"),
    "--warm-up-s": ("-1", "--warm-up-s must be from 0 to 14400, not -1"),
    "--reference-uncertainty-c": ("nan", "--reference-uncertainty-c must be from 0.02 to 2, not nan"),
    "--humidity": ("45", "--humidity is a fraction of 1: for 45 % give 0.45"),
}


@pytest.mark.parametrize("flag", WRONG)
def test_a_number_that_cannot_be_is_refused_by_name(flag: str, run: Run, two_visits: Path) -> None:
    value, why = WRONG[flag]
    given = ["--reference-c", "37"] if flag != "--reference-c" else []
    status, _, err = run(two_visits, *given, flag, value)
    assert status == 2
    assert why in err


def test_a_sequence_of_frames_without_times_or_of_several_sizes_is_refused(
    run: Run, two_visits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, _ = screen_clip.frames_of(two_visits)
    monkeypatch.setattr(screen_clip, "FRAMES_MAX", 10)
    assert "135 frames are too many" in run(two_visits, "--reference-c", 37)[2]
    assert frames[1].at.mono_s - frames[0].at.mono_s == pytest.approx(1 / FPS)


# --- real clips -------------------------------------------------------------------------------------


def _clips(data: Path) -> list[tuple[Path, dict[str, Any]]]:
    expected = json.loads((data / "thermal/expected.json").read_text())["lepton_screening"]
    return [(data / "thermal/lepton_screening" / name, facts) for name, facts in expected.items()]


@pytest.mark.needs_test_data
def test_real_clips_have_as_many_people_as_came_to_be_screened(run: Run, test_data: Path) -> None:
    right = 0
    for path, facts in _clips(test_data):
        _, said, _ = run(path, "--reference-c", facts["reference_calibrated_C"], "--json")
        people, truth = said["people"], facts["people_truth"]
        right += len(people) == truth
        if truth == 0:
            assert people == []
        assert all(one["surface_temp_c"] is None for one in said["others"])
        assert all(33.0 < one["surface_temp_c"] < 37.0 for one in people)
        assert all(one["state"] == "normal" for one in people)
        assert said["sensor"]["offset_c"]["median"] == pytest.approx(
            facts["reference_disc"]["sensor_offset_C"], abs=0.1
        )
    assert right >= 0.9 * len(_clips(test_data))


def _mirrored(frames: Any) -> Any:
    return frames[:, ::-1]


def _on_its_head(frames: Any) -> Any:
    return frames[:, :, ::-1]


def _noisy(frames: Any) -> Any:
    dice = np.random.default_rng(7)
    return (frames + np.rint(dice.normal(0.0, 3.0, frames.shape))).astype(np.uint16)


def _colder(frames: Any) -> Any:
    return (frames.astype(np.int32) - 400).astype(np.uint16)


VARIANTS = {"mirrored": _mirrored, "on its head": _on_its_head, "noisy": _noisy, "colder": _colder}


@pytest.mark.needs_test_data
@pytest.mark.parametrize("name", ["816619", "816709"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_people_are_counted_alike_however_the_clip_is_turned_or_the_sensor_errs(
    name: str, variant: str, run: Run, test_data: Path, tmp_path: Path
) -> None:
    path, facts = next(found for found in _clips(test_data) if name in found[0].name)
    clip = np.load(path)
    changed = tmp_path / path.name
    np.savez(
        changed,
        frames=VARIANTS[variant](clip["frames"]),
        uptime_s=clip["uptime_s"],
        last_ffc_s=clip["last_ffc_s"],
    )
    _, said, _ = run(changed, "--reference-c", facts["reference_calibrated_C"], "--json")
    assert len(said["people"]) == facts["people_truth"]
    assert all(one["surface_temp_c"] is not None for one in said["people"])


@pytest.mark.needs_test_data
def test_a_clip_twice_has_everybody_twice(run: Run, test_data: Path, tmp_path: Path) -> None:
    path, facts = next(found for found in _clips(test_data) if "816619" in found[0].name)
    clip = np.load(path)
    later_s = clip["uptime_s"] + clip["uptime_s"][-1] - clip["uptime_s"][0] + 5.0
    twice = tmp_path / "twice.npz"
    np.savez(
        twice,
        frames=np.concatenate([clip["frames"]] * 2),
        uptime_s=np.concatenate([clip["uptime_s"], later_s]),
        last_ffc_s=np.concatenate([clip["last_ffc_s"]] * 2),
    )
    _, said, _ = run(twice, "--reference-c", facts["reference_calibrated_C"], "--json")
    first, again = said["people"]
    assert again["surface_temp_c"] == pytest.approx(first["surface_temp_c"], abs=0.1)
