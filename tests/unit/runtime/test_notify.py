"""sd_notify: says it where somebody listens, and is silent everywhere else."""

import socket

import pytest

from cardea.runtime.notify import READY, STOPPING, VARIABLE, notify


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_starter_hears_it(tmp_path, monkeypatch, kind):
    address = str(tmp_path / "socket") if kind == "path" else f"@cardea-test-{tmp_path.name}-{id(tmp_path)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as starter:
        starter.bind(address.replace("@", "\0") if kind == "abstract" else address)
        starter.settimeout(5)
        monkeypatch.setenv(VARIABLE, address)
        notify(READY)
        notify(STOPPING)
        assert [starter.recv(100), starter.recv(100)] == [b"READY=1", b"STOPPING=1"]


@pytest.mark.parametrize("address", [None, "", "/nonexistent/socket", "@nobody-listens", "/" + "x" * 200])
def test_nobody_listening_is_no_error(monkeypatch, address):
    monkeypatch.delenv(VARIABLE, raising=False)
    if address is not None:
        monkeypatch.setenv(VARIABLE, address)
    notify(READY)
