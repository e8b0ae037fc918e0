"""A Messages request as the generator reads it."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from opengateway.kit import json
from opengateway.simulator.anthropic.rules import blocks_of, thinking_on
from opengateway.simulator.reading import DIRECTIVE, Ask, sniff, told_schema
from opengateway.simulator.settings import ModelTraits


def read_ask(
    body: dict[str, Any],
    traits: ModelTraits,
    target_tokens: int | None,
    *,
    interleaved: bool,
) -> Ask:
    """Read a request that the rules let through. `target_tokens` is a directive's wish.

    `interleaved`: the model may think again between its tools, not only before the first.
    """
    messages = body["messages"]
    last = blocks_of(messages[-1]["content"])
    results = tuple(_texts(b.get("content")) for b in last if b["type"] == "tool_result")
    after_tool = bool(results) and not any(block["type"] == "text" for block in last)
    choice = body.get("tool_choice") or {"type": "auto"}
    tools = _tools(body, choice)
    reasoning = thinking_on(body, traits) and (interleaved or not results)
    shape = ((body.get("output_config") or {}).get("format") or {}).get("schema")
    return Ask(
        seed=_seed(body, target_tokens),
        question=DIRECTIVE.sub("", user_text(messages)).strip(),
        after_tool=after_tool,
        tool_results=results,
        images=_images(messages),
        files=_documents(messages),
        tools=tools,
        forced=_forced(choice, tools),
        parallel=not choice.get("disable_parallel_tool_use"),
        max_tokens=body["max_tokens"],
        stop=tuple(body.get("stop_sequences") or ()),
        n=1,
        json_schema=shape or told_schema(_texts(body.get("system"))),
        reasoning=reasoning,
        show_reasoning=(body.get("thinking") or {}).get("display") != "omitted",
        logprobs=None,
        include_usage=True,
    )


def user_text(messages: Any) -> str:
    """The newest text of the user's, as it came; empty for what is no conversation."""
    for message in reversed(messages) if isinstance(messages, list) else ():
        mine = isinstance(message, dict) and message.get("role") == "user"
        if mine and (text := _texts(message.get("content"))):
            return text
    return ""


def _texts(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = [block.get("text") for block in blocks if isinstance(block, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _seed(body: dict[str, Any], target_tokens: int | None) -> int:
    wanted = {name: body.get(name) for name in ("model", "messages", "system", "tools")}
    digest = blake2b(json.dumps([wanted, target_tokens]), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


def _tools(body: dict[str, Any], choice: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Those that the caller runs."""
    if choice["type"] == "none":
        return {}
    return {
        tool["name"]: {"kind": "function", "schema": tool["input_schema"]}
        for tool in body.get("tools") or ()
        if "input_schema" in tool
    }


def _forced(choice: dict[str, Any], tools: dict[str, Any]) -> tuple[str, ...] | None:
    if choice["type"] == "any" and tools:
        return tuple(tools)
    if choice["type"] == "tool" and choice["name"] in tools:
        return (choice["name"],)
    return None


def _all_blocks(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for message in messages:
        for block in blocks_of(message["content"]):
            inner = blocks_of(block.get("content") or []) if block["type"] == "tool_result" else []
            found += [each for each in (block, *inner) if each["type"] == kind]
    return found


def _images(messages: list[dict[str, Any]]) -> tuple[str, ...]:
    kinds = []
    for image in _all_blocks(messages, "image"):
        source = image["source"]
        inline = source["type"] == "base64"
        kinds.append(
            sniff(f"data:{source['media_type']};base64,{source['data']}") if inline else "link"
        )
    return tuple(kinds)


def _documents(messages: list[dict[str, Any]]) -> int:
    return len(_all_blocks(messages, "document"))
