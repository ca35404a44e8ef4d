"""Configuration: everything wrong is said at once, in words that name file, key, value and the remedy."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from cardea.runtime.config import (
    CONFIG_BYTES_MAX,
    ConfigInvalid,
    Problem,
    RelativePath,
    Secrets,
    Settings,
    check,
    load,
    together,
)
from cardea.runtime.private_files import PRIVATE_BYTES_MAX, FileUnusable, write_private


class Tcp(Settings):
    kind: Literal["tcp"]
    host: str
    port: int = Field(ge=1, le=65535, description="TCP port of the device. One each.")


class Serial(Settings):
    kind: Literal["serial"]
    path: RelativePath
    baud: int = 9600


class Door(Settings):
    number: int
    weights: tuple[float, ...] = ()


class Empty(Settings):
    pass


class Site(Settings):
    name: str
    data_dir: RelativePath = Path("data")
    password: str = ""
    door: Door | None = None
    either: int | Literal["auto"] = "auto"
    empty: Empty | None = None
    links: dict[str, Annotated[Tcp | Serial, Field(discriminator="kind")]] = Field(default={})

    @model_validator(mode="after")
    def _named(self) -> "Site":
        if self.name == "nowhere":
            raise ValueError("a site must be somewhere")
        return self


def _write(folder: Path, text: str | bytes) -> Path:
    path = folder / "site.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _problems(folder: Path, text: str) -> list[str]:
    path = _write(folder, text)
    with pytest.raises(ConfigInvalid) as caught:
        load(path, Site)
    return [str(problem).removeprefix(f"{path}: ") for problem in caught.value.problems]


def test_a_good_file_gives_frozen_settings_with_paths_beside_it(tmp_path: Path) -> None:
    path = _write(tmp_path, 'name = "a"\ndata_dir = "d"\n[links.x]\nkind = "serial"\npath = "/dev/ttyS0"\n')
    site = load(path, Site)
    assert site.data_dir == tmp_path / "d"
    link = site.links["x"]
    assert isinstance(link, Serial)
    assert link.path == Path("/dev/ttyS0")
    with pytest.raises(ValueError, match="frozen"):
        site.name = "b"  # pyright: ignore[reportAttributeAccessIssue]  # the point of the test


def test_a_default_path_is_left_alone_without_a_file() -> None:
    assert Site(name="a", data_dir=Path("d")).data_dir == Path("d")


def test_all_problems_are_said_at_once_with_key_value_and_remedy(tmp_path: Path) -> None:
    assert _problems(
        tmp_path,
        """
        nmae = "a"
        [links.one]
        kind = "tcp"
        host = "h"
        port = 70000
        [links.two]
        kind = "udp"
        [links.three]
        host = "h"
        [links.four]
        kind = "serial"
        path = "p"
        baud = "fast"
        [door]
        number = 1
        weights = [1.0, "x"]
        """,
    ) == [
        "name → is required",
        "door.weights.1: 'x' → must be a valid number, unable to parse string as a number",
        "links.one.port: 70000 → must be less than or equal to 65535 (TCP port of the device)",
        "links.two.kind → must be one of 'tcp', 'serial'",
        "links.three.kind → is required",
        "links.four.baud: 'fast' → must be a valid integer, unable to parse string as an integer",
        (
            "nmae: 'a' → unknown key, 'name' may be meant; "
            "known here: data_dir, door, either, empty, links, name, password"
        ),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "nowhere"', "→ a site must be somewhere"),
        ('name = "a"\npassword = 7', "password: (not shown) → must be a valid string"),
        ('name = "a"\ndoor = 3', "door: 3 → must be a valid table or instance of Door"),
        (
            'name = "a"\n[door]\nnumber = 1\nzzz = 2',
            "door.zzz: 2 → unknown key; known here: number, weights",
        ),
        ('name = "a"\n[empty]\nx = 1', "empty.x: 1 → unknown key; nothing may stand here"),
        ('name = "a"\nlinks = [1]', "links → must be a valid table"),
    ],
)
def test_one_problem(tmp_path: Path, text: str, said: str) -> None:
    (problem,) = _problems(tmp_path, text)
    assert problem.removeprefix(f"{tmp_path / 'site.toml'} ") == said


def test_every_member_of_a_plain_union_speaks_of_the_same_key(tmp_path: Path) -> None:
    problems = _problems(tmp_path, 'name = "a"\neither = "x"')
    assert [problem.split(" → ")[0] for problem in problems] == ["either: 'x'", "either: 'x'"]


def test_long_values_are_cut(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, f'name = "a"\neither = "auto"\n[door]\nnumber = "{"y" * 500}"')
    assert len(problem) < 200


def test_keys_below_another_key_and_errors_put_together(tmp_path: Path) -> None:
    errors: list[ConfigInvalid] = []
    for name in ("gate-1", "gate-2"):
        with pytest.raises(ConfigInvalid) as caught:
            check(Tcp, {"kind": "tcp", "port": 1}, file=tmp_path / "g.toml", at=f"devices.{name}.settings")
        errors.append(caught.value)
    whole = together(*errors)
    assert [p.key for p in whole.problems] == [
        "devices.gate-1.settings.host",
        "devices.gate-2.settings.host",
    ]
    assert str(whole).count("\n") == 1


def test_files_that_are_no_configuration_are_one_line(tmp_path: Path) -> None:
    cases: list[tuple[Path, str]] = [
        (tmp_path / "absent.toml", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (_write(tmp_path, "a = 1\nb = ="), "not TOML: Invalid value (at line 2, column 5)"),
    ]
    for path, said in cases:
        with pytest.raises(ConfigInvalid) as caught:
            load(path, Site)
        assert str(caught.value) == f"{path} → {said}"
    with pytest.raises(ConfigInvalid, match="not UTF-8 \\(at line 2\\)"):
        load(_write(tmp_path, b'a = 1\nb = "\xff"'), Site)
    with pytest.raises(ConfigInvalid, match="longer than"):
        load(_write(tmp_path, b" " * (CONFIG_BYTES_MAX + 1)), Site)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from([*Site.model_fields, "zz"]), _VALUES),
    st.dictionaries(st.sampled_from(["kind", "host", "port", "tcp"]), _VALUES),
)
def test_any_table_is_either_settings_or_problems(table: dict[str, object], link: dict[str, object]) -> None:
    problems: tuple[Problem, ...] = ()
    site: Site | None = None
    try:
        site = check(Site, {"links": {"tcp": link}, **table}, file=Path("any.toml"))
    except ConfigInvalid as error:
        problems = error.problems
    assert (site is None) == bool(problems)
    assert all(problem.advice for problem in problems)


def test_a_secret_is_read_from_a_private_file(tmp_path: Path) -> None:
    write_private(tmp_path / "s" / "gate-1", b"hunter2\n")
    secrets = Secrets(tmp_path / "s")
    assert secrets("gate-1") == "hunter2"
    assert (tmp_path / "s" / "gate-1").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700


def test_secrets_that_cannot_be_used_are_one_line_without_their_content(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path)
    contents = {
        "wide": b"hunter2",
        "empty": b"\n",
        "binary": b"hunter2\xff",
        "long": b"hunter2" * PRIVATE_BYTES_MAX,
    }
    for name, content in contents.items():
        write_private(tmp_path / name, content)
    (tmp_path / "wide").chmod(0o640)
    for name in (*contents, "absent", "../up", "", "a/b"):
        with pytest.raises(FileUnusable) as caught:
            secrets(name)
        said = str(caught.value)
        assert "\n" not in said
        assert "hunter2" not in said
    with pytest.raises(FileUnusable, match="mode 0640 lets others read it; run: chmod 600"):
        secrets("wide")


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private(path, b"one")
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]
