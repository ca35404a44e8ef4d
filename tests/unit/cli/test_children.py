"""Children as real processes: started, found ready, restarted with the reason said, stopped for good."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cardea.cli.tower import children
from cardea.cli.tower.children import Child, Running, bound, cardea
from cardea.runtime.clock import SystemClock, SystemEntropy

READY = "import sys; from cardea.runtime.notify import notify; notify('READY=1')\n"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
WAIT = "import signal\nsignal.pause()\n"


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", textwrap.dedent(code))


class Told:
    """What was said, and a way to wait for it."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._more = asyncio.Event()

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        self._more.set()

    async def until(self, text: str, times: int = 1) -> str:
        async with asyncio.timeout(10):
            while True:
                found = [line for _, line in self.lines if text in line]
                if len(found) >= times:
                    return found[-1]
                self._more.clear()
                await self._more.wait()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def run(told: Told):
    @asynccontextmanager
    async def run(code: str, *, name: str = "child", wait: bool = True) -> AsyncGenerator[Running]:
        running = Running(Child(name, python(code)), SystemClock(), SystemEntropy(), told)
        beginning = asyncio.create_task(running.start())
        if wait:
            await beginning
        try:
            yield running
        finally:
            beginning.cancel()
            await asyncio.gather(beginning, return_exceptions=True)
            await running.stop()

    return run


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def gone(*pids: int) -> None:
    async with asyncio.timeout(10):
        while any(map(alive, pids)):  # noqa: ASYNC110  # the kernel tells nobody but the parent
            await asyncio.sleep(0.01)


async def number(path: Path) -> int:
    async with asyncio.timeout(10):
        while not _written(path):  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.01)
    return int(_written(path))


def _written(path: Path) -> str:
    text = path.read_text() if path.exists() else ""
    return text if text.endswith("\n") else ""


async def test_start_returns_when_the_child_reports_itself_ready(run, told):
    async with run("print('preparing')\n" + READY + WAIT) as running:
        assert running.ready.is_set()
        assert running.pid is not None
        await told.until("preparing")
    assert running.pid is None
    assert ("child", "preparing") in told.lines


async def test_other_states_are_not_readiness(run, told):
    code = (
        "from cardea.runtime.notify import notify; notify('STATUS=READY=1 soon'); print('said', flush=True)\n"
    )
    async with run(code + WAIT, wait=False) as running:
        await told.until("said")
        assert not running.ready.is_set()


async def test_a_child_that_never_becomes_ready_does_not_hold_the_others_up(run, told, monkeypatch):
    monkeypatch.setattr(children, "READY_S_MAX", 0.05)
    async with run(WAIT):
        await told.until("not ready after 0 s; going on without it")


async def test_a_child_that_cannot_be_used_waits_for_its_correction(run, told, monkeypatch):
    monkeypatch.setattr(children, "CORRECTION_S", 0.01)
    async with run("print('gateway.toml: id: 7 → must be text')\nraise SystemExit(2)"):
        assert await told.until("cannot work as it is set up", times=2)
        assert await told.until("must be text", times=2)
    assert not any("starting it again" in line for _, line in told.lines)


async def test_several_children_are_told_apart(told, run):
    async with run(READY + "print('one')\n" + WAIT, name="a"), run(READY + "print('two')\n" + WAIT, name="b"):
        await told.until("one")
        await told.until("two")
    assert {("a", "one"), ("b", "two")} <= set(told.lines)


@pytest.mark.parametrize(
    ("death", "reason"),
    [
        ("sys.exit(3)", "ended (exit status 3); starting it again"),
        ("sys.exit(0)", "ended (exit status 0); starting it again"),
        ("os.kill(os.getpid(), 9)", "ended (SIGKILL); starting it again"),
    ],
)
async def test_a_death_is_said_with_its_reason_and_the_child_started_again(run, told, death, reason):
    async with run(READY + f"import os, sys; print('alive', flush=True); {death}\n"):
        await told.until("alive", times=2)
        assert await told.until("ended") == reason


async def test_a_killed_child_comes_back_as_a_new_process(run, told):
    async with run(READY + "import os; print('pid', os.getpid())\n" + WAIT) as running:
        await told.until("pid")
        first = running.pid
        os.kill(first, signal.SIGKILL)
        await told.until("pid", times=2)
        assert running.pid != first
        assert not alive(first)


async def test_a_command_that_cannot_be_run_is_tried_again_with_the_reason_said(told, monkeypatch):
    monkeypatch.setattr(children, "bound", tuple)
    running = Running(Child("child", ("/nonexistent/program",)), SystemClock(), SystemEntropy(), told)
    beginning = asyncio.create_task(running.start())
    assert await told.until("trying again", times=2) == (
        "cannot be started (No such file or directory); trying again"
    )
    beginning.cancel()
    await asyncio.gather(beginning, return_exceptions=True)
    await running.stop()


async def test_waits_grow_until_the_child_ran_steadily(told, monkeypatch):
    """The delays are drawn from a range that doubles; a long run begins it anew."""
    ceilings: list[float] = []

    class Entropy(SystemEntropy):
        def uniform(self, low: float, high: float) -> float:
            ceilings.append(high)
            return 0.0

    running = Running(Child("child", ("/nonexistent/program",)), SystemClock(), Entropy(), told)
    monkeypatch.setattr(children, "bound", tuple)
    beginning = asyncio.create_task(running.start())
    await told.until("trying again", times=4)
    assert ceilings[:3] == [0.25, 0.5, 1.0]
    monkeypatch.setattr(children, "STEADY_S", 0.0)
    ceilings.clear()
    await told.until("trying again", times=len(told.lines) + 3)
    assert ceilings[-1] == 0.25
    beginning.cancel()
    await asyncio.gather(beginning, return_exceptions=True)
    await running.stop()


async def test_output_that_is_no_utf8_passes_with_marks(run, told):
    async with run("import sys; sys.stdout.buffer.write(b'caf\\xe9 \\xff\\n')\n" + READY + WAIT):
        assert await told.until("caf") == "caf\ufffd \ufffd"


async def test_of_a_line_that_is_too_long_only_the_beginning_passes(run, told):
    code = """
        import sys
        long, less_long = "x" * 1_000_000, "y" * 70_000
        sys.stdout.write(f"{long}\\nshort\\n{less_long}\\nlast\\n\\nno line end")
        sys.stdout.flush()
        sys.exit(1)
    """
    async with run(code, wait=False):
        await told.until("starting it again")
    lines = [line for _, line in told.lines]
    assert lines[0][-1] == "…"
    assert all(len(line) <= children.LINE_BYTES_MAX + 1 for line in lines)
    shown = [line[:1] if line[:1] in {"x", "y"} else line for line in lines]
    assert shown[:6] == ["x", "short", "y", "last", "", "no line end"]


async def test_a_line_without_end_that_is_too_long_ends_with_the_process(run, told):
    async with run("import sys; sys.stdout.write('x' * 200_000); sys.stdout.flush()\n", wait=False):
        await told.until("starting it again")
    assert [line[:1] for _, line in told.lines[:2]] == ["x", "e"]


async def test_stopping_asks_with_sigterm_and_passes_on_the_last_words(run, told):
    code = """
        import signal, sys
        def end(*_):
            print("goodbye", flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        from cardea.runtime.notify import notify
        notify("READY=1")
        while True: signal.pause()
    """
    async with run(code) as running:
        pid = running.pid
    assert told.lines[-1] == ("child", "goodbye")
    assert not alive(pid)


async def test_a_child_that_does_not_listen_is_killed_after_a_while(run, told, monkeypatch):
    monkeypatch.setattr(children, "STOP_S_MAX", 0.2)
    async with run(DEAF + READY + "while True: signal.pause()\n") as running:
        pid = running.pid
    assert told.lines[-1] == ("child", "did not stop within 0 s; killed")
    assert not alive(pid)


async def test_stopping_between_two_attempts_starts_nothing_more(told, monkeypatch):
    class Patient(SystemEntropy):
        def uniform(self, low: float, high: float) -> float:
            return 3600.0

    running = Running(Child("child", python("raise SystemExit(1)")), SystemClock(), Patient(), told)
    beginning = asyncio.create_task(running.start())
    await told.until("starting it again")
    async with asyncio.timeout(2):
        await running.stop()
    beginning.cancel()
    await asyncio.gather(beginning, return_exceptions=True)
    assert running.pid is None
    assert len(told.lines) == 1


async def test_what_was_never_started_can_be_stopped(told):
    running = Running(Child("child", python(WAIT)), SystemClock(), SystemEntropy(), told)
    await running.stop()
    assert told.lines == []


async def test_a_grandchild_does_not_outlive_its_parent_nor_hold_up_the_restart(run, told, tmp_path):
    code = f"""
        import pathlib, subprocess, sys
        from cardea.runtime.notify import notify
        left = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        path = pathlib.Path({str(tmp_path / "grandchild")!r})
        if path.exists():
            path = path.with_suffix(".second")
        path.write_text(f"{{left.pid}}\\n")
        notify("READY=1")
        print("running", flush=True)
        import signal
        signal.pause()
    """
    async with run(code) as running:
        await told.until("running")
        first = await number(tmp_path / "grandchild")
        os.kill(running.pid, signal.SIGKILL)
        await gone(first)
        await told.until("running", times=2)
        second = await number(tmp_path / "grandchild.second")
        pid = running.pid
    await gone(pid, second)


PARENT = """
import asyncio, os, sys
from cardea.cli.tower.children import Child, Running
from cardea.runtime.clock import SystemClock, SystemEntropy

CHILD = '''
import os, signal, subprocess, sys
from cardea.cli.tower.children import bound
from cardea.runtime.notify import notify
command = bound([sys.executable, "-c", "import signal; print(flush=True); signal.pause()"])
left = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
left.stdout.readline()  # it runs, so it is bound: until then the kernel has not been asked
print(os.getpid(), left.pid, flush=True)
notify("READY=1")
signal.pause()
'''

async def main():
    def tell(name, line):
        print(line, flush=True)
    await Running(Child("child", (sys.executable, "-c", CHILD)), SystemClock(), SystemEntropy(), tell).start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_killing_the_parent_outright_takes_children_and_grandchildren_down():
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    line = await parent.stdout.readline()
    child, grandchild = map(int, line.split())
    assert alive(child)
    assert alive(grandchild)
    parent.kill()
    await parent.wait()
    await gone(child, grandchild)


def test_a_command_is_bound_to_our_life_where_the_system_can(monkeypatch):
    assert bound(["true"])[1:] == ("--pdeathsig", "TERM", "--", "true")
    monkeypatch.setattr(children.shutil, "which", lambda name: None)
    assert bound(["true"]) == ("true",)


def test_modules_in_the_current_folder_are_not_taken_for_ours(tmp_path: Path):
    (tmp_path / "random.py").write_text("raise SystemExit('the wrong module')\n")
    (tmp_path / "cardea.py").write_text("raise SystemExit('the wrong module')\n")
    done = subprocess.run(cardea("--version"), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("cardea ")
