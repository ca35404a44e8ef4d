"""Column types that mean the same in SQLite and PostgreSQL."""

# ruff: noqa: ARG002, ANN401  # the signatures are SQLAlchemy's

import datetime as dt
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Integer, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)

Serial = BigInteger().with_variant(Integer, "sqlite")
"""A key that the store counts up by itself; SQLite does that for INTEGER only."""


class Moment(TypeDecorator[dt.datetime]):
    """A moment as whole microseconds since 1970 UTC: exact, sortable, the same in every store."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> int | None:
        """To microseconds; a moment without an offset is refused by the subtraction (TypeError)."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> dt.datetime | None:
        """From microseconds, in UTC."""
        return None if value is None else _EPOCH + dt.timedelta(microseconds=value)


class Json(TypeDecorator[Any]):
    """A small structure as JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object | None, dialect: Dialect) -> str | None:
        """To text."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """From text."""
        return None if value is None else msgspec.json.decode(value)
