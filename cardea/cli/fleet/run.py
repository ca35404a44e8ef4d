"""Running a fleet: broker and aggregator as children where asked for, then the towers' traffic."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

from cardea.cli.errors import CommandError
from cardea.cli.fleet.folder import FleetFolder
from cardea.cli.fleet.report import cpu_s, summary
from cardea.cli.tower.children import Child, Running, cardea
from cardea.cli.tower.merge import MergedLog
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.mqtt import MqttBus
from drivers.sim.fleet import Fleet, NobodyConnected
from drivers.sim.fleet_gateway import FleetPlan
from drivers.sim.fleet_state import FleetState

COMMANDS = {"broker": ("broker", "run"), "cloud": ("cloud", "run")}

Report = Callable[[FleetState], None]


async def run_fleet(
    folder: Path,
    towers: int,
    plan: FleetPlan,
    seconds: float | None,
    *,
    up: bool = False,
    stop: asyncio.Event | None = None,
    report: Report = lambda _: None,
) -> dict[str, Any]:
    """Load the aggregator of ``folder`` as ``towers`` towers for ``seconds`` or until ``stop``.

    The folder is made on the first run; with ``up`` broker and aggregator are started from it and stopped
    in the end. Returns :func:`cardea.cli.fleet.report.summary`.

    Raises:
        CommandError: the folder cannot be used, or no tower reached the broker.
    """
    fleet_folder = FleetFolder(folder)
    names = fleet_folder.prepare(towers, SystemClock(), SystemEntropy())
    async with contextlib.AsyncExitStack() as stack:
        if up:
            await stack.enter_async_context(services(fleet_folder))
        return await load(fleet_folder, names, plan, seconds, stop=stop, report=report)


async def load(
    folder: FleetFolder,
    names: tuple[str, ...],
    plan: FleetPlan,
    seconds: float | None,
    *,
    stop: asyncio.Event | None = None,
    report: Report = lambda _: None,
) -> dict[str, Any]:
    """The traffic alone, towards a broker that runs already; see :func:`run_fleet`."""
    clock = SystemClock()
    buses = {name: MqttBus(folder.broker(name), name) for name in names}
    epochs = {name: folder.epoch(name) for name in names}
    fleet = Fleet(buses, epochs, plan, clock, SystemEntropy())
    cpu_before_s = cpu_s()
    try:
        state, made_s = await fleet.run(seconds, stop or asyncio.Event(), report)
    except NobodyConnected as error:
        broker, cloud = folder.commands
        raise CommandError(
            f"no tower could connect: {error}; run `{broker}` and `{cloud}`, or add --up", 1
        ) from None
    return summary(state, made_s, cpu_s() - cpu_before_s)


@contextlib.asynccontextmanager
async def services(folder: FleetFolder) -> AsyncGenerator[dict[str, Running]]:
    """Broker and aggregator of the folder as children, kept running; what they say goes to ``fleet.log``."""
    clock, entropy = SystemClock(), SystemEntropy()
    async with contextlib.AsyncExitStack() as stack:
        log = stack.enter_context((folder.folder / "fleet.log").open("a", encoding="utf-8"))
        running: dict[str, Running] = {}
        for name, words in COMMANDS.items():
            command = cardea(*words, "--config", str(folder.layout.config(name)))
            child = Running(Child(name, command), clock, entropy, MergedLog(log))
            stack.push_async_callback(child.stop)
            await child.start()
            running[name] = child
        yield running
