"""``cardea sim``: the people file, what is wrong with a configuration, and a run that ends in order."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from string import Template

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.cli.main import main
from cardea.cli.tower.layout import DEFAULT_PORTS
from cardea.runtime.notify import READY, VARIABLE
from cardea.runtime.private_files import write_private
from cardea.runtime.signing_keys import private_pem

TEMPLATE = Path(__file__).parents[3] / "configs" / "demo" / "sim.toml"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The demo's own sim.toml, on ports that are free."""
    names = [name for name in DEFAULT_PORTS if name not in {"console_port", "broker_port", "listener_port"}]
    ports: dict[str, object] = dict.fromkeys(names, "0")
    file = tmp_path / "sim.toml"
    file.write_text(Template(TEMPLATE.read_text("utf-8")).substitute(ports), "utf-8")
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    write_private(tmp_path / "keys" / "passes.pem", private_pem(key))
    for gate in ("gate-1", "gate-2", "gate-3"):
        write_private(tmp_path / "secrets" / gate, b"a password")
    return file


def test_people_are_printed_for_the_import(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "people", "--config", str(config)]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header == "person,name,organisation,employee_no,card,valid_from,valid_until,schedule,status"
    assert len(rows) == 200


@pytest.mark.parametrize("command", ["run", "people"])
def test_a_missing_file_is_one_line(tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", command, "--config", str(tmp_path / "none.toml")]) == 2
    assert capsys.readouterr().err.endswith("none.toml → cannot be read: No such file or directory\n")


def test_a_wrong_key_names_itself(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text("utf-8").replace("people = 200", "people = 3\ncolour = 1"), "utf-8")
    assert main(["sim", "people", "--config", str(config)]) == 2
    said = capsys.readouterr().err
    assert "sim.people: 3 → must be greater than or equal to 12" in said
    assert "sim.colour: 1 → unknown key" in said


@pytest.mark.parametrize("missing", ["keys/passes.pem", "secrets/gate-2"])
def test_a_missing_key_or_secret_is_one_line(
    config: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / missing).unlink()
    assert main(["sim", "run", "--config", str(config)]) == 2
    assert f"{missing}: cannot be read: No such file or directory" in capsys.readouterr().err


def test_a_taken_port_is_one_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = config.read_text("utf-8").replace('kind = "tcp"\nport = 0', f'kind = "tcp"\nport = {port}')
        config.write_text(text, "utf-8")
        assert main(["sim", "run", "--config", str(config)]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "a simulated device cannot start" in said
    assert str(port) in said


@pytest.mark.system
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
async def test_a_run_says_when_it_is_ready_and_ends_in_order(config: Path, ending: signal.Signals) -> None:
    name = f"cardea-test-{os.getpid()}-{ending.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0{name}")
        channel.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cardea.cli.main", "sim", "run", "--config", str(config)),
            env={**os.environ, VARIABLE: f"@{name}"},
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(20):
            assert READY in (await asyncio.get_running_loop().sock_recv(channel, 4096)).decode()
            assert (config.parent / "run" / "rs485").is_symlink()
            process.send_signal(ending)
            _, said = await process.communicate()
    assert process.returncode == 0
    assert b"simulators_listening" in said
    assert b"Traceback" not in said
    assert not (config.parent / "run" / "rs485").exists()
