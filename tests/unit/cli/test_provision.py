"""Keys, certificates and secrets: made once, renewed in time, each only where it is needed."""

import datetime as dt
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from msgspec import structs

from cardea.cli.errors import CommandError
from cardea.cli.tower.layout import PROCESSES, Layout, write_configs
from cardea.cli.tower.provision import GATEWAY, TERMINALS, provision
from cardea.contract.time import Instant
from cardea.runtime.clock import SystemClock, SystemEntropy

PRIVATE = (".key", ".pem")


class ShiftedClock(SystemClock):
    """The system's clock, some days on."""

    def __init__(self, days: float) -> None:
        super().__init__()
        self._days = days

    def now(self) -> Instant:
        now = super().now()
        return structs.replace(now, utc=now.utc + dt.timedelta(days=self._days))


@pytest.fixture
def tower(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "tower")
    write_configs(layout, None)
    provision(layout, SystemClock(), SystemEntropy())
    return layout


def files(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def contents(layout: Layout) -> dict[str, bytes]:
    """All files but the list of revoked certificates, which is dated anew each time."""
    return {
        str(path.relative_to(layout.folder)): path.read_bytes()
        for path in files(layout.folder)
        if path.suffix != ".crl"
    }


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in files(folder)}


def test_each_process_has_what_it_needs_and_nothing_more(tower):
    found = {name: names(tower.folder / name) - {f"{name}.toml"} for name in PROCESSES}
    assert found == {
        "broker": {"pki/ca.crt", "pki/ca.crl", "pki/broker.crt", "pki/broker.key"},
        "cloud": {"pki/ca.crt", "pki/aggregator.crt", "pki/aggregator.key", "keys/orders.pem"},
        "gateway": {
            "pki/ca.crt",
            "pki/tower-1.crt",
            "pki/tower-1.key",
            "trust/orders.pub",
            "trust/passes.pub",
            *(f"secrets/{name}" for name in TERMINALS),
        },
        "sim": {"keys/passes.pem", *(f"secrets/{name}" for name in TERMINALS)},
    }


def test_the_authoritys_key_is_in_no_process_folder(tower):
    key = (tower.ca / "ca.key").read_bytes()
    for name in PROCESSES:
        assert all(path.read_bytes() != key for path in files(tower.folder / name))


def test_no_private_key_is_in_two_process_folders(tower):
    seen: dict[bytes, Path] = {}
    for name in PROCESSES:
        for path in files(tower.folder / name):
            if path.suffix in PRIVATE:
                assert path.read_bytes() not in seen
                seen[path.read_bytes()] = path
    assert len(seen) == 5


def test_secrets_are_for_their_owner_only(tower):
    secret = [p for p in files(tower.folder) if p.suffix in PRIVATE or p.parent.name == "secrets"]
    assert len(secret) == 4 + 5 + 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    folders = {path.parent for path in secret}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


def test_terminals_have_passwords_of_their_own_which_the_gateway_knows(tower):
    passwords = [(tower.folder / "sim" / "secrets" / name).read_bytes() for name in TERMINALS]
    assert len(set(passwords)) == len(TERMINALS)
    assert all(len(password) >= 32 for password in passwords)
    for name, password in zip(TERMINALS, passwords, strict=True):
        assert (tower.folder / "gateway" / "secrets" / name).read_bytes() == password


def test_the_second_time_nothing_changes(tower):
    before = contents(tower)
    provision(tower, SystemClock(), SystemEntropy())
    assert contents(tower) == before


@pytest.mark.parametrize(
    "name",
    ["gateway/pki/tower-1.key", "gateway/trust/orders.pub", "gateway/secrets/gate-2", "cloud/pki/ca.crt"],
)
def test_what_is_missing_is_put_back(tower, name):
    before = contents(tower)
    (tower.folder / name).unlink()
    provision(tower, SystemClock(), SystemEntropy())
    assert contents(tower) == before


def test_certificates_are_renewed_before_they_run_out_and_keys_are_kept(tower):
    before = contents(tower)
    provision(tower, ShiftedClock(300), SystemEntropy())
    assert contents(tower) == before
    provision(tower, ShiftedClock(340), SystemEntropy())
    after = contents(tower)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        "ca/aggregator.crt", "ca/broker.crt", "ca/tower-1.crt",
        "broker/pki/broker.crt", "cloud/pki/aggregator.crt", "gateway/pki/tower-1.crt",
    }  # fmt: skip
    renewed = x509.load_pem_x509_certificate(after["gateway/pki/tower-1.crt"])
    assert renewed.not_valid_after_utc > SystemClock().now().utc + dt.timedelta(days=600)
    assert renewed.subject.rfc4514_string() == f"CN={GATEWAY}"


def test_a_key_that_others_could_read_is_not_used(tower):
    key = tower.folder / "sim" / "keys" / "passes.pem"
    key.chmod(0o644)
    with pytest.raises(CommandError, match=f"mode 0644 lets others read it; run: chmod 600 {key}"):
        provision(tower, SystemClock(), SystemEntropy())


def test_a_key_that_is_none_is_never_overwritten(tower):
    key = tower.ca / "ca.key"
    key.write_text("not a key")
    with pytest.raises(CommandError, match=r"ca\.key"):
        provision(tower, SystemClock(), SystemEntropy())
    assert key.read_text() == "not a key"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    layout = Layout(tmp_path)
    (tmp_path / "broker").write_text("a file where a folder belongs")
    with pytest.raises(CommandError, match=f"cannot write {tmp_path}/broker"):
        provision(layout, SystemClock(), SystemEntropy())
