"""``cardea pass``: what it prints and how it ends."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cardea.cli.main import main
from cardea.runtime.clock import SystemClock
from cardea.runtime.private_files import write_private
from cardea.runtime.signing_keys import private_pem, public_pem
from models.passes import code_at, with_code

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    write_private(tmp_path / "passes.key", private_pem(KEY))
    (tmp_path / "passes.pub").write_bytes(public_pem(KEY.public_key()))
    (tmp_path / "other.pub").write_bytes(public_pem(Ed25519PrivateKey.generate().public_key()))
    write_private(tmp_path / "code-root", b"a shared secret\n")
    return tmp_path


class Shell:
    """Runs a command and keeps what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: object) -> int:
        status = main(["pass", *map(str, words)])
        self.out, self.err = self._capsys.readouterr()
        return status

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def issued(run: Shell, keys: Path, *words: object) -> str:
    assert run("issue", "--key", keys / "passes.key", "--person", "p-1", *words) == 0
    return run.out.strip()


def test_an_issued_pass_verifies(run: Shell, keys: Path) -> None:
    text = issued(run, keys, "--once", "--portals", "garage, service", "--valid-hours", 1)
    assert run("verify", "--key", keys / "passes.pub", "--json", text) == 0
    assert run.json["valid"] is True
    assert (run.json["uses"], run.json["portals"]) == ("once", ["garage", "service"])
    assert run("verify", "--key", keys / "passes.pub", text) == 0
    assert "portals         garage, service" in run.out


def test_a_pass_of_another_key_is_not_valid(run: Shell, keys: Path) -> None:
    text = issued(run, keys)
    assert run("verify", "--key", keys / "other.pub", text) == 1
    assert "why             signed by a key that is not trusted here" in run.out
    both = ("--key", keys / "other.pub", "--key", keys / "passes.pub")
    assert run("verify", *both, text) == 0


def test_rotating_passes_need_their_code(run: Shell, keys: Path) -> None:
    assert run("issue", "--key", keys / "passes.key", "--person", "p-1", "--rotating", "--json") == 0
    text, pass_id = run.json["pass"], run.json["pass_id"]
    check = ("verify", "--key", keys / "passes.pub", "--code-root", keys / "code-root", "--json")
    assert run(*check, text) == 1
    assert run.json["standing"] == "replayed"
    coded = with_code(text, code_at(b"a shared secret", pass_id, SystemClock().now().utc))
    assert run(*check, coded) == 0
    assert run.json["code_skew_steps"] in {0, -1}
    assert run("decode", "--json", coded) == 0
    assert run.json["pass_id"] == pass_id


def test_decode_reads_without_believing(run: Shell, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = issued(run, keys, "--issuer", "Harbour")
    stream = io.TextIOWrapper(io.BytesIO(text.encode() + b"\r\n"))
    monkeypatch.setattr("sys.stdin", stream)
    assert run("decode", "--json", "-") == 0
    assert (run.json["person"], run.json["issuer"], run.json["algorithm"]) == ("p-1", "Harbour", -8)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["decode", "HC1:X"], "this is no pass: does not begin with CDA1:"),
        (["decode", "CDA1:A.12345678"], "this is no pass: not base45"),
        (["verify", "--key", "{}/none.pub", "X"], "none.pub: cannot be read: No such file or directory"),
        (["verify", "--key", "{}/code-root", "X"], "is no public key in PEM"),
        (["verify", "--key", "{}/passes.pub", "--code-root", "{}/none", "X"], "none: cannot be read"),
        (["issue", "--key", "{}/passes.pub", "--person", "p-1"], "passes.pub: mode 0"),
        (
            ["issue", "--key", "{}/passes.key", "--person", "Zhang Wei"],
            "no such pass can be issued: the person",
        ),
        (["issue", "--key", "{}/passes.key", "--person", "p-1", "--valid-hours", "0"], "above 0, 8784"),
        (["issue", "--key", "{}/passes.key", "--person", "p-1", "--valid-hours", "nan"], "above 0, 8784"),
    ],
)
def test_bad_input_is_one_line_and_status_2(run: Shell, keys: Path, words: list[str], said: str) -> None:
    assert run(*(word.replace("{}", str(keys)) for word in words)) == 2
    assert said in run.err
    assert len(run.err.splitlines()) == 1


def test_input_that_is_no_pass_at_all_is_bounded(run: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"A" * 70_000)))
    assert run("decode", "-") == 2
    assert "give one pass" in run.err
