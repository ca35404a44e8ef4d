"""Recordings of the external test data in a simulated tower: which fit, what is said of an unusable index."""

import json
import string
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cardea.cli.tower.layout import DEFAULT_PORTS, templates
from cardea.runtime.clock import SystemClock
from cardea.runtime.config import check
from drivers.api import LinearScale
from drivers.sim.plant_settings import LeptonCamera
from drivers.sim.recordings import INDEX, with_recordings
from drivers.sim.settings import TowerSettings
from drivers.sim.thermometers import CameraAtDoor
from edge.configuration.settings import GatewaySettings
from edge.thermal.positions import references_of
from models.thermal.radiometry import radiometer
from models.thermal.reference.reference import Reference, look


def clip(people: int, reference_c: float, row: int, column: int) -> dict[str, Any]:
    return {
        "people_truth": people,
        "reference_calibrated_C": reference_c,
        "reference_disc": {"center_rc": [row, column], "radius_px": 6},
    }


@pytest.fixture
def settings(tmp_path: Path) -> TowerSettings:
    return demo("sim", TowerSettings, tmp_path)


def demo(name: str, model: Any, folder: Path) -> Any:
    text = string.Template((templates() / f"{name}.toml").read_text("utf-8"))
    table = tomllib.loads(text.substitute(DEFAULT_PORTS))
    return check(model, table, file=folder / f"{name}.toml")


def write_index(folder: Path, clips: dict[str, Any]) -> None:
    (folder / INDEX).parent.mkdir(parents=True)
    (folder / INDEX).write_text(json.dumps({"lepton_screening": clips}))


def camera(settings: TowerSettings) -> LeptonCamera:
    found = settings.thermometers["lepton-1"]
    assert isinstance(found, LeptonCamera)
    return found


def test_without_test_data_the_scene_is_drawn(settings: TowerSettings, tmp_path: Path) -> None:
    assert with_recordings(settings, None) == settings
    assert with_recordings(settings, tmp_path / "nothing") == settings


def test_clips_with_people_before_the_same_reference_fit(settings: TowerSettings, tmp_path: Path) -> None:
    write_index(
        tmp_path,
        {
            "b.npz": clip(3, 35.8, 93, 132),
            "a.npz": clip(1, 35.8, 92, 133),
            "nobody.npz": clip(0, 35.8, 93, 132),
            "warmer.npz": clip(1, 37.0, 93, 132),
            "elsewhere.npz": clip(1, 35.8, 15, 102),
        },
    )
    assert camera(with_recordings(settings, tmp_path)).clip_names == ("a", "b")


def test_where_none_fits_or_own_clips_are_named_nothing_changes(
    settings: TowerSettings, tmp_path: Path
) -> None:
    write_index(tmp_path, {"warmer.npz": clip(1, 37.0, 93, 132)})
    assert with_recordings(settings, tmp_path) == settings
    own = camera(settings).model_copy(update={"clips": tmp_path, "reference_c": 37.0})
    named = settings.model_copy(update={"thermometers": {"lepton-1": own}})
    assert with_recordings(named, tmp_path) == named


@pytest.mark.parametrize("text", ["", "{}", '{"lepton_screening": {"a.npz": {}}}', "[1]"])
def test_an_index_that_cannot_be_read_is_said_and_the_scene_is_drawn(
    settings: TowerSettings, tmp_path: Path, text: str
) -> None:
    (tmp_path / INDEX).parent.mkdir(parents=True)
    (tmp_path / INDEX).write_text(text)
    assert with_recordings(settings, tmp_path) == settings


@pytest.mark.needs_test_data
def test_the_real_clips_show_the_demo_gateways_reference(
    settings: TowerSettings, tmp_path: Path, test_data: Path
) -> None:
    played = camera(with_recordings(settings, test_data))
    assert len(played.clip_names) >= 2
    gateway: GatewaySettings = demo("gateway", GatewaySettings, tmp_path)
    (reference,) = references_of(gateway.thermometers["lepton-1"])
    assert isinstance(reference, Reference)
    assert reference.temp_c == played.reference_c
    meter = radiometer(LinearScale(gain_c=0.01, offset_c=-273.15), None)
    door = CameraAtDoor(played, 7, SystemClock())
    for number in range(len(played.clip_names)):
        door._scene.enter(36.0, 7.0)
        raw, _ = door._scene.frame(1000.0 * number)
        seen = look(raw, reference, meter)
        assert seen is not None
        assert seen.there
