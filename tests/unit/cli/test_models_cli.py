"""`cardea models`: against a publisher on this machine; the real addresses are nobody's to override."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from typing import Any, cast

import msgspec
import pytest

from cardea.cli import main as cli
from cardea.cli.model_download import PullFailed, pull
from models import registry
from models.face import selftest
from models.registry import KnownAnswer, Model, Published

CONTENT = bytes(range(256)) * 200


class Server(http.server.ThreadingHTTPServer):
    """A publisher's: what was asked for, and what it answers."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Publisher)
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {}
        self.at = f"http://127.0.0.1:{self.server_port}"


class Publisher(http.server.BaseHTTPRequestHandler):
    """Answers as its server's table says: a body, a status, or a place to go instead."""

    def do_GET(self):
        server = cast("Server", self.server)
        server.asked.append(self.path)
        answer = server.answers.get(self.path, 404)
        if isinstance(answer, int):
            self.send_error(answer)
        elif isinstance(answer, str):
            self.send_response(302)
            self.send_header("location", answer)
            self.end_headers()
        elif callable(answer):
            answer(self)
        else:
            body, said = answer
            self.send_response(200)
            self.send_header("content-length", str(said))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format, *args): ...  # noqa: A002  # its base calls it so


@pytest.fixture
def publisher():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CARDEA_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "models"


@pytest.fixture
def known(publisher, folder, monkeypatch):
    def model(name, *paths, default=True):
        return Model(
            name=name,
            file=f"{name}.onnx",
            sha256=hashlib.sha256(CONTENT).hexdigest(),
            size_bytes=len(CONTENT),
            licence="MIT",
            purpose="a test",
            addresses=tuple(publisher.at + path for path in paths),
            default=default,
            inputs={"input": (1, 3, 8, 8)},
            preprocessing="none",
            known_answer=KnownAnswer(side_px=8, tolerance=0.1),
        )

    models = {
        "one": model("one", "/gone", "/moved"),
        "two": model("two", "/two", default=False),
    }
    publisher.answers["/moved"] = f"{publisher.at}/one"
    publisher.answers["/one"] = publisher.answers["/two"] = (CONTENT, len(CONTENT))
    monkeypatch.setattr(registry, "manifest", lambda: models)
    monkeypatch.setattr(selftest, "self_test", lambda _: None)
    return models


def run(capsys, *words):
    status = cli.main(["models", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


def left(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# --- pull ------------------------------------------------------------------------------------------


def test_pull_gets_the_default_ones_and_only_once(capsys, known, publisher, folder):
    assert run(capsys, "pull") == (0, f"one: pulled to {folder / 'one.onnx'}\n", "")
    assert publisher.asked == ["/gone", "/moved", "/one"], "the second address, and where it points to"
    assert (folder / "one.onnx").read_bytes() == CONTENT
    assert left(folder) == ["one.onnx"]
    status, out, _ = run(capsys, "pull", "--json")
    assert status == 0
    assert json.loads(out) == [{"name": "one", "path": str(folder / "one.onnx"), "pulled": False}]
    assert len(publisher.asked) == 3


def test_pull_of_named_ones(capsys, known, folder):
    status, out, _ = run(capsys, "pull", "two", "one", "--json")
    assert status == 0
    assert [entry["pulled"] for entry in json.loads(out)] == [True, True]
    assert left(folder) == ["one.onnx", "two.onnx"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (404, "answers 404"),
        (500, "answers 500"),
        ((CONTENT[:-1] + b"!", len(CONTENT)), "something else than the file"),
        ((CONTENT * 2, 2 * len(CONTENT)), f"more than the file's {len(CONTENT)} bytes"),
        ((b"<html>sign in</html>", 20), f"a file of 20 bytes, not the {len(CONTENT)} that were pinned"),
        ("ftp://127.0.0.1/x", "cannot be reached"),
        ("/two", "cannot be reached"),
    ],
)
def test_what_is_not_the_model_is_not_kept(capsys, known, publisher, folder, answer, why):
    publisher.answers["/two"] = answer
    status, out, err = run(capsys, "pull", "two")
    assert (status, out) == (2, "")
    assert err.startswith("cardea: model two cannot be pulled: ")
    assert err.count("\n") == 1
    assert why in err
    assert left(folder) == []


def test_a_publisher_that_is_away(capsys, known, publisher, folder):
    publisher.shutdown()
    publisher.server_close()
    status, _, err = run(capsys, "pull", "two")
    assert status == 2
    assert "cannot be reached" in err
    assert err.count("\n") == 1


def test_a_folder_that_cannot_be_written(capsys, known, folder):
    folder.write_text("a file")
    status, _, err = run(capsys, "pull", "two")
    assert status == 2
    assert err.count("\n") == 1


def test_a_disk_that_does_not_take_it(known, tmp_path):
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(PullFailed, match="cannot be written"):
        pull(known["two"], tmp_path / "folder", lambda _, __: None)


def test_no_home_no_folder(capsys, known, monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", "CARDEA_MODEL_DIR"):
        monkeypatch.delenv(name, raising=False)
    status, _, err = run(capsys, "pull")
    assert status == 2
    assert "CARDEA_MODEL_DIR" in err


def test_item_32_pull_replaces_a_tampered_file(capsys, known, folder):
    folder.mkdir()
    (folder / "two.onnx").write_bytes(b"evil")
    assert run(capsys, "verify", "two")[0] == 2
    assert run(capsys, "pull", "two")[0] == 0
    assert (folder / "two.onnx").read_bytes() == CONTENT


def test_progress_is_shown_on_a_terminal_only(capsys, known, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    status, out, err = run(capsys, "pull", "two")
    assert status == 0
    assert "\n" in out
    assert err.endswith(f"\rtwo.onnx: 100 % of {len(CONTENT)} bytes\n")


# --- a download that was cut off --------------------------------------------------------------------


def ranged(content=CONTENT, *, cut=None, lies=None):
    """Answers pieces as they are asked for; cuts each off after ``cut`` bytes."""

    def answer(handler):
        asked = handler.headers.get("range", "")
        first = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        handler.server.asked.append(asked)
        if asked and first >= len(content):
            handler.send_error(416)
            return
        handler.send_response(206 if asked else 200)
        if asked:
            at = first if lies is None else lies
            handler.send_header("content-range", f"bytes {at}-{len(content) - 1}/{len(content)}")
        handler.send_header("content-length", str(len(content) - first))
        handler.end_headers()
        handler.wfile.write(content[first:] if cut is None else content[first : first + cut])

    return answer


@pytest.mark.parametrize("answer", [ranged(cut=20_000), (CONTENT[:20_000], len(CONTENT))])
def test_what_came_is_kept_and_the_next_pull_goes_on(capsys, known, publisher, folder, answer):
    publisher.answers["/two"] = answer
    status, _, err = run(capsys, "pull", "two")
    assert (status, err.count("\n")) == (2, 1)
    assert left(folder) == ["two.onnx.part"]
    assert (folder / "two.onnx.part").read_bytes() == CONTENT[:20_000]
    publisher.answers["/two"] = ranged()
    assert run(capsys, "pull", "two")[0] == 0
    assert "bytes=20000-" in publisher.asked
    assert (folder / "two.onnx").read_bytes() == CONTENT
    assert left(folder) == ["two.onnx"]


@pytest.mark.parametrize(
    ("kept", "answer"),
    [
        (CONTENT[:9], (CONTENT, len(CONTENT))),
        (b"another" * 9, ranged()),
        (CONTENT + b"!", ranged()),
        (CONTENT, 404),
        (CONTENT[:9], ranged(lies=8)),
    ],
    ids=["no pieces", "another file's", "too long", "whole already", "another piece"],
)
def test_what_was_kept_is_never_believed(capsys, known, publisher, folder, kept, answer):
    folder.mkdir()
    (folder / "two.onnx.part").write_bytes(kept)
    publisher.answers["/two"] = answer
    status, _, err = run(capsys, "pull", "two")
    assert (status, err) == (0, "")
    assert (folder / "two.onnx").read_bytes() == CONTENT
    assert left(folder) == ["two.onnx"]


def test_a_file_that_became_shorter_is_asked_for_anew_and_not_kept(capsys, known, publisher, folder):
    folder.mkdir()
    (folder / "two.onnx.part").write_bytes(CONTENT[:20_000])
    publisher.answers["/two"] = ranged(CONTENT[:10_000])
    status, _, err = run(capsys, "pull", "two")
    assert status == 2
    assert f"gives a file of 10000 bytes, not the {len(CONTENT)} that were pinned" in err
    assert left(folder) == []


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_files_handed_in_lie_in_a_folder(capsys, known, tmp_path, name):
    (tmp_path / "file").write_bytes(CONTENT)
    status, _, err = run(capsys, "pull", "two", "--from", str(tmp_path / name))
    assert (status, err) == (
        2,
        f"cardea: {tmp_path / name}: is no folder; name the one that holds two.onnx\n",
    )


def test_an_interrupted_pull_says_how_to_go_on(capsys, known, publisher, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("cardea.cli.model_download._take", interrupted)
    status, _, err = run(capsys, "pull", "two")
    assert (status, err) == (130, "cardea: interrupted; what has come is kept: run it again to go on\n")


# --- models made of published files -----------------------------------------------------------------


@pytest.fixture
def made(publisher, folder, monkeypatch, test_data):
    """The model of templates, with its publisher on this machine."""
    at = test_data / "models" / "omz" / "face-reidentification-retail-0095" / "FP16"
    real = registry.manifest()["face_reid_0095"]
    published = tuple(
        Published(each.file, each.sha256, each.size_bytes, (f"{publisher.at}/{each.file}",))
        for each in real.derived_from
    )
    for each in published:
        content = (at / each.file).read_bytes()
        publisher.answers[f"/{each.file}"] = (content, len(content))
    model = msgspec.structs.replace(real, derived_from=published)
    monkeypatch.setattr(registry, "manifest", lambda: {model.name: model})
    return model, at


@pytest.mark.needs_test_data
def test_the_model_is_made_of_its_publishers_files_to_the_byte(capsys, made, folder):
    model, _ = made
    assert run(capsys, "pull")[0] == 0
    assert left(folder) == [model.file]
    assert hashlib.sha256((folder / model.file).read_bytes()).hexdigest() == model.sha256
    status, out, _ = run(capsys, "verify", model.name, "--json")
    assert (status, json.loads(out)["ok"]) == (0, True)


@pytest.mark.needs_test_data
@pytest.mark.parametrize("up", [0, 2])
def test_a_site_without_internet_hands_the_files_in(capsys, made, folder, publisher, up):
    model, at = made
    source = (at, *at.parents)[up]
    assert run(capsys, "pull", "--from", str(source))[0] == 0
    assert left(folder) == [model.file]
    assert publisher.asked == []


@pytest.mark.needs_test_data
def test_files_that_are_not_the_published_ones_are_refused(capsys, made, folder, tmp_path):
    model, at = made
    status, _, err = run(capsys, "pull", "--from", str(tmp_path / "nowhere"))
    assert (status, err.count("\n")) == (2, 1)
    source = tmp_path / "source"
    source.mkdir()
    for each in model.derived_from:
        (source / each.file).write_bytes((at / each.file).read_bytes()[:-1])
    status, _, err = run(capsys, "pull", "--from", str(source))
    assert status == 2
    assert "is not the file that was pinned" in err
    assert left(folder) == []


# --- list and verify ---------------------------------------------------------------------------------


def test_list_says_where_they_are(capsys, known, folder):
    run(capsys, "pull", "two")
    (folder / "one.onnx").write_bytes(b"evil")
    status, out, _ = run(capsys, "list", "--json")
    assert status == 0
    one, two = json.loads(out)
    assert (one["state"], two["state"]) == ("refused", "here")
    assert str(folder / "one.onnx") in one["problem"]
    assert two["path"] == str(folder / "two.onnx")
    assert two["sha256"] == known["two"].sha256
    status, out, _ = run(capsys, "list")
    assert status == 0
    assert "one: refused\n" in out
    assert f"  path: {folder / 'two.onnx'}\n" in out


def test_verify_without_names_looks_at_what_is_here(capsys, known, folder):
    assert run(capsys, "verify") == (2, "", "cardea: no model is here; run: cardea models pull\n")
    run(capsys, "pull", "two")
    assert run(capsys, "verify") == (0, f"two: is what it should be ({folder / 'two.onnx'})\n", "")


def test_verify_of_a_named_one_asks_for_it(capsys, known):
    status, _, err = run(capsys, "verify", "one")
    assert (status, err) == (2, "cardea: model one is not here; run: cardea models pull one\n")
    status, out, err = run(capsys, "verify", "one", "--json")
    assert (status, err) == (2, "")
    assert json.loads(out)["ok"] is False
    status, _, err = run(capsys, "pull", "three")
    assert (status, err) == (2, "cardea: there is no model 'three'; there are: one, two\n")


def test_item_32_verify_refuses_and_names_a_tampered_model(capsys, known, folder):
    run(capsys, "pull", "one", "two")
    (folder / "one.onnx").write_bytes(CONTENT[:-1] + b"!")
    status, out, err = run(capsys, "verify")
    assert status == 2
    assert out == f"two: is what it should be ({folder / 'two.onnx'})\n"
    assert err == f"cardea: {folder / 'one.onnx'}: is not the model one; replace it: cardea models pull one\n"
    status, out, _ = run(capsys, "verify", "two", "--json")
    assert status == 0
    assert json.loads(out)["ok"] is True


def test_the_real_command_without_a_network(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "CARDEA_MODEL_DIR": ""}
    done = subprocess.run(
        [sys.executable, "-m", "cardea.cli.main", "models", "verify", "yunet_s_dynamic"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "cardea: model yunet_s_dynamic is not here; run: cardea models pull yunet_s_dynamic\n"
    )
