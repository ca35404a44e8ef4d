"""How a command says that it cannot."""


class CommandError(Exception):
    """One clear line for the person at the keyboard, naming what to do. Ends the command with ``status``."""

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status
