"""Opens a QR reader on TCP."""

from functools import partial

from drivers.api import Device, DeviceContext, LinkKind
from drivers.readers.qr_tcp.decode import line_decoder
from drivers.readers.qr_tcp.settings import QrTcpSettings
from drivers.scanner.session import ScannerSession, stream_link


def open_reader(settings: QrTcpSettings, context: DeviceContext) -> Device:
    """The session; raises DeviceMisconfigured when the link is not TCP."""
    link = stream_link(context, LinkKind.TCP)
    return ScannerSession(settings, context, link, partial(line_decoder, settings), source=settings.source)
