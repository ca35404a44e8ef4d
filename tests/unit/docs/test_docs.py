"""What the documents say is so: examples run, links lead somewhere, pages stay short."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cardea.cli.main import GROUPS

DOCUMENTS = (
    "README.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "docs/ARCHITECTURE.md",
    "docs/guides/configuration.md",
    "docs/guides/driver.md",
    "docs/guides/thermal.md",
    "docs/guides/faces.md",
    "docs/outcomes.md",
    "docs/decisions/README.md",
)
PICTURE = "docs/images/console.png"
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@pytest.fixture
def furnished(tmp_path: Path, examples) -> Path:
    """A folder with the README's gateway.toml, the guide's cloud.toml and all that they name."""
    from cardea.runtime.clock import SystemClock, SystemEntropy
    from cardea.runtime.pki import CertificateAuthority, Purpose
    from cardea.runtime.signing_keys import ensure_signing_key

    (gateway,) = [example.text for example in examples("README.md") if example.file == "gateway.toml"]
    (cloud,) = [e.text for e in examples("docs/guides/configuration.md") if e.file == "cloud.toml"]
    (tmp_path / "gateway.toml").write_text(gateway)
    (tmp_path / "cloud.toml").write_text(cloud)
    authority = CertificateAuthority(tmp_path / "pki", SystemClock(), SystemEntropy())
    for identity in ("tower-1", "aggregator"):
        authority.ensure(identity, Purpose.CLIENT)
    ensure_signing_key(tmp_path / "keys" / "orders.pem", tmp_path / "trust" / "orders.pub", SystemEntropy())
    ensure_signing_key(tmp_path / "keys" / "passes.pem", tmp_path / "trust" / "passes.pub", SystemEntropy())
    return tmp_path


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("document", ["README.md", "docs/guides/configuration.md"])
def test_the_commands_shown_run(document, examples, furnished):
    commands = [
        line.removeprefix("$ ")
        for example in examples(document)
        if example.language == "console"
        for line in example.text.splitlines()
    ]
    assert commands
    for command in commands:
        done = run(command, furnished)
        assert (done.returncode, done.stderr) == (0, ""), command
        if command.endswith("--json"):
            json.loads(done.stdout)


def test_every_gateway_shown_is_in_order(examples, tmp_path):
    from drivers import catalog
    from edge.configuration.loading import load

    shown = [e for d in ("README.md", "docs/guides/configuration.md") for e in examples(d)]
    gateways = [example.text for example in shown if example.file == "gateway.toml"]
    assert len(gateways) == 2
    for text in gateways:
        (tmp_path / "gateway.toml").write_text(text)
        assert load(tmp_path / "gateway.toml", catalog.find).settings.gateway.id == "tower-1"


def test_every_aggregator_shown_is_in_order(furnished):
    from cloud.settings import load_cloud

    assert load_cloud(furnished / "cloud.toml").gateways["tower-1"].site == "tower"


def test_every_example_says_what_it_is(examples):
    """So that none is left out of these tests by mistake."""
    for document in DOCUMENTS:
        for example in examples(document):
            if example.language in {"toml", "python"}:
                assert example.file, f"{document}: an example without '# file:'"
            else:
                assert example.language in {"", "console", "json"}, f"{document}: {example.language}"


def test_the_two_commands_are_targets_of_make(root, examples):
    (block,) = [e.text for e in examples("README.md") if not e.language]
    assert block.splitlines() == ["make up", "make test"]
    done = subprocess.run(
        ["make", "--dry-run", "up", "test"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_command_is_in_the_readmes_table(root):
    text = (root / "README.md").read_text()
    for name in GROUPS:
        assert f"| `cardea {name}" in text
    for shown, parts in re.findall(r"^\| `cardea (\w+) ([a-z\\|-]+)` \|", text, re.MULTILINE):
        for part in parts.split("\\|"):
            done = run(f"cardea {shown} {part} --help", root)
            assert done.returncode == 0, f"cardea {shown} {part}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_relative_links_lead_somewhere(document, root):
    for link in _LINK.findall((root / document).read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link) or link.startswith("#"):
            continue
        target = (root / document).parent / link.partition("#")[0]
        if target == root / PICTURE and not list((root / "docs").glob("images/*")):
            continue  # taken by the browser's test
        assert target.exists(), f"{document}: {link}"


def test_the_readme_shows_the_console(root):
    assert f"]({PICTURE})" in (root / "README.md").read_text()


def test_architecture_is_two_pages(root):
    lines = (root / "docs" / "ARCHITECTURE.md").read_text().splitlines()
    assert len(lines) <= 130
    assert max(map(len, lines)) <= 120


def test_architecture_names_what_exists(root):
    for line in (root / "docs" / "ARCHITECTURE.md").read_text().splitlines():
        if found := re.match(r"((?:cardea|edge|drivers|models|cloud|configs)/[a-z/]*)\s", line):
            assert (root / found[1]).is_dir(), found[1]


def test_changes_that_are_not_released_have_their_place(root):
    assert re.search(r"^## Unreleased$", (root / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_documents_name_no_place_of_the_machine_they_were_written_on(root):
    for document in DOCUMENTS:
        assert not re.search(r"/(home|work|root|tmp|Users)/", (root / document).read_text()), document


# --- the README's figures -----------------------------------------------------------------------


@pytest.fixture
def figures(root) -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme_figures", root / "bench" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def result(folder: Path, name: str, *rows: object) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"name": name, "rows": rows}))


def test_figures_are_those_of_the_results(figures, tmp_path):
    result(
        tmp_path,
        "release",
        {"run": "a|b", "p50_ms": 7.26, "p99_ms": 31, "p50_ms_asked": 15, "p99_ms_asked": 50},
    )
    result(tmp_path, "throughput", {"run": "all", "per_s": 1514.2, "per_s_asked": 500})
    result(tmp_path, "faces", {"what": "a look", "p50_ms": 0.1519, "p50_ms_asked": 0.25})
    percents = {"percent": 99.9, "percent_asked": 99.5, "percent_low": 99.07}
    result(tmp_path, "faces_accuracy", {"what": "9 people", **percents})
    seen = {"rss_max_mb": 98.44, "slope_mb_h": -0.4}
    result(tmp_path, "soak", {"process": "gateway", "budget_mb": 150, **seen})
    assert figures.table(tmp_path).splitlines()[2:] == [
        "| credential presented → release received: a/b | p50 7.3 ms, p99 31 ms | p50 ≤ 15 ms, p99 ≤ 50 ms |",
        "| whole path to a row in the ledger: all | 1,514 passages/s | ≥ 500 passages/s |",
        "| outbox append → acknowledged | not measured | |",
        "| telemetry over MQTT into DuckDB, aggregator and store together | not measured | |",
        "| meanwhile, of 40,000 series | not measured | |",
        "| line protocol, 5 fields a point | not measured | |",
        "| thermal frame | not measured | |",
        "| thermal stream through a whole position | not measured | |",
        "| faces: 9 people | 99.9 %, 95 % limit 99.1 % | ≥ 99.5 % |",
        "| faces, one thread: a look | p50 0.15 ms | p50 ≤ 0.25 ms |",
        "| size and start | not measured | |",
        "| with face models | not measured | |",
        "| memory of `cardea up`: gateway | 98.4 MB, -0.4 MB/h | ≤ 150 MB |",
    ]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"rows": 7}', '{"rows": [7]}', '{"rows": [{}]}', "\x00"]
)
def test_a_result_that_is_none_is_not_measured(figures, tmp_path, content):
    for figure in figures.FIGURES:
        (tmp_path / f"{figure.result}.json").write_text(content)
    for line in figures.table(tmp_path).splitlines()[2:]:
        assert "| not measured |" in line


def test_only_the_figures_are_rewritten(figures, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{figures.BEGIN}\nold\n{figures.END}\nafter\n")
    assert figures.main(readme, tmp_path) == 0
    once = readme.read_text()
    assert once.startswith(f"before\n{figures.BEGIN}\n| what |")
    assert once.endswith(f"{figures.END}\nafter\n")
    assert "old" not in once
    assert figures.main(readme, tmp_path) == 0
    assert readme.read_text() == once


def test_a_readme_without_markers_is_left_alone(figures, tmp_path, capsys):
    readme = tmp_path / "README.md"
    assert figures.main(readme, tmp_path) == 1
    readme.write_text("no markers")
    assert figures.main(readme, tmp_path) == 1
    assert readme.read_text() == "no markers"
    assert "markers" in capsys.readouterr().err


def test_the_readme_has_a_place_for_every_figure(figures, root):
    text = (root / "README.md").read_text()
    shown = text.partition(figures.BEGIN)[2].partition(figures.END)[0]
    for figure in figures.FIGURES:
        assert f"\n| {figure.title}" in shown
