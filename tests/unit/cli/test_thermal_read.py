"""``cardea thermal read``: files of every kind in; figures, JSON and NumPy files out; one line for others."""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardea.cli.main import main
from cardea.cli.thermal import npy, read
from cardea.cli.thermal.read_report import Report, document, text
from drivers.api import Conditions
from drivers.sim import fff, tiff
from drivers.thermal.flir_file import sequence
from models.thermal.radiometry import Air, radiometer

RAWS = [fff.test_scene(at_s) for at_s in (0.0, 60.0, 600.0)]
TEMPS_C = 20.0 + np.arange(1200.0).reshape(30, 40) / 100
CONDITIONS = Conditions(
    emissivity=0.95, distance_m=2.0, reflected_c=21.0, atmosphere_c=14.0, humidity=0.49, window_c=19.0,
    window_transmission=0.98,
)  # fmt: skip


def clip(frames: Any) -> bytes:
    content = io.BytesIO()
    times = np.arange(len(frames)) / 9
    np.savez_compressed(content, frames=frames, uptime_s=100 + times, last_ffc_s=np.full(len(frames), 90.0))
    return content.getvalue()


WHOLE = {
    "a.jpg": fff.radiometric_jpeg(fff.fff(RAWS[0])),
    "a.fff": fff.fff(RAWS[0]),
    "a.tiff": tiff.radiometric_tiff([tiff.tlinear(TEMPS_C, 0.04)]),
    "a.npz": clip(np.full((2, 120, 160), 30_000, np.uint16)),
}


@pytest.fixture
def run(capsys):
    """The command's status, its standard output (JSON as what it says) and its standard error."""

    def command(*words) -> tuple[int, Any, str]:
        status = main(["thermal", "read", *map(str, words)])
        out, err = capsys.readouterr()
        return status, json.loads(out) if "--json" in words and status == 0 else out, err

    return command


@pytest.fixture
def place(tmp_path):
    def write(name, content) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def ours(raw, conditions=CONDITIONS, air=Air.TWO_LEGS):
    return radiometer(fff.CABINET_PLANCK, conditions, None, air).celsius(raw)


# --- What it tells --------------------------------------------------------------------------------


def test_a_picture(run, place):
    camera = fff.Camera("FLIR T420", "62109905", "27.0.0")
    path = place("a.jpg", fff.radiometric_jpeg(fff.fff(RAWS[2], conditions=CONDITIONS, camera=camera)))
    status, said, err = run(path, "--json")
    temps_c = ours(RAWS[2])
    assert (status, err) == (0, "")
    assert said["camera"] == {"model": "FLIR T420", "serial": "62109905", "firmware": "27.0.0"}
    assert (said["format"], said["width"], said["height"], said["frames"]) == ("jpeg", 160, 120, 1)
    (frame,) = said["per_frame"]
    assert (frame["index"], frame["at"], frame["unfit"]) == (0, "2026-03-02T08:00:00+00:00", None)
    for name, value in (("min_c", temps_c.min()), ("max_c", temps_c.max()), ("mean_c", temps_c.mean())):
        assert frame[name] == pytest.approx(value, abs=1e-4)
    used = said["parameters"]
    assert (used["scale"], used["air"]) == ("planck", "two_legs")
    for name in ("emissivity", "distance_m", "reflected_c", "atmosphere_c", "humidity", "window_c"):
        assert used[name] == pytest.approx(getattr(CONDITIONS, name), abs=1e-4), name
    assert used["r1"] == 15000.0
    assert used["air_transmission"] == pytest.approx(0.9890, abs=1e-3)
    assert (said["assumed"], said["problems"], said["parameters_change_at"]) == ([], [], None)


def test_a_picture_for_people(run, place):
    path = place("a.fff", fff.fff(RAWS[2], conditions=CONDITIONS))
    status, said, err = run(path)
    assert (status, err) == (0, "")
    for part in (
        "SIM-320, serial 000001, firmware 1.0.0",
        "fff, 160 x 120, 1 frame\n",
        "Planck R1 15000",
        "emissivity 0.95, reflected 21.0 °C",
        "2 m of 14.0 °C, humidity 49%",
        "window      lets through 98.0%, 19.0 °C",
        "2026-03-02 08:00:00.000",
        f"{ours(RAWS[2]).max():.2f}",
    ):
        assert part in said


@pytest.mark.parametrize(("payload", "kind"), [("words", "seq"), ("jpegls", "csq")])
def test_a_recording(run, place, tmp_path, payload, kind):
    content = fff.recording(RAWS, conditions=CONDITIONS, orders=("little", "big"), payload=payload)
    status, said, _ = run(place("a.rec", content), "--json", "--npy", tmp_path / "out.npy")
    assert (status, said["format"], said["frames"]) == (0, kind, 3)
    assert [frame["at"][17:] for frame in said["per_frame"]] == [
        "00+00:00",
        "00.125000+00:00",
        "00.250000+00:00",
    ]
    written = np.load(tmp_path / "out.npy")
    assert (written.dtype, written.shape) == (np.dtype("<f4"), (3, 120, 160))
    for temps_c, raw, frame in zip(written, RAWS, said["per_frame"], strict=True):
        assert np.abs(temps_c - ours(raw)).max() <= 2e-5
        assert frame["max_c"] == pytest.approx(float(temps_c.max()), abs=1e-6)


def test_a_long_recording_is_shortened_for_people(run, place):
    content = fff.recording([raw[:8, :8] for raw in RAWS] * 10, camera=fff.Camera("", "", ""))
    _, said, _ = run(place("a.seq", content))
    rows = said.splitlines()
    assert rows[0] == "camera      –"
    assert any("14 more" in row for row in rows)
    assert rows[-1].split()[0] == "29"
    assert len(rows) < 30


def test_other_parameters_later_in_a_recording_are_told(run, place):
    content = fff.fff(RAWS[0]) + fff.fff(RAWS[1]) + fff.fff(RAWS[2], conditions=CONDITIONS)
    path = place("a.seq", content)
    assert run(path, "--json")[1]["parameters_change_at"] == 2
    assert "(others from frame 2 on)" in run(path)[1]


def test_a_tiff(run, place):
    pages = [tiff.tlinear(TEMPS_C + number, 0.04) for number in range(2)]
    path = place("a.tiff", tiff.radiometric_tiff(pages, tiff.xmp(0.04)))
    _, said, _ = run(path, "--json")
    assert (said["format"], said["frames"], said["camera"]["model"]) == ("tiff", 2, "Sim Pro R")
    assert said["per_frame"][1]["mean_c"] == pytest.approx(TEMPS_C.mean() + 1, abs=0.01)
    assert said["per_frame"][1]["at"] is None
    used = said["parameters"]
    assert (used["scale"], used["gain_c"], used["emissivity"]) == ("linear", 0.04, None)
    assert used["air_transmission"] is None
    assert "as the file has it" in run(path)[1]


def test_a_tiff_that_says_nothing(run, place):
    path = place("a.tiff", tiff.packed_tiff([tiff.tlinear(TEMPS_C, 0.04)]))
    assert run(path, "--json")[1]["assumed"] == ["0.04 K a count, by the range of the counts"]
    assert "assumed     0.04 K a count" in run(path)[1]
    _, said, _ = run(path, "--json", "--gain-k-per-count", "0.05")
    assert said["assumed"] == []
    assert said["per_frame"][0]["mean_c"] == pytest.approx(
        (TEMPS_C.mean() + 273.15) * 1.25 - 273.15, abs=0.02
    )


def test_a_tiff_of_floats_with_holes(run, place, tmp_path):
    temps_c = TEMPS_C.astype(np.float32)
    temps_c[0] = np.nan
    path = place("a.tiff", tiff.radiometric_tiff([temps_c]))
    _, said, _ = run(path, "--json", "--npy", tmp_path / "out.npy")
    (frame,) = said["per_frame"]
    assert frame["unfit"] == "out_of_range"
    assert frame["min_c"] == pytest.approx(TEMPS_C[1:].min(), abs=1e-4)
    assert np.isnan(np.load(tmp_path / "out.npy")).sum() == 40
    assert "out_of_range" in run(path)[1]
    empty = tiff.radiometric_tiff([TEMPS_C.astype(np.float32), np.full((30, 40), np.nan, np.float32)])
    _, said, _ = run(place("b.tiff", empty), "--json")
    assert said["per_frame"][1]["max_c"] is None
    assert "–" in run(place("b.tiff", empty))[1].splitlines()[-1]


def test_a_clip(run, place, tmp_path):
    frames = np.full((12, 120, 160), 29_500, np.uint16)
    frames[1:, 5, 6] = 30_950
    frames[2, 7, 8] += 1
    path = place("a.npz", clip(frames))
    _, said, _ = run(path, "--json", "--npy", tmp_path / "out.npy")
    assert (said["format"], said["frames"], said["width"], said["height"]) == ("clip", 12, 160, 120)
    assert said["per_frame"][2]["max_c"] == pytest.approx(36.35, abs=1e-4)
    assert said["camera"] == {"model": None, "serial": None, "firmware": None}
    assert said["per_frame"][-1]["unfit"] == "frozen"
    assert np.load(tmp_path / "out.npy").shape == (12, 120, 160)
    _, corrected, _ = run(path, "--json", "--emissivity", "0.95")
    assert corrected["per_frame"][2]["max_c"] > 36.7
    assert corrected["assumed"] == [read.AS_SKIN]
    assert corrected["parameters"]["distance_m"] == 1.0


# --- What the user knows better -------------------------------------------------------------------


def test_everything_can_be_overridden(run, place):
    path = place("a.fff", fff.fff(RAWS[2], conditions=CONDITIONS))
    asked = {
        "--emissivity": 0.9, "--distance-m": 3.0, "--humidity": 0.3, "--reflected-c": -5.0,
        "--atmosphere-c": 10.5, "--window-c": 12.0, "--window-transmission": 0.9,
    }  # fmt: skip
    wanted = Conditions(
        emissivity=0.9, distance_m=3.0, humidity=0.3, reflected_c=-5.0, atmosphere_c=10.5, window_c=12.0,
        window_transmission=0.9,
    )  # fmt: skip
    words = [f"{name}={value}" for name, value in asked.items()]
    for air in Air:
        _, said, _ = run(path, "--json", f"--air={air}", *words)
        assert said["per_frame"][0]["max_c"] == pytest.approx(ours(RAWS[2], wanted, air).max(), abs=1e-4)
        assert said["parameters"]["air"] == air
        for name, value in asked.items():
            assert said["parameters"][name.strip("-").replace("-", "_")] == value


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--humidity", "45"], "--humidity is a fraction of 1: for 45 % give 0.45"),
        (["--humidity", "100"], "--humidity is a fraction of 1: for 100 % give 1"),
        (["--humidity", "-0.1"], "--humidity must be from 0 up to 1, not -0.1"),
        (["--humidity", "nan"], "--humidity must be from 0 up to 1, not nan"),
        (["--emissivity", "0"], "--emissivity must be above 0 up to 1, not 0"),
        (["--emissivity", "98"], "--emissivity must be above 0 up to 1, not 98"),
        (["--distance-m", "inf"], "--distance-m must be from 0 up to 100000, not inf"),
        (["--reflected-c", "-274"], "--reflected-c must be above -273.15 up to 5000, not -274"),
        (["--window-transmission", "1.1"], "--window-transmission must be above 0 up to 1, not 1.1"),
    ],
)
def test_numbers_that_cannot_be(run, place, words, line):
    assert run(place("a.fff", fff.fff(RAWS[0])), *words) == (2, "", f"cardea: {line}\n")


def test_a_gain_is_only_for_tiff(run, place):
    path = place("a.tiff", WHOLE["a.tiff"])
    for gain in ("0", "nan", "11", "-1"):
        status, _, err = run(path, f"--gain-k-per-count={gain}")
        assert (status, err) == (2, f"cardea: {path}: --gain-k-per-count must be above 0 up to 10\n")
    for path in (
        place("a.fff", fff.fff(RAWS[0])),
        place("a.npz", clip(np.full((1, 120, 160), 3, np.uint16))),
    ):
        status, _, err = run(path, "--gain-k-per-count", "0.04")
        assert (status, err) == (
            2,
            f"cardea: {path}: says itself what its counts mean; --gain-k-per-count is for TIFF files\n",
        )


def test_conditions_in_which_there_are_no_temperatures(run, place):
    path = place("a.fff", fff.fff(RAWS[0]))
    status, out, err = run(path, "--atmosphere-c", "5000", "--distance-m", "100000")
    assert (status, out) == (2, "")
    assert "has no temperatures" in err
    assert err.count("\n") == 1


# --- What is written ------------------------------------------------------------------------------


def test_one_frame_is_written_flat(run, place, tmp_path):
    out = tmp_path / "out.npy"
    out.write_bytes(b"older")
    path = place("a.seq", fff.recording(RAWS[:1]))
    assert run(path, "--npy", out)[0] == 0
    assert np.load(out).shape == (120, 160)
    assert sorted(tmp_path.iterdir()) == [path, out]


def test_the_input_is_never_overwritten(run, place, tmp_path):
    path = place("a.fff", fff.fff(RAWS[0]))
    os.link(path, tmp_path / "link.fff")
    (tmp_path / "soft.fff").symlink_to(path)
    for out in (path, tmp_path / "link.fff", tmp_path / "soft.fff"):
        status, _, err = run(path, "--npy", out)
        assert (status, err) == (2, f"cardea: {out}: is the file that is read; write to another\n")
    assert path.read_bytes() == fff.fff(RAWS[0])


def test_where_nothing_can_be_written(run, place, tmp_path):
    path = place("a.fff", fff.fff(RAWS[0]))
    assert run(path, "--npy", tmp_path / "no" / "a.npy")[2].endswith(
        "cannot be written: No such file or directory\n"
    )
    assert run(path, "--npy", tmp_path)[2] == f"cardea: {tmp_path}: is no file\n"
    (tmp_path / "b.npy").write_bytes(b"older")
    broken = place("b.fff", fff.fff(RAWS[0])[:-1])
    assert run(broken, "--npy", tmp_path / "b.npy")[0] == 2
    assert (tmp_path / "b.npy").read_bytes() == b"older"
    assert run(broken, "--npy", tmp_path / "c.npy")[0] == 2
    assert not (tmp_path / "c.npy").exists()


def test_nothing_is_written_of_no_frame(tmp_path):
    with npy.NpyFile(tmp_path / "a.npy") as written:
        written.finish()
    assert list(tmp_path.iterdir()) == []
    assert document(Report("fff", ()))["parameters"] is None
    assert "0 frames" in text(Report("fff", ()))


def test_an_interruption_leaves_nothing_behind(run, place, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(npy.NpyFile, "finish", interrupted)
    path = place("a.fff", fff.fff(RAWS[0]))
    assert run(path, "--npy", tmp_path / "a.npy")[0] == 130
    assert list(tmp_path.iterdir()) == [path]


# --- What cannot be read --------------------------------------------------------------------------

NOTHING = "is no radiometric file (JPEG, FFF, SEQ, CSQ, TIFF) and no clip (.npz)"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", NOTHING),
        (b"GIF89a", NOTHING),
        (WHOLE["a.jpg"][:2] + WHOLE["a.jpg"][-300:], "is an ordinary picture"),
        (WHOLE["a.fff"][:-1], "ends too early"),
        (WHOLE["a.fff"][:100], "ends too early"),
        (WHOLE["a.tiff"][:-1], "ends too early"),
        (WHOLE["a.npz"][:-1], "is no clip of a Lepton"),
        (WHOLE["a.npz"][:4], "is no clip of a Lepton"),
        (tiff.radiometric_tiff([np.full((9, 8), 3000, np.uint16)]), "give --gain-k-per-count"),
        (b"FFF\0" + bytes(60), "cannot be read: unknown version"),
    ],
)
def test_one_line_says_why(run, place, content, why):
    path = place("a.bin", content)
    for words in ([], ["--json"]):
        status, out, err = run(path, *words)
        assert (status, out) == (2, "")
        assert err.startswith(f"cardea: {path}: ")
        assert why in err
        assert err.count("\n") == 1


def test_what_is_no_file(run, tmp_path):
    assert run(tmp_path) == (2, "", f"cardea: {tmp_path}: is no file\n")
    assert run(tmp_path / "none") == (2, "", f"cardea: {tmp_path / 'none'}: No such file or directory\n")
    assert run("/dev/null") == (2, "", "cardea: /dev/null: is no file\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(run, place):
    path = place("a.fff", fff.fff(RAWS[0]))
    path.chmod(0)
    assert run(path) == (2, "", f"cardea: {path}: Permission denied\n")


def test_a_frame_that_is_damaged_costs_no_other(run, place, tmp_path):
    other = fff.fff(RAWS[0][:60])
    content = fff.recording(RAWS[:2]) + other + fff.recording(RAWS[2:]) + fff.fff(RAWS[0])[:-5]
    path = place("a.seq", content)
    status, said, err = run(path, "--json", "--npy", tmp_path / "out.npy")
    assert (status, said["frames"]) == (0, 3)
    assert said["problems"] == [
        {"after_frames": 2, "what": "a frame of another size, 160 x 60, is left out"},
        {"after_frames": 3, "what": "ends too early"},
    ]
    assert err.splitlines() == [
        f"{path}: after 2 frames: a frame of another size, 160 x 60, is left out",
        f"{path}: after 3 frames: ends too early",
    ]
    assert np.load(tmp_path / "out.npy").shape == (3, 120, 160)


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_and_garbage_end_in_one_line_or_in_figures(capsys, tmp_path, data):
    content = bytearray(
        data.draw(st.one_of(st.sampled_from(sorted(WHOLE.values())), st.binary(max_size=300)))
    )
    places = st.one_of(st.integers(0, 300), st.integers(0, 10**6))
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=6)):
        if content:
            content[place % len(content)] = byte
    path = tmp_path / "a.bin"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    status = main(["thermal", "read", str(path), "--json"])
    out, err = capsys.readouterr()
    if status:
        assert (status, out) == (2, "")
        assert err.startswith("cardea: ")
        assert err.count("\n") == 1
    else:
        assert json.loads(out)["frames"] >= 1


# --- While it works -------------------------------------------------------------------------------


def test_progress_on_a_terminal_only(run, place, monkeypatch):
    path = place("a.seq", fff.recording([raw[:8, :8] for raw in RAWS] * 20))
    assert run(path)[2] == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(path)[2] == "\r25 of 60 frames\r50 of 60 frames\n"


def test_problems_without_end_are_counted(run, place):
    torn = fff.fff(RAWS[0][:8, :8])
    torn = torn.replace(b"\x00\x02\x00\x08\x00\x08", b"\x00\x02\x00\x08\x00\x09")
    path = place("a.seq", fff.fff(RAWS[0][:8, :8]) + torn * 15)
    _, said, err = run(path, "--json")
    assert len(said["problems"]) == 15
    assert len(err.splitlines()) == read.TOLD_MAX + 1
    assert err.endswith(": and 5 more problems\n")


def test_too_many_frames_are_told(run, place, monkeypatch):
    monkeypatch.setattr(sequence, "FRAMES_MAX", 2)
    _, said, _ = run(place("a.seq", fff.recording(RAWS)), "--json")
    assert said["frames"] == 2
    assert said["problems"][0]["what"] == "the frames from here on are too many to be read"


# --- Files of real cameras ------------------------------------------------------------------------

SIX = ("DJI_XT2.jpg", "FLIR.jpg", "FLIR_B60.jpg", "FLIR_E40.jpg", "IR_2412.jpg", "frame_000000_le.fff")
# The last figures know no window, but one of the cameras was told of one.
ASKED = {
    "thermimage_formula_C": [],
    "flir_single_path_C": ["--air", "one_leg"],
    "thermimage_override_E0.98_d1_RT22_AT22_RH40": [
        "--emissivity", "0.98", "--distance-m", "1", "--reflected-c", "22", "--atmosphere-c", "22",
        "--humidity", "0.40", "--window-transmission", "1",
    ],
}  # fmt: skip


@pytest.mark.needs_test_data
def test_the_r_packages_matrix_through_the_command(run, test_data, tmp_path):
    folder = test_data / "thermal"
    assert run(folder / "flir/IR_2412.jpg", "--npy", tmp_path / "out.npy")[0] == 0
    by_r = np.fromfile(folder / "flir_expected/IR_2412_Thermimage_R_640x480_f32le_C.raw", "<f4")
    assert np.abs(np.load(tmp_path / "out.npy") - by_r.reshape(480, 640)).max() <= 1e-4


@pytest.mark.needs_test_data
@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("key", ASKED)
def test_every_figure_of_every_file_through_the_command(run, test_data, tmp_path, name, key):
    expected = json.loads((test_data / "thermal/expected.json").read_text())["flir"][name].get(key)
    if expected is None:
        pytest.skip(f"{key} is not given for {name}")
    path = test_data / "thermal/flir" / name
    status, said, _ = run(path, "--json", "--npy", tmp_path / "out.npy", *ASKED[key])
    temps_c = np.load(tmp_path / "out.npy").astype(np.float64)
    rows, columns = temps_c.shape
    row, column = np.unravel_index(int(temps_c.argmax()), temps_c.shape)
    names = {1: "p1", 50: "p50", 95: "p95", 99: "p99", 99.9: "p999"}
    found = {
        "shape": [rows, columns],
        "min": temps_c.min(),
        "max": temps_c.max(),
        "mean": temps_c.mean(),
        "std": temps_c.std(),
        "argmax_rc": [int(row), int(column)],
        "center": temps_c[rows // 2, columns // 2],
        **{figure: np.percentile(temps_c, share) for share, figure in names.items()},
    }
    assert status == 0
    for figure, value in expected.items():
        assert found[figure] == pytest.approx(value, abs=1e-4), figure
    (frame,) = said["per_frame"]
    for figure in ("min", "max", "mean"):
        assert frame[f"{figure}_c"] == pytest.approx(expected[figure], abs=1e-4)


@pytest.mark.needs_test_data
def test_a_real_tiff_and_a_real_clip(run, test_data, tmp_path):
    _, said, _ = run(test_data / "thermal/tiff/example_radiometric.tiff", "--json")
    assert (said["camera"]["model"], said["width"], said["height"]) == ("Duo Pro R", 640, 512)
    assert said["per_frame"][0]["max_c"] == pytest.approx(7077 * 0.04 - 273.15, abs=1e-4)
    path = min((test_data / "thermal/lepton_screening").glob("*.npz"))
    _, said, _ = run(path, "--json", "--npy", tmp_path / "out.npy")
    with np.load(path) as recorded:
        frames = recorded["frames"]
    assert np.abs(np.load(tmp_path / "out.npy") - (frames * 0.01 - 273.15)).max() <= 2e-5
    assert said["frames"] == len(frames)
