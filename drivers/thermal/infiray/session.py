"""An InfiRay module's session, whatever its frames come from."""

from collections.abc import Callable, Mapping

from drivers.api import (
    Device,
    DeviceContext,
    DeviceMisconfigured,
    LinkKind,
)
from drivers.links.stream import StreamLink
from drivers.links.video import VideoLink
from drivers.thermal.infiray.decode import STREAM, YUYV, FrameReader, StreamDecoder, YuyvDecoder
from drivers.thermal.infiray.settings import InfiraySettings
from drivers.thermal_camera.server import CameraServer, FrameDecoder, Served
from drivers.thermal_camera.session import CameraSession
from drivers.thermal_camera.video import Shown, VideoCamera

LINKS: Mapping[str, LinkKind] = {"video": LinkKind.VIDEO, "tcp": LinkKind.TCP}
SERVED: Mapping[str, tuple[str, Callable[[InfiraySettings], FrameDecoder]]] = {
    "p2_pro": (YUYV, YuyvDecoder),
    "p3": (STREAM, StreamDecoder),
}
"""What each model's camera server sends."""


def link_for(settings: InfiraySettings) -> LinkKind:
    """The link that the source needs."""
    return LINKS[settings.source]


def open_infiray(settings: InfiraySettings, context: DeviceContext) -> Device:
    """The session; raises DeviceMisconfigured when the link does not fit the source."""
    link = context.link
    match settings.source:
        case "tcp" if isinstance(link, StreamLink) and link.kind is LinkKind.TCP:
            return CameraSession(CameraServer(_served(settings), context, link))
        case "video" if isinstance(link, VideoLink):
            return CameraSession(VideoCamera(_shown(settings), context, link))
        case _:
            kind = link_for(settings)
            raise DeviceMisconfigured(f"{context.device}: source {settings.source!r} needs a {kind} link")


def _served(settings: InfiraySettings) -> Served:
    channel, decoder = SERVED[settings.model]
    return Served(
        channel=channel,
        decoder=lambda: decoder(settings),
        silence_s_max=settings.silence_s_max,
        align_advice="nothing says where the next picture begins",
    )


def _shown(settings: InfiraySettings) -> Shown:
    rows, columns, _ = shape = FrameReader(settings).shape
    return Shown(
        channel=YUYV,
        dtype="uint8",
        shape=shape,
        reader=lambda: FrameReader(settings).read,
        silence_s_max=settings.silence_s_max,
        advice=f"which needs pixel_format yuyv, width {columns} and height {rows}, and the device's model",
    )
