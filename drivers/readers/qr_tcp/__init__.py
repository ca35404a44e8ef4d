"""QR readers that send each code as a line over TCP."""

from drivers.api import CredentialPresented, Driver, HeartbeatSeen, LinkKind, Reject
from drivers.readers.qr_tcp.decode import line_decoder
from drivers.readers.qr_tcp.session import open_reader
from drivers.readers.qr_tcp.settings import QrTcpSettings

DRIVER = Driver(
    settings=QrTcpSettings,
    open=open_reader,
    decoders={"line": line_decoder},
    link=LinkKind.TCP,
    events=(CredentialPresented, HeartbeatSeen, Reject),
)
