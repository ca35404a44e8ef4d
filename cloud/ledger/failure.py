"""How the ledger says that it failed."""

from sqlalchemy.exc import DBAPIError

_LINE_MAX = 500


class LedgerFailed(Exception):
    """The store failed: nothing may be concluded, the process must end (SAFETY.md R1)."""


def first_line(error: BaseException) -> str:
    """What went wrong, in one line, without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(cause).splitlines()
    return f"{type(cause).__name__}: {lines[0] if lines else ''}"[:_LINE_MAX]
