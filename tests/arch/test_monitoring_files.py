"""Rules, dashboards and runbooks are what their sources say, and Prometheus reads them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from e2e.product import ROOT
from prometheus import PROMTOOL

sys.path.insert(0, str(ROOT))
from tools.monitoring import alerts, dashboards

METRIC = re.compile(r"\bopengateway_[a-z_]+")
SUFFIXES = ("_total", "_bucket", "_sum", "_count", "_info")


def promtool(*arguments: str) -> str:
    done = subprocess.run(
        [PROMTOOL, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT / "deploy/prometheus",
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_made_is_current() -> None:
    made = {**alerts.files(), **dashboards.files()}
    old = [
        path.name for path, text in made.items() if not path.exists() or path.read_text() != text
    ]
    assert old == [], "run tools/monitoring/write.py"
    runbooks = {path.name for path in (ROOT / alerts.RUNBOOKS).iterdir()}
    assert runbooks == {p.name for p in alerts.files() if p.parent.name == "runbooks"}


def test_prometheus_takes_the_rules_and_every_alert_fires_and_goes() -> None:
    assert "SUCCESS" in promtool("check", "rules", "rules.yml")
    assert "SUCCESS" in promtool("check", "config", "--syntax-only", "prometheus.yml")
    promtool("test", "rules", "rules-test.yml")


def test_every_metric_that_is_asked_for_is_one_that_the_product_has() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "src/opengateway").rglob("*.py"))
    named = {name for *_, query in dashboards.asks() for name in METRIC.findall(query)}
    named |= {name for alert in alerts.load() for name in METRIC.findall(alert["expr"])}

    def known(metric: str) -> bool:
        bare = metric
        for suffix in SUFFIXES:
            bare = bare.removesuffix(suffix)
        short = bare.removeprefix("opengateway_").removeprefix("ledger_")
        return bare in source or f'"{short}"' in source

    assert sorted(metric for metric in named if not known(metric)) == []


def test_alertmanager_knows_every_severity() -> None:
    config = yaml.safe_load((ROOT / "deploy/alertmanager/alertmanager.yml").read_text())
    receivers = {receiver["name"] for receiver in config["receivers"]}
    assert config["route"]["receiver"] in receivers
    assert {route["receiver"] for route in config["route"]["routes"]} <= receivers
    assert {alert["severity"] for alert in alerts.load()} == {"page", "ticket"}


def test_dashboards_are_sound_and_read_their_source_from_a_variable() -> None:
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        board = json.loads(path.read_text())
        assert board["uid"] == f"opengateway-{path.stem}"
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))
        for panel in board["panels"]:
            assert panel["datasource"]["uid"] == "${datasource}"
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
    for name in ("datasources/prometheus.yaml", "dashboards/opengateway.yaml"):
        assert yaml.safe_load((ROOT / "deploy/grafana/provisioning" / name).read_text())


def test_compose_mounts_files_that_are_there() -> None:
    path = ROOT / "deploy/compose/monitoring.yaml"
    services = yaml.safe_load(path.read_text())["services"]
    mounted = [v for service in services.values() for v in service.get("volumes", ())]
    relative = [Path(v.partition(":")[0]) for v in mounted if v.startswith("..")]
    assert relative
    for place in relative:
        assert (path.parent / place).exists(), place
