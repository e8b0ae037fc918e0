"""What `make bench-faults` measures, each with the three providers behind one model."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from processes import ROOT, Children, environment, free_port, tail
from targets import PEERS_ENV

MODEL = "bench/faulty"
_COMMAND = str(ROOT / ".venv" / "bin" / "opengateway")
_PEER_KEY = "sk-bench-master"


@dataclass(frozen=True, slots=True)
class Running:
    url: str
    key: str
    model: str


def gateway(
    children: Children, folder: Path, ports: list[int], processes: list[subprocess.Popen[bytes]]
) -> Running:
    """The product as shipped, everything at its default but billing."""
    port, zone = free_port(), folder / "zone.yaml"
    lines = [
        f"zone: faults\nedition: selfhost\nhome: {folder / 'home'}",
        f"listen: {{host: 127.0.0.1, port: {port}, metrics: {{port: {free_port()}}}}}",
        "components:\n  billing: {use: off}\nproviders:",
    ]
    for name, at in zip("abc", ports, strict=True):
        lines.append(
            f"  place-{name}:\n    wire: openai\n    base_url: http://127.0.0.1:{at}/v1\n"
            f"    credentials: [{{name: main, api_key: env:BENCH_PROVIDER_KEY}}]"
        )
    lines.append(f"models:\n  {MODEL}:\n    endpoints:")
    lines += [
        f"      - {{provider: place-{name}, upstream_model: m, context: 131072,"
        ' price: {input: "1", output: "2"}}'
        for name in "abc"
    ]
    zone.write_text("\n".join([*lines, ""]))
    env = environment(BENCH_PROVIDER_KEY="sk-bench")
    command = [_COMMAND, "serve", "--zone", str(zone), "--port", str(port)]
    processes.append(children.start("opengateway", command, env))
    url = f"http://127.0.0.1:{port}"
    _ready(url + "/readyz", children.logs / "opengateway.log")
    making = [
        _COMMAND,
        "keys",
        "create",
        "--zone",
        str(zone),
        "--team",
        "t",
        "--name",
        "n",
        "--json",
    ]
    made = subprocess.run(making, env=env, check=True, capture_output=True)
    time.sleep(1.0)
    return Running(url, json.loads(made.stdout)["key"], MODEL)


def litellm(
    children: Children, folder: Path, ports: list[int], processes: list[subprocess.Popen[bytes]]
) -> Running:
    """With retries and cool-downs as its reliability page shows them: nothing of it is turned off."""
    port, config = free_port(), folder / "litellm.yaml"
    deployments = [
        {
            "model_name": MODEL,
            "litellm_params": {
                "model": "openai/m",
                "api_base": f"http://127.0.0.1:{at}/v1",
                "api_key": "sk-bench",
            },
        }
        for at in ports
    ]
    router = {
        "routing_strategy": "simple-shuffle",
        "num_retries": 3,
        "timeout": 30,
        "allowed_fails": 3,
        "cooldown_time": 30,
    }
    config.write_text(
        json.dumps(
            {
                "model_list": deployments,
                "router_settings": router,
                "general_settings": {"master_key": _PEER_KEY},
                "litellm_settings": {"set_verbose": False, "telemetry": False},
            }
        )
    )
    env = environment(
        LITELLM_MODE="PRODUCTION", LITELLM_LOG="ERROR", LITELLM_LOCAL_MODEL_COST_MAP="True"
    )
    command = [str(PEERS_ENV / "bin/litellm"), "--config", str(config), "--host", "127.0.0.1"]
    processes.append(
        children.start("litellm", [*command, "--port", str(port), "--num_workers", "1"], env)
    )
    url = f"http://127.0.0.1:{port}"
    _ready(url + "/health/liveliness", children.logs / "litellm.log")
    return Running(url, _PEER_KEY, MODEL)


def _ready(url: str, log: Path) -> None:
    for _ in range(1200):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer:\n{tail(log)}")
