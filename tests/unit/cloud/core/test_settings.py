"""cloud.toml: what is wrong is named, all at once, with what would be right."""

import tomllib

import pytest

from cardea.runtime.config import ConfigInvalid
from cloud.settings import EmbeddedSeries, LineProtocolSeries, OrganisationKind, SiteKind, load_cloud

GOOD = """
[cloud]
[broker]
host = "127.0.0.1"
port = 18883
ca_file = "pki/ca.crt"
cert_file = "pki/a.crt"
key_file = "pki/a.key"
[keys]
order_key_file = "keys/orders.pem"
[console]
time_zone = "Asia/Shanghai"
[organisations.harbour]
name = "Harbour"
[organisations.jinshui]
name = "Jinshui"
kind = "district"
[sites.tower]
name = "Tower"
organisation = "harbour"
district = "jinshui"
[gateways.tower-1]
site = "tower"
portals = { lobby-a = "Lobby A" }
"""


def _problems(tmp_path, text):
    file = tmp_path / "cloud.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigInvalid) as caught:
        load_cloud(file)
    return [str(problem).removeprefix(f"{file}: ") for problem in caught.value.problems]


def test_a_good_file_is_taken_and_paths_lie_beside_it(tmp_path):
    file = tmp_path / "cloud.toml"
    file.write_text(GOOD, encoding="utf-8")
    settings = load_cloud(file)
    assert settings.cloud.data_dir == tmp_path / "data"
    assert settings.broker.ca_file == tmp_path / "pki/ca.crt"
    assert settings.ledger_url == f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite'}"
    assert (settings.cloud.gateway_silent_s, settings.console.port) == (35.0, 8080)
    assert settings.sites["tower"].kind is SiteKind.WORKPLACE
    assert settings.organisations["harbour"].kind is OrganisationKind.PROPERTY
    assert settings.gateways["tower-1"].portals == {"lobby-a": "Lobby A"}


def test_the_ledger_can_be_elsewhere(tmp_path):
    file = tmp_path / "cloud.toml"
    file.write_text(GOOD + '[ledger]\nurl = "postgresql://db/cardea"\n', encoding="utf-8")
    assert load_cloud(file).ledger_url == "postgresql://db/cardea"


def test_names_that_lead_nowhere_are_all_said(tmp_path):
    text = GOOD.replace('organisation = "harbour"', 'organisation = "hall"')
    text = text.replace('district = "jinshui"', 'district = "harbour"').replace(
        'site = "tower"', 'site = "towr"'
    )
    assert _problems(tmp_path, text) == [
        "sites.tower.organisation: 'hall' → must be one of the organisations in this file: harbour, jinshui",
        "sites.tower.district: 'harbour' → must be one of the districts in this file: jinshui",
        "gateways.tower-1.site: 'towr' → must be one of the sites in this file: tower",
    ]
    text = GOOD.replace('kind = "district"', "")
    assert _problems(tmp_path, text) == ["sites.tower.district: 'jinshui' → this file declares no districts"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("port = 18883", "port = 99999", "broker.port"),
        ("[cloud]", "[cloud]\ngateway_silent_s = 1", "cloud.gateway_silent_s"),
        ("[cloud]", '[cloud]\nunheard_of = "x"', "cloud.unheard_of"),
        ("[console]", '[console]\nbind = "0.0.0.0"', "console.bind"),
        ("[console]", '[console]\nbind = "anywhere"', "console.bind"),
        ("Asia/Shanghai", "Asia/Shangai", "console.time_zone"),
        ("[gateways.tower-1]", "[gateways.Tower_1]", "Tower_1"),
        ('kind = "district"', 'kind = "galaxy"', "organisations.jinshui.kind"),
        ("[keys]", '[ledger]\nurl = "mysql://x"\n[keys]', "ledger.url"),
        ("[keys]", "[clones]\ntakeover_s = 5\n[keys]", "clones.takeover_s"),
        ("[keys]", "[series]\nmemory_mb = 1\n[keys]", "series.memory_mb"),
        ("[keys]", '[series]\nkind = "paper"\n[keys]', "must be 'embedded' or 'line_protocol'"),
        ("[keys]", '[series]\nkind = "line_protocol"\n[keys]', "series.url"),
        ("[keys]", '[series]\nkind = "line_protocol"\nurl = "ftp://x"\n[keys]', "series.url"),
        ("[keys]", '[series]\nurl = "http://x"\n[keys]', "series.url"),
    ],
)
def test_a_wrong_value_names_its_key(tmp_path, old, new, key):
    text = GOOD.replace(old, new)
    assert tomllib.loads(text)
    (problem,) = _problems(tmp_path, text)
    assert key in problem
    assert "→" in problem


def test_series_are_kept_in_duckdb_unless_a_store_is_named(tmp_path):
    file = tmp_path / "cloud.toml"
    file.write_text(GOOD, encoding="utf-8")
    settings = load_cloud(file)
    assert isinstance(settings.series, EmbeddedSeries)
    assert settings.series_folder(settings.series) == tmp_path / "data" / "series"
    file.write_text(GOOD + '[series]\nfolder = "elsewhere"\nretention_days = 30\n', encoding="utf-8")
    settings = load_cloud(file)
    assert isinstance(settings.series, EmbeddedSeries)
    assert settings.series_folder(settings.series) == tmp_path / "elsewhere"
    named = '[series]\nkind = "line_protocol"\nurl = "http://127.0.0.1:8428"\n'
    file.write_text(GOOD + named, encoding="utf-8")
    series = load_cloud(file).series
    assert isinstance(series, LineProtocolSeries)
    assert (series.bucket, series.hold_s) == ("cardea", 10.0)
