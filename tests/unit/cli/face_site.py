"""A site to enrol faces at, real pictures of people, and a search of what is on the disk."""

import json
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from cardea.cli import main as cli
from models.face.calibrated import as_toml
from models.registry import manifest
from tests.unit.models.test_face_calibrated import SITE

CONFIG = """
[gateway]
id = "tower-1"
site = "demo"
linkage_domain = "demo"
[broker]
host = "127.0.0.1"
ca_file = "ca"
cert_file = "crt"
key_file = "key"
"""
MODEL_SHA256 = manifest()["face_reid_0095"].sha256
ADA, BOB = (1, 2, 4, 5), (3, 12, 53)
"""Numbers of pictures of two people among the shared ones."""


@dataclass(frozen=True)
class Answered:
    status: int
    out: str
    err: str

    @property
    def said(self):
        """The JSON on standard output of a command that succeeded."""
        assert (self.status, self.err) == (0, "")
        return json.loads(self.out)

    @property
    def refusal(self):
        """The one line of a command that refused."""
        assert (self.status, self.out) == (2, "")
        assert self.err.startswith("cardea: ")
        assert self.err.count("\n") == 1
        return self.err


@dataclass(frozen=True)
class Commands:
    """``cardea face``, and what it says."""

    capsys: pytest.CaptureFixture[str]
    data: Path

    def face(self, *words):
        status = cli.main(["face", *map(str, words)])
        said = self.capsys.readouterr()
        return Answered(status, said.out, said.err)

    def pictures(self, *numbers):
        return [self.data / "face" / "deepface" / f"img{number}.jpg" for number in numbers]

    @property
    def couple(self):
        """Two people in front."""
        return self.data / "face" / "deepface" / "couple.jpg"


@dataclass(frozen=True)
class FaceSite(Commands):
    """With a gateway that knows p-1 and p-2."""

    folder: Path

    @property
    def config(self):
        return self.folder / "gateway.toml"

    def make(self, config=CONFIG):
        self.config.write_text(config)
        people = self.folder / "people.csv"
        people.write_text("person,name\np-1,Ada\np-2,Bob\n")
        assert cli.main(["edge", "import-people", "--config", str(self.config), str(people)]) == 0
        self.capsys.readouterr()
        return self

    def enrol(self, person, numbers, *words):
        consent = ("--consent", "C-1", "--consent-date", "2026-01-31")
        return self.at("enrol", *self.pictures(*numbers), "--person", person, *consent, *words)

    def at(self, command, *words):
        return self.face(command, *words, "--config", self.config)

    def on_the_disk(self):
        """Everything under the gateway's folder but what this test wrote there itself."""
        own = {self.config, self.folder / "people.csv"}
        files = [file for file in self.folder.rglob("*") if file.is_file() and file not in own]
        return b"".join(file.read_bytes() for file in files)


def thresholds(file, **fields):
    """A site's own, for the model in use, written to ``file``."""
    site = msgspec.structs.replace(SITE, **{"model_sha256": MODEL_SHA256, **fields})
    file.write_text(as_toml(site))
    return file
