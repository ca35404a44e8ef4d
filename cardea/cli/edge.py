"""``cardea edge``: the gateway daemon and what one asks of it."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli import zone
from cardea.cli.errors import CommandError
from cardea.cli.site import load_configuration, opened_vault

if TYPE_CHECKING:
    from cardea.runtime.disk import StoreFailed
    from edge.configuration.loading import Configuration
    from edge.gateway import Gateway

FAILED = 1
STOP_S_MAX = 6.0
"""A stop that is not through after this time is asked for again: a cancellation can be lost to an error that
happens at the same moment (a task group before Python 3.13)."""
_COMMANDS = {
    "run": "serve the building until Ctrl-C",
    "check": "say everything that is wrong with the configuration, and change nothing",
    "schema": "print the JSON Schema of gateway.toml",
    "status": "what the running gateway says of itself",
    "import-people": "take people in from a CSV file, all or nobody",
    "zone": "disinfection zones, on site: list, stop, clear",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    made = {name: commands.add_parser(name, help=text, description=text) for name, text in _COMMANDS.items()}
    zone.configure(made["zone"])
    made["import-people"].add_argument("file", type=Path, metavar="FILE", help="CSV: person, name, …")
    for name, run in _RUNS.items():
        made[name].set_defaults(run=run)
        if name != "schema":
            made[name].add_argument("--config", type=Path, required=True, metavar="FILE", help="gateway.toml")
    for name in ("check", "schema", "status", "import-people"):
        made[name].add_argument("--json", action="store_true", help="print JSON")


def _run(arguments: argparse.Namespace) -> int:
    from cardea.runtime.allocator import give_back_large_blocks
    from cardea.runtime.clock import SystemClock, SystemEntropy
    from cardea.runtime.disk import StoreFailed
    from cardea.runtime.logs import configure as configure_logs
    from cardea.runtime.logs import get_logger
    from cardea.runtime.loop import run
    from edge.gateway import Gateway
    from edge.machine import real_host

    configuration = load_configuration(arguments.config)
    give_back_large_blocks()
    clock = SystemClock()
    configure_logs("gateway", clock)
    gateway = Gateway(configuration, real_host(configuration.settings, clock, SystemEntropy()))
    try:
        run(_serve(gateway))
    except ExceptionGroup as group:
        failed = group.subgroup(StoreFailed)
        if failed is None:
            raise
        get_logger("gateway").error("store_failed", reason=str(_first_of(failed)))
        why = "the disk failed under a write; ending, so that nothing false is said"
        raise CommandError(why, FAILED) from None
    return 0


def _first_of(group: "ExceptionGroup[StoreFailed]") -> Exception:
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, ExceptionGroup) else first


async def _serve(gateway: "Gateway") -> None:
    """Until SIGINT or SIGTERM; tells whoever started us when doors are served and when the end begins."""
    import asyncio
    import signal

    from cardea.runtime.notify import READY, STOPPING, notify

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = asyncio.create_task(gateway.run())
    waits = (asyncio.create_task(gateway.started.wait()), asyncio.create_task(stop.wait()))
    try:
        await asyncio.wait({serving, *waits}, return_when=asyncio.FIRST_COMPLETED)
        if gateway.started.is_set():
            notify(READY)
        await asyncio.wait({serving, waits[1]}, return_when=asyncio.FIRST_COMPLETED)
        notify(STOPPING)
        while not serving.done():
            serving.cancel()
            await asyncio.wait({serving}, timeout=STOP_S_MAX)
    finally:
        for wait in waits:
            wait.cancel()
    if not serving.cancelled():
        serving.result()


def _check(arguments: argparse.Namespace) -> int:
    import json

    from cardea.runtime.config import ConfigInvalid
    from drivers.catalog import find
    from edge.configuration.loading import load
    from edge.machine import missing

    try:
        configuration = load(arguments.config, find)
    except ConfigInvalid as error:
        problems = [str(problem) for problem in error.problems]
        if not arguments.json:
            raise CommandError("\n".join(problems)) from error
        print(json.dumps({"ok": False, "problems": problems}, ensure_ascii=False, indent=2))
        return 2
    settings = configuration.settings
    summary = {
        "gateway": [settings.gateway.id],
        "site": [settings.gateway.site],
        "links": list(settings.links),
        "devices": list(settings.devices),
        "portals": list(settings.portals),
        "zones": list(settings.zones),
    }
    notices = missing(settings, configuration.policy, _secrets_named(configuration))
    if arguments.json:
        print(json.dumps({"ok": True, **summary, "notices": notices}, ensure_ascii=False, indent=2))
        return 0
    print(f"{arguments.config}: in order")
    for key, value in summary.items():
        print(f"  {key}: {', '.join(value)}")
    for notice in notices:
        print(f"  notice: {notice}")
    return 0


def _secrets_named(configuration: "Configuration") -> list[str]:
    """Every secret that a device's or a link's settings name (keys that end in ``_secret``)."""
    settings = configuration.settings
    parts = [*(device.settings for device in configuration.devices.values()), *settings.links.values()]
    named = [
        str(value)
        for part in parts
        for key, value in part.model_dump().items()
        if key.endswith("_secret") and value
    ]
    return [*named, *filter(None, (settings.trust.pass_code_secret, settings.gateway.linkage_secret))]


def _schema(_arguments: argparse.Namespace) -> int:
    import json

    from drivers.catalog import find, names
    from edge.configuration.schema import gateway_schema

    models = {name: find(name).settings for name in names()}
    print(json.dumps(gateway_schema(models), ensure_ascii=False, indent=2))
    return 0


def _status(arguments: argparse.Namespace) -> int:
    import json

    from edge.status import NotRunning, read_status

    configuration = load_configuration(arguments.config)
    data_dir = configuration.settings.gateway.data_dir
    try:
        picture = read_status(data_dir)
    except NotRunning as error:
        raise CommandError(str(error), FAILED) from error
    if arguments.json:
        print(json.dumps(picture, ensure_ascii=False, indent=2))
        return 0
    from edge.status import as_text

    print(as_text(picture))
    return 0


def _import_people(arguments: argparse.Namespace) -> int:
    import asyncio
    import json
    from zoneinfo import ZoneInfo

    from cardea.runtime.disk import StoreFailed, StoreFull
    from cardea.runtime.private_files import FileUnusable
    from edge.people import PeopleInvalid, import_people
    from edge.vault import Put, VaultUnusable

    gateway = load_configuration(arguments.config).settings.gateway
    try:
        raw = arguments.file.read_bytes()
    except OSError as error:
        raise CommandError(f"{arguments.file}: cannot be read: {error.strerror}") from error

    async def put() -> Put:
        async with opened_vault(gateway) as vault:
            return await import_people(vault, raw, file=str(arguments.file), zone=ZoneInfo(gateway.time_zone))

    try:
        done = asyncio.run(put())
    except (PeopleInvalid, VaultUnusable, FileUnusable) as error:
        raise CommandError(str(error)) from error
    except (StoreFailed, StoreFull) as error:
        raise CommandError(f"the vault cannot be written: {error}", FAILED) from error
    counts = {"added": done.added, "changed": done.changed, "unchanged": done.unchanged}
    if arguments.json:
        print(json.dumps(counts))
    else:
        print(f"people: {done.added} added, {done.changed} changed, {done.unchanged} unchanged")
    return 0


_RUNS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "check": _check,
    "schema": _schema,
    "status": _status,
    "import-people": _import_people,
}
