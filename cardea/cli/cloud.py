"""``cardea cloud``: the aggregator with API and console."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from cloud.settings import CloudSettings

FAILED = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    entries: tuple[tuple[str, str, Callable[[argparse.Namespace], int]], ...] = (
        ("run", "keep the ledger and serve API and console until Ctrl-C", _run),
        ("check", "check the configuration, keys, ledger and series store, and change nothing", _check),
    )
    for name, text, run in entries:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="cloud.toml")
        command.set_defaults(run=run)
        if name == "check":
            command.add_argument("--json", action="store_true", help="print the findings as JSON")


def _run(arguments: argparse.Namespace) -> int:
    import asyncio

    from cardea.runtime.clock import SystemClock
    from cardea.runtime.logs import configure as configure_logs

    settings = _load(arguments.config)
    configure_logs("cloud", SystemClock())
    asyncio.run(_serve(settings))
    return 0


async def _serve(settings: "CloudSettings") -> None:
    import asyncio
    import signal

    from cardea.runtime.access import AGGREGATOR
    from cardea.runtime.clock import SystemClock, SystemEntropy
    from cardea.runtime.mqtt import Broker, MqttBus
    from cardea.runtime.private_files import FileUnusable
    from cloud.daemon import ConsoleUnavailable, serve
    from cloud.ledger.dialect import UnknownStore
    from cloud.ledger.failure import LedgerFailed
    from cloud.ledger.migrations import LedgerTooNew
    from cloud.series.store import SeriesFailed, SeriesUnusable

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    broker = settings.broker
    address = Broker(broker.host, broker.port, broker.ca_file, broker.cert_file, broker.key_file)
    bus = MqttBus(address, AGGREGATOR)
    try:
        await serve(settings, bus, SystemClock(), SystemEntropy(), stop=stop, say=_say)
    except (FileUnusable, UnknownStore, LedgerTooNew, SeriesUnusable, ConsoleUnavailable) as error:
        raise CommandError(str(error)) from error
    except LedgerFailed as error:
        raise CommandError(f"the ledger failed, nothing more is acknowledged: {error}", FAILED) from error
    except SeriesFailed as error:
        raise CommandError(f"the series store failed, nothing more is stored: {error}", FAILED) from error


def _check(arguments: argparse.Namespace) -> int:
    import asyncio
    import json

    from cardea.runtime.config import ConfigInvalid

    try:
        findings = asyncio.run(_findings(_read(arguments.config)))
    except ConfigInvalid as error:
        findings = [str(problem) for problem in error.problems]
    if arguments.json:
        print(json.dumps({"ok": not findings, "problems": findings}, ensure_ascii=False, indent=2))
    elif not findings:
        print(f"{arguments.config}: in order")
    elif findings:
        raise CommandError("\n".join(findings))
    return 2 if findings else 0


async def _findings(settings: "CloudSettings") -> list[str]:
    """What a start would stumble over, one line each; the ledger is looked at only if there is one."""
    from cardea.runtime.bus import BusRefused
    from cardea.runtime.config import Secrets
    from cardea.runtime.mqtt import Broker, tls_context
    from cardea.runtime.private_files import FileUnusable
    from cardea.runtime.signing_keys import read_signing_key
    from cloud.ledger.dialect import UnknownStore
    from cloud.ledger.failure import LedgerFailed
    from cloud.ledger.migrations import LedgerTooNew, inspect_ledger
    from cloud.series.opening import inspect_series
    from cloud.series.store import SeriesUnusable

    b = settings.broker

    def password() -> str | None:
        name = settings.ledger.password_secret
        return None if name is None else Secrets(settings.cloud.secrets_dir)(name)

    checks: tuple[Callable[[], object], ...] = (
        lambda: read_signing_key(settings.keys.order_key_file),
        lambda: tls_context(Broker(b.host, b.port, b.ca_file, b.cert_file, b.key_file)),
        lambda: inspect_ledger(settings.ledger_url, password()),
        lambda: inspect_series(settings),
    )
    findings: list[str] = []
    for check in checks:
        try:
            check()
        except (FileUnusable, BusRefused, UnknownStore, LedgerTooNew, LedgerFailed, SeriesUnusable) as error:
            findings.append(str(error))
    return findings


def _load(path: Path) -> "CloudSettings":
    from cardea.runtime.config import ConfigInvalid

    try:
        return _read(path)
    except ConfigInvalid as error:
        raise CommandError(str(error)) from error


def _read(path: Path) -> "CloudSettings":
    from cloud.settings import load_cloud

    return load_cloud(path)


def _say(line: str) -> None:
    print(f"\n  {line}\n", flush=True)
