"""YuNet as Cardea runs it, beside OpenCV's FaceDetectorYN, on the same pictures in the same run.

Run: ``CARDEA_MODEL_DIR=… python -m bench.faces PICTURE…`` (both YuNet models must be in the folder). Prints a
table and writes ``bench/results/faces.json``. One thread each; they take turns picture by picture, so that a
busy machine slows both.
"""

import sys
import time
from collections.abc import Callable

import cv2
import numpy as np

from bench.report import Cell, percentile, report
from drivers.api import Picture
from models.face.detect import FaceDetector, fitted
from models.registry import ModelProblem, find

SIZES = ((320, 240), (640, 480))
TURNS = 200
WARM_UP = 20


def timed(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return (time.perf_counter() - began_s) * 1000


def rows(pictures: list[Picture], ours: FaceDetector, theirs: "cv2.FaceDetectorYN") -> list[dict[str, Cell]]:
    table: list[dict[str, Cell]] = []
    for size in SIZES:
        shown = [cv2.resize(picture, size).astype(np.uint8) for picture in pictures]
        canvases = [fitted(picture, None)[0] for picture in shown]
        theirs.setInputSize((canvases[0].shape[1], canvases[0].shape[0]))
        took: dict[str, list[float]] = {"cardea": [], "FaceDetectorYN": []}
        for turn in range(WARM_UP + TURNS):
            picture, canvas = shown[turn % len(shown)], canvases[turn % len(shown)]
            pair = (timed(lambda: ours.detect(picture)), timed(lambda: theirs.detect(canvas)))  # noqa: B023  # called at once
            if turn >= WARM_UP:
                for name, ms in zip(took, pair, strict=True):
                    took[name].append(ms)
        medians = {name: percentile(values, 0.5) for name, values in took.items()}
        table += [
            {
                "picture": f"{size[0]}x{size[1]}",
                "detector": name,
                "p50_ms": medians[name],
                "p99_ms": percentile(values, 0.99),
                "times_cardea": medians[name] / medians["cardea"],
            }
            for name, values in took.items()
        ]
    return table


def main() -> int:
    """Measure; exit status 2 when a model or a picture is not there."""
    pictures = [picture for path in sys.argv[1:] if (picture := cv2.imread(path)) is not None]
    try:
        ours = FaceDetector(find("yunet_s_dynamic"))
        other = find("yunet_2023mar").path
    except ModelProblem as error:
        print(error, file=sys.stderr)
        return 2
    if not pictures:
        print("name at least one picture with faces", file=sys.stderr)
        return 2
    cv2.setNumThreads(1)
    theirs = cv2.FaceDetectorYN.create(str(other), "", SIZES[0], 0.6, 0.3, 5000)
    report("faces", rows([picture.astype(np.uint8) for picture in pictures], ours, theirs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
