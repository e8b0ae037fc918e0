from __future__ import annotations

import io
from pathlib import Path

import pytest

from opengateway.compose.doctor import doctor

ZONES = Path(__file__).resolve().parents[3] / "deploy" / "zones"
HOSTED = ("OPENAI", "GROQ", "DEEPSEEK", "MISTRAL", "OPENROUTER", "TOGETHER", "UPSTAGE")
SECRETS = {f"{name}_API_KEY": f"sk-{name.lower()}-hunter2" for name in (*HOSTED, "VLLM")}


@pytest.mark.parametrize("name", ["dev", "kr", "jp", "airgap"])
def test_every_shipped_zone_passes_and_shows_no_secret(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(ZONES / f"{name}.yaml", SECRETS) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert f"zone        {name}" in shown.out
    assert "hunter2" not in shown.out


def test_the_assembly_says_what_fills_each_slot_and_who_is_called(tmp_path: Path) -> None:
    out = io.StringIO()
    assert doctor(ZONES / "kr.yaml", SECRETS, out) == 0
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert (
        "secrets env none the zone file says so: credentials come from the environment alone"
    ) in lines
    assert any(
        line.startswith("billing ledger none default: requests are held for") for line in lines
    )
    assert "groq openai https://api.groq.com/openai/v1 main" in lines
    assert any(line.startswith("clocks connect 5 s; first token 30 s streaming") for line in lines)
    assert (
        "price deepseek/deepseek-v4-pro at deepseek: two sources differ, the higher serves" in lines
    )


def test_a_provider_without_its_optional_key_is_shown_as_left_out() -> None:
    out = io.StringIO()
    assert doctor(ZONES / "dev.yaml", {}, out) == 0
    assert "groq           left out: no optional credential is set (main)" in out.getvalue()
    assert "models      10 served by 10 endpoints; 0 by more than one" in out.getvalue()


def test_every_fault_gets_its_line_and_the_exit_code_is_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert doctor(ZONES / "kr.yaml", {}) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == len(HOSTED)
    assert all(line.startswith("kr.yaml:") for line in shown.err.splitlines())


def test_a_zone_that_serves_nothing_is_no_sound_zone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "z.yaml"
    path.write_text("zone: z\n")
    assert doctor(path, {}) == 1
    assert capsys.readouterr().err.startswith("z.yaml: nothing can be served")


def test_more_members_than_the_store_has_room_for_are_refused(
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = "components: {control_store: {use: postgres, url: env:STORE}}\n"
    path = tmp_path / "z.yaml"
    path.write_text((ZONES / "dev.yaml").read_text() + store)
    environ = {"STORE": postgres_url}
    assert doctor(path, environ) == 0
    told = capsys.readouterr().out
    assert "connections 16 of a member to PostgreSQL, which has room for" in told
    assert " a process: room for " in told
    assert doctor(path, environ, members=5_000) == 1
    assert "raise max_connections, or run" in capsys.readouterr().err
