"""``cardea face identify``: among who is enrolled and among labelled pictures."""

import csv

import cv2
import msgspec
import numpy as np
import pytest

from tests.unit.cli.face_site import ADA, BOB, MODEL_SHA256, FaceSite, thresholds
from tests.unit.models.test_face_calibrated import CONFIDENCE

pytestmark = pytest.mark.needs_test_data
THIRD = 11
"""Another picture of the first person."""


@pytest.fixture
def site(capsys, test_data, tmp_path, monkeypatch):
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(test_data / "models"))
    return FaceSite(capsys, test_data, tmp_path)


@pytest.fixture
def gallery(site):
    """Two people with two pictures each."""
    return table(site, [(1, "ada"), (2, "ada"), (3, "bob"), (53, "bob")])


def table(site, rows):
    file = site.folder / "labels.csv"
    with file.open("w", newline="") as opened:
        lines = [(str(site.pictures(number)[0]), person) for number, person in rows]
        csv.writer(opened).writerows([("path", "identity"), *lines])
    return file


@pytest.fixture
def wall(tmp_path):
    """A picture of nobody."""
    file = tmp_path / "wall.png"
    assert cv2.imwrite(str(file), np.full((300, 300, 3), 128, np.uint8))
    return file


def test_one_of_a_gallery_of_pictures(site, gallery):
    [probe] = site.pictures(THIRD)
    found = site.face("identify", probe, "--gallery", gallery, "--json").said
    assert (found["outcome"], found["person"], found["people"]) == ("identified", "ada", 2)
    assert found["score"] > 0.5 > found["runner_up"]
    assert (found["identify_min"], found["uncertain_min"], found["margin_min"]) == (0.5, 0.4, 0.08)
    assert (found["model_sha256"], found["one_to_many_max"]) == (MODEL_SHA256, 500)
    assert [each["path"] for each in found["pictures"]] == [str(probe)]
    text = site.face("identify", probe, "--gallery", gallery)
    assert (text.status, text.err) == (0, "")
    assert text.out == (
        f"ada\n  similarity {found['score']:.3f}, the next person {found['runner_up']:.3f}, among 2 people\n"
    )


def test_a_stranger_is_nobody_and_no_name_is_said(site):
    file = table(site, [(3, "bob"), (53, "bob")])
    found = site.face("identify", *site.pictures(1), "--gallery", file, "--json").said
    assert (found["outcome"], found["person"], found["runner_up"]) == ("unknown", None, None)
    text = site.face("identify", *site.pictures(1), "--gallery", file).out
    assert text.splitlines()[0] == "nobody who is enrolled"
    assert "bob" not in text
    assert text.endswith("among one person\n")


def test_two_names_for_one_face_leave_it_open(site):
    again = site.folder / "again.jpg"
    again.write_bytes(site.pictures(1)[0].read_bytes())
    file = table(site, [(1, "ada")])
    with file.open("a") as opened:
        opened.write(f"{again},eve\n")
    found = site.face("identify", *site.pictures(2), "--gallery", file, "--json").said
    assert (found["outcome"], found["person"]) == ("uncertain", None)
    assert "nobody can tell" in site.face("identify", *site.pictures(2), "--gallery", file).out


def test_among_more_people_than_calibrated_for_a_second_factor_is_needed(site, gallery, tmp_path):
    confidence = msgspec.structs.replace(CONFIDENCE, gallery_people=1)
    own = thresholds(tmp_path / "own.toml", confidence=confidence)
    words = ("identify", *site.pictures(THIRD), "--gallery", gallery, "--thresholds", own)
    found = site.face(*words, "--json").said
    assert (found["outcome"], found["person"], found["one_to_many_max"]) == ("second_factor", "ada", 1)
    assert site.face(*words).out.startswith("probably ada: ask for a second factor\n")


# --- several pictures ---


def test_several_pictures_of_one_person_agree(site, gallery):
    found = site.face("identify", *site.pictures(4, 5, THIRD), "--gallery", gallery, "--json").said
    assert (found["outcome"], found["person"]) == ("identified", "ada")
    single = [
        site.face("identify", *site.pictures(each), "--gallery", gallery, "--json").said["score"]
        for each in (4, 5, THIRD)
    ]
    assert found["score"] == pytest.approx(min(single), abs=1e-5)


@pytest.mark.parametrize("numbers", [(12, 4), (12, 4, 5, THIRD), (4, 5, THIRD, 12)])
def test_all_pictures_must_agree_however_many_there_are(site, gallery, numbers):
    found = site.face("identify", *site.pictures(*numbers), "--gallery", gallery, "--json").said
    assert (found["outcome"], found["person"]) == ("uncertain", None)


def test_a_poor_picture_says_nothing_and_what_it_lacks_is_told(site, gallery, wall):
    said = site.face("identify", wall, *site.pictures(THIRD), "--gallery", gallery)
    assert said.out.startswith("ada\n")
    assert f"  {wall}: no face is found" in said.out


def test_poor_pictures_alone_cannot_be_compared(site, gallery, wall):
    found = site.face("identify", wall, "--gallery", gallery, "--json").said
    assert (found["outcome"], found["person"], found["score"]) == ("not_comparable", None, None)
    lines = site.face("identify", wall, "--gallery", gallery).out.splitlines()
    assert lines[0] == "cannot be compared"
    assert len(lines) == 2


def test_more_pictures_than_anybody_needs(site, gallery):
    refused = site.face("identify", *site.pictures(*[1] * 11), "--gallery", gallery).refusal
    assert "11 pictures; 10 are enough" in refused


# --- what is refused ---


def test_a_gallery_without_faces(site, wall):
    file = site.folder / "labels.csv"
    file.write_text(f"path,identity\n{wall},ada\n")
    refused = site.face("identify", *site.pictures(1), "--gallery", file).refusal
    assert f"{file}: no picture in it shows a face" in refused


def test_a_gallery_that_is_no_table(site):
    file = site.folder / "labels.csv"
    file.write_text("no table")
    assert str(file) in site.face("identify", *site.pictures(1), "--gallery", file).refusal


@pytest.mark.parametrize("both", [True, False])
def test_one_place_to_search_must_be_named(site, gallery, *, both):
    where = ("--gallery", gallery, "--config", site.config) if both else ()
    assert "--gallery" in site.face("identify", *site.pictures(1), *where).refusal


# --- among who is enrolled ---


def test_where_nobody_is_enrolled(site):
    site.make()
    found = site.at("identify", *site.pictures(1), "--json").said
    assert (found["outcome"], found["person"], found["score"], found["people"]) == ("empty", None, None, 0)
    assert site.at("identify", *site.pictures(1)).out == "nobody is enrolled\n"


def test_who_is_enrolled_is_found_on_another_picture(site):
    site.make()
    assert site.enrol("p-1", ADA[:3]).status == 0
    assert site.enrol("p-2", BOB).status == 0
    for number, person in ((ADA[3], "p-1"), (THIRD, "p-1")):
        found = site.at("identify", *site.pictures(number), "--json").said
        assert (found["outcome"], found["person"], found["people"]) == ("identified", person, 2)
    stranger = site.at("identify", *site.pictures(13), "--json").said
    assert (stranger["outcome"], stranger["person"]) == ("unknown", None)


def test_a_site_that_was_never_opened_or_is_none(site):
    assert "cannot be read" in site.at("identify", *site.pictures(1)).refusal
    site.config.write_text("[gateway]\n")
    assert site.at("identify", *site.pictures(1)).status == 2
    (site.folder / "other").mkdir()
    other = FaceSite(site.capsys, site.data, site.folder / "other").make()
    (other.folder / "secrets" / "vault.key").unlink()
    assert "the vault's key is missing" in other.at("identify", *site.pictures(1)).refusal
