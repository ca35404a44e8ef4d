"""A camera's ISAPI: HTTP with Digest, its documents and its reasons."""

import msgspec

from drivers.links.http_client import XML, HttpDevice
from drivers.thermal.hikvision.decode import ANSWER_BYTES_MAX
from drivers.thermal.hikvision.documents import Document, NotADocument
from drivers.thermal.hikvision.settings import HikvisionThermalSettings


class _Status(msgspec.Struct, rename="camel"):
    sub_status_code: str = ""
    status_string: str = ""


class CameraIsapi(HttpDevice):
    """One camera. Every method raises DeviceLost (no answer) or DeviceRefused (bad credentials)."""

    def __init__(self, settings: HikvisionThermalSettings, password: str) -> None:
        super().__init__(settings.access(password, ANSWER_BYTES_MAX), _reason)

    async def document(self, path: str) -> Document:
        """A configuration.

        Raises:
            Unsupported: the camera does not have this.
            Declined: it says no for another reason.
            NotADocument: what it answers is no XML.
        """
        return Document.of(await self.get(path))

    async def write(self, path: str, content: bytes) -> None:
        """Put a configuration; raises as ``document`` does."""
        await self.put(path, content, XML)


def _reason(answer: bytes) -> str:
    """``subStatusCode`` of a ResponseStatus, in XML or, asked for a matrix, in JSON."""
    try:
        document = Document.of(answer)
    except NotADocument:
        return _json_reason(answer)
    return document.word("subStatusCode") or document.word("statusString")


def _json_reason(answer: bytes) -> str:
    try:
        said = msgspec.json.decode(answer, type=_Status)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""
    return said.sub_status_code or said.status_string
