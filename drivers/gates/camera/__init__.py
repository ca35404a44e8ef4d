"""A visible camera at a way through: pictures for the gateway's own checks, and nothing else.

Pictures are never written down, neither by the session's capture nor elsewhere (SAFETY.md items 18, 20): the
channel ``jpeg`` exists for pictures that somebody else has saved.
"""

from drivers.api import Device, DeviceContext, Driver, LinkKind, PictureCaptured, Reject
from drivers.gates.camera.decode import JpegDecoder
from drivers.gates.camera.settings import CameraSettings


def _open(settings: CameraSettings, context: DeviceContext) -> Device:
    from drivers.gates.camera.session import CameraSession  # brings OpenCV, which only a live session needs

    return CameraSession(settings, context)


def _jpeg(_settings: CameraSettings) -> JpegDecoder:
    return JpegDecoder()


DRIVER = Driver(
    settings=CameraSettings,
    open=_open,
    decoders={"jpeg": _jpeg},
    link=LinkKind.VIDEO,
    events=(PictureCaptured, Reject),
)
