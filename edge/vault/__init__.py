"""The vault: people, credentials, statuses, passes; sealed with a key that stands outside the database."""

from edge.vault.index import Holder
from edge.vault.keys import KeyFile, PeopleChanged, VaultKeyMissing, VaultKeys, VaultKeyWrong, VaultUnusable
from edge.vault.person import Person, PersonStatus
from edge.vault.schedule import Schedule, ScheduleInvalid
from edge.vault.statuses import Applied, Colour
from edge.vault.vault import CredentialTaken, Put, Vault

__all__ = [
    "Applied",
    "Colour",
    "CredentialTaken",
    "Holder",
    "KeyFile",
    "PeopleChanged",
    "Person",
    "PersonStatus",
    "Put",
    "Schedule",
    "ScheduleInvalid",
    "Vault",
    "VaultKeyMissing",
    "VaultKeyWrong",
    "VaultKeys",
    "VaultUnusable",
]
