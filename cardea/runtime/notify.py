"""Telling whoever started this process that it is ready or stopping: the sd_notify(3) protocol.

Works under systemd (``Type=notify``) and under ``cardea up``, which listens in the same way.
"""

import contextlib
import os
import socket

VARIABLE = "NOTIFY_SOCKET"
READY = "READY=1"
STOPPING = "STOPPING=1"


def notify(state: str) -> None:
    """Send ``state`` to the starter, if there is one that listens; its absence is no error."""
    address = os.environ.get(VARIABLE)
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel, contextlib.suppress(OSError):
        channel.connect(address)
        channel.send(state.encode())
