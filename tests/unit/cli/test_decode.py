"""``cardea decode`` as an installer uses it."""

import json
import shutil
from pathlib import Path

import pytest

from cardea.cli.main import main

CAPTURES = Path(__file__).parents[2] / "conformance" / "captures"
MORNING = CAPTURES / "readers.qr_tcp" / "morning.jsonl"


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "raw"
    path.write_bytes(b"CDA1:secret\r\n\xff\xff\r\n")
    return path


def ran(capsys, *arguments):
    status = main(["decode", *map(str, arguments)])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_capture_names_its_own_driver(capsys):
    status, out, err = ran(capsys, MORNING, "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert events[0]["event"] == "CredentialPresented"
    assert events[0]["value"].startswith("CDA1:")
    assert events[1] == {
        "event": "CredentialPresented", "at": "2026-03-02T08:00:05Z", "kind": "qr", "value": "通行证-0042",
    }  # fmt: skip
    assert "6 events, 2 of them rejects" in err


def test_raw_bytes_with_a_driver(capsys, raw):
    status, out, _ = ran(capsys, raw, "--driver", "readers.qr_tcp")
    assert status == 0
    assert "CredentialPresented  kind=qr value='CDA1:secret'" in out
    assert "Reject  reason='not_utf8'" in out


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_redacted_output_holds_nothing_that_the_device_said(capsys, raw, form):
    status, out, _ = ran(capsys, raw, "--driver", "readers.qr_tcp", "--redact", *form)
    assert status == 0
    assert "secret" not in out
    assert "(11 left out)" in out


def test_the_devices_own_settings_decide(capsys, tmp_path):
    config = tmp_path / "gateway.toml"
    config.write_text(
        '[devices.relay-9]\ndriver = "io.relay_modbus"\n[devices.relay-9.settings]\nunit = 1\n'
        'inputs = [{ kind = "rex", input = 2, channel = 5 }]\n'
    )
    capture = CAPTURES / "io.relay_modbus" / "rs485-sniffer.jsonl"
    status, out, err = ran(capsys, capture, "--config", config, "--device", "relay-9")
    assert status == 0
    assert "InputChanged  kind=rex active=True channel=5" in out
    assert "fire" not in out
    assert "example" not in err
    _, out, err = ran(capsys, capture)
    assert "kind=fire" in out
    assert "example settings" in err


def test_one_channel_of_a_capture(capsys):
    status, _, err = ran(capsys, MORNING, "--channel", "line")
    assert (status, "6 events" in err) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["none"], "cannot be read"),
        (["raw"], "say which driver"),
        (["raw", "--driver", "gates.nobody"], "there is no driver 'gates.nobody'"),
        (["raw", "--driver", "gates.hikvision"], "say which channel"),
        (["raw", "--driver", "readers.qr_tcp", "--channel", "x"], "no channel 'x'"),
        (["damaged"], "is no capture"),
        (["cut"], "line 3 is damaged"),
        (["strange"], "channel 'other'"),
        (["raw", "--config", "none"], "cannot be read"),
        (["raw", "--config", "empty.toml", "--device", "a"], "has no devices"),
        (["raw", "--config", "g.toml", "--device", "b"], "--device a"),
        (["raw", "--config", "g.toml", "--device", "a"], "unit"),
    ],
)
def test_bad_input_is_one_line_and_status_2(capsys, tmp_path, monkeypatch, raw, arguments, problem):
    (tmp_path / "damaged").write_text('{"cardea_capture": "one"}\n')
    shutil.copy(MORNING, tmp_path / "cut")
    cut = (tmp_path / "cut").read_bytes().splitlines(keepends=True)
    (tmp_path / "cut").write_bytes(b"".join(cut[:2]) + cut[2][:20])
    (tmp_path / "strange").write_bytes(cut[0] + b'{"t":0,"channel":"other"}\n')
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "g.toml").write_text('[devices.a]\ndriver = "io.relay_modbus"\n')
    monkeypatch.chdir(tmp_path)
    status, _, err = ran(capsys, *arguments)
    assert status == 2
    assert problem in err
    assert err.count("\n") == 1
