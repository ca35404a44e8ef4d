"""``cardea face calibrate``: what it writes is what the gateway reads; what it cannot promise it refuses."""

import json

import pytest

from cardea.cli import main as cli
from cardea.cli.face import evaluation_pictures
from models.face.calibrated import read_calibrated
from tests.unit.cli.face_pictures import MODEL_SHA256, Networks, picture
from tests.unit.cli.test_face_evaluate import table

PEOPLE, PICTURES = 20, 5


@pytest.fixture
def labels(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation_pictures, "pipeline", Networks)
    rows = [
        (f"{person}/{number}.png", f"p{person:02}") for person in range(PEOPLE) for number in range(PICTURES)
    ]
    for path, label in rows:
        picture(tmp_path / path, int(label[1:]), int(path.split("/")[1][:-4]))
    picture(tmp_path / "none.png", kind="no_face")
    return table(tmp_path / "labels.csv", [*rows, ("none.png", "p00")])


def run(capsys, *words):
    status = cli.main(["face", "calibrate", *map(str, words)])
    said = capsys.readouterr()
    return status, said.out, said.err


def refusal(capsys, *words):
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "")
    assert err.startswith("cardea: ")
    assert err.count("\n") == 1
    return err


def test_what_is_written_is_what_is_told(capsys, labels, tmp_path):
    out = tmp_path / "site" / "face.toml"
    status, said, err = run(capsys, labels, "--out", out, "--json", "--live-min", 0.9)
    assert (status, err) == (0, "")
    told = json.loads(said, parse_constant=pytest.fail)
    written = read_calibrated(out.read_text())
    for name in ("model_sha256", "verify_min", "identify_min", "uncertain_min", "margin_min", "live_min"):
        assert getattr(written, name) == told[name]
    assert written.model_sha256 == MODEL_SHA256
    assert written.live_min == 0.9
    known = written.confidence
    assert (known.pictures, known.failed_to_acquire, known.people) == (100, 1, 20)
    assert (known.genuine_pairs, known.impostor_pairs) == (200, 4750)
    assert (known.fmr_max, known.fpir_max, known.gallery_people) == (1e-3, 0.05, 20)
    assert known.fmr <= known.fmr_upper <= known.fmr_max
    assert known.fpir_upper <= known.fpir_max
    assert known.non_mated_searches == 40
    assert told["written"] == str(out)


def test_it_replaces_what_was_there_whole_and_says_so(capsys, labels, tmp_path):
    out = tmp_path / "face.toml"
    out.write_text("# older, and longer than what comes\n" * 100)
    status, said, _ = run(capsys, labels, "--out", out)
    assert status == 0
    assert said.endswith(f"written to {out}\n")
    read_calibrated(out.read_text())
    assert not list(tmp_path.glob(".*"))


def test_the_text_is_for_people(capsys, labels):
    status, said, err = run(capsys, labels)
    assert (status, err) == (0, "")
    assert said.startswith(
        "100 pictures of 20 people, 1 more without a usable face: 200 genuine and 4750 imp"
    )
    assert "among 20 people, 95 % sure (asked for 0.05)" in said
    assert " of 40 searches for strangers found somebody" in said
    assert "liveness, basic, uncertified, is not calibrated" in said
    assert said.endswith("give --out FILE to write them for the gateway\n")


def test_a_seed_makes_it_the_same_again(capsys, labels):
    assert run(capsys, labels, "--seed", 3)[1] == run(capsys, labels, "--seed", 3)[1]


def test_people_with_three_pictures_give_comparisons_only(capsys, tmp_path, labels):
    rows = [(f"{person}/{number}.png", f"p{person:02}") for person in range(PEOPLE) for number in range(3)]
    few = table(tmp_path / "few.csv", rows)
    assert "no search was tried out: nobody has 4 pictures that agree" in run(capsys, few, "--fmr", 0.002)[1]


def test_what_cannot_be_promised_is_refused_with_what_it_takes(capsys, labels, tmp_path):
    out = tmp_path / "face.toml"
    refused = refusal(capsys, labels, "--fmr", 1e-4, "--out", out)
    assert "FMR 0.0001 needs 30000 impostor pairs, there are 4750" in refused
    assert "add people, or ask for --fmr 7e-04 (1 of 101 pictures cannot be used: 1 no face)" in refused
    assert "FPIR 0.05 among 500 people needs " in refusal(capsys, labels, "--people", 500, "--out", out)
    assert not out.exists()


def test_a_wrong_label_is_named_with_its_line(capsys, labels, tmp_path):
    picture(tmp_path / "3" / "4.png", 7, 4)
    assert f"{labels}: line 21: 3/4.png is more like somebody else than like its own person" in refusal(
        capsys, labels
    )


def test_a_first_picture_that_is_unlike_the_others_is_told(capsys, labels, tmp_path):
    picture(tmp_path / "3" / "1.png", 3, 1, kind="odd")
    status, _, err = run(capsys, labels)
    assert (status, err) == (
        0,
        "line 18: 3/1.png is not like the first pictures of p03: check its label\n",
    )


def test_one_person_is_refused_before_anything_is_looked_at(capsys, tmp_path):
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    file = table(tmp_path / "one.csv", [("a.png", "one"), ("b.png", "one")])
    assert "all pictures are of one person" in refusal(capsys, file)


def test_a_file_that_cannot_be_written(capsys, labels, tmp_path):
    (tmp_path / "folder").mkdir()
    assert "cannot be written: Is a directory" in refusal(capsys, labels, "--out", tmp_path / "folder")
    assert "cannot be written" in refusal(capsys, labels, "--out", "/")


@pytest.mark.parametrize(
    "words", [("--fmr", "0.5"), ("--fmr", "x"), ("--fpir", "0"), ("--people", "1"), ("--live-min", "0.1")]
)
def test_numbers_out_of_bounds_are_refused(capsys, labels, words):
    assert words[0] in refusal(capsys, labels, *words)


@pytest.mark.needs_test_data
def test_the_shared_pictures_support_the_usual_rate_and_not_every_other(
    capsys, test_data, tmp_path, monkeypatch
):
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(test_data / "models"))
    labels, out = test_data / "face" / "labels.csv", tmp_path / "face.toml"
    assert run(capsys, labels, "--out", out)[0] == 0
    made = read_calibrated(out.read_text())
    assert 0.38 <= made.verify_min <= 0.50
    assert made.confidence.fmr_upper <= 1e-3
    assert made.confidence.tar >= 0.99
    assert "needs 300000 impostor pairs" in refusal(capsys, labels, "--fmr", 1e-5)
