"""Recorded Converse exchanges through the Bedrock wire, against what they must give.

The recorded request is read into the canonical form and sent again: it must say the same. The
answer must give what the case expects, and what it said must come back unchanged as history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from opengateway.catalog.loader import load_catalogue
from opengateway.checks.case_player import CasePlayer
from opengateway.checks.converse_reader import read_converse
from opengateway.checks.endings import failure_fits, finish_fits
from opengateway.checks.messages_history import next_request
from opengateway.checks.recorded_case import RecordedCase
from opengateway.checks.replay_messages import changes, whole_calls
from opengateway.checks.replay_rules import replay_rules
from opengateway.domain.canonical import Tool, ToolCall
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.errors import InvalidRequest, UpstreamError
from opengateway.domain.events import (
    End,
    Event,
    Failure,
    Finish,
    ReasoningDelta,
    ServerEventItem,
    TextDelta,
    UsageReport,
)
from opengateway.domain.usage import Dimension, PriceRow, Usage
from opengateway.kit.event_stream import Decoder
from opengateway.kit.json import JsonObject, Raw, dumps, loads
from opengateway.wires.bedrock import BedrockWire
from opengateway.wires.bedrock.stream import EVENT_LIMIT_BYTES

_WIRE: Final = BedrockWire()
_NAME: Final = "bedrock"


def bedrock_provider(name: str = _NAME) -> Provider:
    known = load_catalogue().providers[_NAME]
    return Provider(
        id=name,
        name=known.name,
        wire=known.wire,
        base_url="https://bedrock-runtime.us-east-1.amazonaws.com",
        profile=known.profile,
    )


def bedrock_endpoint(model: str, max_output: int | None = None) -> Endpoint:
    return Endpoint(
        id="replayed/model",
        provider_id=_NAME,
        upstream_model=model,
        context=1_000_000,
        max_output=max_output,
        price=PriceRow(id="none", effective_from="2000-01-01", source="none", rates={}),
    )


def model_in(path: str) -> str:
    """The model that a path of Bedrock's names; empty where it names none."""
    return unquote(path.partition("/model/")[2].partition("/")[0])


def play_converse(case: RecordedCase) -> tuple[list[str], list[str]]:
    """What is not as it must be, in words; and what was compared."""
    player = _Player(case)
    player.play()
    return player.faults, player.checks


def play_error(case: RecordedCase) -> tuple[list[str], list[str]]:
    """The answer alone, for an operation whose requests are another shape."""
    player = _Player(case)
    player.play_error()
    return player.faults, player.checks


def played(case: RecordedCase) -> list[Event]:
    """The events of a recorded 2xx answer."""
    provider = bedrock_provider(case.provider)
    endpoint = bedrock_endpoint(model_in(case.path) or unquote(case.model))
    if not case.stream:
        return list(_WIRE.reply(case.response, endpoint, provider))
    parser = _WIRE.parser(endpoint, provider)
    return [*parser.feed(case.response), *parser.end()]


class _Player(CasePlayer):
    __slots__ = ("_endpoint", "_provider")

    def __init__(self, case: RecordedCase) -> None:
        super().__init__(case)
        self._provider = bedrock_provider(case.provider)
        self._endpoint = bedrock_endpoint(model_in(case.path) or unquote(case.model))

    def play(self) -> None:
        case = self._case
        self._play_request()
        if case.expect is None:
            self._check("expect", False, "the case has no expectation")
        elif case.status >= 300:
            self.play_error()
        else:
            self._compare(played(case), case.expect)

    def play_error(self) -> None:
        case = self._case
        error = _WIRE.error(case.status, case.headers, case.response, self._provider)
        self._compare_error(error, case.expect or {})

    # --- request -------------------------------------------------------------------------------
    def _play_request(self) -> None:
        recorded = loads(self._case.request)
        streams = self._case.endpoint == "converse-stream"
        try:
            call = _WIRE.request(
                read_converse(recorded, stream=streams), self._endpoint, self._provider
            )
        except InvalidRequest as error:
            is_shared = 400 <= self._case.status < 500  # the provider refused it as well
            self._check("request", is_shared, f"refused: {error.message}")
            return
        asked = self._case.path
        self._check("path", asked in (call.path, unquote(call.path)), f"we would ask {call.path!r}")
        self._check("request", True, "")
        for member, change in changes(_meaning(recorded), _meaning(loads(call.body)), ""):
            is_intended = member in call.dropped or self._is_intended(member, change)
            self._check("request", is_intended, f"{member} would be {change}")

    def _is_intended(self, member: str, change: str) -> bool:
        return any(
            row.member == member and row.change == change and self._case.provider in row.providers
            for row in replay_rules().difference
        )

    # --- answers -------------------------------------------------------------------------------
    def _compare_error(self, error: UpstreamError, expect: JsonObject) -> None:
        told = expect.get("error") or {}
        status = error.upstream_status
        self._check("kind", expect.get("kind") == "error", "an error where none was expected")
        self._check("status", status == expect.get("status"), f"{status}")
        message = str(told.get("message") or "")[:2048]
        self._check("error.message", error.detail.startswith(message), f"{error.detail[:80]!r}")
        is_known = error.error_class.value in ("bad_request", "model_gone", "context_exceeded")
        self._check(
            "error.class", is_known or status != 400, f"{error.error_class.value} of a status 400"
        )

    def _compare(self, events: Sequence[Event], expect: JsonObject) -> None:
        last = events[-1]
        if isinstance(last, Failure):
            said = f"{last.error.error_class.value}: {last.error.detail or last.error}"
            self._check("end", failure_fits(expect, last.error), said)
            return
        ends = sum(isinstance(event, End | Failure) for event in events)
        self._check("end", isinstance(last, End) and ends == 1, "the end is not the last, or twice")
        for name, kind in (("text", TextDelta), ("reasoning", ReasoningDelta)):
            got = "".join(event.text for event in events if isinstance(event, kind))
            wanted = expect.get(name) or ""
            self._check(name, got == wanted, f"{got[:60]!r} instead of {wanted[:60]!r}")
        calls, wanted_calls = whole_calls(events), expect.get("tool_calls") or []
        self._check("tool_calls", calls == wanted_calls, f"{calls!r} instead of {wanted_calls!r}")
        finish = next((e.reason for e in events if isinstance(e, Finish)), None)
        wanted_finish = expect.get("finish")
        fits = finish_fits(wanted_finish, finish)
        self._check("finish", fits, f"{finish!r} instead of {wanted_finish!r}")
        blocks = sum(isinstance(e, ServerEventItem) and _is_use(e.raw) for e in events)
        self._check("server_blocks", blocks == expect.get("server_blocks", 0), f"{blocks}")
        self._compare_usage(events, expect.get("usage") or {})
        self._send_back(events)

    def _compare_usage(self, events: Sequence[Event], wanted: JsonObject) -> None:
        reports = [event.usage for event in events if isinstance(event, UsageReport)]
        usage = reports[-1] if reports else Usage()
        counted = {
            "input": usage.input_tokens,
            "input_uncached": usage.of(Dimension.INPUT),
            "output": usage.output_tokens,
            "cache_read": usage.of(Dimension.CACHE_READ),
            "cache_write": usage.of(Dimension.CACHE_WRITE, Dimension.CACHE_WRITE_1H),
        }
        for name in sorted(wanted):
            got = counted.get(name)
            self._check(f"usage.{name}", got == wanted[name], f"{got} instead of {wanted[name]}")

    def _send_back(self, events: Sequence[Event]) -> None:
        """The answer as the history of a next request: every block as it was said."""
        asked = next_request(events)
        # Calls are blocks only where tools are offered.
        names = {c.name for turn in asked.turns for c in turn.items if isinstance(c, ToolCall)}
        tools = tuple(Tool(name) for name in sorted(names))
        asked = msgspec.structs.replace(asked, tools=tools)
        call = _WIRE.request(asked, self._endpoint, self._provider)
        _, *turns = loads(call.body)["messages"]
        sent = turns[0]["content"] if turns else []  # nothing was said
        spoken = [_uncited(block) for block in recorded_blocks(self._case) if _comes_back(block)]
        self._check("replayed", sent == spoken, f"{sent!r:.150} instead of {spoken!r:.150}")


def _uncited(block: JsonObject) -> JsonObject:
    """A text with its citations comes back as the text."""
    cited = block.get("citationsContent")
    if not isinstance(cited, dict):
        return block
    return {"text": "".join(part.get("text", "") for part in cited.get("content", ()))}


def _is_use(raw: Raw) -> bool:
    return b'"toolUse"' in bytes(raw)[:20]


def _comes_back(block: JsonObject) -> bool:
    """Text that says nothing is refused, and reasoning without a signature is of no use."""
    if "text" in block:
        return bool(block["text"].strip())
    if "reasoningContent" in block:
        told = block["reasoningContent"].get("reasoningText") or {}
        return bool(told.get("signature")) or "redactedContent" in block["reasoningContent"]
    return True


def recorded_blocks(case: RecordedCase) -> list[JsonObject]:
    """The content of the recorded answer, put together."""
    if not case.stream:
        content: list[JsonObject] = loads(case.response)["output"]["message"]["content"]
        return [_usual(block) for block in content]
    blocks: dict[int, JsonObject] = {}
    for frame in Decoder(EVENT_LIMIT_BYTES).feed(case.response):
        told = loads(frame.payload)
        if (index := told.get("contentBlockIndex")) is not None:
            _grow(blocks.setdefault(index, {}), told)
    for block in blocks.values():
        if isinstance(use := block.get("toolUse"), dict):
            use["input"] = loads(use["input"] or "{}")
    return [_usual(blocks[index]) for index in sorted(blocks)]


def _usual(block: JsonObject) -> JsonObject:
    """A call says of itself that it is one, since some day in 2026."""
    use = block.get("toolUse")
    if use is None or use.get("type") != "tool_use":
        return block
    return {"toolUse": {name: value for name, value in use.items() if name != "type"}}


def _grow(block: JsonObject, told: JsonObject) -> None:
    if (start := told.get("start")) is not None:
        block.update(start)
        if "toolUse" in block:
            block["toolUse"] = {**block["toolUse"], "input": ""}
    delta = told.get("delta") or {}
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    if "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    if "toolResult" in delta:
        result = block.setdefault("toolResult", {})
        result["content"] = [*result.get("content", []), *delta["toolResult"]]
    for name, piece in (delta.get("reasoningContent") or {}).items():
        thought = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {})
        thought[name] = thought.get(name, "") + piece


def _meaning(body: JsonObject) -> JsonObject:
    """A request with what can be said in two ways said in one."""
    empty: tuple[Any, ...] = ([], {})
    made = {name: value for name, value in body.items() if value not in empty}
    made["messages"] = [
        {"role": m["role"], "content": [_block(block) for block in m["content"]]}
        for m in body["messages"]
    ]
    return made


def _block(block: JsonObject) -> JsonObject:
    if "toolResult" not in block:
        return block
    result = {n: v for n, v in block["toolResult"].items() if (n, v) != ("status", "success")}
    result["content"] = [
        {"text": dumps(part["json"]).decode()} if "json" in part else part
        for part in result.get("content", [])
    ]
    return {"toolResult": result}
