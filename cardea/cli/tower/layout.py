"""The folder of a tower: what each process needs in a folder of its own, and nothing more.

Made on the first start, completed on later ones, never overwritten: what an operator changed stays.
"""

import socket
import string
import tomllib
from collections.abc import Collection, Mapping
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
    "spot_port": 18092,
    "lepton_port": 18093,
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
    missing = [layout.config(process) for process in PROCESSES if not layout.config(process).exists()]
    if not missing:
        return
    if len(missing) < len(PROCESSES):
        raise CommandError(f"{missing[0]} is missing; put it back, or remove {layout.folder} to begin anew")
    values = {name: str(port) for name, port in _choose_ports(console_port).items()}
    try:
        for target in missing:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            template = string.Template((templates() / target.name).read_text("utf-8"))
            target.write_text(template.substitute(values), "utf-8")
    except OSError as error:
        raise CommandError(
            f"cannot write {error.filename}: {error.strerror}; choose another folder"
        ) from error


def missing_tables(layout: Layout) -> tuple[str, ...]:
    """Simulated devices of today's demo that the folder's sim.toml has no table of: an earlier version's.

    Such a folder runs as it is. A file that cannot be read says so itself when its process starts.
    """
    try:
        found = tomllib.loads(layout.config("sim").read_text("utf-8"))
    except (OSError, ValueError):
        return ()
    text = (templates() / layout.config("sim").name).read_text("utf-8")
    wanted = tomllib.loads(string.Template(text).substitute(dict.fromkeys(DEFAULT_PORTS, "0")))
    return tuple(table for table in wanted if table not in found)


def _choose_ports(console_port: int | None) -> dict[str, int]:
    """The default ports, moved out of the way of what already listens here.

    The console's is never moved: people know it by heart, so it is better to say that it is taken.
    """
    chosen: dict[str, int] = {}
    for name, wanted in DEFAULT_PORTS.items():
        port = console_port or wanted if name == "console_port" else free_port(wanted, chosen.values())
        chosen[name] = port
    return chosen


def templates(group: str = "demo") -> Traversable:
    """Templates of configurations: inside the installed package, or in the source tree beside it."""
    packaged = files("cardea") / "configs" / group
    if packaged.is_dir():
        return packaged
    return Path(__file__).parents[3] / "configs" / group


def free_port(wanted: int, taken: Collection[int] = ()) -> int:
    """``wanted``, or the next one after it that is free and not among ``taken``.

    Raises:
        CommandError: none is.
    """
    for port in range(wanted, wanted + _SEARCH_MAX):
        if port not in taken and is_free(port):
            return port
    raise CommandError(f"no free port on 127.0.0.1 from {wanted} to {wanted + _SEARCH_MAX}")


def is_free(port: int) -> bool:
    """Whether a process could listen on 127.0.0.1:``port`` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
