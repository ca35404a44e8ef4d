"""A real tower for benchmarks: broker, aggregator and gateway as processes of their own, terminals in ours.

Every portal asks for a credential only; its terminal asks the gateway, which decides and releases. The first
may have a camera, and the first person a template.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cardea.cli.tower.children import Child, Running, cardea
from cardea.cli.tower.layout import Layout
from cardea.cli.tower.provision import provision
from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers.sim.hikvision import HikvisionTerminal

CLOCK, ENTROPY = SystemClock(), SystemEntropy()
PEOPLE = 500
PASSWORD = "a password of the bench"
COMMANDS = {"broker": ("broker", "run"), "cloud": ("cloud", "run"), "gateway": ("edge", "run")}
SHIM = Path(__file__).with_name("slow_fsync.c")


@dataclass(frozen=True)
class Camera:
    """A recording that plays at the first portal, of the first person."""

    recording: Path
    pictures: tuple[Path, ...]
    """Of this person, to enrol them by."""


@dataclass(frozen=True)
class Rig:
    """A tower that runs."""

    folder: Path
    terminals: tuple[HikvisionTerminal, ...]
    processes: dict[str, Running]
    log: list[str]
    broker_port: int

    @property
    def ledger(self) -> Path:
        return self.folder / "cloud" / "data" / "ledger.sqlite"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def slow_fsync(folder: Path, delay_ms: float) -> dict[str, str]:
    """The environment that adds ``delay_ms`` to every fsync and fdatasync of a process."""
    library = folder / "slow_fsync.so"
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("the slow disk needs a C compiler: apt-get install gcc")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SHIM, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "SLOW_FSYNC_US": str(int(delay_ms * 1000))}


@asynccontextmanager
async def tower(
    folder: Path, portals: int, *, fsync_ms: float = 0.0, camera: Camera | None = None
) -> AsyncGenerator[Rig]:
    """Run a tower with ``portals`` portals until the context ends."""
    extra = slow_fsync(folder, fsync_ms) if fsync_ms else {}
    async with AsyncExitStack() as stack:
        terminals = [
            await stack.enter_async_context(
                HikvisionTerminal(
                    CLOCK, ENTROPY, password=PASSWORD, serial_number=f"BENCH{number:04}", verdict_s_max=10.0
                )
            )
            for number in range(portals)
        ]
        rig = await stack.enter_async_context(
            processes_only(folder, ("broker", "cloud", "gateway"), terminals, extra, camera)
        )
        async with asyncio.timeout(30):
            for terminal in terminals:
                await terminal.push_armed.wait()
        yield rig


@asynccontextmanager
async def processes_only(
    folder: Path,
    names: Sequence[str],
    terminals: Sequence[HikvisionTerminal] = (),
    extra: Mapping[str, str] = MappingProxyType({}),
    camera: Camera | None = None,
) -> AsyncGenerator[Rig]:
    """Run some of a tower's processes, with ``extra`` in their environment, until the context ends."""
    layout = Layout(folder)
    log: list[str] = []
    broker_port = _write(layout, terminals, camera)
    provision(layout, CLOCK, ENTROPY)
    if "gateway" in names:
        _write_people(layout)
        _enrol(layout, camera)
    os.environ.update(extra)
    async with AsyncExitStack() as stack:
        try:
            processes: dict[str, Running] = {}
            for name in names:
                command = cardea(*COMMANDS[name], "--config", str(layout.config(name)))
                child = Running(
                    Child(name, command), CLOCK, ENTROPY, lambda who, line: log.append(f"{who} {line}")
                )
                stack.push_async_callback(child.stop)
                await child.start()
                processes[name] = child
        finally:
            for name in extra:
                del os.environ[name]
        yield Rig(folder, tuple(terminals), processes, log, broker_port)


_WITH_CAMERA = """
[links.camera]
kind = "video"
source = "{recording}"
loop = true
[devices.camera]
driver = "gates.camera"
link = "camera"
"""
_FACES_ASKED = 'portals.p0 = { require_screening = false, require_mask = true, degrade = "staff_check" }'


def _write(layout: Layout, terminals: Sequence[HikvisionTerminal], camera: Camera | None) -> int:
    """Write the configurations; returns the broker's port."""
    broker, listener = free_port(), free_port()
    demo = Path(__file__).parents[1] / "configs" / "demo"
    for name in ("broker", "cloud"):
        text = (demo / f"{name}.toml").read_text().replace("${broker_port}", str(broker))
        layout.config(name).parent.mkdir(parents=True)
        layout.config(name).write_text(text.replace("${console_port}", str(free_port())))
    cameras = {} if camera is None else {0: ', cameras = ["camera"]'}
    devices = "".join(
        f"""
[devices.t{n}]
driver = "gates.hikvision"
link = "terminals"
events_per_s_max = 1000
[devices.t{n}.settings]
base_url = "{terminal.base_url}"
user = "cardea"
password_secret = "bench"
transport = "push"
[portals.p{n}]
name = "Portal {n}"
lock = "fail_safe"
mechanical_free_egress = true
hardwired_fire_release = true
ingress = {{ readers = ["t{n}"], actuator = {{ device = "t{n}", door = 1 }}{cameras.get(n, "")} }}
"""
        for n, terminal in enumerate(terminals)
    )
    if camera is not None:
        devices += _WITH_CAMERA.format(recording=camera.recording)
    layout.config("gateway").parent.mkdir(parents=True)
    layout.config("gateway").write_text(
        f"""
[gateway]
id = "tower-1"
site = "demo-tower"
linkage_domain = "demo"
[broker]
host = "127.0.0.1"
port = {broker}
ca_file = "pki/ca.crt"
cert_file = "pki/tower-1.crt"
key_file = "pki/tower-1.key"
[trust]
order_keys = ["trust/orders.pub"]
[links.terminals]
kind = "http_listener"
bind = "127.0.0.1"
port = {listener}
{devices}
[policy]
default = {{ require_screening = false, degrade = "staff_check" }}
{"" if camera is None else _FACES_ASKED}
"""
    )
    secret = layout.folder / "gateway" / "secrets" / "bench"
    secret.parent.mkdir(mode=0o700)
    secret.touch(0o600)
    secret.write_text(PASSWORD)
    return broker


def card(number: int) -> str:
    return f"{5_000_000_000 + number}"


def _write_people(layout: Layout) -> None:
    people = layout.folder / "people.csv"
    head = "person,name,organisation,employee_no,card,valid_from,valid_until,schedule,status\n"
    rows = (f"b-{n:05},Bench {n},Bench,{n + 1},{card(n)},,,,active\n" for n in range(PEOPLE))
    people.write_text(head + "".join(rows))
    command = cardea("edge", "import-people", str(people), "--config", str(layout.config("gateway")))
    subprocess.run(command, check=True, stdout=sys.stderr)


def _enrol(layout: Layout, camera: Camera | None) -> None:
    if camera is None:
        return
    words = ("face", "enrol", "--config", str(layout.config("gateway")), "--person", "b-00000")
    consent = ("--consent", "bench", "--consent-date", "2026-01-01")
    command = cardea(*words, *consent, *(str(each) for each in camera.pictures))
    subprocess.run(command, check=True, stdout=sys.stderr)
