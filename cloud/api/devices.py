"""Devices."""

from fastapi import APIRouter

from cloud.api.dependencies import Caller, FromLedger
from cloud.ledger import reads
from cloud.ledger.views import DeviceRow

router = APIRouter(tags=["devices"])


@router.get("/devices")
async def devices(account: Caller, ledger: FromLedger, site: str | None = None) -> tuple[DeviceRow, ...]:
    """The device matrix; believe a row only while its gateway is not silent."""
    return await ledger.read(reads.devices, account.scope, site)
