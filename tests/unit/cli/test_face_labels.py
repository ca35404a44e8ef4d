"""Tables of labelled pictures: what people save as CSV, and what is no such table."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cardea.cli.errors import CommandError
from cardea.cli.face import labels
from cardea.cli.face.labels import IDENTITY, KIND, read_labels

FOR_LIVENESS = (
    "line 1: needs the columns path,identity, has 'path,kind'; kind is for cardea face evaluate --liveness"
)


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b, c.jpg", "张三.jpg"):
        (tmp_path / name).touch()
    return tmp_path


def read(folder, content, columns=IDENTITY):
    file = folder / "labels.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_labels(file, columns)


def refusal(folder, content, columns=IDENTITY):
    with pytest.raises(CommandError) as refused:
        read(folder, content, columns)
    assert refused.value.status == 2
    said = str(refused.value)
    assert said.startswith(f"{folder / 'labels.csv'}: ")
    assert "\n" not in said
    return said.removeprefix(f"{folder / 'labels.csv'}: ")


@pytest.mark.parametrize(
    "content",
    [
        'path,identity\na.jpg,Li\n"b, c.jpg","Wang, W."\n',
        'path,identity\r\na.jpg,Li\r\n"b, c.jpg","Wang, W."\r\n',
        '\ufeffpath,identity\n\na.jpg,Li\n,\n"b, c.jpg","Wang, W."',
        "Path ; Identity\na.jpg;Li\nb, c.jpg;Wang, W.\n",
        "identity\tnote\tpath\nLi\tglasses\ta.jpg\nWang, W.\t\tb, c.jpg\n",
    ],
)
def test_a_table_is_read_however_it_was_saved(folder, content):
    found = read(folder, content)
    assert [(each.shown, each.label) for each in found] == [("a.jpg", "Li"), ("b, c.jpg", "Wang, W.")]
    assert [each.path for each in found] == [folder / "a.jpg", folder / "b, c.jpg"]


def test_lines_are_those_of_the_file_and_names_any_script(folder):
    found = read(folder, "path,identity\n\na.jpg,李\n张三.jpg,张三\n")
    assert [(each.line, each.label) for each in found] == [(3, "李"), (4, "张三")]


def test_paths_may_be_absolute(folder):
    (one,) = read(folder, f"path,identity\n{folder / 'a.jpg'},Li\n")
    assert one.path == folder / "a.jpg"


def test_kinds_may_stand_under_species_but_kind_goes_first(folder):
    assert read(folder, "path,species\na.jpg,paper\n", KIND)[0].label == "paper"
    assert read(folder, "path,species,kind\na.jpg,paper,bona_fide\n", KIND)[0].label == "bona_fide"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is empty; the first line is path,identity"),
        ("\n\n", "is empty; the first line is path,identity"),
        ("path,identity\n", "names no picture"),
        ("file,person\na.jpg,Li\n", "line 1: needs the columns path,identity, has 'file,person'"),
        ("\npath\na.jpg\n", "line 2: needs the columns path,identity, has 'path'"),
        (
            "path,kind\na.jpg,paper\n",
            FOR_LIVENESS,
        ),
        ("path,identity\na.jpg\n", "line 2: the label is missing"),
        ("path,identity\n ,Li\n", "line 2: the path is missing"),
        ("path,identity\na.jpg,Li\n./a.jpg,Li\n", "line 3: ./a.jpg stands in line 2 already"),
        ("path,identity\na.jpg,Li\na.jpg,Wang\n", "line 3: a.jpg stands in line 2 already"),
        ("path,identity\na.jpg,Li\nx.jpg,Li\n", "line 3: x.jpg is not there"),
        (
            "path,identity\nx.jpg,Li\ny.jpg,Li\n.,Li\n",
            "line 2: x.jpg is not there, and 2 more are not either",
        ),
        (f"path,identity\n{'x' * 5000},Li\n", f"line 2: {'x' * 5000} is not there"),
        (f"path,identity\na.jpg,{'x' * 201}\n", "line 2: a label has at most 200 characters"),
        ("path,identity\na\0.jpg,Li\n", r"line 2: 'a\x00.jpg' holds a control character"),
        ('path,identity\na.jpg,"L\ni"\n', r"line 3: 'L\ni' holds a control character"),
        (
            "path,identity\na.jpg,张\n".encode("gbk"),
            "line 2: is not UTF-8; save the table as CSV UTF-8",
        ),
        ('path,identity\na.jpg,"Li\n', "line 2: is no CSV: unexpected end of data"),
    ],
)
def test_what_is_no_such_table_is_refused_with_its_line(folder, content, why):
    assert refusal(folder, content) == why


def test_a_table_for_recognition_is_not_one_for_liveness(folder):
    said = refusal(folder, "path,identity\na.jpg,Li\n", KIND)
    assert said.endswith("needs the columns path,kind, has 'path,identity'; identity is for an evaluation "
                         "without --liveness")  # fmt: skip


def kinds(folder, content):
    (folder / "t.csv").write_text(content)
    return [each.label for each in labels.read_kinds(folder / "t.csv")]


def test_kinds_may_stand_under_identity_where_somebody_is_called_living(folder):
    (folder / "b.jpg").touch()
    assert kinds(folder, "path,identity\na.jpg,Bona-fide\nb.jpg,phone\n") == ["Bona-fide", "phone"]
    assert kinds(folder, "path,identity,kind\na.jpg,live,paper\n") == ["paper"]
    assert kinds(folder, "path,label\na.jpg,live\n") == ["live"]
    with pytest.raises(CommandError, match="needs the columns path,kind, has 'path,identity'"):
        kinds(folder, "path,identity\na.jpg,Li\nb.jpg,phone\n")
    with pytest.raises(CommandError, match=r"line 2: no\.jpg is not there"):
        kinds(folder, "path,kind\nno.jpg,live\n")
    with pytest.raises(CommandError, match="needs the columns path,kind, has 'name,what'"):
        kinds(folder, "name,what\na.jpg,live\n")


@pytest.mark.parametrize(
    ("kind", "living"),
    [("bona_fide", True), ("Bona fide", True), ("LIVE", True), ("real", True), ("phone", False), ("", False)],
)
def test_who_is_living(kind, living):
    assert labels.is_living(kind) is living


def test_a_table_has_an_end(folder, monkeypatch):
    monkeypatch.setattr(labels, "ROWS_MAX", 1)
    assert refusal(folder, "path,identity\na.jpg,Li\nb.jpg,Li\n") == (
        "line 3: more than 1 pictures are not compared"
    )


def test_a_table_that_is_not_there(folder):
    with pytest.raises(CommandError, match="cannot be read"):
        read_labels(folder / "none.csv", IDENTITY)


@given(st.binary(max_size=200) | st.text(alphabet='path,identity;\n\r"\t\0aL', max_size=80).map(str.encode))
@example(b"path,identity\na,\x00")
@example(b"path,identity\n" + b"/" * 300 + b",b")
def test_any_bytes_are_read_or_refused_in_one_line(content):
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "labels.csv"
        file.write_bytes(content)
        with pytest.raises(CommandError) as refused:
            read_labels(file, IDENTITY)
        assert "\n" not in str(refused.value)
