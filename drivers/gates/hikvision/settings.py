"""What a configuration says of one terminal."""

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from pydantic import Field

from cardea.runtime.config import RelativePath
from drivers.api import DeviceSettings
from drivers.gates.hikvision.snapshots import STILL_BYTES_MAX
from drivers.links.http_client import Origin


class Transport(StrEnum):
    """How events reach us."""

    PUSH = "push"
    STREAM = "stream"


class Verdict(StrEnum):
    """Who decides at the terminal: written to its ``AcsCfg``, or left as the installer set it."""

    AS_SET = "as_set"
    GATEWAY = "gateway"
    TERMINAL = "terminal"


class HikvisionSettings(DeviceSettings):
    """A Hikvision face terminal, reached over ISAPI."""

    base_url: Origin = Field(
        max_length=300, description="where the terminal answers, e.g. http://192.168.40.21"
    )
    user: str = Field(min_length=1, max_length=64, description="the terminal's user for Cardea")
    password_secret: str = Field(min_length=1, max_length=128, description="name of the secret that holds it")
    transport: Transport = Field(
        default=Transport.PUSH,
        description="push: the terminal calls our listener; stream: we hold one",
    )
    ca_file: RelativePath | None = Field(
        default=None, description="with https: certificate that vouches for the terminal, PEM"
    )
    serial: str | None = Field(
        default=None, max_length=128, description="expected serial number; another device is not talked to"
    )
    verdict: Verdict = Field(
        default=Verdict.AS_SET,
        description="gateway: the terminal asks and waits; terminal: it decides; as_set: its setting is left",
    )
    verdict_s_max: float = Field(
        default=5.0,
        ge=1,
        le=60,
        description="the terminal waits so long, s; later verdicts are void",
    )
    snapshots: bool = Field(
        default=False,
        description="take the terminal's picture of each person for the gateway's own face check",
    )
    push_host: IPv4Address | IPv6Address | None = Field(
        default=None, description="address at which the terminal reaches the listener; default: its bind"
    )
    push_port: int | None = Field(
        default=None, ge=1, le=65535, description="port likewise; default: the listener's own"
    )
    push_slot: int = Field(default=1, ge=1, le=8, description="which of the terminal's hosts is ours")
    heartbeat_s: int = Field(default=10, ge=1, le=30, description="push: asked of the terminal, s")
    silence_s_max: float = Field(
        default=30.0,
        ge=0.2,
        le=600,
        description="after so long without a sign of life it is tested, s",
    )
    answer_s_max: float = Field(default=5.0, gt=0, le=60, description="longest wait for an ISAPI answer, s")
    history_days: int = Field(
        default=7, ge=0, le=365, description="how far back missed events are fetched, days; 0 = not at all"
    )
    history_events_max: int = Field(
        default=20_000, ge=30, le=1_000_000, description="missed events fetched after one connection, at most"
    )

    @property
    def still_bytes_max(self) -> int:
        """Room for one picture; none where no picture is wanted."""
        return STILL_BYTES_MAX if self.snapshots else 0
