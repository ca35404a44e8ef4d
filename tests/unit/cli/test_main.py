"""The command itself: quick, clear about bad input, never a traceback for it."""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from cardea.cli import main as module
from cardea.cli.errors import CommandError
from cardea.cli.main import GROUPS, INTERRUPTED, Group, main

HEAVY = {
    "asyncio", "cryptography", "fastapi", "httpx", "msgspec", "nicegui", "pydantic", "pymodbus", "sqlalchemy",
    "sqlite3", "starlette", "structlog", "uvicorn", "edge", "cloud", "drivers", "models",
}  # fmt: skip
AVAILABLE = [name for name, group in GROUPS.items() if importlib.util.find_spec(group.module)]


def cardea(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cardea.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch):
    """A command of the test's own."""

    def install(run) -> None:
        class Module:
            @staticmethod
            def configure(parser: argparse.ArgumentParser) -> None:
                parser.set_defaults(run=run)

        monkeypatch.setitem(GROUPS, "probe", Group("a.probe", "only a test"))
        monkeypatch.setattr(module.importlib, "import_module", lambda name: Module)

    return install


def test_help_imports_no_heavy_module():
    code = (
        "import sys; from cardea.cli.main import main\ntry: main(['--help'])\nfinally: print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    imported = {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not imported & HEAVY
    assert {"argparse", "cardea"} <= imported
    assert all(f" {name} " in done.stdout for name in GROUPS)


@pytest.mark.parametrize("name", AVAILABLE)
def test_help_of_every_group_imports_no_heavy_module(name):
    code = (
        f"import sys; from cardea.cli.main import main\ntry: main([{name!r}, '--help'])\n"
        "finally: print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: cardea {name}")
    assert not {word.split(".")[0] for word in done.stdout.splitlines()[-1].split()} & HEAVY


@pytest.mark.parametrize("name", AVAILABLE)
def test_every_command_can_be_configured_and_leads_to_a_function(name):
    parser = argparse.ArgumentParser(prog=name)
    importlib.import_module(GROUPS[name].module).configure(parser)
    assert leads_to_functions(parser)


def leads_to_functions(parser: argparse.ArgumentParser) -> bool:
    subcommands = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if subcommands:
        return all(leads_to_functions(child) for a in subcommands for child in a.choices.values())
    return callable(parser.get_default("run"))


def test_every_group_of_the_table_is_there():
    assert set(AVAILABLE) == set(GROUPS)


def test_version():
    done = cardea("--version")
    assert (done.returncode, done.stdout) == (0, f"cardea {version('cardea-gateway')}\n")


@pytest.mark.parametrize(
    "arguments",
    ["", "frobnicate", "--frobnicate", "-- nonsense", "broker", "broker run", "--nothing broker"],
)
def test_what_it_does_not_know_ends_with_one_line_and_status_2(arguments):
    done = cardea(*arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert re.fullmatch(r"cardea: .+ \(see cardea( broker)?( run)? --help\)", line)


def test_the_functions_status_is_the_commands(group, monkeypatch):
    group(lambda parsed: 3)
    monkeypatch.setattr(sys, "argv", ["cardea", "probe"])
    assert main() == 3


@pytest.mark.parametrize("status", [1, 2])
def test_an_error_is_one_line_without_traceback(group, capsys, status):
    def run(parsed: argparse.Namespace) -> int:
        raise CommandError("gateway.toml: gateway.id → is required", status)

    group(run)
    assert main(["probe"]) == status
    assert capsys.readouterr() == ("", "cardea: gateway.toml: gateway.id → is required\n")


def test_an_interruption_is_130(group):
    def run(parsed: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    group(run)
    assert main(["probe"]) == INTERRUPTED


def test_an_unreadable_file_is_one_line(tmp_path):
    for arguments in (
        ("broker", "run", "--config", str(tmp_path / "none.toml")),
        ("cloud", "check", "--config", str(tmp_path)),
        ("sim", "people", "--config", "/proc/self/mem"),
        ("decode", "--driver", "readers.qr_tcp", str(tmp_path / "none")),
        ("audit", "verify", str(tmp_path / "none")),
    ):
        done = cardea(*arguments)
        assert done.returncode == 2, arguments
        assert done.stderr.startswith("cardea: "), arguments
        assert len(done.stderr.splitlines()) == 1, arguments


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_who_has_gone_away_is_no_traceback(lines):
    """Also when all that was printed still fitted into the buffer."""
    code = (
        "import sys, types\nfrom cardea.cli import main as m\n"
        "def run(parsed):\n    sys.stdin.readline()\n"
        f"    for _ in range({lines}): print('a line')\n    return 0\n"
        "module = types.SimpleNamespace(configure=lambda parser: parser.set_defaults(run=run))\n"
        "m.importlib = types.SimpleNamespace(import_module=lambda name: module)\n"
        "sys.exit(m.main(['broker']))\n"
    )
    read_end, write_end = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(write_end)
        os.close(read_end)
        _, complaints = process.communicate("go\n")
    assert (process.returncode, complaints) == (1, "")
