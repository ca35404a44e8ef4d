"""Who stands in front of a camera, and whether somebody stands beside them; by the faces' boxes alone."""

from collections.abc import Collection

from drivers.api import FaceBox

COMPANY_WIDTH_PX_MIN = 60.0
COMPANY_WIDTH_RATIO_MIN = 0.7


def front(faces: Collection[FaceBox]) -> FaceBox | None:
    """The widest face: who stands in front."""
    return max(faces, key=lambda face: face.width, default=None)


def several(faces: Collection[FaceBox]) -> bool:
    """Whether two people stand in front: a second face nearly as wide as the widest, and not far behind."""
    widths = sorted((face.width for face in faces), reverse=True)
    return len(widths) > 1 and widths[1] >= max(COMPANY_WIDTH_PX_MIN, COMPANY_WIDTH_RATIO_MIN * widths[0])
