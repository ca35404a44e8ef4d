"""The face checks in one thread: a look at 320 px, one face among many, and how often they are right.

Run: ``CARDEA_MODEL_DIR=… python -m bench.faces [FOLDER]``, where the folder holds pictures of one face each
(by default that of the external data), and ``labels.csv`` beside it says of whom. Prints tables and writes
``bench/results/faces*.json``. Every way takes its turn picture by picture, so that a busy machine slows all;
times are CPU times of one thread.

Beside ours: the same pipeline with the published networks as they are under ONNX Runtime, the same networks
under OpenCV (FaceDetectorYN and its network module), and as the floor OpenVINO, the networks alone, where
``make bench`` has installed it. For searches the floor is reading the matrix once.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np

from bench.report import RESULTS, Cell, percentile, report
from drivers.api import Picture
from models.face import DETECTORS, EMBEDDER, LIVENESS
from models.face.align import aligned
from models.face.company import front
from models.face.detect import fitted
from models.face.gallery import Gallery
from models.face.liveness import SCALES, crop
from models.face.onnx import tensor
from models.face.pipeline import FacePipeline, load
from models.face.thresholds import Thresholds
from models.registry import ModelProblem, find

SIDE_PX = 320
LOOK_MS_ASKED = 20.0
SEARCH_MS_ASKED = {10_000: 0.25, 100_000: 6.0, 1_000_000: 0.0}
ROUNDS = 200
PEERS = Path(__file__).parent / "peers"
PEERS_PYTHON = Path(__file__).parent.parent / ".venv-peers" / "bin" / "python"
RSS_MB_ASKED = 280.0
FMR = 0.001
TAR_PERCENT_ASKED = 99.5
_RSS = """
import os, sys, cv2
from models.face import mask, pipeline
whole, masks = pipeline.load(), mask.load()
picture = cv2.imread(sys.argv[1])
for _ in range(20):
    masks.masked(picture, whole.look(picture).face)
print(int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6)
"""

Row = dict[str, Cell]
Way = Callable[[Picture], object]


def timed(work: Callable[[], object]) -> float:
    began_s = time.process_time()
    work()
    return (time.process_time() - began_s) * 1000


def row(what: str, took_ms: Sequence[float], asked: float = 0.0, times: float = 0.0) -> Row:
    return {
        "what": what,
        "p50_ms": percentile(took_ms, 0.50),
        "p50_ms_asked": asked,
        "p99_ms": percentile(took_ms, 0.99),
        "times_ours": times,
    }


# --- a picture to a look -----------------------------------------------------------------------------


def usable(folder: Path, pipeline: FacePipeline) -> list[Picture]:
    """The pictures of ``folder``, made 320 px long, whose face passes every gate."""
    found: list[Picture] = []
    for path in sorted(folder.glob("*.jpg")):
        picture = cv2.imread(str(path))
        if picture is None:  # pyright: ignore[reportUnnecessaryComparison]  # no picture gives None, whatever its stubs say
            continue
        small, scale = fitted(picture.astype(np.uint8), None)
        height, width = round(picture.shape[0] * scale), round(picture.shape[1] * scale)
        shown = np.ascontiguousarray(small[:height, :width])
        if pipeline.look(shown).live is not None:
            found.append(shown)
    return found


class OpenCv:
    """The same networks and the same order under OpenCV alone."""

    def __init__(self) -> None:
        self._detector = cv2.FaceDetectorYN.create(
            str(find(DETECTORS[1]).path), "", (SIDE_PX, SIDE_PX), 0.6, 0.3, 5000
        )
        nets: Any = cv2.dnn
        self._embedder = nets.readNetFromONNX(str(find(EMBEDDER).path))
        self._liveness = {name: nets.readNetFromONNX(str(find(name).path)) for name in LIVENESS}

    def look(self, picture: Picture) -> None:
        canvas, _ = fitted(picture, None)
        self._detector.setInputSize((canvas.shape[1], canvas.shape[0]))
        _, found = self._detector.detect(canvas)
        if found is None:  # pyright: ignore[reportUnnecessaryComparison]  # its stubs know no such case
            return
        face = max(found, key=lambda each: each[2])
        chip = aligned(picture, [(float(x), float(y)) for x, y in face[4:14].reshape(5, 2)])
        assert chip is not None
        self._embedder.setInput(tensor(chip))
        self._embedder.forward()
        seen = _Box(*(float(each) for each in face[:4]))
        for name, net in self._liveness.items():
            net.setInput(tensor(crop(picture, seen, SCALES[name])))  # pyright: ignore[reportArgumentType]  # a box
            net.forward()


class _Box:
    def __init__(self, x: float, y: float, width: float, height: float) -> None:
        self.x, self.y, self.width, self.height = x, y, width, height


def _as_published(content: bytes) -> bytes:
    return content


def looks(pictures: Sequence[Picture], pipeline: FacePipeline) -> list[Row]:
    with mock.patch("models.face.onnx._rewritten", _as_published):
        stock = load()
    ways: dict[str, Way] = {
        "look at 320 px: cardea": pipeline.look,
        "look at 320 px: ONNX Runtime, networks as published": stock.look,
        "look at 320 px: OpenCV's FaceDetectorYN and networks": OpenCv().look,
        "of it, detection": pipeline.detect,
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + ROUNDS // 10):
        picture = pictures[turn % len(pictures)]
        for name, way in ways.items():
            ms = timed(lambda: way(picture))  # noqa: B023  # called at once
            if turn >= ROUNDS // 10:
                took[name].append(ms)
    ours, *others = ways
    middle = percentile(took[ours], 0.5)
    rows = [row(ours, took[ours], LOOK_MS_ASKED, 1.0)]
    rows += [row(name, took[name], 0.0, percentile(took[name], 0.5) / middle) for name in others]
    return [*rows, *floor(pictures[0], pipeline, middle)]


def tensors(picture: Picture, pipeline: FacePipeline) -> Mapping[str, Any]:
    """What goes into each network for ``picture``."""
    face = front(pipeline.detect(picture))
    assert face is not None
    chip = aligned(picture, face.landmarks)
    assert chip is not None
    return {
        DETECTORS[0]: tensor(fitted(picture, None)[0]),
        EMBEDDER: tensor(chip),
        **{name: tensor(crop(picture, face, SCALES[name])) for name in LIVENESS},
    }


def floor(picture: Picture, pipeline: FacePipeline, middle: float) -> list[Row]:
    """The networks alone under OpenVINO; nothing where it is not installed."""
    if not PEERS_PYTHON.exists():
        print("OpenVINO is not installed here: make bench does that", file=sys.stderr)
        return []
    inputs = tensors(picture, pipeline)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "tensors.npz", **inputs)
        models = json.dumps({name: str(find(name).path) for name in inputs})
        words = [PEERS_PYTHON, PEERS / "faces.py", f"{folder}/tensors.npz", models, str(ROUNDS)]
        done = subprocess.run(words, capture_output=True, check=True, text=True)
    took = json.loads(done.stdout)
    together = [sum(each) for each in zip(*took.values(), strict=True)]
    name = "look at 320 px: the networks alone under OpenVINO, the floor"
    return [row(name, together, 0.0, percentile(together, 0.5) / middle)]


# --- one among many ----------------------------------------------------------------------------------


def searches() -> list[Row]:
    rows: list[Row] = []
    drawn = np.random.default_rng(7)
    thresholds = Thresholds()
    for people, asked in SEARCH_MS_ASKED.items():
        templates = drawn.standard_normal((people, 256), np.float32)
        templates /= np.linalg.norm(templates, axis=1, keepdims=True)
        gallery = Gallery("0" * 64, [str(each) for each in range(people)], templates)
        flat = templates.reshape(-1)
        probe, rounds = templates[people // 2], max(20, min(500, 20_000_000 // people))
        ours = [timed(lambda: gallery.identify(probe, thresholds)) for _ in range(rounds)]  # noqa: B023  # at once
        reading = [timed(lambda: flat @ flat) for _ in range(rounds)]  # noqa: B023  # at once
        middle = percentile(ours, 0.5)
        rows.append(row(f"1:N among {people:,}: cardea", ours, asked, 1.0))
        rows.append(
            row(
                f"1:N among {people:,}: the matrix read once", reading, 0.0, percentile(reading, 0.5) / middle
            )
        )
    return rows


def rss_mb(picture: Picture) -> Row:
    """Of a process that has every face model, the mask's too, at work."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/picture.png"
        cv2.imwrite(path, picture)
        done = subprocess.run([sys.executable, "-c", _RSS, path], capture_output=True, check=True, text=True)
    measured = float(done.stdout)
    return {"what": "RSS of the checks alone, all models, MB", "measured": measured, "asked": RSS_MB_ASKED}


# --- how often it is right ---------------------------------------------------------------------------


def accuracy(labels: Path) -> list[Row]:
    """By ``cardea face evaluate``; nothing without labels."""
    if not labels.exists():
        print(f"accuracy: not measured: {labels} is not there", file=sys.stderr)
        return []
    command = [str(Path(sys.executable).with_name("cardea")), "face", "evaluate", str(labels), "--json"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    by_fmr = {each["fmr_max"]: each for each in told["verification"]["tar_at_fmr"]}
    low, high = by_fmr[FMR]["tar_ci"]
    return [
        {
            "what": f"{told['pictures']} pictures of {told['identities']} people, TAR at FMR {FMR:g}",
            "percent": 100 * by_fmr[FMR]["tar"],
            "percent_asked": TAR_PERCENT_ASKED,
            "percent_low": 100 * low,
            "percent_high": 100 * high,
            "eer_percent": 100 * told["verification"]["eer"],
            "not_acquired_percent": 100 * told["failure_to_acquire"]["rate"],
        }
    ]


def main(folder: Path = RESULTS) -> int:
    """Measure; 1 when a figure is missed, 2 when models or pictures are not there."""
    named = sys.argv[1] if len(sys.argv) > 1 else f"{os.environ.get('CARDEA_TEST_DATA', '')}/face/deepface"
    cv2.setNumThreads(1)
    try:
        pipeline = load()
        find(DETECTORS[1])
    except ModelProblem as error:
        print(error, file=sys.stderr)
        return 2
    pictures = usable(Path(named), pipeline)
    if not pictures:
        print(f"{named}: no picture here whose one face can be compared", file=sys.stderr)
        return 2
    print(f"{len(pictures)} pictures")
    rows = [*looks(pictures, pipeline), *searches()]
    report("faces", rows, folder)
    report("faces_memory", [rss_mb(pictures[0])], folder)
    right = accuracy(Path(named).parent / "labels.csv")
    if right:
        report("faces_accuracy", right, folder)
    late = any(float(each["p50_ms"]) > float(each["p50_ms_asked"]) > 0 for each in rows)
    wrong = any(float(each["percent"]) < float(each["percent_asked"]) for each in right)
    return int(late or wrong)


def in_one_thread() -> None:
    """Begin anew where numpy would share a product among cores: its CPU time is that of all of them."""
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        words = [sys.executable, "-m", "bench.faces", *sys.argv[1:]]
        os.execve(sys.executable, words, {**os.environ, "OPENBLAS_NUM_THREADS": "1"})


if __name__ == "__main__":
    in_one_thread()
    sys.exit(main())
