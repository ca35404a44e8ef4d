"""``cardea face compare``, with the real networks and pictures; and what every face command refuses."""

import cv2
import numpy as np
import pytest

from cardea.cli.face import faces
from models.face import stills
from models.face.look import Poor
from models.registry import ModelUnusable
from tests.unit.cli.face_site import ADA, BOB, MODEL_SHA256, Commands, thresholds

pytestmark = pytest.mark.needs_test_data
ALIKE = BOB[:2]
"""Of one person, and only just the same: 0.409."""


@pytest.fixture
def cardea(capsys, test_data, monkeypatch):
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(test_data / "models"))
    return Commands(capsys, test_data)


def test_two_pictures_of_one_person(cardea):
    first, second = cardea.pictures(*ADA[:2])
    found = cardea.face("compare", first, second, "--json").said
    assert (found["state"], found["same"]) == ("same", True)
    assert 0.5 < found["score"] < 1
    assert (found["verify_min"], found["uncertain_min"]) == (0.40, 0.40)
    assert found["model_sha256"] == MODEL_SHA256
    one, other = found["pictures"]
    assert (one["path"], other["path"]) == (str(first), str(second))
    assert (one["faces"], one["usable"], one["poor"]) == (1, True, None)
    assert one["width_px"] == one["box"][2] > 60
    text = cardea.face("compare", first, second)
    assert (text.status, text.err) == (0, "")
    assert text.out.splitlines()[0] == "the same person"
    assert f"similarity {found['score']:.3f}; the same from 0.40 on" in text.out


def test_a_picture_is_itself(cardea):
    [one] = cardea.pictures(1)
    assert cardea.face("compare", one, one, "--json").said["score"] == pytest.approx(1, abs=1e-5)


def test_pictures_of_two_people_are_an_answer_too(cardea):
    pair = cardea.pictures(ADA[0], BOB[0])
    found = cardea.face("compare", *pair, "--json").said
    assert (found["state"], found["same"]) == ("different", False)
    assert found["score"] < 0.3
    text = cardea.face("compare", *pair)
    assert (text.status, text.out.splitlines()[0]) == (0, "not the same person")


def test_a_sites_own_thresholds_leave_room_for_doubt(cardea, tmp_path):
    pair = cardea.pictures(*ALIKE)
    assert cardea.face("compare", *pair, "--json").said["state"] == "same"
    own = thresholds(tmp_path / "own.toml")
    found = cardea.face("compare", *pair, "--thresholds", own, "--json").said
    assert (found["state"], found["same"]) == ("uncertain", None)
    assert (found["verify_min"], found["uncertain_min"]) == (0.4274, 0.3)
    assert "nobody can tell" in cardea.face("compare", *pair, "--thresholds", own).out


def test_a_picture_that_cannot_be_compared_says_what_would_help(cardea, tmp_path):
    nobody = tmp_path / "wall.png"
    assert cv2.imwrite(str(nobody), np.full((300, 300, 3), 128, np.uint8))
    found = cardea.face("compare", cardea.couple, nobody, "--json").said
    assert (found["state"], found["same"], found["score"]) == ("not_comparable", None, None)
    couple, wall = found["pictures"]
    assert (couple["faces"], couple["usable"], couple["poor"]) == (2, False, "several_faces")
    assert (wall["faces"], wall["poor"], wall["box"], wall["width_px"]) == (0, "no_face", None, None)
    lines = cardea.face("compare", cardea.couple, nobody).out.splitlines()
    assert lines[0] == "cannot be compared"
    assert lines[1:] == [
        f"  {cardea.couple}: several people stand in front; use a picture of one",
        f"  {nobody}: no face is found; use a picture of one person, from the front",
    ]


@pytest.mark.parametrize("poor", Poor)
def test_for_every_shortcoming_there_is_a_sentence(poor):
    assert len(faces.shortcoming(poor)) > 20


# --- what is refused ---


def test_bad_pictures_are_one_line(cardea, tmp_path):
    [good] = cardea.pictures(1)
    (tmp_path / "text.jpg").write_text("Dear Sir or Madam")
    assert "text.jpg: is no picture" in cardea.face("compare", good, tmp_path / "text.jpg").refusal
    assert "none.jpg: cannot be read" in cardea.face("compare", tmp_path / "none.jpg", good).refusal


def test_a_picture_like_a_ribbon_is_one_line(cardea, tmp_path):
    ribbon = tmp_path / "ribbon.png"
    assert cv2.imwrite(str(ribbon), np.zeros((4, 16_400, 3), np.uint8))
    assert f"{ribbon}: " in cardea.face("compare", ribbon, ribbon).refusal


@pytest.mark.parametrize("count", [0, 1, 3])
def test_it_takes_two_pictures(cardea, count):
    assert "--help)" in cardea.face("compare", *cardea.pictures(*ADA[:count])).refusal


def test_thresholds_that_are_none_or_for_another_model(cardea, tmp_path):
    pair = cardea.pictures(*ADA[:2])
    other = thresholds(tmp_path / "other.toml", model_sha256="ab" * 32)
    refused = cardea.face("compare", *pair, "--thresholds", other).refusal
    assert f"{other}: was calibrated for another model; calibrate again" in refused
    other.write_bytes(b"\xff\xfe no thresholds")
    assert f"{other}: " in cardea.face("compare", *pair, "--thresholds", other).refusal
    assert "cannot be read" in cardea.face("compare", *pair, "--thresholds", tmp_path).refusal


def test_without_models_it_says_how_to_get_them(cardea, tmp_path, monkeypatch):
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(tmp_path / "nowhere"))
    assert "cardea models pull" in cardea.face("compare", *cardea.pictures(*ADA[:2])).refusal


def test_a_network_that_fails_is_one_line(cardea, monkeypatch):
    def fail(*_):
        raise ModelUnusable("the network failed")

    monkeypatch.setattr(stills, "look_at_still", fail)
    assert "the network failed" in cardea.face("compare", *cardea.pictures(*ADA[:2])).refusal
