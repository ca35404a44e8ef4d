"""configs/setup: what ``make`` runs before anything of ours is installed, with a PATH of the test's own."""

import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[3] / "configs" / "setup"
REAL = {"mktemp": "/usr/bin", "rm": "/usr/bin", "tail": "/usr/bin", "dirname": "/usr/bin", "env": "/usr/bin"}


class Machine:
    """A PATH with only what a test puts there; each program notes how it was called."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.calls = folder / "calls"
        for name, where in REAL.items():
            (self.bin / name).symlink_to(f"{where}/{name}")
        self.has("id", "echo 1000")

    def has(self, name: str, does: str = "exit 0") -> Path:
        path = self.bin / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.calls}"\n{does}\n')
        path.chmod(0o755)
        return path

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", str(SETUP / script), *arguments],
            env={"PATH": str(self.bin), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def called(self) -> list[str]:
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [line for line in lines if not line.startswith("id ")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_nothing_is_done_when_everything_is_there(machine):
    machine.has("broker")
    machine.has("sudo")
    done = machine.run("need", "broker=mosquitto")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.called() == []


def test_without_root_and_sudo_one_line_says_what_to_install(machine):
    machine.has("apt-get")
    done = machine.run("need", "no-broker=mosquitto", "no-browser=chromium", "rm=coreutils")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "cardea: install as root, then start again: apt-get install mosquitto chromium\n"
    assert machine.called() == []


@pytest.mark.parametrize(("identity", "with_sudo"), [("0", False), ("1000", True)])
def test_root_or_sudo_installs_what_is_missing(machine, identity, with_sudo):
    machine.has("id", f"echo {identity}")
    machine.has("apt-get", 'echo "noise"')
    if with_sudo:
        machine.has("sudo", '"$@"')
    done = machine.run("need", "no-broker=mosquitto")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Installing system packages: mosquitto\n", "")
    assert [call for call in machine.called() if call.startswith("apt-get")] == [
        "apt-get update -q",
        "apt-get install -y -q mosquitto",
    ]
    assert any(call.startswith("sudo ") for call in machine.called()) == with_sudo


def test_the_package_manager_asks_nothing(machine):
    """Also through sudo, which drops variables that it is not told of."""
    machine.has("sudo", 'exec env -i PATH="$PATH" "$@"')
    machine.has(
        "apt-get", 'test "$1" = update || echo "frontend $DEBIAN_FRONTEND" >>"$(dirname "$0")/../calls"'
    )
    assert machine.run("need", "no-broker=mosquitto").returncode == 0
    assert "frontend noninteractive" in machine.called()


def test_a_failed_installation_says_its_end_and_what_to_do(machine):
    machine.has("id", "echo 0")
    machine.has("apt-get", 'for n in 1 2 3 4 5 6 7; do echo "line $n"; done; exit 100')
    done = machine.run("need", "no-broker=mosquitto")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        *(f"line {n}" for n in range(3, 8)),
        "cardea: could not install mosquitto; install by hand, then start again",
    ]


def test_another_system_is_told_what_to_install(machine):
    machine.has("id", "echo 0")
    done = machine.run("need", "no-broker=mosquitto")
    assert done.returncode == 1
    assert done.stderr == (
        "cardea: no apt-get here; install with your system's packages, then start again: mosquitto\n"
    )


def test_programs_outside_the_users_path_are_found(machine):
    """Debian puts mosquitto into /usr/sbin, which is in root's PATH only."""
    administrators = next(path.name for path in Path("/usr/sbin").iterdir() if path.is_file())
    assert machine.run("need", f"{administrators}=some-package").returncode == 0


PYTHON = """
case "$*" in
*"version_info <"*) exit {too_old} ;;
*"import ensurepip"*) exit {without_venv} ;;
*"print("*) echo python3.11-venv ;;
*"-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
*"import pip"*) exit 0 ;;
esac
"""


def python(*, too_old: int = 0, without_venv: int = 0) -> str:
    return PYTHON.format(too_old=too_old, without_venv=without_venv)


@pytest.fixture
def coreutils(machine: Machine) -> None:
    for name in ("mkdir", "cp"):
        (machine.bin / name).symlink_to(f"/usr/bin/{name}")


def test_a_virtual_environment_is_made_once(machine, coreutils, tmp_path):
    machine.has("python3", python())
    for _ in range(2):
        done = machine.run("python", str(tmp_path / "venv"))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len([call for call in machine.called() if "-m venv" in call]) == 1


def test_one_that_was_begun_and_not_finished_is_made_anew(machine, coreutils, tmp_path):
    machine.has("python3", python())
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "rest").write_text("of an earlier attempt")
    assert machine.run("python", str(tmp_path / "venv")).returncode == 0
    assert not (tmp_path / "venv" / "rest").exists()
    assert (tmp_path / "venv" / "bin" / "python").exists()


def test_an_old_python_gives_way_to_a_newer_one(machine, coreutils, tmp_path):
    machine.has("python3", python(too_old=1))
    machine.has("python3.12", python())
    assert machine.run("python", str(tmp_path / "venv")).returncode == 0
    assert any(call.startswith("python3.12 -m venv") for call in machine.called())


def test_the_python_that_was_asked_for_goes_first(machine, coreutils, tmp_path):
    machine.has("python3", python())
    machine.has("mine", python())
    assert machine.run("python", str(tmp_path / "venv"), PYTHON="mine").returncode == 0
    assert any(call.startswith("mine -m venv") for call in machine.called())


@pytest.mark.parametrize("old", [True, False])
def test_without_a_python_that_is_new_enough_one_line_says_so(machine, tmp_path, old):
    if old:
        machine.has("python3", python(too_old=1))
    done = machine.run("python", str(tmp_path / "venv"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "cardea: needs Python 3.11 or newer; install it (Debian 12 has it: apt-get install python3)\n"
    )


def test_debians_missing_venv_is_asked_for_by_its_name(machine, tmp_path):
    machine.has("python3", python(without_venv=1))
    machine.has("apt-get")
    done = machine.run("python", str(tmp_path / "venv"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "cardea: install as root, then start again: apt-get install python3.11-venv\n"
