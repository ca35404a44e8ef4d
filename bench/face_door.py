"""A person for a door with a camera: pictures to enrol them by, and a recording in which they stand there."""

from pathlib import Path

import cv2
import numpy as np

from drivers.api import FaceBox, Picture
from models.face.company import front
from models.face.pipeline import FacePipeline

SIZE_PX = (640, 480)
FACE_PX = 130.0
"""Wide enough to enrol, and room around it for the look at liveness."""
FRAMES = 40
FPS = 10.0


def pictures_of_one(folder: Path, pipeline: FacePipeline, wanted: int = 3) -> list[Path]:
    """The first pictures that the labels of ``folder`` give one person and that can be enrolled.

    Raises FileNotFoundError without labels, LookupError where nobody has so many.
    """
    people: dict[str, list[Path]] = {}
    for line in (folder / "labels.csv").read_text().splitlines()[1:]:
        name, identity = line.split(",")
        found = people.setdefault(identity, [])
        look = pipeline.look(_read(folder / name))
        if look.face is not None and look.face.width >= FACE_PX and look.embedding is not None:
            found.append(folder / name)
        if len(found) == wanted:
            return found
    raise LookupError(f"{folder}: nobody has {wanted} pictures that can be enrolled")


def record(pictures: list[Path], pipeline: FacePipeline, to: Path) -> None:
    """Write a recording (Motion JPEG) of the person of ``pictures`` before a door."""
    writer = cv2.VideoWriter(str(to), cv2.VideoWriter.fourcc(*"MJPG"), FPS, SIZE_PX)
    scenes = [_before_a_door(each, pipeline) for each in pictures]
    for number in range(FRAMES):
        writer.write(scenes[number * len(scenes) // FRAMES])
    writer.release()


def _before_a_door(path: Path, pipeline: FacePipeline) -> Picture:
    """The picture so that its face is ``FACE_PX`` wide and in the middle."""
    picture = _read(path)
    face = front(pipeline.detect(picture))
    assert face is not None
    return cv2.warpAffine(picture, _placed(face), SIZE_PX, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)


def _placed(face: FaceBox) -> "np.typing.NDArray[np.float32]":
    scale = FACE_PX / face.width
    middle_x, middle_y = face.x + face.width / 2, face.y + face.height / 2
    return np.array(
        [
            [scale, 0, SIZE_PX[0] / 2 - scale * middle_x],
            [0, scale, SIZE_PX[1] / 2 - scale * middle_y],
        ],
        np.float32,
    )


def _read(path: Path) -> Picture:
    picture = cv2.imread(str(path))
    if picture is None:  # pyright: ignore[reportUnnecessaryComparison]  # no picture gives None, whatever its stubs say
        raise LookupError(f"{path}: no picture")
    return picture.astype(np.uint8)
