"""The outbox on a disk that loses power or fails: FULL loses nothing that was answered, NORMAL does.

The writer's system calls are recorded once. Then the power is cut after each of them: what was synced is
there, and of what was not each sector is there or not, at random (SAFETY.md, "Nothing lost": 5,000 images).
"""

import random
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

WRITER = Path(__file__).with_name("outbox_writer.py")
ROWS = 40
SECTORS = (512, 4096)
KEPT = (0.0, 0.5, 0.95)
TRACED = "openat,close,pwrite64,write,fsync,fdatasync,unlink,ftruncate"
_CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)")


def strace(trace, *options):
    return ["strace", "-f", "-xx", "-s", "100000", "-e", f"trace={TRACED}", *options, "-o", str(trace)]


def run_writer(folder, synchronous, *, before=()):
    command = [*before, sys.executable, str(WRITER), str(folder), synchronous, str(ROWS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.split("\n")


@dataclass
class Disk:
    """Files as a disk holds them: what is synced, and what is only on its way."""

    synced: dict[str, bytearray] = field(default_factory=dict)
    under_way: dict[str, list[tuple[int, bytes] | int]] = field(default_factory=dict)
    answered: int = -1

    def sync(self, name):
        for change in self.under_way.pop(name, ()):
            apply(self.synced.setdefault(name, bytearray()), change)

    def after_power_cut(self, rng, sector, kept):
        """The files that are found; a sector under way is there with probability ``kept``."""
        found = {name: bytearray(content) for name, content in self.synced.items()}
        for name, changes in self.under_way.items():
            content = found.setdefault(name, bytearray())
            for change in changes:
                for part in sectors(change, sector):
                    if rng.random() < kept:
                        apply(content, part)
        return found


def sectors(change, size):
    if isinstance(change, int):
        return [change]
    offset, data = change
    return [(offset + at, data[at : at + size]) for at in range(0, len(data), size)]


def apply(content, change):
    if isinstance(change, int):
        del content[change:]
        return
    offset, data = change
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def calls(trace):
    """Finished system calls in the order in which they ended: (name, arguments, result)."""
    begun = {}
    for line in trace.read_text(errors="replace").splitlines():
        pid, _, rest = line.partition(" ")
        text = rest.strip()
        if text.endswith("<unfinished ...>"):
            begun[pid] = text.removesuffix("<unfinished ...>")
            continue
        if text.startswith("<..."):
            text = begun.pop(pid) + text.partition("resumed>")[2]
        if match := _CALL.match(text):
            yield match[1], match[2], int(match[3])


def raw(quoted):
    return bytes(int(digits, 16) for digits in re.findall(r"\\x([0-9a-f]{2})", quoted))


def steps(trace, folder):
    """What the writer did to its database, call by call."""
    open_files = {}
    for name, arguments, result in calls(trace):
        parts = arguments.split(", ")
        if name == "openat":
            path = raw(parts[1]).decode()
            ours = path.startswith(f"{folder}/outbox.sqlite") and not path.endswith("-shm")
            open_files[result] = Path(path).name if ours else None
        elif name == "close":
            open_files.pop(int(parts[0]), None)
        elif name == "write" and parts[0] == "1":
            said = raw(parts[1]).decode().split()
            yield ("answer", int(said[1]))
        elif name == "unlink" and result == 0:
            yield ("unlink", Path(raw(parts[0]).decode()).name)
        elif name in {"pwrite64", "ftruncate", "fsync", "fdatasync"} and (
            file := open_files.get(int(parts[0]))
        ):
            if name == "pwrite64":
                yield ("change", file, (int(parts[3]), raw(parts[1])))
            elif name == "ftruncate":
                yield ("change", file, int(parts[1]))
            else:
                yield ("sync", file)


def take(disk, step):
    match step:
        case ("answer", seq):
            disk.answered = seq
        case ("unlink", name):
            disk.synced.pop(name, None)
            disk.under_way.pop(name, None)
        case ("change", name, change):
            disk.under_way.setdefault(name, []).append(change)
        case ("sync", name):
            disk.sync(name)
        case _:
            raise AssertionError(step)


def look(folder):
    """The highest number ever given to a row, and whether everything in the file adds up."""
    with closing(sqlite3.connect(folder / "outbox.sqlite")) as connection:
        if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            return -1, False
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if "record_row" not in tables:
            return 0, True
        found = connection.execute(
            "SELECT next, committed, delivered FROM lane WHERE name = 'record'"
        ).fetchone()
        if found is None:
            return 0, True
        following, committed, delivered = found
        held = [seq for (seq,) in connection.execute("SELECT seq FROM record_row ORDER BY seq")]
    whole = committed == following - 1 == delivered + len(held)
    return committed, whole and all(seq < following for seq in held)


def cut_everywhere(trace, folder, scratch, *, trials):
    """(images, images that contradict themselves, images that lost an answered row)."""
    rng, disk = random.Random(7), Disk()
    images = corrupt = lost = 0
    for step in steps(trace, folder):
        take(disk, step)
        for trial in range(trials):
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            found = disk.after_power_cut(rng, SECTORS[trial % 2], KEPT[trial % 3])
            if not found.get("outbox.sqlite"):
                continue
            for name, content in found.items():
                (scratch / name).write_bytes(content)
            images += 1
            try:
                committed, whole = look(scratch)
            except sqlite3.DatabaseError:
                committed, whole = -1, False
            corrupt += not whole
            lost += disk.answered > max(committed, 0)
    return images, corrupt, lost


@pytest.mark.parametrize(("synchronous", "trials"), [("FULL", 14), ("NORMAL", 2)])
def test_a_power_cut_after_any_system_call(tmp_path, synchronous, trials):
    folder, trace, scratch = tmp_path / "data", tmp_path / "trace", tmp_path / "image"
    if Path("/dev/shm").is_dir():
        scratch = Path("/dev/shm") / f"cardea-{tmp_path.name}"
    status, said = run_writer(folder, synchronous, before=strace(trace))
    assert status == 0
    assert said[ROWS] == f"ACK {ROWS}"
    try:
        images, corrupt, lost = cut_everywhere(trace, str(folder), scratch, trials=trials)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    assert images > 300 * trials
    if synchronous == "FULL":
        assert (corrupt, lost) == (0, 0)
    else:
        assert lost > 0, "a test that cannot tell NORMAL from FULL proves nothing"


def answered(said):
    return [int(line.split()[1]) for line in said if line.startswith("ACK ")]


@pytest.mark.parametrize("when", [4, 20, 35])
def test_an_io_error_in_fsync_ends_the_writer_without_a_false_answer(tmp_path, when):
    injected = strace(tmp_path / "trace", "-e", f"inject=fdatasync:error=EIO:when={when}+")
    status, said = run_writer(tmp_path / "data", "FULL", before=injected)
    assert status == 3, said[-3:]
    assert said[-2] == "FAILED"
    committed, whole = look(tmp_path / "data")
    assert whole
    assert max(answered(said), default=0) <= max(committed, 0) < ROWS


@pytest.mark.parametrize("when", [90, 150])
def test_a_full_disk_is_said_at_once_and_nothing_answered_is_lost(tmp_path, when):
    injected = strace(tmp_path / "trace", "-e", f"inject=pwrite64:error=ENOSPC:when={when}+")
    status, said = run_writer(tmp_path / "data", "FULL", before=injected)
    assert status == 0, said[-3:]
    assert "FULL" in said
    committed, whole = look(tmp_path / "data")
    assert whole
    assert max(answered(said)) == committed < ROWS
