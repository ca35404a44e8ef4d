"""The real machine under a gateway: disk, broker, links, keys and secrets, as the configuration names them.

What is missing is said in one line each and the rest works: without a trusted key no order or pass is
believed, without a broker certificate the outbox fills.
"""

from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cardea.contract import signed
from cardea.contract.policy import Policy
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.config import Secrets
from cardea.runtime.disk import SystemDisk
from cardea.runtime.logs import get_logger
from cardea.runtime.mqtt import Broker, MqttBus
from cardea.runtime.private_files import FileUnusable
from cardea.runtime.signing_keys import read_public_key
from drivers.api import CaptureSink, DeviceMisconfigured
from drivers.links.capture import CaptureFile
from drivers.links.opening import open_link
from edge.configuration.settings import GatewaySettings
from edge.configuration.topology import shows_faces
from edge.faces.checks import Detector, Grounds
from edge.faces.masks import Masks
from edge.faces.settings import thresholds_of
from edge.health import STATUS_FILE
from edge.hosting import Host
from edge.vault import KeyFile
from edge.zone.site_socket import SOCKET_FILE
from models import passes
from models.face import DETECTORS, EMBEDDER, LIVENESS, MASKED
from models.registry import ModelProblem, find, first_of, manifest

VAULT_KEY = "vault.key"
"""In the secrets folder: the key never stands beside the database that it opens."""
_LOG = get_logger("machine")


def real_host(settings: GatewaySettings, clock: Clock, entropy: Entropy) -> Host:
    """The host of a daemon on this machine; never raises for what is missing."""
    gateway, broker, trust = settings.gateway, settings.broker, settings.trust
    secrets = Secrets(gateway.secrets_dir)
    order_keys = _public_keys(trust.order_keys, "no order or policy signed with it is believed")
    pass_keys = _public_keys(trust.pass_keys, "no pass signed with it is believed")
    address = Broker(broker.host, broker.port, broker.ca_file, broker.cert_file, broker.key_file)

    def device_secret(name: str) -> str:
        try:
            return secrets(name)
        except FileUnusable as error:
            raise DeviceMisconfigured(str(error)) from error

    def capture(device: str, driver: str) -> CaptureSink:
        return CaptureFile(gateway.data_dir / "captures" / f"{device}.capture", driver, device)

    return Host(
        clock=clock,
        entropy=entropy,
        disk=SystemDisk(gateway.data_dir),
        bus=MqttBus(address, gateway.id),
        open_link=partial(open_link, secrets=device_secret),
        secrets=device_secret,
        vault_keys=KeyFile(gateway.secrets_dir / VAULT_KEY),
        capture=capture,
        order_keys={signed.key_id(key): key for key in order_keys},
        pass_keys=passes.keyring(pass_keys),
        code_root=_optional(secrets, trust.pass_code_secret, "no rotating pass is honoured"),
        linkage_key=_optional(secrets, gateway.linkage_secret, "subjects are this gateway's own"),
        open_detector=_detector,
        open_grounds=partial(_grounds, settings.faces.thresholds),
        open_masks=_masks,
        status_file=gateway.data_dir / STATUS_FILE,
        site_socket=gateway.data_dir / SOCKET_FILE,
        version=version("cardea-gateway"),
    )


def _detector() -> Detector:
    first_of(DETECTORS)  # a model that is missing is said before its libraries take memory
    from models.face.detect import load  # OpenCV and ONNX Runtime, for those who have a camera

    return load()


def _grounds(thresholds: Path | None) -> Grounds:
    found = thresholds_of(thresholds, manifest()[EMBEDDER].sha256)
    _find_each((EMBEDDER, *LIVENESS))  # as above
    from models.face.pipeline import load

    return Grounds(load(), found)


def _masks() -> Masks:
    find(MASKED)  # as above
    from models.face.mask import load

    return load()


def missing(settings: GatewaySettings, policy: Policy, secrets_named: Sequence[str]) -> list[str]:
    """One line for each key, certificate, secret or model that is named and cannot be used; for
    ``edge check``.
    """
    lines: list[str] = []
    for path in (*settings.trust.order_keys, *settings.trust.pass_keys):
        try:
            read_public_key(path)
        except FileUnusable as error:
            lines.append(str(error))
    broker = settings.broker
    lines += [
        f"{path}: is not there; without it there is no connection to the broker"
        for path in (broker.ca_file, broker.cert_file, broker.key_file)
        if not path.is_file()
    ]
    secrets = Secrets(settings.gateway.secrets_dir)
    for name in secrets_named:
        try:
            secrets(name)
        except FileUnusable as error:
            lines.append(str(error))
    return lines + _faces_missing(settings, policy)


def _faces_missing(settings: GatewaySettings, policy: Policy) -> list[str]:
    """The first of the models that is missing or refused for each look at faces that is asked for."""
    portals = settings.portals.values()
    needed: list[tuple[Callable[[], object], str]] = []
    if any(portal.ingress.cameras for portal in portals):
        needed.append((partial(first_of, DETECTORS), "nobody looks at the cameras' pictures"))
    if any(shows_faces(portal, settings.devices) for portal in portals):
        calibrated = partial(thresholds_of, settings.faces.thresholds, manifest()[EMBEDDER].sha256)
        uncompared = "faces are not compared with those enrolled"
        needed += [(partial(_find_each, (EMBEDDER, *LIVENESS)), uncompared), (calibrated, uncompared)]
    if any(
        portal.ingress.cameras and policy.of(name).require_mask for name, portal in settings.portals.items()
    ):
        needed.append((partial(find, MASKED), "cameras tell nothing of masks"))
    lines: list[str] = []
    for look, consequence in needed:
        try:
            look()
        except ModelProblem as error:
            lines.append(f"{error}; without it {consequence}")
    return lines


def _find_each(names: Sequence[str]) -> None:
    for name in names:
        find(name)


def _public_keys(paths: Sequence[Path], consequence: str) -> list[Ed25519PublicKey]:
    keys: list[Ed25519PublicKey] = []
    for path in paths:
        try:
            keys.append(read_public_key(path))
        except FileUnusable as error:
            _LOG.warning("key_unusable", reason=str(error), consequence=consequence)
    return keys


def _optional(secrets: Secrets, name: str | None, consequence: str) -> bytes | None:
    if name is None:
        return None
    try:
        return secrets(name).encode()
    except FileUnusable as error:
        _LOG.warning("secret_unusable", reason=str(error), consequence=consequence)
        return None
