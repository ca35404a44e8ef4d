"""Keys, certificates and secrets of a tower, each copied only to the process that needs it.

Made on the first start; on every later start what runs out is renewed and what is missing is put back.
"""

from pathlib import Path

from cardea.cli.errors import CommandError
from cardea.cli.tower.layout import Layout
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.pki import CertificateAuthority, KeyFiles, Purpose
from cardea.runtime.private_files import FileUnusable, read_private, write_private, write_whole
from cardea.runtime.signing_keys import ensure_signing_key

GATEWAY = "tower-1"
AGGREGATOR = "aggregator"
BROKER = "broker"
TERMINALS = ("gate-1", "gate-2", "gate-3")
PASSWORD_BYTES = 18


def provision(layout: Layout, clock: Clock, entropy: Entropy) -> None:
    """Make or complete everything that the configurations name.

    Raises:
        CommandError: a key is there but cannot be used, or a folder cannot be written.
    """
    try:
        _certificates(layout, clock, entropy)
        _signing_keys(layout, entropy)
        _passwords(layout, entropy)
    except FileUnusable as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"cannot write {error.filename}: {error.strerror}") from error


def _certificates(layout: Layout, clock: Clock, entropy: Entropy) -> None:
    authority = CertificateAuthority(layout.ca, clock, entropy)
    server = authority.ensure(BROKER, Purpose.SERVER, ("127.0.0.1", "localhost"))
    owners = {
        "broker": server,
        "cloud": authority.ensure(AGGREGATOR, Purpose.CLIENT),
        "gateway": authority.ensure(GATEWAY, Purpose.CLIENT),
    }
    for process, files in owners.items():
        hand_over(files, authority.ca_file, layout.folder / process / "pki")
    _copy(authority.crl_file, layout.folder / "broker" / "pki")


def hand_over(files: KeyFiles, ca_file: Path, folder: Path) -> None:
    """Copy what its owner needs to ``folder``: the authority's certificate, its own, and its key."""
    _copy(ca_file, folder)
    _copy(files.cert_file, folder)
    write_private(folder / files.key_file.name, read_private(files.key_file))


def _copy(file: Path, folder: Path) -> None:
    write_whole(folder / file.name, file.read_bytes())


def _signing_keys(layout: Layout, entropy: Entropy) -> None:
    """Orders are signed by the aggregator, passes by whoever issues them: here the simulated front desk."""
    trust = layout.folder / "gateway" / "trust"
    ensure_signing_key(layout.folder / "cloud" / "keys" / "orders.pem", trust / "orders.pub", entropy)
    ensure_signing_key(layout.folder / "sim" / "keys" / "passes.pem", trust / "passes.pub", entropy)


def _passwords(layout: Layout, entropy: Entropy) -> None:
    """Each simulated terminal gets a password of its own, known to it and to the gateway."""
    for terminal in TERMINALS:
        kept = layout.folder / "sim" / "secrets" / terminal
        if not kept.exists():
            write_private(kept, entropy.token(PASSWORD_BYTES).hex().encode())
        write_private(layout.folder / "gateway" / "secrets" / terminal, read_private(kept))
