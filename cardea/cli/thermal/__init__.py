"""``cardea thermal``: the gateway's thermal checks on files, one module a command."""
