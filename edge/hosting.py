"""What a gateway runs on: the machine around it, handed in so that a simulation can hand in another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cardea.runtime.bus import Bus
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.disk import Disk
from drivers.api import CaptureSink, Link, Secrets
from drivers.links.settings import LinkSettings
from edge.faces.checks import Detector, Grounds, OpenDetector, OpenGrounds
from edge.faces.masks import Masks, OpenMasks
from edge.vault import VaultKeys
from models.registry import ModelUnavailable

OpenLink = Callable[[str, LinkSettings, Clock], Link]
Capture = Callable[[str, str], CaptureSink]
"""A capture sink for a device and the name of its driver."""


def _no_detector() -> Detector:
    raise ModelUnavailable("nothing finds faces here")


def _no_grounds() -> Grounds:
    raise ModelUnavailable("nothing compares faces here")


def _no_masks() -> Masks:
    raise ModelUnavailable("nothing tells masks here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Everything that the gateway does not make itself."""

    clock: Clock
    entropy: Entropy
    disk: Disk
    bus: Bus
    open_link: OpenLink
    secrets: Secrets
    vault_keys: VaultKeys
    capture: Capture
    order_keys: Mapping[str, Ed25519PublicKey]
    """Keys that orders, policies and statuses are signed with, by key id."""
    pass_keys: Mapping[bytes, Ed25519PublicKey]
    """Keys that passes are signed with, by key id."""
    code_root: bytes | None = None
    """From which rotating pass codes derive."""
    linkage_key: bytes | None = None
    """Shared by the sites of the linkage domain."""
    open_detector: OpenDetector = _no_detector
    """What finds faces in cameras' pictures; opened only where there is a camera."""
    open_grounds: OpenGrounds = _no_grounds
    """What compares faces; opened only where somebody is enrolled."""
    open_masks: OpenMasks = _no_masks
    """What tells masks; opened only where a portal with a camera requires them."""
    status_file: Path | None = None
    """Where the picture for ``cardea edge status`` goes; ``None``: nowhere."""
    site_socket: Path | None = None
    """Where zones are stopped and cleared on site; ``None``: nowhere."""
    version: str = "0"
