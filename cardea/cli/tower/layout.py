"""The folder of a tower: what each process needs in a folder of its own, and nothing more.

Made on the first start, completed on later ones, never overwritten: what an operator changed stays.
"""

import socket
import string
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from cardea.cli.errors import CommandError

PROCESSES = ("broker", "sim", "cloud", "gateway")
"""In the order in which they are started."""
DEFAULT_PORTS: Mapping[str, int] = {
    "console_port": 8080,
    "broker_port": 18883,
    "listener_port": 18081,
    "gate_1_port": 18101,
    "gate_2_port": 18102,
    "gate_3_port": 18103,
    "qr_port": 18091,
}
_SEARCH_MAX = 200


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in a tower's folder."""

    folder: Path

    def config(self, process: str) -> Path:
        """The configuration file of one process."""
        return self.folder / process / f"{process}.toml"

    @property
    def ca(self) -> Path:
        """The certificate authority's own folder; only ``cardea up`` reads it."""
        return self.folder / "ca"

    @property
    def admin_password(self) -> Path:
        """Where the demo keeps the administrator's first password."""
        return self.folder / "admin-password"


def write_configs(layout: Layout, console_port: int | None) -> None:
    """Write each process's configuration that is not there yet, with ports that are free now.

    Raises:
        CommandError: the folder cannot be written, or no free port was found.
    """
    missing = [process for process in PROCESSES if not layout.config(process).exists()]
    if not missing:
        return
    wanted = dict(DEFAULT_PORTS)
    if console_port is not None:
        wanted["console_port"] = console_port
    ports = {name: port if name == "console_port" else _free_port(port) for name, port in wanted.items()}
    values = {name: str(port) for name, port in ports.items()}
    try:
        for process in missing:
            target = layout.config(process)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            template = string.Template((_templates() / target.name).read_text("utf-8"))
            target.write_text(template.substitute(values), "utf-8")
    except OSError as error:
        raise CommandError(
            f"cannot write {error.filename}: {error.strerror}; choose another folder"
        ) from error


def _templates() -> Traversable:
    """The demo's templates: inside the installed package, or in the source tree beside it."""
    packaged = files("cardea") / "configs" / "demo"
    if packaged.is_dir():
        return packaged
    return Path(__file__).parents[3] / "configs" / "demo"


def _free_port(wanted: int) -> int:
    for port in range(wanted, wanted + _SEARCH_MAX * 10, 10):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise CommandError(f"no free port found from {wanted} upwards on 127.0.0.1")
