"""The life of a tower: one at a time in a folder, ports free, children in order and away again.

Small processes stand in for the daemons; ``cardea up`` with the real ones is tested under tests/system.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cardea.cli.errors import CommandError
from cardea.cli.tower import tower as module
from cardea.cli.tower.layout import Layout, write_configs
from cardea.cli.tower.tower import run_tower

DAEMON = """
    import os, signal, sys
    from pathlib import Path
    from cardea.runtime.notify import notify
    group, command, config = sys.argv[1], sys.argv[2], Path(sys.argv[-1])
    journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    def write(what):
        os.write(journal, f"{what} {group}\\n".encode())
    if command == "people":
        print(os.environ.get("PEOPLE", "person,name"))
        sys.exit(0)
    if command == "import-people":
        write("import")
        if os.environ.get("IMPORT_FAILS"):
            sys.exit("cardea: line 2: no such schedule")
        print(f"1 person from {Path(sys.argv[3]).name}")
        sys.exit(0)
    def end(*_):
        write("end")
        sys.exit(0)
    signal.signal(signal.SIGTERM, end)
    if group == os.environ.get("HANGS"):
        write("hang")
        signal.pause()
    write("start")
    notify("READY=1")
    signal.pause()
"""


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Tower:
    """A folder, and what happens in it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.layout = Layout(folder)
        self.port = port
        self.journal = folder.parent / "journal"

    def entries(self) -> list[str]:
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    async def until(self, entry: str) -> None:
        async with asyncio.timeout(20):
            while entry not in self.entries():  # noqa: ASYNC110  # other processes write it
                await asyncio.sleep(0.01)

    async def run(self) -> int:
        return await run_tower(self.layout.folder, self.port)


@pytest.fixture
def tower(tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> Tower:
    made = Tower(tmp_path / "tower", free_port)
    daemon = tmp_path / "daemon.py"
    daemon.write_text(textwrap.dedent(DAEMON))
    monkeypatch.setattr(module, "cardea", lambda *words: (sys.executable, str(daemon), *words))
    monkeypatch.setenv("JOURNAL", str(made.journal))
    return made


async def started_and_stopped(tower: Tower, number: signal.Signals = signal.SIGINT) -> None:
    """Run until all have started, then as if somebody pressed Ctrl-C."""
    running = asyncio.create_task(tower.run())
    waiting = asyncio.create_task(tower.until("start edge"))
    await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not running.done():
        os.kill(os.getpid(), number)
    assert await running == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_processes_start_and_stop_in_their_order(tower, number, capsys):
    await started_and_stopped(tower, number)
    starts = [entry.split()[1] for entry in tower.entries() if entry.startswith("start")]
    ends = [entry.split()[1] for entry in tower.entries() if entry.startswith("end")]
    assert starts == ["broker", "sim", "cloud", "edge"]
    assert ends == ["edge", "sim", "cloud", "broker"]
    told = capsys.readouterr().err
    assert told.index("stopping") < told.index("stopped")


async def test_it_says_where_the_console_is_and_how_to_log_in(tower, capsys, monkeypatch):
    tower.layout.folder.mkdir()
    tower.layout.admin_password.write_text("secret\n")
    greet, greeted = module._greet, asyncio.Event()
    monkeypatch.setattr(module, "_greet", lambda *said: (greet(*said), greeted.set()))
    running = asyncio.create_task(tower.run())
    waiting = asyncio.create_task(greeted.wait())
    await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == 0
    said = capsys.readouterr().out
    assert f"http://127.0.0.1:{tower.port}" in said
    assert f"login admin, password in {tower.layout.admin_password}" in said
    assert "secret" not in said


async def test_people_are_imported_once_and_again_when_they_change(tower, monkeypatch, capsys):
    await started_and_stopped(tower)
    people = tower.layout.folder / "sim" / "people.csv"
    assert (people.read_text(), people.stat().st_mode & 0o777) == ("person,name\n", 0o600)
    assert "1 person from people.new" in capsys.readouterr().err
    await started_and_stopped(tower)
    assert tower.entries().count("import edge") == 1
    monkeypatch.setenv("PEOPLE", "person,name\nanna,Anna")
    tower.journal.unlink()
    await started_and_stopped(tower)
    assert tower.entries().count("import edge") == 1
    assert "anna" in people.read_text()


async def test_an_import_that_failed_is_made_again(tower, monkeypatch):
    monkeypatch.setenv("IMPORT_FAILS", "yes")
    with pytest.raises(
        CommandError, match="cardea edge import-people failed; its message stands above"
    ) as caught:
        await tower.run()
    assert caught.value.status == 1
    assert tower.entries() == ["import edge"]
    monkeypatch.delenv("IMPORT_FAILS")
    await started_and_stopped(tower)
    assert tower.entries().count("import edge") == 2


async def test_asked_to_stop_while_a_process_gets_ready_the_rest_is_not_started(tower, monkeypatch):
    monkeypatch.setenv("HANGS", "sim")
    running = asyncio.create_task(tower.run())
    await tower.until("hang sim")
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0
    assert [entry for entry in tower.entries() if not entry.startswith("import")] == [
        "start broker", "hang sim", "end sim", "end broker",
    ]  # fmt: skip


async def test_two_towers_do_not_share_a_folder(tower):
    running = asyncio.create_task(tower.run())
    await tower.until("start edge")
    with pytest.raises(CommandError, match=f"a tower is running in {tower.layout.folder} already; stop it"):
        await tower.run()
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == 0


async def test_the_lock_goes_with_the_process_that_held_it(tower):
    code = f"""
        import fcntl, os, sys
        file = open({str(tower.layout.folder / ".lock")!r}, "w")
        fcntl.flock(file, fcntl.LOCK_EX)
        print("held", flush=True)
        sys.stdin.read()
    """
    tower.layout.folder.mkdir()
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(code),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert other.stdout is not None
    assert await other.stdout.readline() == b"held\n"
    with pytest.raises(CommandError, match="already"):
        await tower.run()
    other.kill()
    await other.communicate()
    await started_and_stopped(tower)


async def test_a_taken_console_port_is_said_before_anything_starts(tower):
    with socket.create_server(("127.0.0.1", tower.port)):
        with pytest.raises(CommandError) as caught:
            await tower.run()
        assert str(caught.value) == (
            f"port {tower.port} is taken; free it, or change [console] port in {tower.layout.config('cloud')}"
        )
    assert tower.entries() == []
    await started_and_stopped(tower)


@pytest.mark.parametrize("port", ['"eighty"', "70000", "-1"])
async def test_a_console_port_that_is_none_is_said(tower, port):
    write_configs(tower.layout, tower.port)
    config = tower.layout.config("cloud")
    config.write_text(config.read_text().replace(f"port = {tower.port}", f"port = {port}"))
    with pytest.raises(CommandError, match=r"cloud\.toml: console\.port: "):
        await tower.run()


async def test_a_folder_that_cannot_be_used_is_said(tower):
    tower.layout.folder.write_text("a file")
    with pytest.raises(CommandError, match=f"cannot use {tower.layout.folder}: File exists; choose another"):
        await tower.run()


def test_up_says_it_in_one_line_without_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "cardea.cli.main", "up", "/proc/nonsense"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("cardea: cannot use /proc/nonsense: ")
    assert done.stderr.endswith("; choose another folder\n")
    assert len(done.stderr.splitlines()) == 1


async def test_an_earlier_versions_folder_is_told_what_it_lacks_and_runs(tower, capsys):
    write_configs(tower.layout, tower.port)
    config = tower.layout.config("sim")
    config.write_text(config.read_text().partition("# --- thermometers")[0])
    await started_and_stopped(tower)
    said = capsys.readouterr().err
    assert f"{tower.layout.folder} is an earlier version's, without thermometers, pictures" in said
    assert said.count("remove it to begin anew with all devices") == 1


async def test_commands_on_site_say_what_they_said(tower):
    answer = await module._on_site(tower.layout)("sim", "people")
    assert answer == "person,name"
