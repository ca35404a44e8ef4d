"""A gateway's configuration and its stores of people, for commands that work beside the daemon."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from edge.configuration.loading import Configuration
    from edge.configuration.settings import Gateway
    from edge.vault import Vault
    from edge.vault.templates import Templates


def load_configuration(path: Path) -> "Configuration":
    """The configuration in ``path``. Raises CommandError with everything that is wrong with it."""
    from cardea.runtime.config import ConfigInvalid
    from drivers.catalog import find
    from edge.configuration.loading import load

    try:
        return load(path, find)
    except ConfigInvalid as error:
        raise CommandError(str(error)) from error


@asynccontextmanager
async def opened_vault(gateway: "Gateway") -> AsyncGenerator["Vault"]:
    """The gateway's vault; raises VaultUnusable, FileUnusable and what its disk does."""
    from zoneinfo import ZoneInfo

    from cardea.runtime.clock import SystemClock, SystemEntropy
    from cardea.runtime.config import Secrets
    from cardea.runtime.disk import SystemDisk
    from edge.machine import VAULT_KEY
    from edge.vault import KeyFile, Vault

    linkage = gateway.linkage_secret
    vault = await Vault.open(
        SystemDisk(gateway.data_dir),
        KeyFile(gateway.secrets_dir / VAULT_KEY),
        SystemClock(),
        SystemEntropy(),
        domain=gateway.linkage_domain,
        zone=ZoneInfo(gateway.time_zone),
        linkage_key=None if linkage is None else Secrets(gateway.secrets_dir)(linkage).encode(),
    )
    try:
        yield vault
    finally:
        await vault.close()


@asynccontextmanager
async def opened_templates(gateway: "Gateway") -> AsyncGenerator["Templates"]:
    """The gateway's face templates; raises VaultUnusable and what its disk does."""
    from cardea.runtime.clock import SystemEntropy
    from cardea.runtime.disk import SystemDisk
    from edge.machine import VAULT_KEY
    from edge.vault import KeyFile
    from edge.vault.templates import Templates

    key = KeyFile(gateway.secrets_dir / VAULT_KEY)
    templates = await Templates.open(SystemDisk(gateway.data_dir), key, SystemEntropy())
    try:
        yield templates
    finally:
        await templates.close()
