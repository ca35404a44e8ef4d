"""The folder of a fleet: certificates of every tower, and the configurations of broker and aggregator.

Made on the first run with as many towers as that asks for; later runs may use fewer, never more.
"""

import string
from collections.abc import Iterator
from pathlib import Path

from cardea.cli.errors import CommandError
from cardea.cli.tower.broker import load_broker
from cardea.cli.tower.layout import DEFAULT_PORTS, Layout, free_port, templates
from cardea.cli.tower.provision import AGGREGATOR, BROKER, hand_over
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.config import ConfigInvalid
from cardea.runtime.mqtt import Broker
from cardea.runtime.pki import CertificateAuthority, KeyFiles, Purpose
from cardea.runtime.private_files import FileUnusable, write_private, write_whole
from cardea.runtime.signing_keys import ensure_signing_key
from cloud.settings import load_cloud

PORTALS = {"lobby-a": "Lobby A", "lobby-b": "Lobby B", "garage": "Garage"}


class FleetFolder:
    """Where things stand in a fleet's folder."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        self._towers = folder / "towers"

    @property
    def folder(self) -> Path:
        """The folder itself."""
        return self.layout.folder

    @property
    def commands(self) -> tuple[str, str]:
        """How to start broker and aggregator by hand."""
        return (
            f"cardea broker run --config {self.layout.config('broker')}",
            f"cardea cloud run --config {self.layout.config('cloud')}",
        )

    def broker(self, tower: str) -> Broker:
        """How a tower reaches the broker."""
        settings = load_broker(self.layout.config("broker"))
        files = (self._towers / "ca.crt", self._towers / f"{tower}.crt", self._towers / f"{tower}.key")
        return Broker(settings.host, settings.port, *files)

    def epoch(self, tower: str) -> str:
        """The tower's outbox, the same at every run: a new one would be taken for a clone."""
        return f"{self._epoch_file.read_text('ascii').strip()}-{tower}"

    def prepare(self, towers: int, clock: Clock, entropy: Entropy) -> tuple[str, ...]:
        """Make or complete the folder; returns the names of the towers.

        Raises:
            CommandError: made for fewer towers, not usable, or not writable; one line saying what to do.
        """
        names = tower_names(towers)
        try:
            self._write_configs(names)
            self._check(names)
            self._write_keys(names, clock, entropy)
        except (FileUnusable, ConfigInvalid) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"cannot write {error.filename}: {error.strerror}; choose another folder"
            ) from error
        return names

    @property
    def _epoch_file(self) -> Path:
        return self._towers / "epoch"

    def _write_configs(self, names: tuple[str, ...]) -> None:
        broker, cloud = (self.layout.config(process) for process in ("broker", "cloud"))
        if broker.exists() and cloud.exists():
            return
        if broker.exists() or cloud.exists():
            missing = cloud if broker.exists() else broker
            raise CommandError(f"{missing} is missing; put it back, or remove {self.folder} to begin anew")
        broker_port = free_port(DEFAULT_PORTS["broker_port"])
        ports = {
            "broker_port": str(broker_port),
            "console_port": str(free_port(DEFAULT_PORTS["console_port"], (broker_port,))),
        }
        declared = "".join(_declared(names))
        for target, group, more in ((broker, "demo", ""), (cloud, "fleet", declared)):
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            template = string.Template((templates(group) / target.name).read_text("utf-8"))
            target.write_text(template.substitute(ports) + more, "utf-8")

    def _check(self, names: tuple[str, ...]) -> None:
        known = load_cloud(self.layout.config("cloud")).gateways
        if not known.keys() >= set(names):
            raise CommandError(
                f"{self.folder} was made for {len(known)} towers; ask for no more, or choose another folder"
            )

    def _write_keys(self, names: tuple[str, ...], clock: Clock, entropy: Entropy) -> None:
        authority = CertificateAuthority(self.layout.ca, clock, entropy)
        owners: list[tuple[KeyFiles, Path]] = [
            (authority.ensure(BROKER, Purpose.SERVER, ("127.0.0.1", "localhost")), self._pki("broker")),
            (authority.ensure(AGGREGATOR, Purpose.CLIENT), self._pki("cloud")),
        ]
        owners += [(authority.ensure(name, Purpose.CLIENT), self._towers) for name in names]
        for files, folder in owners:
            hand_over(files, authority.ca_file, folder)
        crl = authority.crl_file
        write_whole(self._pki("broker") / crl.name, crl.read_bytes())
        keys = self.layout.folder / "cloud" / "keys"
        ensure_signing_key(keys / "orders.pem", self._towers / "orders.pub", entropy)
        if not self._epoch_file.exists():
            write_private(self._epoch_file, entropy.token(8).hex().encode())

    def _pki(self, process: str) -> Path:
        return self.folder / process / "pki"


def tower_names(count: int) -> tuple[str, ...]:
    """The names of the towers, from ``tower-001`` on."""
    return tuple(f"tower-{number:03}" for number in range(1, count + 1))


def _declared(names: tuple[str, ...]) -> Iterator[str]:
    portals = "".join(f'{portal} = "{name}"\n' for portal, name in PORTALS.items())
    for number, name in enumerate(names, 1):
        yield f'[sites.{name}]\nname = "Tower {number}"\norganisation = "harbour"\ndistrict = "jinshui"\n'
        yield f'[gateways.{name}]\nsite = "{name}"\n[gateways.{name}.portals]\n{portals}\n'
