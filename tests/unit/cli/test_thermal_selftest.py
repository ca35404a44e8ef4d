"""``cardea thermal selftest`` as an installer uses it."""

import contextlib
import io
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.cli.main import main
from models.thermal.condition.clauses import CLAUSES

Run = Callable[..., tuple[int, str, str]]
LEPTON = """\
[gateway]
id = "tower-1"
site = "tower"
linkage_domain = "demo"

[broker]
host = "localhost"
ca_file = "ca.pem"
cert_file = "gw.pem"
key_file = "gw.key"

[links.cameras]
kind = "tcp"
host = "127.0.0.1"
port = 5000

[devices.camera]
driver = "thermal.lepton"
link = "cameras"
settings = { source = "tcp" }

[thermometers.camera]
roi = { top = 0, left = 0, bottom = 120, right = 160 }
references = [{ temp_c = 37.0 }]

[thermometers.camera.position.camera]
distance_m = 0.7
columns_px = 640
rows_px = 480

[policy]
default = { degrade = "staff_check" }
"""


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        status = main(["thermal", "selftest", *map(str, arguments)])
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def template(ran: Run) -> str:
    status, out, _ = ran("--template")
    assert status == 0
    return out


@pytest.fixture
def filled(template: str, tmp_path: Path) -> Path:
    """The template with every example taken for the truth."""
    path = tmp_path / "position.toml"
    path.write_text(re.sub(r"^#(\w+ = )", r"\1", template, flags=re.MULTILINE))
    return path


def clip(path: Path, uptime_s: float = 7200.0) -> Path:
    """A reference at 37 °C read 1.8 °C low, a warm face, frames of 0.01 K."""
    row, column = np.mgrid[:120, :160]
    temps_c = np.full((30, 120, 160), 22.0) + np.random.default_rng(4).normal(0.0, 0.03, (30, 120, 160))
    temps_c[:, np.hypot(row - 93, column - 132) <= 6.0] += 13.2
    temps_c[:, 40:70, 40:62] += 12.4
    frames = np.rint((temps_c + 273.15) * 100).astype(np.uint16)
    times_s = uptime_s + np.arange(30) / 9
    np.savez_compressed(path, frames=frames, uptime_s=times_s, last_ffc_s=np.full(30, uptime_s - 300.0))
    return path


# --- positions --------------------------------------------------------------------------------------


def test_a_template_as_it_is_knows_nothing(ran: Run, template: str, tmp_path: Path) -> None:
    path = tmp_path / "position.toml"
    path.write_text(template)
    status, out, _ = ran(path)
    assert status == 1
    assert out.count("not known") == len(CLAUSES)
    assert out.splitlines()[-1] == "NON-COMPLIANT: of 22 clauses 22 without a figure."


def test_a_template_filled_in_complies(ran: Run, filled: Path) -> None:
    status, out, _ = ran(filled, "--on", "2026-10-01")
    assert status == 0, out
    table, closing = out.splitlines()[1:-2], out.splitlines()[-1]
    assert all(line.startswith("✓  ") for line in table)
    assert len(table) == len(CLAUSES)
    assert closing == "COMPLIANT: all 22 clauses are met."


def test_the_same_as_json(ran: Run, filled: Path) -> None:
    status, out, _ = ran(filled, "--on", "2026-10-01", "--json")
    told = json.loads(out)
    assert (status, told["verdict"], told["clip"]) == (0, "COMPLIANT", None)
    assert {entry["verdict"] for entry in told["clauses"]} == {"COMPLIANT"}
    by_name = {entry["clause"]: entry for entry in told["clauses"]}
    assert by_name["spot_size_mm"] | {"text": ""} == {
        "clause": "spot_size_mm", "text": "", "verdict": "COMPLIANT", "figure": 0.906, "unit": "mm/px",
        "origin": "computed", "overruled": None, "limit": "≤ 1 mm/px", "source": "ISO/TR 13154:2017",
    }  # fmt: skip
    assert by_name["sensor_px"]["figure"] == [640.0, 480.0]
    assert by_name["no_sun"]["figure"] is True
    assert by_name["room_c"]["limit"] == "20 to 24 °C"


def test_a_calibration_runs_out(ran: Run, filled: Path) -> None:
    status, out, _ = ran(filled, "--on", "2028-10-01")
    assert status == 1
    assert out.splitlines()[-1] == "NON-COMPLIANT: of 22 clauses 1 not met."
    (line,) = [line for line in out.splitlines() if line.startswith("✗")]
    assert "until its next calibration" in line


@pytest.mark.parametrize("place", ["said", "found"])
def test_a_clip_overrules_and_says_so(ran: Run, filled: Path, tmp_path: Path, place: str) -> None:
    if place == "found":
        filled.write_text(
            re.sub(r"^(row|column|radius_px) = .*\n", "", filled.read_text(), flags=re.MULTILINE)
        )
    recorded = clip(tmp_path / "clip.npz", uptime_s=600.0)
    status, out, _ = ran(filled, "--on", "2026-10-01", "--clip", recorded)
    assert status == 1
    assert "160 × 120 px, measured (overrules 640 × 480 px, declared)" in out
    assert "30 × 22 px, measured" in out
    assert "10 min, measured (overrules 30 min, declared)" in out
    assert "4.75 mm/px, computed" in out
    status, out, _ = ran(filled, "--on", "2026-10-01", "--clip", recorded, "--json")
    told = json.loads(out)
    assert status == 1
    assert told["clip"]["noise_c"] == pytest.approx(0.03, abs=0.005)
    assert told["clip"]["face_px"] == [22, 30]
    by_name = {entry["clause"]: entry for entry in told["clauses"]}
    assert by_name["warm_up_min"]["overruled"] == 30.0
    assert by_name["reference_stability_and_drift_c"]["origin"] == "measured"


def test_a_clip_shows_nothing_of_a_reference_that_is_not_spoken_of(ran: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    status, out, _ = ran(empty, "--clip", clip(tmp_path / "clip.npz"), "--json")
    assert status == 1
    assert json.loads(out)["clip"]["reference_stability_c"] is None


def test_a_configured_position(ran: Run, tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(LEPTON)
    status, out, _ = ran("--config", config, "--device", "camera")
    assert status == 1
    assert "160 × 120 px, datasheet (overrules 640 × 480 px, declared)" in out
    assert "4.75 mm/px, computed" in out
    assert "30 min, configured" in out
    status, out, _ = ran(
        "--config", config, "--device", "camera", "--clip", clip(tmp_path / "clip.npz"), "--json"
    )
    told = json.loads(out)
    assert status == 1
    assert told["clip"]["reference_stability_c"] < 0.05
    assert {entry["clause"] for entry in told["clauses"] if entry["origin"] == "measured"} == {
        "sensor_px", "face_px", "warm_up_min",
    }  # fmt: skip


def test_a_device_that_nobody_described(ran: Run, tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(LEPTON[: LEPTON.index("[thermometers")] + LEPTON[LEPTON.index("[policy]") :])
    status, out, _ = ran("--config", config, "--device", "camera", "--clip", clip(tmp_path / "clip.npz"))
    assert status == 1
    assert "NON-COMPLIANT" in out


# --- terminals --------------------------------------------------------------------------------------


def sweep_of(path: Path, reads: Callable[[float], float]) -> Path:
    rows = [f"{35 + n / 4},{reads(35 + n / 4):.1f}" for n in range(21)]
    path.write_text("\n".join(["reference_c,reading_c", *rows]))
    return path


@pytest.mark.parametrize(
    ("reads", "status", "verdict", "signs"),
    [
        (lambda t: t - 0.3, 0, "COMPLIANT", []),
        (lambda t: 36.5 + 0.3 * (t - 36.5), 1, "NON-COMPLIANT", ["slope", "window"]),
    ],
)
def test_a_sweep(ran: Run, tmp_path: Path, reads: Any, status: int, verdict: str, signs: list[str]) -> None:
    path = sweep_of(tmp_path / "sweep.csv", reads)
    ended, out, _ = ran("--sweep", path, "--json")
    told = json.loads(out)
    assert (ended, told["verdict"], told["signs"], told["points"]) == (status, verdict, signs, 21)
    ended, out, _ = ran("--sweep", path)
    assert ended == status
    assert out.count("✗") == len(signs)
    assert out.splitlines()[-1].startswith(f"{verdict}: over 21 points")


@pytest.mark.parametrize(
    ("sd_c", "n", "status", "verdict"),
    [(0.4, 150, 0, "COMPLIANT"), (0.1, 100, 1, "NON-COMPLIANT"), (0.1, 99, 1, "UNKNOWN")],
)
def test_readings(ran: Run, tmp_path: Path, sd_c: float, n: int, status: int, verdict: str) -> None:
    values = np.random.default_rng(2).normal(36.5, sd_c, n)
    path = tmp_path / "readings.csv"
    path.write_text(
        "\ufeffperson,reading_c\n0,0.0\n" + "\n".join(f"{i},{v:.1f}" for i, v in enumerate(values))
    )
    ended, out, _ = ran("--readings", path, "--json")
    told = json.loads(out)
    assert (ended, told["verdict"], told["readings"]) == (status, verdict, min(n, 100))
    ended, out, _ = ran("--readings", path)
    assert ended == status
    assert out.startswith(f"{verdict}: ")
    assert len(out.splitlines()) == 1


def test_readings_with_more_fevers_than_a_morning_has(ran: Run, tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    path.write_text("reading_c\n" + "36.5\n" * 80 + "38.9\n" * 20)
    status, out, _ = ran("--readings", path)
    assert status == 0
    assert "too many fevers" in out


# --- what cannot be tested --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comma", "point", "names"),
    [
        (";", ",", "reference_c;reading_c"),
        ("\t", ".", "Reference_C\tReading_C"),
        (",", ".", "reading_c, reference_c"),
    ],
)
def test_a_sweep_of_any_spreadsheet(ran: Run, tmp_path: Path, comma: str, point: str, names: str) -> None:
    rows = [f"{35 + n / 4}{comma}{35 + n / 4}".replace(".", point) for n in range(21)]
    path = tmp_path / "sweep.csv"
    path.write_text("\r\n".join([names, *rows, "", comma, ""]), encoding="utf-8-sig")
    status, out, _ = ran("--sweep", path, "--json")
    assert (status, json.loads(out)["points"]) == (0, 21)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("reading_c\n36.5\nwarm\n", "line 3: reading_c must be numbers"),
        ("reading_c,more\n36.5\n,1\n", "line 3: reading_c must be numbers"),
        ("temperature\n36.5\n", "no column 'reading_c'"),
        ("", "no column 'reading_c'"),
        ("reading_c\n" + "x" * 200_000, "is no CSV"),
    ],
)
def test_what_is_no_table(ran: Run, tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "readings.csv"
    path.write_text(text)
    status, out, err = ran("--readings", path)
    assert (status, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1


def test_bytes_and_nothing(ran: Run, tmp_path: Path) -> None:
    path = tmp_path / "bytes.csv"
    path.write_bytes(b"reading_c\n\xff\xfe\n")
    assert "is not UTF-8" in ran("--readings", path)[2]
    assert "cannot be read" in ran("--readings", tmp_path / "nothing.csv")[2]
    with path.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    assert "longer than" in ran("--readings", path)[2]


def test_a_sweep_with_a_hole_or_without_end(ran: Run, tmp_path: Path) -> None:
    path = sweep_of(tmp_path / "sweep.csv", lambda t: t)
    path.write_text(path.read_text().replace("37.0,", "37.1,", 1))
    status, _, err = ran("--sweep", path)
    assert status == 2
    assert "no reading at 37.00 °C" in err
    path.write_text("reference_c,reading_c\n" + "1e308,36\n")
    assert "from -50 to 200 °C" in ran("--sweep", path)[2]
    path.write_text("reference_c,reading_c\n" + "36,36\n" * 1001)
    assert "at most 1000 points" in ran("--sweep", path)[2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name the position"),
        (["POSITION", "--template"], "name one thing to test"),
        (["POSITION", "--sweep", "s.csv"], "name one thing to test"),
        (["POSITION", "--device", "camera"], "--device is a name in --config"),
        (["--readings", "r.csv", "--clip", "c.npz"], "--clip shows a position"),
        (["nothing.toml"], "cannot be read"),
        (["WRONG"], "camera.colums_px"),
        (["POSITION", "--clip", "WRONG"], "is no clip of a Lepton"),
        (["--config", "WRONG"], "gateway"),
        (["--config", "GATEWAY"], "say which device of"),
        (["--config", "GATEWAY", "--device", "door"], "--device camera"),
    ],
)
def test_what_cannot_be_asked(ran: Run, tmp_path: Path, arguments: list[str], says: str) -> None:
    files = {
        "POSITION": "[camera]\ncolumns_px = 640\n",
        "WRONG": "[camera]\ncolums_px = 640\n",
        "GATEWAY": LEPTON,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    given = [str(tmp_path / one) if one in files else one for one in arguments]
    status, out, err = ran(*given)
    assert (status, out) == (2, "")
    assert says in err


def test_a_day_that_is_none(ran: Run, filled: Path) -> None:
    status, out, err = ran(filled, "--on", "yesterday")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "argument --on" in err


@pytest.mark.parametrize("option", ["--sweep", "--readings"])
@given(
    content=st.binary(max_size=400)
    | st.text("reading_c,\n\r\"'0123456789.-ena ", max_size=400).map(str.encode)
)
def test_any_table_is_judged_or_refused_in_one_line(option: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(b"reference_c,reading_c\n" + content)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = main(["thermal", "selftest", option, str(path)])
        assert status in {0, 1, 2}
        assert status != 2 or len(said.getvalue().splitlines()) == 1


@given(
    text=st.text(max_size=200)
    | st.sampled_from(["[site]\n", "camera = 1", "[camera]\ncolumns_px = inf", "\x00"])
)
def test_any_description_is_judged_or_refused(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "position.toml"
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            assert main(["thermal", "selftest", str(path)]) in {1, 2}
