"""The gateway's look at pictures: by itself, in a gateway in virtual time, and with a real camera link."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import structlog

from cardea.cli.main import main
from cardea.contract.batches import Lane
from cardea.contract.policy import Policy
from cardea.contract.reasons import Reason
from cardea.contract.records import (
    AlertCleared,
    AlertKind,
    AlertRaised,
    CredentialKind,
    DecisionRecord,
    Outcome,
    Severity,
)
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.config import ConfigInvalid
from drivers.api import (
    FaceBox,
    FaceSeen,
    PictureCaptured,
    TemperatureMeasured,
)
from drivers.links.video_source import silence
from edge.alerts import Alarm
from edge.configuration.loading import load
from edge.faces.availability import Availability
from edge.faces.checks import Detector, FaceChecks, Grounds
from edge.faces.masks import FaceMasks, Masks
from edge.faces.opening import RETRY_S, Openers, SightModels
from edge.faces.second_opinion import SecondOpinion
from edge.faces.sight import Around, Sight
from edge.gateway import Gateway
from edge.machine import missing, real_host
from models.face.company import several
from models.registry import ModelTampered, ModelUnavailable
from tests.unit.edge.camera_tower import CONFIG, Tower, crowd

silence()


# --- sight by itself -------------------------------------------------------------------------------


class Bench:
    """Sight with a detector that finds as many faces as the picture's first value says."""

    def __init__(self, sim: ModuleType, cameras: set[str] | None = None) -> None:
        self.clock = sim.SimClock()
        self.problems: list[Exception | None] = []
        self.faults: list[Exception] = []
        self.opened = 0
        self.alarms: list[tuple[str, Alarm]] = []
        self.numbers: list[tuple[str, float]] = []
        self.seen: list[tuple[str, FaceSeen]] = []
        self.looked: list[int] = []
        wanted = {"a", "b"} if cameras is None else cameras
        checks = FaceChecks("0" * 64, Availability("face_check", self))
        masks = FaceMasks((), self._no_policy, lambda _: False, Availability("masks", self))
        claims = SecondOpinion(checks, self._nobody)
        openers = Openers(
            detector=self._open,
            grounds=self._no_grounds,
            masks=self._no_masks,
            expected=lambda: False,
        )
        faces = Availability("faces", self, cameras=sorted(wanted))
        models = SightModels(faces, checks, masks, claims, openers, cameras=bool(wanted))
        around = Around(clock=self.clock, report=self._report, seen=self._take)
        self.sight = Sight(wanted, models, checks, masks, claims, around)

    async def _nobody(self, person: str, model_sha256: str) -> None:
        raise AssertionError((person, model_sha256))

    def _no_grounds(self) -> Grounds:
        raise AssertionError("nobody is compared here")

    def _no_masks(self) -> Masks:
        raise AssertionError("nobody asks for masks here")

    def _no_policy(self) -> Policy:
        return Policy(target="tower-1", version=1)

    def _open(self) -> Detector:
        self.opened += 1
        problem = self.problems.pop(0) if self.problems else None
        if problem is not None:
            raise problem
        return self

    def detect(self, picture: Any) -> tuple[FaceBox, ...]:
        if self.faults:
            raise self.faults.pop(0)
        self.looked.append(int(picture[0, 0, 0]))
        return crowd(*[100] * int(picture[0, 0, 0]))

    def raise_(self, alarm: Alarm) -> None:
        self.alarms.append(("raised", alarm))

    def clear(self, alarm: Alarm, evidence: str) -> None:
        assert evidence
        self.alarms.append(("cleared", alarm))

    def _report(self, series: str, value: float) -> None:
        self.numbers.append((series, value))

    async def _take(self, device: str, event: FaceSeen) -> None:
        self.seen.append((device, event))

    def show(self, device: str, faces: int, **fields: Any) -> None:
        picture = np.full((2, 2, 3), faces, np.uint8)
        self.sight.take(device, PictureCaptured(at=self.clock.now(), picture=picture, **fields))


def play(sim: ModuleType, scene: Callable[[Bench], Any], **fields: Any) -> Bench:
    async def main() -> Bench:
        bench = Bench(sim, **fields)
        running = asyncio.create_task(bench.sight.run())
        await asyncio.sleep(0.1)
        await scene(bench)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert running.cancelled()
        return bench

    return sim.simulate(main)


def test_faces_are_counted_and_told(sim: ModuleType) -> None:
    async def scene(b: Bench) -> None:
        b.show("a", 2)
        at = b.clock.now()
        await asyncio.sleep(0.1)
        assert [(device, len(event.faces)) for device, event in b.seen] == [("a", 2)]
        assert b.seen[0][1].at == at, "of the picture, not of the look at it"

    b = play(sim, scene)
    assert b.numbers == [("a/faces", 2.0)]
    said = b.sight.picture()
    assert (said["faces"], said["reason"], said["looked_at"], said["dropped"]) == (True, None, 1, 0)
    assert (said["face_check"], said["compared"]) == (False, 0)


def test_the_newest_picture_of_each_camera_in_turn(sim: ModuleType) -> None:
    async def scene(b: Bench) -> None:
        b.show("a", 1)
        b.show("b", 2)
        b.show("a", 3)
        b.show("a", 4)
        await asyncio.sleep(0.1)

    b = play(sim, scene)
    assert b.looked == [4, 2], "a first, because it came first; of a only the newest"
    assert b.sight.picture()["dropped"] == 2


def test_pictures_of_other_cameras_and_of_the_past_are_not_looked_at(sim: ModuleType) -> None:
    async def scene(b: Bench) -> None:
        b.show("c", 1)
        b.show("a", 1, offline=True)
        await asyncio.sleep(1)

    assert play(sim, scene).looked == []


def test_without_a_camera_nothing_is_opened(sim: ModuleType) -> None:
    async def scene(b: Bench) -> None:
        await asyncio.sleep(1000)

    assert play(sim, scene, cameras=set()).opened == 0


def test_without_a_model_it_is_said_once_and_tried_again(sim: ModuleType) -> None:
    missing_model = ModelUnavailable("model m is not here; run: cardea models pull m")

    def bench(*args: Any, **kwargs: Any) -> Bench:
        made = Bench(*args, **kwargs)
        made.problems = [missing_model, missing_model, ModelTampered("x: is not the model m"), None]
        return made

    async def main() -> Bench:
        b = bench(sim)
        with structlog.testing.capture_logs() as logs:
            running = asyncio.create_task(b.sight.run())
            await asyncio.sleep(1.5 * RETRY_S)
            b.show("a", 1)
            await asyncio.sleep(1)
            assert b.looked == []
            assert b.sight.picture()["dropped"] == 1
            assert b.sight.picture()["reason"] == str(missing_model)
            await asyncio.sleep(2 * RETRY_S)
            b.show("a", 1)
            await asyncio.sleep(1)
            running.cancel()
        said = [(line["event"], line.get("reason")) for line in logs]
        assert said == [
            ("check_unavailable", str(missing_model)),
            ("check_unavailable", "x: is not the model m"),
            ("check_available", None),
        ]
        return b

    b = sim.simulate(main)
    assert b.looked == [1]
    assert b.opened == 4
    assert {alarm.alert for _, alarm in b.alarms} == {AlertKind.CHECK_UNAVAILABLE}
    assert [(what, alarm.device) for what, alarm in b.alarms[-2:]] == [("cleared", "a"), ("cleared", "b")]
    assert b.alarms[0][1].detail == {"check": "faces", "reason": str(missing_model)}


def test_a_look_that_fails_makes_the_check_unavailable_and_nothing_else(sim: ModuleType) -> None:
    async def scene(b: Bench) -> None:
        b.faults = [ValueError()]
        b.show("a", 1)
        b.show("b", 1)
        await asyncio.sleep(1)
        assert b.sight.picture()["reason"] == "ValueError"
        assert ("raised", "a") in [(what, alarm.device) for what, alarm in b.alarms]
        await asyncio.sleep(RETRY_S)
        b.show("b", 2)
        await asyncio.sleep(1)

    b = play(sim, scene)
    assert b.looked == [2], "what waited then is forgotten"
    assert b.alarms[-1][0] == "cleared"


# --- in a gateway ----------------------------------------------------------------------------------


@pytest.fixture
def run(sim: ModuleType, tmp_path: Path) -> Callable[..., tuple[Tower, list[Any], list[Any], list[Any]]]:
    """Play a scene in a gateway; the tower and its decisions, alerts and numbers."""

    def play_(scene: Callable[[Tower, Gateway], Any], problem: Exception | None = None) -> Any:
        async def main() -> Any:
            tower = Tower(sim.SimClock(), sim.SimEntropy(5), tmp_path)
            tower.problem = problem

            async def with_tower(gateway: Gateway) -> None:
                await asyncio.sleep(1)
                await scene(tower, gateway)
                await asyncio.sleep(5)

            await tower.serve(with_tower)
            decisions = [row for row in await tower.rows(Lane.RECORD) if isinstance(row, DecisionRecord)]
            return tower, decisions, await tower.rows(Lane.ALERT), await tower.rows(Lane.TELEMETRY)

        return sim.simulate(main)

    return play_


def test_one_face_with_a_card_and_a_temperature_comes_in(run: Any) -> None:
    async def scene(t: Tower, _: Gateway) -> None:
        await t.show(150, 40)
        waiting = asyncio.create_task(t.present())
        await asyncio.sleep(0.5)
        await t.show(150, 40)
        await t.devices["reader"].say(TemperatureMeasured, value_c=36.4)
        await waiting

    tower, (decision,), _, numbers = run(scene)
    assert decision.outcome is Outcome.GRANT
    assert tower.devices["reader"].released
    assert [reading.value for reading in numbers if reading.series == "camera/faces"] == [2.0]


def test_a_second_person_while_an_approach_is_open_is_referred(run: Any) -> None:
    async def scene(t: Tower, _: Gateway) -> None:
        waiting = asyncio.create_task(t.present())
        await asyncio.sleep(0.5)
        assert not waiting.done(), "waits for the temperature"
        await t.show(150, 120)
        assert waiting.done(), "decided at once, with what there was"

    tower, (decision,), _, _ = run(scene)
    assert decision.outcome is Outcome.REFER
    assert Reason.SECOND_PERSON in decision.reasons
    assert tower.devices["reader"].released == []


def test_company_before_the_approach_or_without_one_is_none(run: Any) -> None:
    async def scene(t: Tower, gateway: Gateway) -> None:
        await t.show(150, 150)
        before = t.clock.now()
        await asyncio.sleep(1)
        waiting = asyncio.create_task(t.present())
        await asyncio.sleep(0.5)
        portal = gateway._portals["lobby"]
        await portal.take("camera", FaceSeen(at=before, faces=crowd(150, 150)))
        await portal.take("camera", FaceSeen(at=t.clock.now(), faces=crowd(150, 150), offline=True))
        await portal.take("reader", FaceSeen(at=t.clock.now(), faces=crowd(150, 150)))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        await t.devices["reader"].say(TemperatureMeasured, value_c=36.4)
        await waiting

    _, (decision,), _, _ = run(scene)
    assert decision.outcome is Outcome.GRANT


def test_L13_a_face_that_only_a_camera_saw_opens_nothing(run: Any) -> None:  # noqa: N802
    async def scene(t: Tower, _: Gateway) -> None:
        await t.show(200)
        await t.devices["reader"].say(TemperatureMeasured, value_c=36.4)
        await asyncio.sleep(10)
        waiting = asyncio.create_task(t.present(CredentialKind.FACE, "e1"))
        await t.show(200)
        await t.devices["reader"].say(TemperatureMeasured, value_c=36.4)
        await waiting

    tower, decisions, _, _ = run(scene)
    assert decisions
    assert all(decision.outcome is not Outcome.GRANT for decision in decisions)
    assert tower.devices["reader"].released == []


def test_without_a_model_doors_work_and_it_is_said_once(run: Any) -> None:
    async def scene(t: Tower, gateway: Gateway) -> None:
        for _ in range(30):
            await t.show(150, 150)
            await asyncio.sleep(10)
        assert gateway.picture()["sight"]["faces"] is False
        await t.devices["reader"].say(TemperatureMeasured, value_c=36.4)
        await t.present()

    why = ModelUnavailable("model m is not here; run: cardea models pull m")
    tower, decisions, alerts, numbers = run(scene, problem=why)
    assert decisions[-1].outcome is Outcome.GRANT
    assert tower.detector.pictures == []
    raised = [row for row in alerts if isinstance(row, AlertRaised)]
    assert [(row.alert, row.device) for row in raised] == [(AlertKind.CHECK_UNAVAILABLE, "camera")]
    assert raised[0].severity is Severity.MINOR
    assert "models pull" in raised[0].detail["reason"]
    assert not [reading for reading in numbers if reading.series == "camera/faces"]


def test_the_alert_is_cleared_by_the_next_gateway_that_has_the_model(sim: ModuleType, tmp_path: Path) -> None:
    async def main() -> list[Any]:
        tower = Tower(sim.SimClock(), sim.SimEntropy(5), tmp_path)

        async def wait(_: Gateway) -> None:
            await asyncio.sleep(5)

        tower.problem = ModelUnavailable("not here")
        await tower.serve(wait)
        tower.problem = None
        await tower.serve(wait)
        return await tower.rows(Lane.ALERT)

    raised, cleared = sim.simulate(main)
    assert isinstance(raised, AlertRaised)
    assert isinstance(cleared, AlertCleared)
    assert cleared.fingerprint == raised.fingerprint


def test_the_face_evidence_says_why_it_is_missing(run: Any) -> None:
    from cardea.contract.policy import PortalPolicy
    from cardea.contract.records import Side
    from edge.decide.approach import CredentialChecked, Sensed
    from edge.decide.evidence import Credential, Missing, Standing, Why
    from edge.portal.approaches import opened

    async def scene(t: Tower, gateway: Gateway) -> None:
        judge = gateway._portals["lobby"]._gathering._judge
        event = TemperatureMeasured(at=t.clock.now(), value_c=36.0)
        case = opened("x", Side.INGRESS, t.clock.monotonic_s(), "reader", event)
        assert Sensed.FACE not in judge.unable(case), "somebody may still say who they are"
        assert judge.evidence(case, PortalPolicy()).face == Missing(Why.NOT_SEEN)
        stranger = CredentialChecked(Credential(CredentialKind.QR, Standing.VALID))
        case.approach = case.approach.observe(stranger, t.clock.monotonic_s())
        assert judge.evidence(case, PortalPolicy()).face == Missing(Why.NOT_ENROLLED)

    run(scene)


# --- what a configuration may say --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cameras", "advice"),
    [
        ('["nobody"]', "no such device"),
        ('["reader"]', "'test.reader' never says PictureCaptured"),
    ],
)
def test_cameras_are_devices_that_give_pictures(tmp_path: Path, cameras: str, advice: str) -> None:
    tower = Tower(SystemClock(), SystemEntropy(), tmp_path)
    (tmp_path / "gateway.toml").write_text(CONFIG.replace('["camera"]', cameras))
    with pytest.raises(ConfigInvalid, match=r"portals\.lobby\.ingress\.cameras") as refused:
        load(tmp_path / "gateway.toml", tower.find)
    assert advice in str(refused.value)


CAMERA = """
[links.video]
kind = "video"
source = "door.mkv"
loop = true
fps_max = 30
[devices.camera]
driver = "gates.camera"
link = "video"
capture = true
settings = { fps_max = 30 }
"""
READER = '[devices.reader]\ndriver = "test.reader"\n'
TERMINAL = """
[devices.reader]
driver = "gates.hikvision"
settings = { base_url = "http://192.0.2.9", user = "staff", password_secret = "x", transport = "stream" }
"""
REAL = CONFIG.replace('[devices.camera]\ndriver = "test.camera"\n', CAMERA)


def test_a_camera_needs_a_video_link(tmp_path: Path) -> None:
    tower = Tower(SystemClock(), SystemEntropy(), tmp_path)
    (tmp_path / "gateway.toml").write_text(REAL.replace('link = "video"\n', ""))
    with pytest.raises(ConfigInvalid, match=r"'gates\.camera' needs a link of video"):
        load(tmp_path / "gateway.toml", tower.find)


def test_check_says_that_the_model_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tower = Tower(SystemClock(), SystemEntropy(), tmp_path)
    (tmp_path / "gateway.toml").write_text(CONFIG)
    settings = load(tmp_path / "gateway.toml", tower.find).settings
    assert any(
        "cardea models pull yunet_s_dynamic" in line
        for line in missing(settings, Policy(target="tower-1", version=1), [])
    )
    with pytest.raises(ModelUnavailable):
        real_host(settings, SystemClock(), SystemEntropy()).open_detector()
    with pytest.raises(ModelUnavailable):
        tower.host().open_detector()


def test_check_says_that_a_streams_password_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = 'source = "rtsp://staff@192.0.2.7/live"\npassword_secret = "camera-password"\n'
    text = REAL.replace('source = "door.mkv"\nloop = true\n', stream)
    (tmp_path / "gateway.toml").write_text(TERMINAL.join(text.split(READER)))
    assert main(["edge", "check", "--config", str(tmp_path / "gateway.toml"), "--json"]) == 0
    notices = json.loads(capsys.readouterr().out)["notices"]
    assert any(str(tmp_path / "secrets" / "camera-password") in notice for notice in notices)


@pytest.mark.needs_test_data
def test_a_real_host_finds_real_faces(
    tmp_path: Path, test_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(test_data / "models"))
    tower = Tower(SystemClock(), SystemEntropy(), tmp_path)
    (tmp_path / "gateway.toml").write_text(CONFIG)
    settings = load(tmp_path / "gateway.toml", tower.find).settings
    assert not any("model" in line for line in missing(settings, Policy(target="tower-1", version=1), []))
    detector = real_host(settings, SystemClock(), SystemEntropy()).open_detector()
    couple: Any = cv2.imread(str(test_data / "face" / "deepface" / "couple.jpg"))
    assert several(detector.detect(couple))


# --- nothing of a picture is kept ----------------------------------------------------------------------


def film(path: Path, pictures: list[Any]) -> None:
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"FFV1"), 30, (width, height))
    for picture in pictures:
        writer.write(picture)
    writer.release()


async def test_items_18_and_39_no_picture_is_on_disk_or_in_a_log_after_a_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A real link, a real driver with its capture asked for, and pictures that are recognised anywhere."""
    canaries = [np.random.default_rng(seed).integers(0, 256, (32, 48, 3), np.uint8) for seed in range(4)]
    film(tmp_path / "door.mkv", canaries)
    tower = Tower(SystemClock(), SystemEntropy(), tmp_path)
    looked = asyncio.Event()
    detect = tower.detector.detect

    def noticed(picture: Any) -> Any:
        loop.call_soon_threadsafe(looked.set)
        return detect(picture)

    loop = asyncio.get_running_loop()
    tower.detector.detect = noticed  # type: ignore[method-assign]  # counts, and tells the test

    async def scene(_: Gateway) -> None:
        async with asyncio.timeout(15):
            while len(tower.detector.pictures) < 6:
                looked.clear()
                await looked.wait()

    with structlog.testing.capture_logs() as logs:
        await tower.serve(scene, REAL)
    shown = {canary.tobytes() for canary in canaries}
    assert set(tower.detector.pictures) <= shown, "the link is lossless, so the search below means something"
    assert tower.detector.pictures
    pieces = [canary.tobytes()[at : at + 24] for canary in canaries for at in (0, 1000, 4000)]
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert files
    said = repr(logs) + "".join(capfd.readouterr())
    for piece in pieces:
        assert piece.hex() not in said
        assert repr(piece)[2:-1] not in said
        for path in files:
            assert piece not in path.read_bytes(), path
    assert not list((tmp_path / "data").rglob("captures/*"))
    encoded = (b"\xff\xd8\xff", b"\x89PNG")
    assert not [path for path in files for mark in encoded if mark in path.read_bytes()]


def test_a_gateway_without_a_camera_loads_no_library_for_pictures(tmp_path: Path) -> None:
    """Its memory is promised: OpenCV and ONNX Runtime are for those who have a camera."""
    program = (
        "import sys, edge.gateway, edge.machine, cardea.cli.edge, drivers.links.opening;"
        "from drivers import catalog; catalog.find('gates.camera');"
        "print([name for name in ('cv2', 'onnxruntime', 'drivers.links.video') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.stdout == "[]\n"


def test_a_model_that_is_missing_is_said_before_its_library_is_loaded(tmp_path: Path) -> None:
    """ONNX Runtime takes 20 MB, for nothing where nobody has pulled the models."""
    program = (
        "import sys; from edge import machine; from models.registry import ModelUnavailable\n"
        "for open_ in (machine._detector, lambda: machine._grounds(None), machine._masks):\n"
        "    try: open_()\n"
        "    except ModelUnavailable: print('onnxruntime' in sys.modules)"
    )
    nowhere = {"CARDEA_MODEL_DIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=root,
        env={**os.environ, **nowhere, "PYTHONPATH": str(root)},
    )
    assert done.stdout.split() == ["False"] * 3
