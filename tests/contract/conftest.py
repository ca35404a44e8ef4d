"""Values of every wire type, drawn from the types themselves."""

import datetime as dt
import string
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from msgspec import inspect as mi

from cardea.contract.time import YEARS

_INT64 = 2**63
_CHARACTERS = string.ascii_letters + string.digits + '-_/.é门"\\\u2028'
_NAMES = st.text(_CHARACTERS, max_size=12)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-100, 100) | _NAMES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_NAMES, inner, max_size=2),
    max_leaves=4,
)


def _integers(info: mi.IntType) -> st.SearchStrategy[int]:
    low = info.ge if info.ge is not None else -_INT64
    high = info.le if info.le is not None else _INT64 - 1
    return st.integers(low, high)


def _floats(info: mi.FloatType) -> st.SearchStrategy[float]:
    low = info.gt if info.gt is not None else info.ge
    return st.floats(
        low,
        info.le,
        allow_nan=False,
        allow_infinity=False,
        exclude_min=info.gt is not None,
    )


def _moments() -> st.SearchStrategy[dt.datetime]:
    first, last = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (YEARS.start, YEARS.stop - 1))
    microseconds = (last - first) // dt.timedelta(microseconds=1)
    return st.integers(0, microseconds).map(lambda after: first + dt.timedelta(microseconds=after))


def _collections(info: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    low = info.min_length or 0
    return st.lists(drawn(info.item_type), min_size=low, max_size=low + 3).map(tuple)


def _structs(info: mi.StructType | mi.DataclassType) -> st.SearchStrategy[Any]:
    fields = {field.name: drawn(field.type) for field in info.fields}
    return st.builds(info.cls, **fields)


_DRAW: dict[type[mi.Type], Callable[[Any], st.SearchStrategy[Any]]] = {
    mi.NoneType: lambda _: st.none(),
    mi.BoolType: lambda _: st.booleans(),
    mi.IntType: _integers,
    mi.FloatType: _floats,
    mi.StrType: lambda info: st.text(_CHARACTERS, min_size=info.min_length or 0, max_size=12),
    mi.BytesType: lambda _: st.binary(max_size=40),
    mi.DateTimeType: lambda _: _moments(),
    mi.RawType: lambda _: _JSON.map(lambda value: msgspec.Raw(msgspec.json.encode(value))),
    mi.EnumType: lambda info: st.sampled_from(list(info.cls)),
    mi.UnionType: lambda info: st.one_of([drawn(member) for member in info.types]),
    mi.VarTupleType: _collections,
    mi.TupleType: lambda info: st.tuples(*[drawn(member) for member in info.item_types]),
    mi.DictType: lambda info: st.dictionaries(drawn(info.key_type), drawn(info.value_type), max_size=3),
    mi.StructType: _structs,
    mi.DataclassType: _structs,
}


def drawn(info: mi.Type) -> st.SearchStrategy[Any]:
    """Values of a type; a kind of type that is new to the contract fails here until it is added."""
    return _DRAW[type(info)](info)


@pytest.fixture(scope="session")
def values_of() -> Callable[[object], st.SearchStrategy[Any]]:
    return lambda wire_type: drawn(mi.type_info(wire_type))
