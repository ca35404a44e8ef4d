"""The vault's key: a file outside the database; and the keys that derive from it (HKDF, RFC 5869)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cardea.runtime.private_files import FileUnusable, read_private, write_private

KEY_BYTES = 32
_CHECK_BYTES = 16


class VaultUnusable(Exception):
    """The vault cannot be opened; one line saying what to do."""


class VaultKeyMissing(VaultUnusable):
    """The database holds sealed rows and its key is not there. No new key is made."""


class VaultKeyWrong(VaultUnusable):
    """The key is not the one that the database was sealed with, or is no key at all."""


class PeopleChanged(VaultUnusable):
    """Another process put people in between: nothing was changed; do it again."""


class VaultKeys(Protocol):
    """Where the master key is kept. Called on a worker thread."""

    @property
    def place(self) -> str:
        """For messages: where the key stands."""
        ...

    def load(self) -> bytes | None:
        """The master key, ``None`` when there is none; raises VaultKeyWrong."""
        ...

    def store(self, key: bytes) -> None:
        """Keep a new master key, durably; raises VaultUnusable."""
        ...


class KeyFile:
    """The master key in a file of mode 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        """The path."""
        return str(self._path)

    def load(self) -> bytes | None:
        """The 32 bytes of the file; ``None`` when it does not exist."""
        if not self._path.exists():
            return None
        try:
            key = read_private(self._path)
        except FileUnusable as error:
            raise VaultKeyWrong(str(error)) from error
        if len(key) != KEY_BYTES:
            raise VaultKeyWrong(
                f"{self._path}: {len(key)} bytes are no key; restore the {KEY_BYTES} from a backup"
            )
        return key

    def store(self, key: bytes) -> None:
        """Write the file whole, with mode 0600."""
        try:
            write_private(self._path, key)
        except OSError as error:
            raise VaultUnusable(f"{self._path}: cannot be written: {error.strerror}") from error


@dataclass(frozen=True, slots=True, repr=False)
class Subkeys:
    """What derives from the master key, each for one purpose."""

    sealing: bytes
    lookup: bytes
    linkage: bytes
    check: bytes
    """Stored in the database: tells whether a key is its own without opening a row."""


def derive(master: bytes, domain: str, linkage_key: bytes | None) -> Subkeys:
    """The subkeys; ``linkage_key`` is the key that the sites of ``domain`` share, if they do."""
    return Subkeys(
        sealing=_hkdf(master, "sealing", KEY_BYTES),
        lookup=_hkdf(master, "lookup", KEY_BYTES),
        linkage=_hkdf(linkage_key or master, f"linkage/{domain}", KEY_BYTES),
        check=_hkdf(master, "check", _CHECK_BYTES),
    )


@dataclass(frozen=True, slots=True, repr=False)
class TemplateKeys:
    """Of the store of face templates: none of them opens or finds anything in the vault."""

    sealing: bytes
    lookup: bytes
    check: bytes


def derive_for_templates(master: bytes) -> TemplateKeys:
    """The subkeys of the store of templates."""
    return TemplateKeys(
        sealing=_hkdf(master, "templates/sealing", KEY_BYTES),
        lookup=_hkdf(master, "templates/lookup", KEY_BYTES),
        check=_hkdf(master, "templates/check", _CHECK_BYTES),
    )


def _hkdf(key: bytes, purpose: str, size: int) -> bytes:
    return HKDF(SHA256(), size, salt=None, info=f"cardea vault 1/{purpose}".encode()).derive(key)
