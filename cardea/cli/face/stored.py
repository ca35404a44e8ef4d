"""Something done to a gateway's store of templates, beside the daemon or without it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from edge.vault.templates import Templates

FAILED = 1
T = TypeVar("T")


def with_templates(config: Path, work: "Callable[[Templates], Awaitable[T]]") -> T:
    """What ``work`` makes of the store. Raises CommandError with one line."""
    import asyncio

    from cardea.cli.site import load_configuration, opened_templates
    from cardea.runtime.disk import StoreFailed, StoreFull
    from edge.vault import VaultUnusable
    from edge.vault.seal import SealBroken

    gateway = load_configuration(config).settings.gateway

    async def run() -> T:
        async with opened_templates(gateway) as templates:
            return await work(templates)

    try:
        return asyncio.run(run())
    except (VaultUnusable, SealBroken) as error:
        raise CommandError(str(error)) from error
    except (StoreFailed, StoreFull) as error:
        raise CommandError(f"the templates cannot be used: {error}", FAILED) from error
