"""Opens a QR reader on a serial line."""

from functools import partial

from drivers.api import Device, DeviceContext, LinkKind
from drivers.readers.qr_serial.decode import line_decoder
from drivers.readers.qr_serial.settings import QrSerialSettings
from drivers.scanner.session import ScannerSession, stream_link


def open_reader(settings: QrSerialSettings, context: DeviceContext) -> Device:
    """The session; raises DeviceMisconfigured when the link is not serial."""
    return ScannerSession(
        settings, context, stream_link(context, LinkKind.SERIAL), partial(line_decoder, settings)
    )
