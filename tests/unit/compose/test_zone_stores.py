"""PostgreSQL and Valkey in a zone file: what is checked, resolved, hidden and asked."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from opengateway.compose.control import settings_of
from opengateway.compose.doctor import doctor
from opengateway.compose.faults import ZoneFaults
from opengateway.compose.zone import load_zone
from opengateway.infra.database import shown

ZONE = """\
zone: z
edition: selfhost
home: ./var
components:
  control_store: {use: postgres, url: env:STORE}
  shared_state: {use: valkey, url: env:SHARED}
providers:
  sim: {wire: openai, bundled: true, auth: none}
models:
  lab/m:
    endpoints:
      - {provider: sim, upstream_model: sim-chat, context: 8192, price: {input: "1", output: "1"}}
"""
AWAY = {
    "STORE": "postgresql://u:s3cret@127.0.0.1:1/og",
    "SHARED": "redis://:s3cret@127.0.0.1:1/0",
}


def zone_file(folder: Path, text: str = ZONE) -> Path:
    path = folder / "z.yaml"
    path.write_text(text)
    return path


def faults_of(folder: Path, text: str, environ: dict[str, str]) -> list[str]:
    with pytest.raises(ZoneFaults) as told:
        load_zone(zone_file(folder, text), environ)
    return list(told.value.faults)


def test_servers_are_named_by_references_and_never_shown(tmp_path: Path) -> None:
    zone = load_zone(zone_file(tmp_path), AWAY)
    assert zone.stores.control_store == AWAY["STORE"]
    assert zone.stores.shared_state == AWAY["SHARED"]
    assert "s3cret" not in repr(zone)


def test_control_uses_the_store_that_the_zone_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in AWAY.items():
        monkeypatch.setenv(name, value)
    settings = settings_of(zone_file(tmp_path))
    assert settings.database_url == AWAY["STORE"]
    assert shown(settings.database_url) == "postgresql://127.0.0.1:1/og"
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("change", "environ", "fault"),
    [
        (("env:STORE", "postgresql://u:s3cret@h/d"), {}, "control_store.url: it holds a password"),
        (("x", "x"), {"STORE": ""}, "control_store.url: the environment variable 'STORE' is not"),
        (("x", "x"), {"STORE": "mysql://u:s3cret@h/d"}, "control_store.url: what it points at is"),
        (("x", "x"), {"SHARED": "http://[s3cret"}, "shared_state.url: what it points at is no"),
        ((", url: env:SHARED", ""), {}, "shared_state.url: is missing"),
        (
            ("selfhost", "airgap"),
            {"SHARED": "redis://:s3cret@cache.example/0"},
            "shared_state.url: 'cache.example' is not a private address",
        ),
    ],
    ids=["in the file", "unset", "another database", "no URL", "no url", "airgap"],
)
def test_what_cannot_work_is_told_at_the_start(
    tmp_path: Path, change: tuple[str, str], environ: dict[str, str], fault: str
) -> None:
    (told,) = faults_of(tmp_path, ZONE.replace(*change), {**AWAY, **environ})
    assert f"components.{fault}" in told
    assert "s3cret" not in told


def test_several_gateways_need_what_they_share(tmp_path: Path) -> None:
    text = ZONE + "listen: {workers: 2}\n"
    alone = text.replace("{use: valkey, url: env:SHARED}", "{use: memory}")
    (told,) = faults_of(tmp_path, alone, AWAY)
    assert told.endswith(
        "2 gateways need components.shared_state: {use: valkey}; set that, or workers: 1"
    )


def test_doctor_asks_the_servers(
    tmp_path: Path, postgres_url: str, valkey_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = io.StringIO()
    there = {"STORE": postgres_url, "SHARED": valkey_url}
    assert doctor(zone_file(tmp_path), there, out) == 0, capsys.readouterr().err
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert any(line[:3] == ["control_store", "postgres", "zone"] for line in lines)
    assert "version 18." in out.getvalue()
    assert "version 9." in out.getvalue()
    for missing in ("STORE", "SHARED"):
        assert doctor(zone_file(tmp_path), {**there, missing: AWAY[missing]}, out) == 1
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert "127.0.0.1:1" in told
        assert "nothing listens there" in told
        assert "s3cret" not in told


def test_a_zone_is_read_without_loading_what_talks_to_servers(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from opengateway.compose.zone import load_zone;"
        f"load_zone(Path({str(zone_file(tmp_path))!r}), {AWAY!r});"
        "print([m for m in ('redis', 'asyncpg', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_rows_of_a_fleet_stay_where_every_member_reads_them(tmp_path: Path) -> None:
    assert load_zone(zone_file(tmp_path), AWAY).components.event_log.use == "postgres"
    local = "  event_log: {use: local}\nproviders:"
    (told,) = faults_of(tmp_path, ZONE.replace("providers:", local), AWAY)
    assert told.startswith("z.yaml:7: components.event_log.use: 'local' keeps older rows in files")
    alone = ZONE.replace("providers:", local).replace("valkey, url: env:SHARED", "memory")
    assert load_zone(zone_file(tmp_path, alone), AWAY).components.event_log.use == "local"
