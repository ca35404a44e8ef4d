"""``cardea thermal register``: pairs of points or of pictures in, a registration for gateway.toml out."""

import json
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest

from cardea.cli.main import main
from drivers.api import FaceBox
from models.face import detect
from models.registry import ModelUnavailable
from models.thermal.registration.parallax import Registration
from tests.unit.models.thermal_faces import Rig

RIG = Rig()
PLACES = [(x, y, z) for z in (600.0, 800.0, 1100.0) for x in (-60.0, 70.0) for y in (-40.0, 30.0)]


def points(places=PLACES) -> str:
    lines = ["visible_x,visible_y,thermal_x,thermal_y,interocular_px"]
    for x, y, z in places:
        for side, (thermal_x, thermal_y) in zip((-1, 1), RIG.corners(x, y, z), strict=True):
            visible = RIG.visible(x + side * 16.5, y, z)
            lines.append(f"{visible[0]},{visible[1]},{thermal_x},{thermal_y},{RIG.visible_focal_px * 63 / z}")
    return "\n".join(lines)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    path.write_text(points())
    return path


def test_points_become_a_registration(table: Path, capsys) -> None:
    out = table.with_name("registration.toml")
    assert main(["thermal", "register", str(table), "--json", "--out", str(out)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["good"] is True
    assert report["pairs"] == 24
    assert report["outliers"] == []
    assert report["thermal_camera_mm"]["right"] == pytest.approx(60.0, abs=1.0)
    assert report["thermal_camera_mm"]["below"] == pytest.approx(-15.0, abs=1.0)
    copied = tomllib.loads(out.read_text())
    written = Registration(
        x=tuple(copied["x"]),
        y=tuple(copied["y"]),
        interocular_px=tuple(copied["interocular_px"]),
        residual_px=copied["residual_px"],
    )
    assert written.place(RIG.visible(0, 0, 700.0), 81.0) == pytest.approx(RIG.thermal(0, 0, 700.0), abs=1e-3)


def _german(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


def _tabs(text: str) -> str:
    return text.replace(",", "\t").replace("visible_x", " Visible_X ")


def _blank_lines(text: str) -> str:
    return "\ufeff" + text.replace("\n", "\r\n,,,,\r\n\r\n")


@pytest.mark.parametrize("written", [_german, _tabs, _blank_lines])
def test_a_table_of_any_spreadsheet_says_the_same(table: Path, capsys, written) -> None:
    table.write_text(written(points()), encoding="utf-8")
    assert main(["thermal", "register", str(table), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["pairs"], report["outliers"]) == (24, [])
    assert report["thermal_camera_mm"]["right"] == pytest.approx(60.0, abs=1.0)


def test_people_read_what_came_of_it(table: Path, capsys) -> None:
    table.write_text(points() + "\n640,360,10,20,70\n")
    assert main(["thermal", "register", str(table)]) == 0
    shown = capsys.readouterr().out
    assert "25 pairs, of which 1 do not agree with the others (rows 25)" in shown
    assert "60 mm to the right" in shown
    assert shown.endswith("the registration is good\n")


def test_a_bad_registration_is_said_to_be_bad(table: Path, capsys) -> None:
    noise = np.random.default_rng(1).normal(0, 15.0, (24, 2))
    head, *rows = points().splitlines()
    moved = [row.split(",") for row in rows]
    for row, (dx, dy) in zip(moved, noise, strict=True):
        row[2], row[3] = str(float(row[2]) + dx), str(float(row[3]) + dy)
    table.write_text("\n".join([head, *(",".join(row) for row in moved)]))
    assert main(["thermal", "register", str(table)]) == 1
    assert "not good enough" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "needs the columns"),
        ("a,b\n1,2\n", "needs the columns"),
        (points().replace("visible_x", "visible_x ").replace("\n", "\nwest", 1), "row 2: visible_x"),
        ("\n".join(points().splitlines()[:3]), "2 pairs are too few"),
        (points([(x, y, 900.0) for x, y, _ in PLACES]), "no parallax"),
        (points() + "\n1e300,360,10,20,70", "no pixel's number"),
        (points() + "\n\n1,2,3", "row 27: thermal_y: '' is no number"),
    ],
)
def test_bad_tables_are_one_line(table: Path, capsys, content, why) -> None:
    table.write_text(content)
    assert main(["thermal", "register", str(table)]) == 2
    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1


def test_unreadable_tables_are_one_line(table: Path, tmp_path: Path, capsys) -> None:
    table.write_bytes(b"\xff\xfe\x00nothing\x9c")
    for path in (table, tmp_path, tmp_path / "absent.csv"):
        assert main(["thermal", "register", str(path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    table.write_text(points())
    assert main(["thermal", "register", str(table), "--out", str(tmp_path / "no" / "where.toml")]) == 2
    assert "cannot be written" in capsys.readouterr().err


class Detects:
    """Faces where a picture says that they are: the pixel at its corner counts the place."""

    def detect(self, picture) -> tuple[FaceBox, ...]:
        place = int(picture[0, 0, 0])
        return () if place >= len(PLACES) else (RIG.face(*PLACES[place]),)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(detect, "load", Detects)
    lines = ["visible,thermal"]
    for at, place in enumerate(PLACES):
        cv2.imwrite(str(tmp_path / f"{at}.png"), np.full((4, 4, 3), at, np.uint8))
        np.save(tmp_path / f"{at}.npy", RIG.picture_c(*place).astype(np.float32))
        lines.append(f"{at}.png,{at}.npy")
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    return tmp_path / "pairs.csv"


def test_pictures_become_a_registration(pictures: Path, capsys) -> None:
    assert main(["thermal", "register", str(pictures), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["good"] is True
    assert report["pictures_left_out"] == 0
    assert report["left_out_px"] < 1.5
    assert report["thermal_camera_mm"]["right"] == pytest.approx(60.0, abs=8.0)


def test_pictures_that_show_no_canthi_are_left_out_aloud(pictures: Path, capsys) -> None:
    folder = pictures.parent
    cv2.imwrite(str(folder / "nobody.png"), np.full((4, 4, 3), 99, np.uint8))
    np.save(folder / "wall.npy", np.full((512, 640), 23.0))
    np.save(folder / "clip.npy", np.full((2, 512, 640), 23.0))
    (folder / "text.npy").write_text("no array")
    rows = (
        "nobody.png,0.npy",
        "0.png,wall.npy",
        "0.png,clip.npy",
        "0.png,text.npy",
        "no.png,0.npy",
        "0.npy,0.npy",
    )
    pictures.write_text(pictures.read_text() + "\n" + "\n".join(rows))
    assert main(["thermal", "register", str(pictures)]) == 0
    error = capsys.readouterr().err
    assert [line.split(":")[1].strip() for line in error.splitlines()] == [
        f"row {number}" for number in range(len(PLACES) + 2, len(PLACES) + 8)
    ]


def test_without_the_model_it_says_how_to_get_it(pictures: Path, monkeypatch, capsys) -> None:
    def absent():
        raise ModelUnavailable("model yunet is not here; run: cardea models pull yunet")

    monkeypatch.setattr(detect, "load", absent)
    assert main(["thermal", "register", str(pictures)]) == 2
    assert "cardea models pull" in capsys.readouterr().err
