"""What the vendor refuses beyond the shape of a request: order, thinking, cache marks, tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opengateway.simulator.anthropic.forms import (
    BETA_COUNT,
    BETA_REQUEST,
    COUNT,
    READER,
    REQUEST,
)
from opengateway.simulator.forms import Path
from opengateway.simulator.personas import Refusal
from opengateway.simulator.settings import ModelTraits
from opengateway.simulator.signatures import Signer

MAX_MARKS = 4
SIGNED = "thinking"
_THOUGHTS = ("thinking", "redacted_thinking")


def read_request(body: Any, *, counting: bool, beta: bool, recorded: bool) -> dict[str, Any]:
    """The request, if its shape is right. Raises `Refusal`.

    `recorded` is for a request that a recording answers: newer models take what ours do not.
    """
    if not isinstance(body, dict):
        raise Refusal("plain", (), message="The request body must be a JSON object.")
    plain, with_beta = (COUNT, BETA_COUNT) if counting else (REQUEST, BETA_REQUEST)
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and message.get("role") == "system" and not recorded:
            raise _plain(
                'messages: Unexpected role "system". The Messages API accepts a top-level `system` '
                'parameter, not "system" as an input message role.'
            )
    made: dict[str, Any] = READER.read(with_beta if beta else plain, body)
    return made


def check_request(
    body: dict[str, Any], traits: ModelTraits | None, signer: Signer, *, recorded: bool
) -> None:
    """Raises `Refusal`. `body` is what `read_request` gave."""
    messages = body["messages"]
    if not messages:
        raise _plain("messages: at least one message is required")
    for index, message in enumerate(messages):
        roles = ("user", "assistant", "system") if recorded else ("user", "assistant")
        if message["role"] not in roles:
            choices = "'user' or 'assistant'"
            raise Refusal("bad_choice", ("messages", index, "role"), choices=choices)
        _check_content(message, index, last=index == len(messages) - 1)
    _check_texts("system", blocks_of(body.get("system") or []))
    _check_tools(body)
    _check_tool_order(messages)
    _check_marks(body)
    for place, stop in enumerate(body.get("stop_sequences") or ()):
        if not stop.strip():
            raise Refusal(
                "bad_value",
                ("stop_sequences", place),
                message="each stop sequence must contain non-whitespace",
            )
    _check_thinking(body, traits)
    if not recorded:
        _check_signatures(body, signer)
    _check_last(body, traits)


def blocks_of(content: Any) -> list[dict[str, Any]]:
    """Content as blocks; a string is one text block, and an empty string none."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(content)


def thinking_on(body: dict[str, Any], traits: ModelTraits | None) -> bool:
    wanted = body.get("thinking")
    if wanted is None:
        return traits is not None and traits.reasons
    return bool(wanted["type"] != "disabled")


def _plain(message: str) -> Refusal:
    return Refusal("plain", (), message=message)


def _check_content(message: dict[str, Any], index: int, *, last: bool) -> None:
    blocks = blocks_of(message["content"])
    if not blocks and not (last and message["role"] == "assistant"):
        raise _plain(
            f"messages.{index}: all messages must have non-empty content except for the optional "
            "final assistant message"
        )
    _check_texts("messages", blocks)
    for place, block in enumerate(blocks):
        kind = block["type"]
        wrong = (message["role"] == "user" and kind in (*_THOUGHTS, "tool_use")) or (
            message["role"] == "assistant" and kind in ("tool_result", "image")
        )
        if wrong:
            raise _plain(
                f"messages.{index}.content.{place}: `{kind}` blocks can only be used in "
                f"`{'assistant' if message['role'] == 'user' else 'user'}` messages"
            )
        if kind == "tool_result":
            _check_texts("messages", blocks_of(block.get("content") or []))


def _check_texts(owner: str, blocks: list[dict[str, Any]]) -> None:
    for block in blocks:
        if block["type"] != "text":
            continue
        if not block["text"]:
            raise _plain(f"{owner}: text content blocks must be non-empty")
        if not block["text"].strip():
            raise _plain(f"{owner}: text content blocks must contain non-whitespace text")


def _check_tools(body: dict[str, Any]) -> None:
    names: set[str] = set()
    for index, tool in enumerate(body.get("tools") or ()):
        name = tool.get("name")
        if name in names:
            raise _plain("tools: Tool names must be unique.")
        names.add(name)
        if "input_schema" in tool and tool["input_schema"].get("type") != "object":
            path: Path = ("tools", index, "custom", "input_schema", "type")
            if "type" not in tool["input_schema"]:
                raise Refusal("missing", path)
            raise Refusal("bad_choice", path, choices="'object'")
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not names:
        raise _plain("tool_choice: tool_choice may only be specified while providing tools")
    if choice["type"] == "tool" and choice["name"] not in names:
        raise _plain(f"Tool '{choice['name'][:100]}' not found in provided tools")


def _check_tool_order(messages: list[dict[str, Any]]) -> None:
    """Each call is answered at the head of the next message; each answer has its call."""
    waiting: list[str] = []
    for index, message in enumerate(messages):
        blocks = blocks_of(message["content"])
        results = [b["tool_use_id"] for b in blocks if b["type"] == "tool_result"]
        for place, block in enumerate(blocks):
            if block["type"] == "tool_result" and block["tool_use_id"] not in waiting:
                raise _plain(
                    f"messages.{index}.content.{place}: unexpected `tool_use_id` found in "
                    f"`tool_result` blocks: {block['tool_use_id'][:100]}. Each `tool_result` block "
                    "must have a corresponding `tool_use` block in the previous message."
                )
        if len(set(results)) < len(results):
            raise _plain(
                f"messages.{index}.content: each tool_use must have a single result. Found "
                "multiple `tool_result` blocks with one id"
            )
        head = [b["type"] for b in blocks[: len(results)]]
        answered = results if all(kind == "tool_result" for kind in head) else []
        if missing := [call for call in waiting if call not in answered]:
            raise _unanswered(index - 1, missing)
        calls = [b["id"] for b in blocks if b["type"] == "tool_use"]
        if len(set(calls)) < len(calls):
            raise _plain(f"messages.{index}.content: `tool_use` ids must be unique")
        waiting = calls
    if waiting:
        raise _unanswered(len(messages) - 1, waiting)


def _unanswered(index: int, missing: list[str]) -> Refusal:
    return _plain(
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately "
        f"after: {', '.join(missing)[:300]}. Each `tool_use` block must have a corresponding "
        "`tool_result` block in the next message."
    )


def marked_blocks(body: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every block that may carry a cache mark, in the vendor's order, with its place."""
    for index, tool in enumerate(body.get("tools") or ()):
        yield ("tools", index), tool
    for index, block in enumerate(blocks_of(body.get("system") or [])):
        yield ("system", index), block
    for index, message in enumerate(body["messages"]):
        for place, block in enumerate(blocks_of(message["content"])):
            yield ("messages", index, "content", place), block
            if block["type"] == "tool_result":
                for inner, each in enumerate(blocks_of(block.get("content") or [])):
                    path: Path = ("messages", index, "content", place, "content", inner)
                    yield path, each


def _check_marks(body: dict[str, Any]) -> None:
    marks = [(path, block["cache_control"]) for path, block in marked_blocks(body) if
             block.get("cache_control")]  # fmt: skip
    if body.get("cache_control"):
        marks.append(((), body["cache_control"]))
    if len(marks) > MAX_MARKS:
        raise _plain(
            f"A maximum of {MAX_MARKS} blocks with cache_control may be provided. "
            f"Found {len(marks)}."
        )
    short_seen = False
    for path, mark in marks:
        ttl = mark.get("ttl", "5m")
        if ttl == "1h" and short_seen:
            raise Refusal(
                "bad_value",
                (*path, "cache_control", "ttl"),
                message="a ttl='1h' cache_control block must not come after a ttl='5m' "
                "cache_control block. Note that blocks are processed in the following order: "
                "`tools`, `system`, `messages`.",
            )
        short_seen = short_seen or ttl == "5m"


def _check_thinking(body: dict[str, Any], traits: ModelTraits | None) -> None:
    wanted = body.get("thinking") or {"type": "disabled"}
    if traits is not None and traits.newest:
        for name in ("temperature", "top_p", "top_k"):
            if name in body:
                raise _plain(f"`{name}` is not supported by this model.")
    if wanted["type"] == "disabled":
        return
    if wanted["type"] == "enabled":
        if "max_tokens" in body and wanted["budget_tokens"] >= body["max_tokens"]:
            raise _plain("`max_tokens` must be greater than `thinking.budget_tokens`.")
        if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
            raise _plain("Thinking may not be enabled when tool_choice forces tool use.")
    if body.get("temperature", 1) != 1:
        raise _plain(
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode."
        )
    if body.get("top_p", 1) < 0.95:
        raise _plain(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."
        )
    if "top_k" in body:
        raise _plain("`top_k` must be unset when thinking is enabled.")


def _check_signatures(body: dict[str, Any], signer: Signer) -> None:
    """Replayed thoughts are as they were given; inside a tool loop they are there."""
    messages = body["messages"]
    for index, message in enumerate(messages):
        for place, block in enumerate(blocks_of(message["content"])):
            path = f"messages.{index}.content.{place}"
            if block["type"] == "thinking" and not signer.holds(
                SIGNED, block["thinking"], block["signature"]
            ):
                raise _plain(f"{path}: Invalid `signature` in `thinking` block")
            if block["type"] == "redacted_thinking" and not signer.opens(block["data"]):
                raise _plain(f"{path}: Invalid `data` in `redacted_thinking` block")
    if (body.get("thinking") or {}).get("type") == "enabled":
        _check_loop(messages)


def _check_loop(messages: list[dict[str, Any]]) -> None:
    first: int | None = None  # the assistant's first message of the loop that is still open
    for index in range(len(messages) - 1, -1, -1):
        blocks = blocks_of(messages[index]["content"])
        if messages[index]["role"] == "assistant":
            first = index
        elif not any(block["type"] == "tool_result" for block in blocks):
            break
    if first is None or messages[-1]["role"] != "user":
        return
    kinds = [block["type"] for block in blocks_of(messages[first]["content"])]
    if "tool_use" in kinds and kinds[0] not in _THOUGHTS:
        raise _plain(
            f"messages.{first}.content.0.type: Expected `thinking` or `redacted_thinking`, but "
            f"found `{kinds[0]}`. When `thinking` is enabled, a final `assistant` message must "
            "start with a thinking block (preceeding the lastmost set of `tool_use` and "
            "`tool_result` blocks). We recommend you include thinking blocks from previous turns. "
            "To avoid this requirement, disable `thinking`."
        )


def _check_last(body: dict[str, Any], traits: ModelTraits | None) -> None:
    """A last message of the assistant's is the beginning of its answer, where that is taken."""
    last = body["messages"][-1]
    if last["role"] != "assistant":
        return
    asked = (body.get("thinking") or {"type": "disabled"})["type"] != "disabled"
    if asked or (traits is not None and traits.newest):
        raise _plain(
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message."
        )
    blocks = blocks_of(last["content"])
    if (
        blocks
        and blocks[-1]["type"] == "text"
        and blocks[-1]["text"] != blocks[-1]["text"].rstrip()
    ):
        raise _plain("messages: final assistant content cannot end with trailing whitespace")
