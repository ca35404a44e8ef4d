"""The wire: golden JSON of each version, committed schemas, round trips of everything, garbage survived."""

import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardea.contract import encoding
from cardea.contract.encoding import Codec, Undecodable, encode
from cardea.contract.records import DecisionRecord
from cardea.contract.schema import VERSION, WIRE_TYPES, main, schema, schema_text

ROOT = Path(__file__).parents[2]
GOLDEN = sorted((Path(__file__).parent / "golden").glob("*/*.json"))
CODECS: dict[str, Codec[Any]] = {name: Codec(wire_type) for name, wire_type in WIRE_TYPES.items()}
Values = Callable[[object], st.SearchStrategy[Any]]


def _type_name(path: Path) -> str:
    return path.name.partition(".")[0]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_golden_json_of_every_version_is_understood_and_comes_out_the_same(path: Path) -> None:
    raw = path.read_bytes().rstrip(b"\n")
    value = CODECS[_type_name(path)].decode(raw)
    assert not isinstance(value, Undecodable), value.reason
    assert encode(value) == raw


def test_every_wire_type_and_every_member_of_its_unions_has_a_golden_file() -> None:
    covered: set[object] = set()
    for path in GOLDEN:
        if path.parent.name == VERSION:
            value = CODECS[_type_name(path)].decode(path.read_bytes())
            covered.add(type(value))
            covered.add(type(getattr(value, "action", None)))
    wanted = {member for wire_type in WIRE_TYPES.values() for member in get_args(wire_type) or (wire_type,)}
    wanted |= set(get_args(encoding.Order.__annotations__["action"]))
    assert wanted <= covered


def test_there_is_a_codec_for_every_wire_type() -> None:
    made = {name for name, value in vars(encoding).items() if isinstance(value, Codec)}
    assert {name.replace("-", "_").upper() for name in WIRE_TYPES} - made == {"ENVELOPE"}


@pytest.mark.parametrize("name", WIRE_TYPES)
def test_the_committed_schema_is_the_one_of_the_code(name: str) -> None:
    committed = ROOT / "configs" / "schema" / VERSION / f"{name}.json"
    assert committed.read_text(encoding="utf-8") == schema_text(name), (
        f"run: python -m cardea.contract.schema configs/schema/{VERSION}"
    )


def test_no_schema_of_a_type_that_is_gone() -> None:
    files = {path.stem for path in (ROOT / "configs" / "schema" / VERSION).iterdir()}
    assert files == set(WIRE_TYPES)


def test_schemas_are_written_into_the_folder_that_is_named(tmp_path: Path) -> None:
    assert main([str(tmp_path / "new")]) == 0
    assert {path.stem for path in (tmp_path / "new").iterdir()} == set(WIRE_TYPES)


def test_the_schema_command_ends_with_its_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["schema", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / "cardea" / "contract" / "schema.py"), run_name="__main__")
    assert caught.value.code == 0


def test_the_schema_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_no_field_of_the_wire_can_hold_a_name_a_picture_or_a_raw_identifier() -> None:
    forbidden = re.compile(r"name|\bface|_face|photo|image|picture|phone|card|employee|template|password")
    allowed = {"face", "face_s_max", "on_face_contradicts", "on_face_not_live"}  # of a policy
    for name in WIRE_TYPES:
        for part, definition in schema(name)["$defs"].items():
            for field in definition.get("properties", {}):
                in_policy = part == "PortalPolicy" and field in allowed
                assert in_policy or not forbidden.search(field), f"{part}.{field}"


def test_policy_cannot_speak_of_egress() -> None:
    assert not [key for key in schema("policy")["$defs"]["PortalPolicy"]["properties"] if "egress" in key]
    text = b'{"target":"t","version":1,"default":{"deny_egress":true}}'
    assert isinstance(CODECS["policy"].decode(text), Undecodable)


@pytest.mark.parametrize("name", WIRE_TYPES)
def test_everything_comes_back_as_it_was(name: str, values_of: Values) -> None:
    codec = CODECS[name]

    @settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(values_of(WIRE_TYPES[name]))
    def check(value: Any) -> None:
        raw = encode(value)
        back = codec.decode(raw)
        assert not isinstance(back, Undecodable), back.reason
        assert encode(back) == raw
        assert back == value or name == "row-batch"  # msgspec.Raw compares by identity

    check()


@pytest.mark.parametrize("name", sorted(WIRE_TYPES.keys() - {"policy"}))
def test_a_newer_peer_may_add_fields_except_to_a_policy(name: str) -> None:
    path = next(path for path in GOLDEN if _type_name(path) == name)
    table = msgspec.json.decode(path.read_bytes())
    newer = CODECS[name].decode(encode({**table, "new_field": {"a": [1]}}))
    assert encode(newer) == path.read_bytes().rstrip(b"\n")


def test_a_decision_of_a_gateway_that_knows_no_terms_is_understood() -> None:
    raw = (Path(__file__).parent / "golden" / VERSION / "record.decision.json").read_bytes()
    table = msgspec.json.decode(raw)
    del table["screening_terms"], table["not_screened"]
    older = CODECS["record"].decode(encode(table))
    assert isinstance(older, DecisionRecord)
    assert (older.screening_terms, older.not_screened) == (None, None)


@pytest.mark.parametrize("name", WIRE_TYPES)
def test_garbage_is_said_to_be_so_and_never_raises(name: str) -> None:
    codec = CODECS[name]
    samples = [path.read_bytes() for path in GOLDEN if _type_name(path) == name]

    @given(st.binary(max_size=60), st.sampled_from(samples), st.integers(0, 2000), st.integers(0, 255))
    def check(garbage: bytes, sample: bytes, place: int, byte: int) -> None:
        at = place % len(sample)
        broken = (
            garbage,
            sample[:at],
            sample[:at] + bytes([byte]) + sample[at + 1 :],
            sample[:at] + garbage + sample[at:],
        )
        for raw in broken:
            value = codec.decode(raw)
            if isinstance(value, Undecodable):
                assert value.raw == raw
                assert value.reason
            else:
                encode(value)

    check()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[" * 200_000,
        b'{"lane":"alert","epoch":"e","first":1,"rows":[' + b"[" * 200_000,
        b'{"lane":"alert","epoch":"e","first":1e999,"rows":[1]}',
        b'{"lane":"alert","epoch":"e","first":9007199254740992,"rows":[1]}',
        b'{"lane":"alert","epoch":"e","first":0,"rows":[1]}',
        b'{"lane":"alert","epoch":"e","first":1,"rows":[]}',
        b'{"lane":"other","epoch":"e","first":1,"rows":[1]}',
        b'{"lane":"alert","epoch":"\\ud800","first":1,"rows":[1]}',
        b'{"lane":"alert","epoch":"\xff","first":1,"rows":[1]}',
        b'{"lane":"alert","epoch":"e","first":1,"rows":[' + b"1," * 1000 + b"1]}",
    ],
)
def test_a_row_batch_that_is_none(raw: bytes) -> None:
    assert isinstance(encoding.ROW_BATCH.decode(raw), Undecodable)


@pytest.mark.parametrize(
    "utc",
    ["2024-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", "2024-01-01T08:00:00+08:00"],
)
def test_times_on_the_wire_are_utc_within_bounds(utc: str) -> None:
    receipt = '{{"order":"o","result":"executed","at":{{"utc":"{}","quality":"holdover"}}}}'
    assert isinstance(encoding.RECEIPT.decode(receipt.format(utc).encode()), Undecodable)
    assert not isinstance(
        encoding.RECEIPT.decode(receipt.format("2024-01-01T00:00:00Z").encode()), Undecodable
    )
