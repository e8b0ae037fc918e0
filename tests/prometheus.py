"""A real Prometheus, and promtool, for tests: Debian's package below `.tools`, or one that the
environment names."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.product import ROOT, free_port, http, until

FOLDER = Path(os.environ.get("OPENGATEWAY_TEST_PROMETHEUS") or ROOT / ".tools/prometheus/usr/bin")
PROMTOOL = str(FOLDER / "promtool")


@dataclass
class Prometheus:
    port: int

    def get(self, path: str) -> Any:
        status, body, _ = http(f"http://127.0.0.1:{self.port}{path}")
        told = json.loads(body)
        assert status == 200, told
        assert told["status"] == "success", told
        return told["data"]

    def ask(self, query: str) -> list[Any]:
        found: list[Any] = self.get(f"/api/v1/query?query={urllib.parse.quote(query)}")["result"]
        return found

    def firing(self) -> set[str]:
        alerts = self.get("/api/v1/alerts")["alerts"]
        return {a["labels"]["alertname"] for a in alerts if a["state"] == "firing"}


@contextmanager
def prometheus(folder: Path, target_port: int, rules: str) -> Iterator[Prometheus]:
    """It scrapes the product's metrics port every second, by those rules."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.yml").write_text(rules)
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        "rule_files: [rules.yml]\n"
        "scrape_configs:\n"
        "  - job_name: opengateway\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{target_port}']}}]\n"
    )
    port = free_port()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                str(FOLDER / "prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: http(f"http://127.0.0.1:{port}/-/ready")[0] == 200, 30, every_s=0.2)
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(20)
