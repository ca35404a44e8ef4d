"""A Lepton's session, whatever its frames come from."""

from collections.abc import Mapping

from drivers.api import (
    Device,
    DeviceContext,
    DeviceMisconfigured,
    LinkKind,
)
from drivers.links.stream import StreamLink
from drivers.links.video import VideoLink
from drivers.thermal.lepton.decode import CHANNEL, WIDTH, FrameReader, Y16Decoder
from drivers.thermal.lepton.playback import Recording
from drivers.thermal.lepton.settings import LeptonSettings
from drivers.thermal_camera.server import CameraServer, Served
from drivers.thermal_camera.session import CameraSession, Source
from drivers.thermal_camera.video import Shown, VideoCamera

LINKS: Mapping[str, LinkKind | None] = {
    "video": LinkKind.VIDEO,
    "tcp": LinkKind.TCP,
    "recording": None,
}


def link_for(settings: LeptonSettings) -> LinkKind | None:
    """The link that the source needs."""
    return LINKS[settings.source]


def open_lepton(settings: LeptonSettings, context: DeviceContext) -> Device:
    """The session; raises DeviceMisconfigured when the link does not fit the source."""
    return CameraSession(_source(settings, context))


def _source(settings: LeptonSettings, context: DeviceContext) -> Source:
    link = context.link
    match settings.source:
        case "tcp" if isinstance(link, StreamLink) and link.kind is LinkKind.TCP:
            return CameraServer(_served(settings), context, link)
        case "video" if isinstance(link, VideoLink):
            return VideoCamera(_shown(settings), context, link)
        case "recording" if settings.path is not None:
            return Recording(settings, context, settings.path)
        case _:
            kind = link_for(settings)
            raise DeviceMisconfigured(f"{context.device}: source {settings.source!r} needs a {kind} link")


def _served(settings: LeptonSettings) -> Served:
    return Served(
        channel=CHANNEL,
        decoder=lambda: Y16Decoder(settings),
        silence_s_max=settings.silence_s_max,
        align_advice="there is no telemetry",
    )


def _shown(settings: LeptonSettings) -> Shown:
    return Shown(
        channel=CHANNEL,
        dtype="uint16",
        shape=(FrameReader(settings).rows, WIDTH),
        reader=lambda: FrameReader(settings).read,
        silence_s_max=settings.silence_s_max,
        advice="its pixel_format, and the device's telemetry",
    )
