"""A reader on TCP has its connection for itself: a line without its prefix is garbage."""

from drivers.readers.qr_tcp.settings import QrTcpSettings
from drivers.scanner.decode import ScanDecoder, Stranger


def line_decoder(settings: QrTcpSettings) -> ScanDecoder:
    """A fresh decoder of the ``line`` channel."""
    return ScanDecoder(settings, Stranger.GARBAGE)
