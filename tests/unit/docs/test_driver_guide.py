"""The driver of the guide is a driver: installed by its entry point, decoded with, put through the suite."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

GUIDE = "docs/guides/driver.md"


@pytest.fixture
def site(tmp_path: Path, examples) -> Path:
    """The guide's package as an installer leaves it."""
    folder = tmp_path / "site"
    for example in examples(GUIDE):
        if example.file is not None:
            path = folder / example.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(example.text)
    points = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["entry-points"]
    told = folder / "acme_counter-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-counter\nVersion: 1.0\n")
    lines: list[str] = []
    for group, names in points.items():
        lines += [f"[{group}]", *(f"{name} = {where}" for name, where in names.items())]
    (told / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


def run(site: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(site),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    }
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_its_console_example_runs(site, tmp_path, examples):
    (console,) = [example.text for example in examples(GUIDE) if example.language == "console"]
    script = "\n".join(line.removeprefix("$ ") for line in console.splitlines())
    done = run(site, tmp_path, "/bin/sh", "-euc", script)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(event["event"], event.get("side")) for event in events] == [
        ("PassageObserved", "ingress"),
        ("PassageObserved", "egress"),
        ("Reject", None),
    ]


def test_a_gateway_takes_its_device(site, root, tmp_path, examples):
    """Within the README's own configuration."""
    (whole,) = [e.text for e in examples("README.md") if e.file == "gateway.toml"]
    config = tmp_path / "gateway.toml"
    config.write_text(whole + (site / "device.toml").read_text())
    done = run(site, tmp_path, "cardea", "edge", "check", "--config", str(config))
    assert done.returncode == 0, done.stderr
    assert "counter-1" in done.stdout


def test_it_passes_the_conformance_suite(site, root, tmp_path, examples):
    (sample,) = [example.text for example in examples(GUIDE) if example.language == "json"]
    suite = tmp_path / "conformance"
    shutil.copytree(root / "tests" / "conformance", suite, ignore=shutil.ignore_patterns("__pycache__"))
    captures = suite / "captures" / "acme.counter"
    captures.mkdir()
    (captures / "sample.jsonl").write_text(sample)
    done = run(
        site, tmp_path, sys.executable, "-m", "pytest", "-q", "-c", str(root / "pyproject.toml"),
        "--rootdir", str(tmp_path), "-p", "no:cacheprovider", "-k", "acme.counter", str(suite),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    passed = int(done.stdout.split(" passed")[0].rpartition("\n")[2])
    assert passed >= 14


def test_it_speaks_with_a_real_device(site, tmp_path):
    """A counter on a socket gets its OK after the event was accepted, and a `DeviceLost` ends its session."""
    code = """
import asyncio
from cardea.driver import Accepted, DeviceContext, DeviceLost
from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers import catalog
from drivers.links.opening import open_link
from drivers.links.settings import TcpSettings

async def main():
    heard = []
    async def counter(reader, writer):
        writer.write(b"IN\\r\\nOUT\\r\\n")
        for _ in range(2):
            heard.append(await reader.readline())
        writer.close()
    async with await asyncio.start_server(counter, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        link = open_link("l", TcpSettings(kind="tcp", host="127.0.0.1", port=port), SystemClock())
        driver = catalog.find("acme.counter")
        context = DeviceContext("counter-1", SystemClock(), SystemEntropy(), str, link, None)
        events = []
        async def emit(event):
            events.append(event.side.value)
            return Accepted()
        async def serve():
            try:
                await link.run()
            except DeviceLost:
                pass
        serving = asyncio.create_task(serve())
        try:
            await driver.open(driver.settings(), context).run(emit)
        except DeviceLost:
            print(events, heard)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
asyncio.run(main())
"""
    done = run(site, tmp_path, sys.executable, "-c", code)
    assert done.stdout == "['ingress', 'egress'] [b'OK\\n', b'OK\\n']\n", done.stderr
