"""The tower's folder: made once, never overwritten, with ports that were free."""

import os
import socket
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cardea.cli.errors import CommandError
from cardea.cli.tower import layout as module
from cardea.cli.tower.broker import load_broker
from cardea.cli.tower.layout import DEFAULT_PORTS, PROCESSES, Layout, is_free, write_configs
from cloud.settings import load_cloud

CONFIGS = tuple(f"{name}/{name}.toml" for name in PROCESSES)


@pytest.fixture
def tower(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "tower")


@pytest.fixture
def free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but what a test says is taken: other programs may run on this machine."""
    monkeypatch.setattr(module, "is_free", lambda port: True)


def ports(tower: Layout) -> dict[str, int]:
    gateway = tomllib.loads(tower.config("gateway").read_text())
    sim = tomllib.loads(tower.config("sim").read_text())
    return {
        "console_port": load_cloud(tower.config("cloud")).console.port,
        "broker_port": load_broker(tower.config("broker")).port,
        "listener_port": gateway["links"]["terminals"]["port"],
        **{f"gate_{n}_port": sim["terminals"][f"gate-{n}"]["port"] for n in (1, 2, 3)},
        "qr_port": sim["readers"]["qr-1"]["port"],
        "spot_port": sim["thermometers"]["spot-1"]["port"],
        "lepton_port": sim["thermometers"]["lepton-1"]["port"],
    }


def test_every_process_gets_a_folder_of_its_own(tower, free_ports):
    write_configs(tower, None)
    found = sorted(str(path.relative_to(tower.folder)) for path in tower.folder.rglob("*") if path.is_file())
    assert found == sorted(CONFIGS)
    for name in PROCESSES:
        assert stat.S_IMODE((tower.folder / name).stat().st_mode) == 0o700


def test_default_ports_are_taken_when_they_are_free(tower, free_ports):
    write_configs(tower, None)
    assert ports(tower) == DEFAULT_PORTS


def test_all_processes_agree_on_their_ports(tower, free_ports):
    write_configs(tower, 9000)
    gateway = tomllib.loads(tower.config("gateway").read_text())
    found = ports(tower)
    assert gateway["broker"]["port"] == load_cloud(tower.config("cloud")).broker.port == found["broker_port"]
    for n in (1, 2, 3):
        base_url = gateway["devices"][f"gate-{n}"]["settings"]["base_url"]
        assert base_url == f"http://127.0.0.1:{found[f'gate_{n}_port']}"
    for link, port in (("qr-1", "qr_port"), ("spot-1", "spot_port"), ("lepton-1", "lepton_port")):
        assert gateway["links"][link]["port"] == found[port]
    assert found["console_port"] == 9000


def test_ports_that_are_busy_are_moved_and_never_given_twice(tower, monkeypatch):
    busy = {18081, 18101, 18103}
    monkeypatch.setattr(module, "is_free", lambda port: port not in busy)
    write_configs(tower, None)
    found = ports(tower)
    assert found["listener_port"] == 18082
    assert (found["gate_1_port"], found["gate_2_port"], found["gate_3_port"]) == (18102, 18103 + 1, 18105)
    assert len(set(found.values())) == len(found)


def test_the_consoles_port_is_never_moved_but_others_give_way_to_it(tower, monkeypatch):
    monkeypatch.setattr(module, "is_free", lambda port: port != 8080)
    write_configs(tower, None)
    assert ports(tower)["console_port"] == 8080
    other = Layout(tower.folder.parent / "other")
    write_configs(other, 18883)
    assert ports(other)["console_port"] == 18883
    assert ports(other)["broker_port"] == 18884


def test_no_free_port_at_all_is_said(tower, monkeypatch):
    monkeypatch.setattr(module, "is_free", lambda port: False)
    with pytest.raises(CommandError, match=r"no free port on 127\.0\.0\.1 from 18883 to 19083"):
        write_configs(tower, None)


def test_a_real_listener_takes_its_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_what_an_operator_changed_stays(tower, free_ports):
    write_configs(tower, None)
    config = tower.config("cloud")
    config.write_text(config.read_text().replace("port = 8080", "port = 9999"))
    before = {name: tower.config(name).read_bytes() for name in PROCESSES}
    write_configs(tower, 7777)
    assert {name: tower.config(name).read_bytes() for name in PROCESSES} == before


@pytest.mark.parametrize("name", PROCESSES)
def test_one_config_of_several_is_not_made_anew(tower, free_ports, name):
    """Its ports would not be those of the others."""
    write_configs(tower, None)
    tower.config(name).unlink()
    with pytest.raises(CommandError) as caught:
        write_configs(tower, None)
    assert str(caught.value) == (
        f"{tower.config(name)} is missing; put it back, or remove {tower.folder} to begin anew"
    )
    assert not tower.config(name).exists()


def test_a_folder_that_cannot_be_written_is_named(tower, free_ports):
    tower.folder.mkdir()
    (tower.folder / "sim").write_text("a file where a folder belongs")
    with pytest.raises(CommandError, match=f"cannot write {tower.folder}/sim: File exists; choose another"):
        write_configs(tower, None)


def test_templates_come_from_the_package_where_it_was_installed(tower, tmp_path, monkeypatch, free_ports):
    packaged = tmp_path / "site" / "configs" / "demo"
    packaged.mkdir(parents=True)
    for name in PROCESSES:
        (packaged / f"{name}.toml").write_text(f"# packaged {name}\n")
    monkeypatch.setattr(module, "files", lambda package: tmp_path / "site")
    write_configs(tower, None)
    assert tower.config("sim").read_text() == "# packaged sim\n"


@pytest.mark.parametrize("name", ["gateway", "sim"])
def test_the_other_templates_are_settings_too(tower, free_ports, name):
    """The broker's and the aggregator's are read above."""
    write_configs(tower, None)
    if name == "sim":
        from cardea.runtime.config import load
        from drivers.sim.settings import TowerSettings

        assert load(tower.config(name), TowerSettings).sim.people > 0
    else:
        from drivers import catalog
        from edge.configuration.loading import load

        assert load(tower.config(name), catalog.find).settings.gateway.id == "tower-1"


def test_it_takes_no_privileges(tower, free_ports):
    """The console's default port and all others are above 1023."""
    assert min(DEFAULT_PORTS.values()) > 1023
    assert os.path.commonpath([tower.ca, tower.admin_password]) == str(tower.folder)


def test_port_of_the_console_is_a_port():
    for text in ("0", "65536", "-1", "http", "8080.5", "٣"):
        done = subprocess.run(
            [sys.executable, "-m", "cardea.cli.main", "up", f"--port={text}", "/nonexistent/x"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "give a number from 1 to 65535" in done.stderr
        assert "Traceback" not in done.stderr


def test_an_earlier_versions_folder_names_what_it_lacks(tower, free_ports):
    write_configs(tower, None)
    assert module.missing_tables(tower) == ()
    config = tower.config("sim")
    before, _, after = config.read_text().partition("# --- thermometers")
    config.write_text(before + "[lines" + after.partition("[lines")[2].partition("[units")[0])
    assert set(module.missing_tables(tower)) >= {"thermometers", "pictures", "units", "zones"}
    config.write_text("broken = ")
    assert module.missing_tables(tower) == ()
