"""Recorded Messages exchanges through the Anthropic wire, against what they must give.

The recorded request is read into the canonical form and sent again: it must say the same. The
answer must give what the case expects, and what it said must come back unchanged as history: every
thought with its signature, every call, every block of the vendor's own tools.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import unquote

from opengateway.catalog.loader import load_catalogue
from opengateway.checks.case_player import CasePlayer
from opengateway.checks.endings import arguments_of, failure_fits, finish_fits
from opengateway.checks.messages_history import next_request, recorded_blocks
from opengateway.checks.messages_reader import read_messages
from opengateway.checks.recorded_case import RecordedCase
from opengateway.checks.replay_rules import replay_rules
from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint, Provider, Wire
from opengateway.domain.errors import InvalidRequest, UpstreamError
from opengateway.domain.events import (
    End,
    Event,
    Failure,
    Finish,
    ReasoningDelta,
    ServerEventItem,
    TextDelta,
    ToolArguments,
    ToolEnd,
    ToolStart,
    UsageReport,
)
from opengateway.domain.origins import ANTHROPIC
from opengateway.domain.usage import Dimension, PriceRow, Usage
from opengateway.kit.json import JsonObject, loads
from opengateway.ports.translation import CanonicalWire
from opengateway.wires.anthropic import AnthropicWire

_WIRE: Final = AnthropicWire()
_MAX_OUTPUT: Final = 128_000


def anthropic_provider(name: str = ANTHROPIC) -> Provider:
    known = load_catalogue().providers[ANTHROPIC]
    return Provider(
        id=name,
        name=known.name,
        wire=Wire.ANTHROPIC,
        base_url=known.base_url,
        profile=known.profile,
        headers=known.headers,
    )


def anthropic_endpoint(model: str, max_output: int | None = _MAX_OUTPUT) -> Endpoint:
    return Endpoint(
        id="replayed/model",
        provider_id=ANTHROPIC,
        upstream_model=model,
        context=1_000_000,
        max_output=max_output,
        price=PriceRow(id="none", effective_from="2000-01-01", source="none", rates={}),
    )


def play_messages(case: RecordedCase) -> tuple[list[str], list[str]]:
    """What is not as it must be, in words; and what was compared."""
    player = MessagesPlayer(case)
    player.play()
    return player.faults, player.checks


def played(case: RecordedCase) -> list[Event]:
    """The events of a recorded 2xx answer."""
    provider, endpoint = anthropic_provider(case.provider), anthropic_endpoint(case.model)
    if not case.stream:
        return list(_WIRE.reply(case.response, endpoint, provider))
    parser = _WIRE.parser(endpoint, provider)
    return [*parser.feed(case.response), *parser.end()]


class MessagesPlayer(CasePlayer):
    """One case. `wire` and `provider` are of who serves it, where that is a cloud."""

    __slots__ = ("_endpoint", "_provider", "_wire")

    def __init__(
        self,
        case: RecordedCase,
        wire: CanonicalWire = _WIRE,
        provider: Provider | None = None,
    ) -> None:
        super().__init__(case)
        self._wire = wire
        self._provider = provider or anthropic_provider(case.provider)
        self._endpoint = anthropic_endpoint(unquote(case.model))

    def play(self) -> None:
        case = self._case
        self._play_request()
        if case.expect is None:
            self._check("expect", False, "the case has no expectation")
        elif case.status >= 300:
            error = self._wire.error(case.status, case.headers, case.response, self._provider)
            self._compare_error(error, case.expect)
        else:
            self._compare(self._events(), case.expect)

    # --- what a cloud's envelope changes -------------------------------------------------------
    def _read(self, recorded: JsonObject) -> CanonicalRequest:
        return read_messages(recorded)

    def _events(self) -> list[Event]:
        return played(self._case)

    def _spoken(self) -> list[JsonObject]:
        return recorded_blocks(self._case)

    # --- request -------------------------------------------------------------------------------
    def _play_request(self) -> None:
        recorded = loads(self._case.request)
        try:
            call = self._wire.request(self._read(recorded), self._endpoint, self._provider)
        except InvalidRequest as error:
            self._check("request", False, f"refused: {error.message}")
            return
        asked = self._case.path
        self._check("path", asked in (call.path, unquote(call.path)), f"we would ask {call.path!r}")
        self._check("request", True, "")
        sent = loads(call.body)
        for member, change in changes(_meaning(recorded), _meaning(sent), ""):
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
        code = told.get("type")
        self._check("error.code", code in (None, error.upstream_code), f"{error.upstream_code}")
        message = str(told.get("message") or "")[:2048]
        self._check("error.message", error.detail.startswith(message), f"{error.detail[:80]!r}")
        wanted = next((row.class_ for row in replay_rules().error if row.status == status), None)
        self._check(
            "error.class",
            wanted is None or error.error_class == wanted,
            f"{error.error_class.value} instead of {wanted}",
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
        blocks = sum(isinstance(event, ServerEventItem) for event in events)
        self._check("server_blocks", blocks == expect.get("server_blocks", 0), f"{blocks}")
        self._compare_usage(events, expect.get("usage") or {})
        call = self._wire.request(next_request(events), self._endpoint, self._provider)
        _, *turns = loads(call.body)["messages"]
        sent = turns[0]["content"] if turns else []  # nothing was said
        self._check("replayed", sent == self._spoken(), "what was said comes back changed")

    def _compare_usage(self, events: Sequence[Event], wanted: JsonObject) -> None:
        reports = [event.usage for event in events if isinstance(event, UsageReport)]
        usage = reports[-1] if reports else Usage()
        counted = {
            "input": usage.input_tokens,
            "input_uncached": usage.of(Dimension.INPUT),
            "output": usage.output_tokens,
            "cache_read": usage.of(Dimension.CACHE_READ),
            "cache_write": usage.of(Dimension.CACHE_WRITE, Dimension.CACHE_WRITE_1H),
            "cache_write_1h": usage.of(Dimension.CACHE_WRITE_1H),
            "reasoning": usage.of(Dimension.REASONING),
        }
        for name in sorted(wanted):
            got = counted.get(name)
            self._check(f"usage.{name}", got == wanted[name], f"{got} instead of {wanted[name]}")


def whole_calls(events: Sequence[Event]) -> list[JsonObject]:
    """The calls that began, went on and ended, in order."""
    calls: dict[int, list[str]] = {}
    whole: list[JsonObject] = []
    for event in events:
        match event:
            case ToolStart():
                calls[event.slot] = [event.name]
            case ToolArguments():
                calls[event.slot].append(event.text)
            case ToolEnd():
                name, *pieces = calls[event.slot]
                whole.append({"name": name, "arguments": arguments_of("".join(pieces))})
            case _:
                pass
    return whole


def _meaning(body: JsonObject) -> JsonObject:
    """A request with what can be said in two ways said in one."""
    made = {name: value for name, value in body.items() if name not in ("stream", "output_format")}
    if "output_format" in body:
        made["output_config"] = {"format": body["output_format"]}
    if isinstance(made.get("system"), str):
        made["system"] = [{"type": "text", "text": made["system"]}]
    messages: list[JsonObject] = []
    for message in body["messages"]:
        content = [_block(block) for block in _blocks(message["content"])]
        if messages and messages[-1]["role"] == message["role"]:
            messages[-1]["content"] += content
        else:
            messages.append({"role": message["role"], "content": content})
    made["messages"] = messages
    if "tools" in made:  # the order of tools means nothing; a description of nothing neither
        tools = [{n: v for n, v in tool.items() if v != ""} for tool in made["tools"]]
        made["tools"] = sorted(tools, key=lambda tool: str(tool["name"]))
    if body.get("stream"):
        made["stream"] = True
    return made


def _blocks(content: Any) -> list[JsonObject]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _block(block: JsonObject) -> JsonObject:
    if block["type"] != "tool_result":
        return block
    made = {name: value for name, value in block.items() if (name, value) != ("is_error", False)}
    made["content"] = _blocks(block.get("content", []))
    return made


def changes(recorded: Any, sent: Any, path: str) -> Iterator[tuple[str, str]]:
    """What differs: the member's path, such as `messages[].content`, and how."""
    if isinstance(recorded, dict) and isinstance(sent, dict):
        for name in [*recorded, *(name for name in sent if name not in recorded)]:
            member = f"{path}.{name}" if path else name
            if name not in sent:
                yield member, "removed"
            elif name not in recorded:
                yield member, "added"
            else:
                yield from changes(recorded[name], sent[name], member)
    elif isinstance(recorded, list) and isinstance(sent, list) and len(recorded) == len(sent):
        for old, new in zip(recorded, sent, strict=True):
            yield from changes(old, new, f"{path}[]")
    elif recorded != sent:
        yield path, "changed"
