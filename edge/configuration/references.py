"""How one part of gateway.toml names another."""

from typing import Annotated

from pydantic import Field, StringConstraints

from cardea.runtime.config import Settings

ID_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
"""As MQTT topics allow it (``cardea.contract.topics``)."""
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]


class DoorRef(Settings):
    """A door of a device."""

    device: Id = Field(description="Name of the device")
    door: int = Field(
        default=1, ge=1, le=255, description="Number of the door on that device, counted from 1"
    )


class ChannelRef(Settings):
    """An input of a device."""

    device: Id = Field(description="Name of the device")
    channel: int = Field(
        default=0, ge=0, le=255, description="Number of the input on that device, counted from 0"
    )
