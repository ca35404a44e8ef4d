"""A camera's CGI: HTTP with Digest, its texts and its reasons."""

from drivers.api import DeviceRefused
from drivers.links.http_client import HttpDevice
from drivers.thermal.dahua.decode import ANSWER_BYTES_MAX
from drivers.thermal.dahua.settings import DahuaThermalSettings
from drivers.thermal.dahua.texts import is_refusal, reason_of


class CameraCgi(HttpDevice):
    """One camera. Every method raises DeviceLost (no answer) or DeviceRefused (bad credentials)."""

    def __init__(self, settings: DahuaThermalSettings, password: str) -> None:
        super().__init__(settings.access(password, ANSWER_BYTES_MAX), reason_of)
        self._camera = settings.base_url

    async def ask(self, target: str) -> bytes:
        """What stands at ``/cgi-bin/`` and ``target``. A refused password under HTTP 200 counts as refused:
        asked again, these cameras lock the user out.

        Raises:
            Unsupported: the camera does not have this.
            Declined: it says no for another reason.
        """
        answer = await self.get(f"/cgi-bin/{target}")
        if is_refusal(answer):
            raise DeviceRefused(f"{self._camera}: user or password is not accepted")
        return answer
