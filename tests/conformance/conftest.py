"""What every driver is put through: its samples, its settings, a device on a link that leads nowhere."""

import asyncio
import selectors
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers import catalog
from drivers.api import Device, DeviceContext, Driver, Link, LinkKind
from drivers.links.http_listener import HttpListenerSettings
from drivers.links.opening import open_link
from drivers.links.replay import Captured, read_capture
from drivers.links.settings import (
    I2cSettings,
    ModbusTcpSettings,
    SerialSettings,
    TcpSettings,
    UdpSettings,
    VideoSettings,
)

CAPTURES = Path(__file__).parent / "captures"
NOBODY_PORT = 1
"""Nobody listens on the loopback's port 1."""
NOWHERE: dict[str, dict[str, Any]] = {
    "gates.hikvision": {"base_url": f"http://127.0.0.1:{NOBODY_PORT}"},
    "thermal.dahua": {"base_url": f"http://127.0.0.1:{NOBODY_PORT}"},
    "thermal.hikvision": {"base_url": f"http://127.0.0.1:{NOBODY_PORT}"},
}
"""Settings that keep a driver which connects by itself away from the network."""
HASTE = 50.0
"""How many times faster than the clock on the wall the loop's timers run."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every driver of the catalogue; every channel of every driver."""
    if "channel" in metafunc.fixturenames:
        pairs = [(name, channel) for name in catalog.names() for channel in catalog.find(name).decoders]
        metafunc.parametrize(("name", "channel"), pairs)
    elif "name" in metafunc.fixturenames:
        metafunc.parametrize("name", catalog.names())


@pytest.fixture
def driver(name: str) -> Driver[Any]:
    return catalog.find(name)


@pytest.fixture
def settings(driver: Driver[Any]) -> Any:
    return driver.settings.model_validate(driver.example)


@pytest.fixture
def messages(name: str, channel: str) -> list[list[Captured]]:
    """The channel's sample captures, message by message (or connection by connection)."""
    found: list[list[Captured]] = [[]]
    for path in sorted((CAPTURES / name).glob("*.jsonl")):
        for piece in read_capture(path):
            if piece.channel == channel:
                found[-1].append(piece)
                if piece.end:
                    found.append([])
        found.append([])
    return [message for message in found if message]


def nowhere(kind: LinkKind | None, folder: Path) -> Link | None:
    clock = SystemClock()
    match kind:
        case None:
            return None
        case LinkKind.TCP:
            return open_link("l", TcpSettings(kind="tcp", host="127.0.0.1", port=NOBODY_PORT), clock)
        case LinkKind.SERIAL:
            return open_link("l", SerialSettings(kind="serial", path=folder / "none"), clock)
        case LinkKind.MODBUS:
            return open_link(
                "l", ModbusTcpSettings(kind="modbus_tcp", host="127.0.0.1", port=NOBODY_PORT), clock
            )
        case LinkKind.HTTP_LISTENER:
            return open_link("l", HttpListenerSettings(kind="http_listener", bind="127.0.0.1", port=0), clock)
        case LinkKind.UDP:
            return open_link("l", UdpSettings(kind="udp", bind="127.0.0.1"), clock)
        case LinkKind.VIDEO:
            return open_link("l", VideoSettings(kind="video", source=str(folder / "none")), clock)
        case LinkKind.I2C:
            return open_link("l", I2cSettings(kind="i2c", bus=f"tcp://127.0.0.1:{NOBODY_PORT}"), clock)


class NoCursor:
    async def load(self) -> None:
        return None


@pytest.fixture
def open_nowhere(name: str, driver: Driver[Any], tmp_path: Path) -> Callable[[], Device]:
    """A device of the driver whose link leads nowhere."""

    def secret(name: str) -> str:
        return f"secret {name}"

    def open_() -> Device:
        settings = driver.settings.model_validate({**driver.example, **NOWHERE.get(name, {})})
        kind = driver.link_for(settings) if driver.link_for else driver.link
        context = DeviceContext(
            device="device-1",
            clock=SystemClock(),
            entropy=SystemEntropy(),
            secrets=secret,
            link=nowhere(kind, tmp_path),
            cursor=NoCursor(),
        )
        return driver.open(settings, context)

    return open_


class _Hasty(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout if timeout is None or timeout <= 0 else timeout / HASTE)


class HastyLoop(asyncio.SelectorEventLoop):
    """A real loop with real sockets whose timers run ``HASTE`` times too fast: time-outs cost no time."""

    def __init__(self) -> None:
        super().__init__(_Hasty())

    def time(self) -> float:
        return super().time() * HASTE


@pytest.fixture
def hastily() -> Callable[[Any], Any]:
    """Run a coroutine on a loop whose time-outs pass quickly."""

    def run(coroutine: Any) -> Any:
        with asyncio.Runner(loop_factory=HastyLoop) as runner:
            return runner.run(coroutine)

    return run
