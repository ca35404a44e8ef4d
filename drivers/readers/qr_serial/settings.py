"""Settings of a QR reader on a serial line."""

from drivers.scanner.settings import ScannerSettings


class QrSerialSettings(ScannerSettings):
    """A reader that sends lines over RS-232 or RS-485.

    Several readers can share a line when each is set up (in the reader) to send its own ``prefix``; each
    then takes its own lines and leaves the others'.
    """
