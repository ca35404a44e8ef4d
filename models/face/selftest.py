"""Every model's known-answer self-test by its name in the manifest: each network passes it as it is made."""

from collections.abc import Callable, Mapping

from models.registry import FoundModel


def self_test(found: FoundModel) -> None:
    """Have a model prove itself on this machine.

    Raises:
        ModelUnusable: it cannot be loaded, is another network, or computes something else here.
    """
    _TESTS[found.model.name](found)


def _detector(found: FoundModel) -> object:
    from models.face.detect import FaceDetector

    return FaceDetector(found)


def _embedder(found: FoundModel) -> object:
    from models.face.embed import Embedder

    return Embedder(found)


def _liveness(found: FoundModel) -> object:
    from models.face.liveness import Liveness

    return Liveness([found])


def _masks(found: FoundModel) -> object:
    from models.face.mask import MaskDetector

    return MaskDetector(found)


_TESTS: Mapping[str, Callable[[FoundModel], object]] = {
    "yunet_s_dynamic": _detector,
    "yunet_2023mar": _detector,
    "face_reid_0095": _embedder,
    "minifasnet_v2": _liveness,
    "minifasnet_v1se": _liveness,
    "masked_rfb_640": _masks,
}
