"""Settings of a QR reader on TCP."""

from pydantic import Field

from drivers.scanner.settings import ScannerSettings


class QrTcpSettings(ScannerSettings):
    """A reader that sends lines over TCP."""

    source: str = Field(
        default="",
        max_length=45,
        description="on a listening link: the reader's IP address, which tells it from the others; "
        "empty = any",
    )
