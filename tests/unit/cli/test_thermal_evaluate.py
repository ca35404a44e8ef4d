"""``cardea thermal evaluate``: on tables made here, on the published one, and on what is no such table."""

import contextlib
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.cli import main as cli
from cardea.cli.thermal.evaluate import METHODS
from cardea.cli.thermal.evaluation_text import HEIGHT
from models.thermal.evaluation import methods

NAMES = ["SubjectID", "", "T_offset1", "canthiMax1", "T_Max1", "T_offset2", "canthiMax2", "T_Max2"]
HEADER = [*NAMES, "aveOralF", "aveOralM", "Time", "Date"]


def table(days=20, people=12, seed=1, fevers=1 / 12):
    """Rows of a study: faces follow the mouth at 0.8 °C per °C, with 0.15 °C of their own."""
    generator = np.random.default_rng(seed)
    rows = [["", "", "Round 1:"], HEADER]
    for day in range(days):
        for index in range(people):
            oral_c = 38.3 if generator.random() < fevers else 36.8
            oral_c += generator.normal(0, 0.25)
            face_c = 35.4 + 0.8 * (oral_c - 36.8) + generator.normal(0, 0.15)
            offset_c = generator.normal(0.8, 0.3)
            rows.append(
                [
                    f"1701{day + 1:02}-{index + 1}",
                    "",
                    *(f"{each:.2f}" for each in (offset_c, face_c, face_c + 0.3) * 2),
                    f"{oral_c:.2f}",
                    f"{oral_c + generator.normal(0, 0.1):.2f}",
                    f"{9 + index // 6}:{10 + index}:00",
                    f"17-01-{day + 1:02}",
                ]
            )
    return rows


def written(path, rows, encoding="utf-8", separator=",", end="\n"):
    text = end.join(separator.join(row) for row in rows) + end
    path.write_bytes(text.encode(encoding))
    return path


@pytest.fixture
def clinical(tmp_path):
    return written(tmp_path / "clinical.csv", table())


def run(capsys, *words):
    status = cli.main(["thermal", "evaluate", *map(str, words)])
    said = capsys.readouterr()
    return status, said.out, said.err


def report(capsys, *words):
    status, out, err = run(capsys, *words, "--json")
    assert (status, err) == (0, "")
    return json.loads(out, parse_constant=pytest.fail)


def refusal(capsys, *words):
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "")
    assert err.startswith("cardea: ")
    assert err.count("\n") == 1
    return err


# --- what is found -----------------------------------------------------------------------------------


def test_every_method_is_told_with_its_figures_and_their_limits(capsys, clinical):
    found = report(capsys, clinical)
    assert (found["n"], found["days"], found["site"], found["oral_column"]) == (
        240,
        20,
        "canthiMax",
        "aveOralF",
    )
    assert tuple(found["methods"]) == METHODS == tuple(methods.METHODS)
    for name, each in found["methods"].items():
        assert each["n"] + each["not_told"] == 240
        assert {"flir": 1, "median30": 20}.get(name, 0) == each["not_told"]
        for figure in ("auc", "se", "sp", "ppv", "npv"):
            low, high = each[f"{figure}_ci"]
            assert 0.0 <= low <= each[figure] <= high <= 1.0
        assert each["sp"] >= 0.9
        assert [point["specificity_min"] for point in each["operating_points"]][:3] == [0.8, 0.85, 0.9]
        for point in each["operating_points"]:
            assert point["sp"] >= point["specificity_min"] - 1e-9
        assert each["roc"][0] == [0, 0]
        assert each["roc"][-1] == [1, 1]
    assert found["methods"]["absolute"]["auc"] == found["methods"]["reference"]["auc"]
    assert found["methods"]["flir"]["fixed_cut"]["threshold"] == 1.0
    assert found["methods"]["absolute"]["fixed_cut"] is None


def test_methods_can_be_named_one_by_one_together_or_all(capsys, clinical):
    found = report(capsys, clinical, "--method", "flir,reference", "--method", "flir")
    assert list(found["methods"]) == ["flir", "reference"]
    assert tuple(report(capsys, clinical, "--method", "all")["methods"]) == METHODS


def test_the_point_is_that_of_the_people_in_the_table(capsys, clinical):
    each = report(capsys, clinical, "--method", "absolute")["methods"]["absolute"]
    faces = [(np.mean([float(row[3]), float(row[6])]), float(row[8])) for row in table()[2:]]
    flagged = [oral_c >= 37.5 for face_c, oral_c in faces if face_c >= each["threshold"]]
    assert (each["true_positives"], each["false_positives"]) == (sum(flagged), len(flagged) - sum(flagged))
    assert each["positives"] == sum(oral_c >= 37.5 for _, oral_c in faces)


def test_drift_ruins_what_nothing_corrects_and_leaves_the_rest(capsys, clinical):
    still, found = report(capsys, clinical), report(capsys, clinical, "--drift-sd", 1, "--seed", 4)
    before = {name: each["auc"] for name, each in still["methods"].items()}
    after = {name: each["auc"] for name, each in found["methods"].items()}
    assert still["drift"] is None
    assert found["drift"] == {"sd_c": 1.0, "residual_sd_c": 0.1, "seed": 4, "runs": 1}
    assert after["absolute"] < before["absolute"] - 0.1
    assert after["flir"] < before["flir"] - 0.02
    assert after["reference"] > before["reference"] - 0.03
    assert after["median30"] == pytest.approx(before["median30"], abs=1e-4)
    assert found["better_than_flir_everywhere"] is True
    against = found["methods"]["combined"]["better_than_flir"]
    assert against["points"] == len(against["margins"]) > 10
    assert against["margin_min"] == pytest.approx(
        min(each["se"] - each["flir_se"] for each in against["margins"]), abs=2e-5
    )
    assert report(capsys, clinical, "--drift-sd", 1, "--seed", 4) == found
    assert report(capsys, clinical, "--drift-sd", 1, "--seed", 5) != found


def test_a_reference_that_leaves_more_than_the_sensor_drifts_is_not_called_better(capsys, clinical):
    found = report(capsys, clinical, "--drift-sd", 0.1, "--residual-sd", 3, "--seed", 1)
    assert found["better_than_flir_everywhere"] is False
    assert found["methods"]["reference"]["better_than_flir"]["margin_min"] < 0


def test_many_runs_give_median_and_range(capsys, clinical):
    found = report(capsys, clinical, "--drift-sd", 0.7, "--runs", 8)
    for name, each in found["methods"].items():
        assert each["runs"]["runs"] == 8
        assert each["runs"]["auc"]["p5"] <= each["runs"]["auc"]["median"] <= each["runs"]["auc"]["p95"]
        assert ("better_than_flir_everywhere" in each["runs"]) == (name in {"reference", "combined"})
    assert "runs" not in report(capsys, clinical, "--runs", 8)["methods"]["absolute"]


def test_on_days_left_out_it_is_no_better_than_where_it_was_chosen(capsys, clinical):
    each = report(capsys, clinical, "--method", "reference")["methods"]["reference"]
    apart = each["cross_validated"]
    assert apart["se"] + apart["sp"] <= each["se"] + each["sp"]
    assert apart["se"] + apart["sp"] > 1.5


def test_a_threshold_by_false_positive_rate(capsys, clinical):
    found = report(capsys, clinical, "--fpr", 0.05)
    for each in found["methods"].values():
        assert each["false_positives"] / (each["n"] - each["positives"]) < 0.05
    assert found["operating_point"] == "fpr"
    said = refusal(capsys, clinical, "--fpr", 0.001)
    assert "needs 2995 people without fever, there are " in said


def test_where_days_left_out_leave_too_few_for_a_rate_only_the_whole_is_told(capsys, tmp_path):
    path = written(tmp_path / "few.csv", table(days=6, people=12, fevers=0.1))
    found = report(capsys, path, "--fpr", 0.05, "--method", "reference")["methods"]["reference"]
    assert found["n"] - found["positives"] >= 59
    assert found["cross_validated"] is None
    assert found["sp"] > 0.95


def test_with_a_smaller_baseline_the_second_line_speaks(capsys, clinical):
    assert report(capsys, clinical)["second_line"] == {"visits_with_baseline": 0, "warm": 0}
    found = report(capsys, clinical, "--baseline-people", 6)["second_line"]
    assert found["visits_with_baseline"] == 20 * 6
    assert 0 < found["warm"] < 40


def test_site_round_and_oral_column_can_be_chosen(capsys, clinical):
    found = report(
        capsys, clinical, "--site", "t_max", "--round", 2, "--oral-column", "aveoralm", "--oral", 38
    )
    assert (found["site"], found["round"], found["oral_column"], found["oral_c"]) == (
        "T_Max",
        "2",
        "aveOralM",
        38,
    )
    assert {(each["oral_column"], each["round"]) for each in found["readings"]} == {
        (oral, each) for oral in ("aveOralF", "aveOralM") for each in ("mean", "1", "2")
    }
    told = next(
        each for each in found["readings"] if (each["oral_column"], each["round"]) == ("aveOralM", "2")
    )
    assert told["auc"] == found["methods"]["absolute"]["auc"]


def test_where_a_method_tells_of_nobody_with_a_fever_it_has_no_figures(capsys, tmp_path):
    rows = table(days=12, people=1, fevers=0)
    rows[5][8] = "38.00"
    found = report(capsys, written(tmp_path / "one.csv", rows))
    assert found["methods"]["median30"]["auc"] is None
    assert found["methods"]["reference"]["auc_ci"] == [0, 1], "one fever has no spread"
    status, out, _ = run(capsys, tmp_path / "one.csv")
    assert status == 0
    assert "median30   cannot be told" in out
    found = report(capsys, tmp_path / "one.csv", "--drift-sd", 1, "--runs", 2)
    assert found["methods"]["median30"]["runs"] == {"runs": 0}
    assert found["methods"]["absolute"]["runs"]["runs"] == 2


def test_where_too_few_people_allow_no_operating_point_between_nothing_is_compared(capsys, tmp_path):
    rows = table(days=1, people=10, fevers=0)
    rows[4][8] = "38.00"
    found = report(capsys, written(tmp_path / "ten.csv", rows))
    assert found["better_than_flir_everywhere"] is None
    rows[2][8], rows[4][8] = "38.00", "36.80"
    found = report(capsys, written(tmp_path / "first.csv", rows))
    assert found["methods"]["flir"]["auc"] is None, "the only fever is the first, whom nobody came before"
    assert found["better_than_flir_everywhere"] is None
    assert run(capsys, tmp_path / "first.csv", "--method", "flir")[0] == 0


def test_a_table_of_one_day_is_not_judged_on_days_left_out(capsys, tmp_path):
    found = report(
        capsys, written(tmp_path / "day.csv", table(days=1, people=40)), "--drift-sd", 1, "--runs", 2
    )
    assert found["methods"]["reference"]["cross_validated"] is None
    assert run(capsys, tmp_path / "day.csv")[0] == 0


def test_without_offsets_nothing_is_said_of_the_bare_camera(capsys, tmp_path):
    rows = [[cell for index, cell in enumerate(row) if index not in (2, 5)] for row in table()]
    found = report(capsys, written(tmp_path / "bare.csv", rows))
    assert found["as_read"] is None
    assert "without the study's own reference" not in run(capsys, tmp_path / "bare.csv")[1]
    assert report(capsys, written(tmp_path / "full.csv", table()))["as_read"][
        "offset_mean_c"
    ] == pytest.approx(0.8, abs=0.1)


# --- the page ----------------------------------------------------------------------------------------


def test_the_page_says_what_it_means_for_people(capsys, clinical):
    status, out, err = run(capsys, clinical, "--drift-sd", 0.7, "--runs", 3, "--prevalence", 0.005)
    assert (status, err) == (0, "")
    assert "Where 0.5 % have a fever, of 100 people called elevated (combined)" in out
    assert "clinical thermometer" in out
    assert "simulated drift: SD 0.7 °C" in out
    assert "reference over 3 seeds: AUC" in out
    assert out.count(" |") >= HEIGHT
    assert max(map(len, out.splitlines())) < 150
    for name in METHODS:
        assert f"\n{name} " in out


def test_the_page_of_a_method_that_flags_nobody(capsys, clinical):
    _, out, _ = run(capsys, clinical, "--method", "flir", "--specificity", 1, "--drift-sd", 8, "--seed", 2)
    assert "nobody called elevated has one" in out or "of 100 people called elevated (flir)" in out


# --- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "separator", "end"),
    [
        ("utf-8-sig", ",", "\r\n"),
        ("utf-16", "\t", "\n"),
        ("latin-1", ";", "\r\n"),
        ("utf-8", ";", "\r"),
        ("utf-16", ",", "\r\n"),
    ],
)
def test_encodings_separators_and_line_ends_make_no_difference(
    capsys, tmp_path, clinical, encoding, separator, end
):
    rows = [["Étude", "°C"], *table()]
    found = report(capsys, written(tmp_path / "other.csv", rows, encoding, separator, end))
    assert {**found, "file": ""} == {**report(capsys, clinical), "file": ""}


def test_decimal_commas_and_rows_that_cannot_be_used(capsys, tmp_path):
    rows = [
        *([cell.replace(".", ",") for cell in row] for row in table()),
        ["", ""],
        ["x-1", "", "0,5", "ab", "", "", "", "", "36,9"],
        ["x-2", "", "0,5", "35,1"],
    ]
    found = report(capsys, written(tmp_path / "comma.csv", rows, separator=";"))
    assert found["n"] == 240
    assert found["skipped"] == {
        "blank row": 1,
        "canthiMax is not a number": 1,
        "no temperature: oral temperature": 1,
    }
    assert "skipped 1 rows: blank row" in run(capsys, tmp_path / "comma.csv")[1]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "is empty"),
        (b"\n \n\n", "is empty"),
        (bytes(range(256)) * 20, "is not a text file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is not a text file"),
        (b"a,b,c\n1,2,3\n", "no row names columns like canthiMax1"),
        (b"canthiMax1,x\n35,1\n", "has no column of oral temperatures"),
        (b"canthiMax1,aveOralF\n35.1,36.5\n", "has 1 visits that can be used, at least 10 are needed"),
        (b"canthiMax1,aveOralF\n" + b"35.1,36.5\n" * 20, "nobody has an oral temperature of 37.5"),
        (b"canthiMax1,aveOralF\n" + b"37.1,38.5\n" * 20, "everybody has an oral temperature of 37.5"),
        (b"canthiMax1,aveOralF\n" + b"high,38.5\n" * 20, "(20 skipped: canthiMax is not a number)"),
        (b'canthiMax1,aveOralF\n"' + b"x" * 200_000, "is not a CSV file"),
    ],
)
def test_what_is_no_such_table_is_refused_in_one_line(capsys, tmp_path, raw, why):
    path = tmp_path / "table.csv"
    path.write_bytes(raw)
    said = refusal(capsys, path)
    assert str(path) in said
    assert why in said


@given(
    st.binary(max_size=400)
    | st.lists(
        st.sampled_from(["canthiMax1", "aveOralF", "Date", ",", ";", "\n", '"', "36.5", "37,9", "\x00"])
    ).map(lambda pieces: "".join(pieces).encode())
)
def test_whatever_a_file_holds_is_answered_or_refused_in_one_line(raw):
    with tempfile.NamedTemporaryFile() as file:
        file.write(raw)
        file.flush()
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main(["thermal", "evaluate", file.name])
    assert (status, err.getvalue()[:8], err.getvalue().count("\n")) in ((0, "", 0), (2, "cardea: ", 1))


def test_what_cannot_be_opened_is_refused_in_one_line(capsys, tmp_path, monkeypatch, clinical):
    assert "No such file" in refusal(capsys, tmp_path / "none.csv")
    assert "directory" in refusal(capsys, tmp_path)
    monkeypatch.setattr("cardea.cli.thermal.clinical_table.SIZE_MAX", 1_000)
    assert "is larger than" in refusal(capsys, clinical)


def test_unknown_names_are_answered_with_the_known_ones(capsys, clinical):
    assert "has no site 'nose'; it has: T_Max, canthiMax" in refusal(capsys, clinical, "--site", "nose")
    assert "has no site 'T_offset'" in refusal(capsys, clinical, "--site", "T_offset")
    assert "it has: aveOralF, aveOralM" in refusal(capsys, clinical, "--oral-column", "ear")
    assert "has no round 4 of canthiMax; it has: 1, 2" in refusal(capsys, clinical, "--round", 4)


def test_another_oral_column_is_taken_where_the_usual_one_is_missing(capsys, tmp_path):
    rows = [
        ["aveOral2" if cell == "aveOralF" else cell for cell in row if cell != "aveOralM"] for row in table()
    ]
    rows = [[*row[:9], *row[-2:]] for row in rows]
    rows[1] = [cell.replace("aveOral2", "aveOralX") for cell in rows[1]]
    assert report(capsys, written(tmp_path / "x.csv", rows))["oral_column"] == "aveOralX"


@pytest.mark.parametrize(
    "words",
    [
        ("--drift-sd", "-1"),
        ("--drift-sd", "nan"),
        ("--seed", "-1"),
        ("--seed", "x"),
        ("--runs", "0"),
        ("--prevalence", "0"),
        ("--oral", "99.5"),
        ("--oral", "warm"),
        ("--round", "0"),
        ("--method", "guess"),
    ],
)
def test_numbers_out_of_bounds_end_with_status_2(capsys, clinical, words):
    assert words[0] in refusal(capsys, clinical, *words)


def test_on_a_terminal_the_runs_are_counted(capsys, clinical, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _, _, err = run(capsys, clinical, "--drift-sd", 0.7, "--runs", 2, "--method", "absolute")
    assert err == "\rrun 1 of 2\rrun 2 of 2\n"


def test_help_imports_no_numpy():
    code = (
        "import sys; from cardea.cli.main import main\n"
        "try: main(['thermal', 'evaluate', '--help'])\n"
        "except SystemExit: sys.exit('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--drift-sd" in done.stdout


# --- a site's own readings ---------------------------------------------------------------------------


def site_readings(path, count=600):
    warm = np.random.default_rng(3).normal(35.6, 0.45, count)
    rows = [
        ["made by", "tower-1"],
        ["at", " surface_temp_c "],
        *([f"{i}", f"{t:.2f}"] for i, t in enumerate(warm)),
    ]
    return written(path, [*rows, ["x", ""], ["y", "hot"], ["z", "99"], ["short"]]), np.round(warm, 2)


def test_a_site_sets_its_threshold_from_its_own_readings(capsys, tmp_path):
    path, warm = site_readings(tmp_path / "readings.csv")
    found = report(capsys, path, "--readings", "surface_temp_c", "--fpr", 0.02)
    assert found["skipped"] == {"blank": 2, "not a temperature": 2}
    assert found["n"] == 600
    assert found["false_positives"] == (warm >= found["threshold_c"] - 1e-9).sum()
    assert found["false_positives"] / 600 < found["fpr_upper"] <= 0.02
    _, out, _ = run(capsys, path, "--readings", "surface_temp_c", "--fpr", 0.02)
    assert f"elevated from {found['threshold_c']:.2f} °C on" in out
    assert "skipped 2 rows: not a temperature" in out


def test_what_a_sites_readings_do_not_allow_is_refused_in_one_line(capsys, tmp_path):
    path, _ = site_readings(tmp_path / "readings.csv", 200)
    column = ("--readings", "surface_temp_c")
    assert "needs 299 readings, there are 200" in refusal(capsys, path, *column, "--fpr", 0.01)
    assert "--fpr 0.01" in refusal(capsys, path, *column)
    assert "its first row has: made by, tower-1" in refusal(capsys, path, "--readings", "skin", "--fpr", 0.1)


# --- the published table -----------------------------------------------------------------------------


@pytest.mark.needs_test_data
@pytest.mark.parametrize("seed", range(5))
def test_under_drift_the_reference_keeps_what_is_asked_of_it(capsys, test_data: Path, seed):
    """AUC ≥ .964, Se ≥ .90 at Sp ≥ .90, ahead of the FLIR-style baseline at every point between."""
    path = test_data / "thermal/clinical/FLIR_group1.csv"
    words = (path, "--site", "canthiMax", "--oral", 37.5, "--drift-sd", 0.7, "--seed", seed)
    found = report(capsys, *words)
    assert (found["n"], found["positives"], found["days"]) == (544, 28, 119)
    for name in ("reference", "combined"):
        each = found["methods"][name]
        assert each["auc"] >= 0.964
        assert each["se"] >= 0.9
        assert each["sp"] >= 0.9
        assert each["better_than_flir"]["everywhere"]
    assert found["better_than_flir_everywhere"] is True
    first = next(
        each for each in found["readings"] if (each["oral_column"], each["round"]) == ("aveOralF", "1")
    )
    assert first["auc"] == pytest.approx(0.967, abs=5e-4)
