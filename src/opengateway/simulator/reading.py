"""A valid request as the generator reads it: what was asked, what is offered, how much is wanted."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from opengateway.kit import json
from opengateway.simulator.messages import content_texts
from opengateway.simulator.personas import Persona
from opengateway.simulator.settings import ModelTraits
from opengateway.simulator.tools import tool_holder

_SCHEMA_WORDS = frozenset(("type", "properties", "anyOf", "allOf", "enum", "$ref"))
DIRECTIVE = re.compile(r"\[\[simulate\b([^\[\]]{0,2000})\]\]")


@dataclass(frozen=True, slots=True)
class Ask:
    """What the answer depends on. `seed` is the same for the same request, byte order aside."""

    seed: int
    question: str
    """The last user message's text, without directives."""
    after_tool: bool
    tool_results: tuple[str, ...]
    """Contents of the tool messages at the end, in order."""
    images: tuple[str, ...]
    """Kinds: png, jpeg, gif, webp, or link."""
    files: int
    tools: dict[str, dict[str, Any]]
    """Name to `{"kind": "function" | "custom", "schema": ...}` of the tools that may be called."""
    forced: tuple[str, ...] | None
    """The tools of which one must be called; None under `auto`."""
    parallel: bool
    max_tokens: int | None
    stop: tuple[str, ...]
    n: int
    json_schema: dict[str, Any] | None
    """`{}` for any JSON object."""
    reasoning: bool
    show_reasoning: bool
    logprobs: int | None
    """How many alternatives for each token; None when not asked for."""
    include_usage: bool


def read_ask(
    body: dict[str, Any], persona: Persona, traits: ModelTraits, target_tokens: int | None
) -> Ask:
    """Read a request that `check_request` let through. `target_tokens` is a directive's wish."""
    messages = body["messages"]
    tools = _tools(body, persona)
    ignored = persona.ignored
    last = messages[-1]
    reasoning = traits.reasons and body.get("reasoning_effort") != "none"
    if persona.reasoning_needs_effort and not body.get("reasoning_effort"):
        reasoning = False
    return Ask(
        seed=_seed(body, target_tokens),
        question=last_question(messages),
        after_tool=isinstance(last, dict) and last.get("role") == "tool",
        tool_results=_results(messages),
        images=_images(messages),
        files=_files(messages),
        tools=tools,
        forced=None if "tool_choice" in ignored else _forced(body.get("tool_choice"), tools),
        parallel=body.get("parallel_tool_calls") is not False or "parallel_tool_calls" in ignored,
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        stop=_stop(body.get("stop")),
        n=1 if "n" in ignored else (body.get("n") or 1),
        json_schema=_wanted_form(body, messages),
        reasoning=reasoning,
        show_reasoning=_shows_reasoning(body),
        logprobs=_logprobs(body, persona),
        include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
    )


def last_question(messages: list[Any]) -> str:
    """The last user message's text, directives taken out."""
    return DIRECTIVE.sub("", last_user_text(messages)).strip()


def last_user_text(messages: list[Any]) -> str:
    """The last user message's text as it came; empty when there is none."""
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            return "\n".join(content_texts(message))
    return ""


def _seed(body: dict[str, Any], target_tokens: int | None) -> int:
    wanted = {name: body.get(name) for name in ("model", "messages", "tools", "seed")}
    digest = blake2b(json.dumps([wanted, target_tokens]), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


def _tools(body: dict[str, Any], persona: Persona) -> dict[str, dict[str, Any]]:
    choice = body.get("tool_choice")
    if choice == "none" and "tool_choice" not in persona.ignored:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for tool in body.get("tools") or ():
        if (holder := tool_holder(tool)) is not None:
            kind = "custom" if tool.get("type") == "custom" else "function"
            found[holder["name"]] = {"kind": kind, "schema": holder.get("parameters") or {}}
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        allowed = {
            holder["name"]
            for tool in choice["allowed_tools"]["tools"]
            if (holder := tool_holder(tool) or _bare(tool))
        }
        found = {name: tool for name, tool in found.items() if name in allowed}
    return found


def _bare(tool: Any) -> dict[str, Any] | None:
    """An allowed tool may also be given as `{"type": "function", "name": ...}`."""
    return tool if isinstance(tool, dict) and isinstance(tool.get("name"), str) else None


def _forced(choice: Any, tools: dict[str, Any]) -> tuple[str, ...] | None:
    if choice in ("required", "any") and tools:
        return tuple(tools)
    if isinstance(choice, dict):
        if choice.get("type") == "allowed_tools":
            return tuple(tools) if choice["allowed_tools"]["mode"] == "required" else None
        holder = tool_holder(choice)
        return (holder["name"],) if holder and holder["name"] in tools else None
    return None


def _results(messages: list[Any]) -> tuple[str, ...]:
    results: list[str] = []
    for message in reversed(messages):
        if message.get("role") != "tool":
            break
        results.append("\n".join(content_texts(message)))
    return tuple(reversed(results))


def _parts(messages: list[Any], kind: str) -> list[Any]:
    found = []
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            found += [part.get(kind) for part in content if part.get("type") == kind]
    return found


def _images(messages: list[Any]) -> tuple[str, ...]:
    kinds = []
    for image in _parts(messages, "image_url"):
        url = image.get("url") if isinstance(image, dict) else image
        if isinstance(url, str) and url.startswith("data:"):
            kinds.append(sniff(url))
        else:
            kinds.append("link")
    return tuple(kinds)


_MAGIC = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}


def sniff(url: str) -> str:
    """What the bytes say, and the label where they say nothing."""
    label, _, data = url.partition(",")
    head = base64.b64decode(data[:16] + "=" * (-len(data[:16]) % 4))
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    return label.removeprefix("data:image/").partition(";")[0]


def _files(messages: list[Any]) -> int:
    return len(_parts(messages, "file")) + len(_parts(messages, "document_url"))


def _stop(stop: Any) -> tuple[str, ...]:
    if isinstance(stop, str):
        return (stop,) if stop else ()
    return tuple(each for each in stop or () if each)


def _wanted_form(body: dict[str, Any], messages: list[Any]) -> dict[str, Any] | None:
    form = _schema(body.get("response_format"))
    return form or told_schema(_system_text(messages)) or form


def _schema(wanted: Any) -> dict[str, Any] | None:
    if not isinstance(wanted, dict):
        return None
    if wanted.get("type") == "json_object":
        schema = wanted.get("schema") or wanted.get("value")
        return schema if isinstance(schema, dict) else {}
    if wanted.get("type") == "json_schema":
        holder = wanted.get("json_schema")
        schema = holder.get("schema") if isinstance(holder, dict) else None
        return schema if isinstance(schema, dict) else {}
    return None


def told_schema(instructions: str) -> dict[str, Any] | None:
    """The JSON Schema that the instructions end with: models follow one that is said in words."""
    if "JSON Schema" not in instructions:
        return None
    _, _, said = instructions.rpartition("\n\n")
    try:
        schema = json.loads(said)
    except ValueError:
        return None
    return schema if isinstance(schema, dict) and _SCHEMA_WORDS & schema.keys() else None


def _system_text(messages: list[Any]) -> str:
    """The first instructions' text."""
    for message in messages:
        if isinstance(message, dict) and message.get("role") in ("system", "developer"):
            return "\n".join(content_texts(message))
    return ""


def _shows_reasoning(body: dict[str, Any]) -> bool:
    """False where the vendor's own switch hides it (Groq, OpenRouter)."""
    if body.get("reasoning_format") == "hidden" or body.get("include_reasoning") is False:
        return False
    wanted = body.get("reasoning")
    return not (isinstance(wanted, dict) and wanted.get("exclude"))


def _logprobs(body: dict[str, Any], persona: Persona) -> int | None:
    asked = body.get("logprobs")
    if not asked or not persona.logprobs_member:
        return None
    if isinstance(asked, int) and not isinstance(asked, bool):
        return min(asked, 20)
    return body.get("top_logprobs") or 0
