"""A terminal's ISAPI: HTTP with Digest, and its reasons."""

from drivers.gates.hikvision.payload import Unreadable, fields_of, text
from drivers.gates.hikvision.settings import HikvisionSettings
from drivers.links.http_client import HttpAccess, HttpDevice


class Isapi(HttpDevice):
    """One terminal's ISAPI. Every method raises DeviceLost (no answer) or DeviceRefused (bad credentials)."""

    def __init__(self, settings: HikvisionSettings, password: str) -> None:
        access = HttpAccess(
            settings.base_url, settings.user, password, settings.ca_file, settings.answer_s_max
        )
        super().__init__(access, _reason)


def _reason(answer: bytes) -> str:
    """``subStatusCode`` of a ResponseStatus, which stands inside its own object in some firmware."""
    try:
        fields = fields_of(answer)
        return text(fields, "subStatusCode", "statusString")
    except Unreadable:
        return ""
