"""What is measured, and how each is started. Peers run as their own production advice says."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from processes import ROOT, environment
from product import Product, model_names

CHAT = "/v1/chat/completions"
PEERS = ROOT / "bench" / "peers"
PEERS_ENV = ROOT / ".tools" / "bench-litellm"
NODE = ROOT / ".tools" / "node" / "bin" / "node"
_PORTKEY = PEERS / "node_modules" / "@portkey-ai" / "gateway"
_LITELLM_KEY = "sk-bench-master"


@dataclass(frozen=True, slots=True)
class Target:
    """`command` runs on `port`; None means that something else runs it (the upstream itself)."""

    name: str
    port: int
    command: Sequence[str] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ("sk-bench",)
    models: Sequence[str] = ("bench-model",)
    headers: Mapping[str, str] = field(default_factory=dict)
    slow: bool = False
    """It does not hold 200 requests a second: it is measured at 40."""
    alone: Sequence[str] | None = None
    """The command of the process that holds the public port, where the product has more."""
    product: Product | None = None


def direct(upstream_port: int) -> Target:
    return Target("direct", upstream_port)


def opengateway(product: Product, port: int, alone_port: int) -> Target:
    return Target(
        product.kind.name,
        port,
        command=product.command(port),
        env=product.environment(),
        secrets=product.secrets,
        models=model_names(),
        alone=product.gateway_command(alone_port),
        product=product,
    )


def portkey(upstream_port: int, port: int) -> Target:
    """A custom host on loopback must be named as trusted; the provider's key is passed on."""
    return Target(
        "portkey",
        port,
        command=[
            str(NODE),
            str(_PORTKEY / "build/start-server.js"),
            f"--port={port}",
            "--headless",
        ],
        env=environment(NODE_ENV="production", TRUSTED_CUSTOM_HOSTS="127.0.0.1,localhost"),
        headers={
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{upstream_port}/v1",
        },
    )


def litellm(upstream_port: int, port: int) -> Target:
    command = [str(PEERS_ENV / "bin/litellm"), "--config", str(PEERS / "litellm.yaml")]
    return Target(
        "litellm",
        port,
        command=[*command, "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"],
        env=environment(
            LITELLM_MODE="PRODUCTION",
            LITELLM_LOG="ERROR",
            LITELLM_LOCAL_MODEL_COST_MAP="True",  # its own copy: nothing is fetched at the start
            BENCH_UPSTREAM=f"http://127.0.0.1:{upstream_port}/v1",
            BENCH_PROVIDER_KEY="sk-bench",
            BENCH_KEY=_LITELLM_KEY,
        ),
        secrets=(_LITELLM_KEY,),
        slow=True,
    )


def nginx(upstream_port: int, port: int, folder: Path) -> Target | None:
    """None where nginx is not installed."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    template = Template((PEERS / "nginx.conf").read_text())
    config = folder / "nginx.conf"
    config.write_text(template.substitute(PORT=port, UPSTREAM=upstream_port, FOLDER=folder))
    return Target(
        "nginx",
        port,
        command=[program, "-p", str(folder), "-e", "stderr", "-c", str(config)],
        env=environment(),
    )


def missing(names: Sequence[str], *, profile: bool) -> list[str]:
    """What `make bench` has to set up first for these targets."""
    wanted = [PEERS_ENV / "bin/py-spy"] if profile else []
    if "litellm" in names:
        wanted.append(PEERS_ENV / "bin/litellm")
    if "portkey" in names:
        wanted += [NODE, _PORTKEY]
    return [str(path.relative_to(ROOT)) for path in wanted if not path.exists()]


def versions(names: Sequence[str]) -> dict[str, str]:
    """Versions of the targets, as their locks say."""
    from opengateway import __version__

    lock = json.loads((PEERS / "package-lock.json").read_text())["packages"]
    python = (ROOT / "requirements" / "bench.lock").read_text().splitlines()
    pinned = dict(line.split(" ")[0].split("==") for line in python if "==" in line[:60])
    known = {
        "opengateway": __version__,
        "portkey": lock["node_modules/@portkey-ai/gateway"]["version"],
        "litellm": next(v for k, v in pinned.items() if k.startswith("litellm")),
    }
    return {name: known[name] for name in names if name in known}
