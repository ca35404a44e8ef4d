"""QR readers that send each code as a line on a serial line."""

from drivers.api import CredentialPresented, Driver, HeartbeatSeen, LinkKind, Reject
from drivers.readers.qr_serial.decode import line_decoder
from drivers.readers.qr_serial.session import open_reader
from drivers.readers.qr_serial.settings import QrSerialSettings

DRIVER = Driver(
    settings=QrSerialSettings,
    open=open_reader,
    decoders={"line": line_decoder},
    link=LinkKind.SERIAL,
    events=(CredentialPresented, HeartbeatSeen, Reject),
)
