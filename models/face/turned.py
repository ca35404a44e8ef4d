"""A still turned about its middle: a leaning head's landmarks are placed better when it stands upright."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from drivers.api import FaceBox, Picture


@dataclass(frozen=True, slots=True)
class Turn:
    """By ``degrees`` to the left, on black; the whole picture stays visible."""

    degrees: float

    def of(self, picture: Picture) -> Picture:
        """``picture`` (h, w, 3; BGR, uint8), turned; larger."""
        height, width = picture.shape[:2]
        new_width, new_height = self._size(width, height)
        radians = math.radians(self.degrees)
        cosine, sine = math.cos(radians), math.sin(radians)
        to_the_turned = np.array(
            [
                [cosine, sine, (new_width - cosine * width - sine * height) / 2],
                [-sine, cosine, (new_height + sine * width - cosine * height) / 2],
            ]
        )
        turned = cv2.warpAffine(picture, to_the_turned, (new_width, new_height))
        return turned.astype(np.uint8, copy=False)

    def back(self, face: FaceBox, picture: Picture) -> FaceBox:
        """``face`` of the turned picture in pixels of ``picture``; its box keeps its size."""
        height, width = picture.shape[:2]
        new_width, new_height = self._size(width, height)
        radians = math.radians(self.degrees)
        cosine, sine = math.cos(radians), math.sin(radians)

        def point(x: float, y: float) -> tuple[float, float]:
            right, down = x - new_width / 2, y - new_height / 2
            return cosine * right - sine * down + width / 2, sine * right + cosine * down + height / 2

        x, y = point(face.x + face.width / 2, face.y + face.height / 2)
        landmarks = tuple(point(*each) for each in face.landmarks)
        return replace(face, x=x - face.width / 2, y=y - face.height / 2, landmarks=landmarks)

    def _size(self, width: int, height: int) -> tuple[int, int]:
        radians = math.radians(self.degrees)
        cosine, sine = abs(math.cos(radians)), abs(math.sin(radians))
        return round(width * cosine + height * sine), round(width * sine + height * cosine)
