"""Zones whose providers speak another shape than OpenAI's."""

from __future__ import annotations

import io
from pathlib import Path

from opengateway.compose.doctor import doctor
from opengateway.compose.zone import load_zone, snapshot_of
from opengateway.domain.catalog import Wire

ENVIRON = {"ANTHROPIC_API_KEY": "sk-ant-hunter2", "OTHER_KEY": "other-hunter2"}
ZONE = """
zone: z
providers:
  anthropic:
    credentials: [{name: main, api_key: "env:ANTHROPIC_API_KEY"}]
  other:
    wire: anthropic
    base_url: https://other.example/anthropic
    credentials: [{name: main, api_key: "env:OTHER_KEY"}]
  third:
    like: anthropic
    base_url: https://third.example
    auth: bearer
    credentials: [{name: main, api_key: "env:OTHER_KEY"}]
models:
  acme/large:
    endpoints:
      - {provider: other, upstream_model: large, context: 1000, price: {input: "1", output: "2"}}
"""


def zone_file(tmp_path: Path) -> Path:
    path = tmp_path / "z.yaml"
    path.write_text(ZONE)
    return path


def test_anthropic_needs_a_key_and_nothing_else(tmp_path: Path) -> None:
    snapshot = snapshot_of(load_zone(zone_file(tmp_path), ENVIRON), created_at_ns=0)
    vendor = snapshot.providers["anthropic"]
    assert (vendor.wire, vendor.auth) == (Wire.ANTHROPIC, "x-api-key")
    assert vendor.base_url == "https://api.anthropic.com"
    assert vendor.headers == {"anthropic-version": "2023-06-01"}
    assert snapshot.aliases["claude-sonnet-4-5"] == "anthropic/claude-sonnet-4-5"
    endpoints = snapshot.models["anthropic/claude-opus-5"].endpoints
    assert [e.provider_id for e in endpoints] == ["anthropic"]


def test_the_wires_own_header_carries_the_key_where_nobody_names_one(tmp_path: Path) -> None:
    providers = snapshot_of(load_zone(zone_file(tmp_path), ENVIRON), created_at_ns=0).providers
    assert (providers["other"].wire, providers["other"].auth) == (Wire.ANTHROPIC, "x-api-key")
    assert (providers["third"].wire, providers["third"].auth) == (Wire.ANTHROPIC, "bearer")
    assert providers["third"].profile == providers["anthropic"].profile


def test_doctor_shows_the_wire_and_the_header(tmp_path: Path) -> None:
    out = io.StringIO()
    assert doctor(zone_file(tmp_path), ENVIRON, out) == 0
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert "anthropic anthropic https://api.anthropic.com main (header x-api-key)" in lines
    assert "hunter2" not in out.getvalue()
