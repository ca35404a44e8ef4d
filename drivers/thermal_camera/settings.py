"""What a configuration says of any thermal camera that is asked over HTTP."""

from pydantic import Field

from cardea.runtime.config import RelativePath
from drivers.api import DeviceSettings
from drivers.links.http_client import HttpAccess, Origin


class HttpCameraSettings(DeviceSettings):
    """Where it answers, as whom we ask, and for which of its channels."""

    base_url: Origin = Field(
        max_length=300, description="where the camera answers, e.g. http://192.168.40.31"
    )
    user: str = Field(min_length=1, max_length=64, description="the camera's user for Cardea")
    password_secret: str = Field(min_length=1, max_length=128, description="name of the secret that holds it")
    ca_file: RelativePath | None = Field(
        default=None, description="with https: certificate that vouches for the camera, PEM"
    )
    channel: int = Field(
        default=2, ge=1, le=64, description="its thermal channel: 2 beside a visible one, else 1"
    )
    serial: str | None = Field(
        default=None, max_length=128, description="expected serial number; another camera is not talked to"
    )
    answer_s_max: float = Field(
        default=5.0, gt=0, le=60, description="without a whole answer for so long the camera is lost, s"
    )

    def access(self, password: str, answer_bytes_max: int) -> HttpAccess:
        """How it is asked."""
        return HttpAccess(
            self.base_url, self.user, password, self.ca_file, self.answer_s_max, answer_bytes_max
        )
