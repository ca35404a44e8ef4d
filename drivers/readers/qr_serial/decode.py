"""Readers share a serial line: a line without our prefix is another reader's."""

from drivers.readers.qr_serial.settings import QrSerialSettings
from drivers.scanner.decode import ScanDecoder, Stranger


def line_decoder(settings: QrSerialSettings) -> ScanDecoder:
    """A fresh decoder of the ``line`` channel."""
    return ScanDecoder(settings, Stranger.ANOTHER_READERS)
