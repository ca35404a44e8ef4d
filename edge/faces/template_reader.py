"""The gateway's way to face templates: opened when one is asked for, and again when it could not be."""

import asyncio

from cardea.runtime.clock import Entropy
from cardea.runtime.disk import Disk, StoreFailed, StoreFull
from cardea.runtime.logs import get_logger
from edge.faces.claim import Reference
from edge.vault import VaultKeys
from edge.vault.templates import Templates

_LOG = get_logger("templates")


class TemplateReader:
    """Reads, and never writes."""

    def __init__(self, disk: Disk, keys: VaultKeys, entropy: Entropy) -> None:
        self._disk = disk
        self._keys = keys
        self._entropy = entropy
        self._templates: Templates | None = None
        self._opening = asyncio.Lock()

    async def read(self, person: str, model_sha256: str) -> Reference | None:
        """What a claim to be ``person`` is measured by; ``None`` when they have no template.

        Raises:
            VaultUnusable, SealBroken, StoreFailed, StoreFull: it cannot be read.
        """
        templates = await self._opened()
        kept = await templates.get(person, model_sha256)
        return None if kept is None else Reference(kept.template, kept.protection.protect)

    async def count(self, model_sha256: str) -> int:
        """How many people have a template; raises as :meth:`read` does."""
        templates = await self._opened()
        return await templates.count(model_sha256)

    async def close(self) -> None:
        """Close the store, if it was opened."""
        if self._templates is None:
            return
        try:
            await self._templates.close()
        except (StoreFailed, StoreFull) as error:
            _LOG.error("store_not_closed", store="Templates", reason=str(error))

    async def _opened(self) -> Templates:
        async with self._opening:
            if self._templates is None:
                self._templates = await Templates.open(self._disk, self._keys, self._entropy)
            return self._templates
