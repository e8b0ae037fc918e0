"""Claude Code, Codex and opencode: how each is told of a gateway, and how it says that it was served."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MODULES = Path(__file__).parent / "cli" / "node_modules"
CLAUDE = MODULES / "@anthropic-ai" / "claude-code-linux-x64" / "claude"
OPENCODE = MODULES / "opencode-linux-x64" / "bin" / "opencode"
CODEX = MODULES / "@openai" / "codex-linux-x64" / "vendor" / "x86_64-unknown-linux-musl/bin/codex"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ANSWERED = "The tool answered"
"""What the simulator says once a tool's result reached it."""
_TIMEOUT_S = 180

Run = Callable[[Path, str, str, str], None]


def _run(command: list[str], home: Path, **environment: str) -> list[str]:
    """Its standard output's lines. Nothing of ours but a path is in its environment."""
    done = subprocess.run(
        command,
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout.splitlines()


# --- Claude Code -----------------------------------------------------------------------------------
def _claude(home: Path, url: str, key: str, model: str, *arguments: str) -> list[dict[str, Any]]:
    lines = _run(
        [str(CLAUDE), "-p", *arguments],
        home,
        ANTHROPIC_BASE_URL=url,
        ANTHROPIC_AUTH_TOKEN=key,
        ANTHROPIC_MODEL=model,
        ANTHROPIC_SMALL_FAST_MODEL=model,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        DISABLE_AUTOUPDATER="1",
    )
    return [json.loads(line) for line in lines if line.startswith("{")]


def _claude_chat(home: Path, url: str, key: str, model: str) -> None:
    *_, last = _claude(
        home, url, key, model, "Say hello.", "--tools", "", "--output-format", "json"
    )
    assert last["is_error"] is False
    assert last["result"]


def _claude_stream(home: Path, url: str, key: str, model: str) -> None:
    told = ("--output-format", "stream-json", "--include-partial-messages", "--verbose")
    events = _claude(home, url, key, model, "Say hello.", "--tools", "", *told)
    inner = [e["event"]["type"] for e in events if e["type"] == "stream_event"]
    assert inner.count("content_block_delta") > 1
    assert inner[-1] == "message_stop"


def _claude_tools(home: Path, url: str, key: str, model: str) -> None:
    given = ("--tools", "Bash", "--allowedTools", "Bash", "--max-turns", "3")
    told = ("--system-prompt", "Be brief.", "--output-format", "json")
    *_, last = _claude(home, url, key, model, "Please call Bash.", *given, *told)
    assert ANSWERED in last["result"]


def _claude_structured(home: Path, url: str, key: str, model: str) -> None:
    wanted = ("--json-schema", json.dumps(SCHEMA), "--output-format", "json")
    *_, last = _claude(home, url, key, model, "Name a city.", "--tools", "", *wanted)
    assert isinstance(last["structured_output"]["city"], str)


# --- Codex -----------------------------------------------------------------------------------------
def _codex(home: Path, url: str, key: str, model: str, *arguments: str) -> list[dict[str, Any]]:
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text(
        f'model = "{model}"\nmodel_provider = "gateway"\nweb_search = "disabled"\n'
        f'[model_providers.gateway]\nname = "gateway"\nbase_url = "{url}/v1"\n'
        'env_key = "OG_KEY"\nwire_api = "responses"\n'
    )
    command = [str(CODEX), "exec", "--skip-git-repo-check", "--json", *arguments]
    lines = _run(command, home, OG_KEY=key)
    return [json.loads(line) for line in lines if line.startswith("{")]


def _said(events: list[dict[str, Any]]) -> str:
    assert events[-1]["type"] == "turn.completed", events
    items = [e["item"] for e in events if e["type"] == "item.completed"]
    return str([i["text"] for i in items if i["type"] == "agent_message"][-1])


def _codex_chat(home: Path, url: str, key: str, model: str) -> None:
    """Codex always streams."""
    assert _said(_codex(home, url, key, model, "Say hello."))


def _codex_tools(home: Path, url: str, key: str, model: str) -> None:
    events = _codex(home, url, key, model, "Please call exec_command.")
    assert ANSWERED in _said(events)
    kinds = [e["item"]["type"] for e in events if e["type"] == "item.completed"]
    assert "command_execution" in kinds


def _codex_structured(home: Path, url: str, key: str, model: str) -> None:
    (home / "schema.json").write_text(json.dumps(SCHEMA))
    wanted = ("--output-schema", "schema.json")
    said = _said(_codex(home, url, key, model, *wanted, "Name a city."))
    assert isinstance(json.loads(said)["city"], str)


# --- opencode --------------------------------------------------------------------------------------
def _opencode(home: Path, url: str, key: str, model: str, text: str) -> list[dict[str, Any]]:
    (home / ".config" / "opencode").mkdir(parents=True)
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "gateway",
        "options": {"baseURL": f"{url}/v1", "apiKey": key},
        "models": {model: {"name": "model", "tool_call": True}},
    }
    settings = {"provider": {"gateway": provider}, "autoupdate": False, "share": "disabled"}
    (home / ".config" / "opencode" / "opencode.json").write_text(json.dumps(settings))
    command = [str(OPENCODE), "run", "-m", f"gateway/{model}", "--format", "json", text]
    lines = _run(command, home, OPENCODE_DISABLE_MODELS_FETCH="1", OPENCODE_DISABLE_AUTOUPDATE="1")
    return [json.loads(line) for line in lines if line.startswith("{")]


def _opencode_chat(home: Path, url: str, key: str, model: str) -> None:
    """opencode always streams."""
    events = _opencode(home, url, key, model, "Say hello.")
    assert any(e["type"] == "text" and e["part"]["text"] for e in events), events
    assert events[-1]["part"]["reason"] == "stop"


def _opencode_tools(home: Path, url: str, key: str, model: str) -> None:
    events = _opencode(home, url, key, model, "Please call bash.")
    assert any(e["type"] == "tool_use" for e in events), events
    texts = [e["part"]["text"] for e in events if e["type"] == "text"]
    assert ANSWERED in texts[-1]


COMMAND_LINES: Mapping[str, Mapping[str, Run]] = {
    "Claude Code": {
        "chat": _claude_chat,
        "stream": _claude_stream,
        "tools": _claude_tools,
        "structured": _claude_structured,
    },
    "Codex CLI": {
        "chat": _codex_chat,
        "stream": _codex_chat,
        "tools": _codex_tools,
        "structured": _codex_structured,
    },
    "opencode": {"chat": _opencode_chat, "stream": _opencode_chat, "tools": _opencode_tools},
}
