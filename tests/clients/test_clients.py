"""Official clients, unchanged but for base URL and key, against the running product.

    make clients        installs them, runs this, and renews the page of the docs

Each client does what it has: chat, stream, a loop with a tool, structured output. What came of it is
written to `docs/client-matrix.json`, of which the page of clients is made. Not part of `make test`: the
command lines alone are a gigabyte.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.command_lines import COMMAND_LINES
from clients.conftest import MODELS
from e2e.product import ROOT, Product

HERE = Path(__file__).parent
MATRIX = ROOT / "docs" / "client-matrix.json"
NODE = ROOT / ".tools" / "node" / "bin" / "node"
PYTHON = os.environ.get("OPENGATEWAY_CLIENTS_PYTHON") or str(ROOT / ".tools/clients/bin/python")
FEATURES = ("chat", "stream", "tools", "structured")
SCRIPTS = (
    ("openai-python, chat completions", "openai_python", "chat"),
    ("openai-python, Responses", "openai_python", "responses"),
    ("anthropic-python", "anthropic_python", ""),
    ("openai-node, chat completions", "openai.mjs", "chat"),
    ("openai-node, Responses", "openai.mjs", "responses"),
    ("anthropic for node", "anthropic.mjs", ""),
    ("Vercel AI SDK, openai-compatible", "vercel.mjs", "compatible"),
    ("Vercel AI SDK, openai (Responses)", "vercel.mjs", "openai"),
    ("Vercel AI SDK, anthropic", "vercel.mjs", "anthropic"),
    ("LangChain, ChatOpenAI", "langchain", ""),
    ("pydantic-ai, chat completions", "pydantic_ai", "chat"),
    ("pydantic-ai, Responses", "pydantic_ai", "responses"),
    ("LiteLLM as a client, openai", "litellm", "openai"),
    ("LiteLLM as a client, anthropic", "litellm", "anthropic"),
)
CALLS = [
    (name, script, way, served, feature)
    for name, script, way in SCRIPTS
    for served in MODELS
    for feature in FEATURES
]


@pytest.fixture(scope="module")
def matrix() -> Iterator[dict[str, dict[str, dict[str, str]]]]:
    """Client to who serves to feature to what came of it. Written once all was tried."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    yield found
    if found:
        known = json.loads(MATRIX.read_text()) if MATRIX.is_file() else {}
        for name, served in found.items():
            for by, features in served.items():
                known.setdefault(name, {}).setdefault(by, {}).update(features)
        MATRIX.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def check(feature: str, found: dict[str, Any]) -> None:
    assert "error" not in found, found
    if feature == "structured":
        assert isinstance(found["object"]["city"], str)
        return
    assert found["text"]
    if feature == "stream":
        assert found["pieces"] > 1
    if feature == "tools":
        assert "42 and sunny" in found["text"]
        assert found.get("input", {"city": ""}).keys() == {"city"}


@pytest.mark.parametrize(("name", "script", "way", "served", "feature"), CALLS)
def test_a_library_works_with_nothing_changed_but_its_address(
    gateway: Product, matrix: Any, name: str, script: str, way: str, served: str, feature: str
) -> None:
    row = matrix.setdefault(name, {}).setdefault(served, {})
    row[feature] = "fails"
    command = [str(NODE), str(HERE / "node" / script)]
    if not script.endswith(".mjs"):
        python = sys.executable if script == "anthropic_python" else PYTHON  # ours has it
        command = [python, str(HERE / "python" / "ask.py"), script]
    told = {"url": gateway.url, "apiKey": gateway.key, "model": MODELS[served]}
    done = subprocess.run(
        command,
        input=json.dumps({**told, "feature": feature, "way": way}),
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": os.environ["PATH"], "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    assert lines, done.stderr[-2000:]
    check(feature, json.loads(lines[-1]))
    row[feature] = "works"


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("served", ["OpenAI", "Anthropic"])
@pytest.mark.parametrize("name", sorted(COMMAND_LINES))
def test_a_command_line_works_with_nothing_changed_but_its_address(
    gateway: Product, matrix: Any, name: str, served: str, feature: str
) -> None:
    run = COMMAND_LINES[name].get(feature)
    row = matrix.setdefault(name, {}).setdefault(served, {})
    if run is None:
        row[feature] = "has none"
        return
    row[feature] = "fails"
    with tempfile.TemporaryDirectory(prefix="og-cli-") as home:
        run(Path(home), gateway.url, gateway.key, MODELS[served])
    row[feature] = "works"
