"""Recorded Responses exchanges through the dialect and the wire, against what they must give.

The recorded request is a caller's: decoded, sent on, compared with the bytes that were sent. The
answer must give what the case expects, in a stream that a strict client reads without a fault; and
sent back as history it must say the same: every encrypted thought, every call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from opengateway.catalog.loader import load_catalogue
from opengateway.checks.case_player import CasePlayer
from opengateway.checks.endings import failure_fits, finish_fits
from opengateway.checks.recorded_case import RecordedCase
from opengateway.checks.replay_rules import replay_rules
from opengateway.checks.responses_grammar import read_stream
from opengateway.dialects.openai_responses import ResponsesRendering, decode, decode_count
from opengateway.domain.catalog import Endpoint, Profile, Provider, Wire
from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.errors import CallerError, InvalidRequest, NotImplementedYet, UpstreamError
from opengateway.domain.usage import Dimension, PriceRow, Usage
from opengateway.gateway.echoing import EchoingWire
from opengateway.kit.json import JsonObject, dumps, loads
from opengateway.wires.openai_responses import OpenAIResponsesWire
from opengateway.wires.openai_responses.request import counting_of

_TEAM: Final = "team_replay"
_MODEL_ID: Final = "replayed/model"
_CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
_WIRE: Final = OpenAIResponsesWire()
_UNBENT: Final = Profile(responses="sealed", include_obfuscation=True)


def responses_lane() -> EchoingWire:
    """This dialect over the wire of its own shape."""
    made = iter(range(1, 1 << 30))
    rendering = ResponsesRendering(
        lambda: 1_764_000_000, lambda prefix: f"{prefix}{next(made):032x}", with_turns=False
    )
    return EchoingWire(_WIRE, rendering)


def responses_provider(name: str) -> Provider:
    """The catalogue's provider of that name, or one that has the surface and bends nothing."""
    providers = load_catalogue().providers
    known = providers.get(name) or providers.get(replay_rules().like.get(name, ""))
    profile = _UNBENT if known is None or known.wire is not Wire.OPENAI else known.profile
    if profile.responses == "no":
        profile = msgspec.structs.replace(profile, responses="sealed")
    return Provider(
        id=name,
        name=name,
        wire=Wire.OPENAI_RESPONSES,
        base_url="https://provider.invalid/v1",
        profile=profile,
    )


def responses_endpoint(model: str) -> Endpoint:
    return Endpoint(
        id="replayed/model",
        provider_id="replayed",
        upstream_model=model,
        context=1_000_000,
        max_output=None,
        price=PriceRow(id="none", effective_from="2000-01-01", source="none", rates={}),
    )


def play_responses(case: RecordedCase) -> tuple[list[str], list[str]]:
    """What is not as it must be, in words; and what was compared."""
    player = _Player(case)
    player.play()
    return player.faults, player.checks


def play_input_tokens(case: RecordedCase) -> tuple[list[str], list[str]]:
    """`/responses/input_tokens`: the request that goes out, and the number that comes back."""
    faults = []
    chat = decode_count(case.request, {}, takes_all=True)
    provider, endpoint = responses_provider(case.provider), responses_endpoint(case.model)
    call = counting_of(responses_lane().request(chat, endpoint, provider, _TEAM))
    if not case.path.endswith(call.path):
        faults.append(f"path: we would ask {call.path!r}")
    if (sent := loads(call.body)) != loads(case.request):
        faults.append(f"request: it would be {sent!r}")
    told = loads(case.response)
    if case.status >= 300:
        error = responses_lane().error(case.status, case.headers, case.response, provider)
        if error.upstream_status != case.status:
            faults.append(f"status: {error.upstream_status}")
    elif not isinstance(told.get("input_tokens"), int):
        faults.append(f"tokens: {told!r}")
    return faults, ["path", "request", "tokens"]


class _Player(CasePlayer):
    __slots__ = ("_endpoint", "_lane", "_provider")

    def __init__(self, case: RecordedCase) -> None:
        super().__init__(case)
        self._lane = responses_lane()
        self._provider = responses_provider(case.provider)
        self._endpoint = responses_endpoint(case.model)

    def play(self) -> None:
        case = self._case
        body = loads(case.request)
        if body.get("background"):
            self._play_background()
            return
        chat = self._play_request(body)
        if case.expect is None:
            self._check("expect", False, "the case has no expectation")
        elif case.status >= 300:
            error = self._lane.error(case.status, case.headers, case.response, self._provider)
            self._compare_error(error, case.expect)
        elif chat is not None:
            self._play_answer(chat)

    def _play_background(self) -> None:
        """Answered with 501, and never sent: so is what is documented."""
        try:
            decode(self._case.request, {}, takes_all=True)
        except NotImplementedYet:
            self._check("background", True, "")
        else:
            self._check("background", False, "the request was taken")

    # --- request ---------------------------------------------------------------------------------
    def _play_request(self, recorded: JsonObject) -> ChatRequest | None:
        try:
            chat = decode(self._case.request, {}, takes_all=True)
            call = self._lane.request(chat, self._endpoint, self._provider, _TEAM)
        except CallerError as error:
            is_shared = 400 <= self._case.status < 500  # the provider refused it as well
            self._check("request", is_shared, f"refused: {error.message}")
            return None
        self._check("path", self._case.path.endswith(call.path), f"we would ask {call.path!r}")
        self._check("request", True, "")
        for member, change in _changes(_meaning(recorded), loads(call.body), ""):
            is_intended = member in call.dropped or self._is_intended(member, change)
            self._check("request", is_intended, f"{member} would be {change}")
        return chat

    def _is_intended(self, member: str, change: str) -> bool:
        return any(
            row.member == member
            and row.change == change
            and (not row.providers or self._case.provider in row.providers)
            for row in replay_rules().difference
        )

    # --- answers ---------------------------------------------------------------------------------
    def _compare_error(self, error: UpstreamError, expect: JsonObject) -> None:
        told = expect.get("error") or {}
        code = told.get("type") if told.get("code") is None else told["code"]
        status = error.upstream_status
        self._check("kind", expect.get("kind") == "error", "an error where none was expected")
        self._check("status", status == expect.get("status"), f"{status}")
        self._check("error.code", error.upstream_code == str(code), f"{error.upstream_code!r}")
        message = str(told.get("message") or "")[:2048]
        self._check("error.message", error.detail.startswith(message), f"{error.detail[:80]!r}")

    def _play_answer(self, chat: ChatRequest) -> None:
        if self._case.stream:
            stream = self._lane.stream(chat, self._endpoint, self._provider, _MODEL_ID)
            frames = stream.feed(self._case.response) + stream.end() + stream.ending
            if stream.error is not None:
                fits = failure_fits(self._case.expect or {}, stream.error)
                self._check("kind", fits, f"{stream.error}: {stream.error.detail}")
                return
            seen = read_stream(frames)
            self._check("form", not seen.faults, ", ".join(seen.faults[:5]))
            self._check("end", seen.ended_well and stream.done, "the stream's end is not told")
            meter, final = stream.meter, seen.final
        else:
            try:
                reply = self._lane.reply(
                    self._case.response, chat, self._endpoint, self._provider, _MODEL_ID
                )
            except UpstreamError as error:
                fits = failure_fits(self._case.expect or {}, error)
                self._check("kind", fits, f"{error}: {error.detail}")
                return
            meter, final = reply.meter, loads(reply.body)
        if final is not None:
            self._compare(final, meter)

    def _compare(self, final: JsonObject, meter: Meter) -> None:
        expect = self._case.expect or {}
        self._check("model", final["model"] == _MODEL_ID, f"{final['model']!r}")
        output = final["output"]
        for name, got in (("text", _text(output)), ("reasoning", _thoughts(output))):
            wanted = expect.get(name) or ""
            self._check(name, got == wanted, f"{got[:60]!r} instead of {wanted[:60]!r}")
        calls = [_call(item) for item in output if item["type"] in _CALLS]
        wanted_calls = [_parsed(call) for call in expect.get("tool_calls") or ()]
        self._check("tool_calls", calls == wanted_calls, f"{calls!r} instead of {wanted_calls!r}")
        finish = meter.finish_reason
        self._check("finish", finish_fits(expect.get("finish"), finish), f"{finish!r}")
        known = ("message", "reasoning", *_CALLS)
        blocks = sum(item["type"] not in known for item in output)
        wanted_blocks = int(expect.get("server_blocks") or 0)
        self._check("server_blocks", blocks == wanted_blocks, f"{blocks}")
        self._compare_usage(expect.get("usage") or {}, final, meter)
        self._compare_history(output)

    def _compare_usage(self, wanted: JsonObject, final: JsonObject, meter: Meter) -> None:
        usage = meter.usage or Usage()
        counted = {
            "input": usage.input_tokens,
            "output": usage.output_tokens,
            "cache_read": usage.of(Dimension.CACHE_READ),
            "cache_write": usage.of(Dimension.CACHE_WRITE, Dimension.CACHE_WRITE_1H),
            "reasoning": usage.of(Dimension.REASONING),
        }
        for name, got in counted.items():
            if name in wanted:
                self._check(f"usage.{name}", got == wanted[name], f"{got} for {wanted[name]}")
        if wanted and "total" in wanted:
            total = (final.get("usage") or {}).get("total_tokens")
            self._check("usage.total", total == wanted["total"], f"{total}")

    def _compare_history(self, output: list[JsonObject]) -> None:
        """What was answered, sent back by a client that keeps items as they are."""
        body = dumps({"model": "m", "input": [*output, {"role": "user", "content": "go on"}]})
        try:
            chat = decode(body, {}, takes_all=True)
            call = self._lane.request(chat, self._endpoint, self._provider, _TEAM)
        except InvalidRequest as error:
            self._check("replayed", False, f"refused: {error.message}")
            return
        sent = loads(call.body)["input"][:-1]
        recorded = [_kept(item, self._provider) for item in self._recorded_output()]
        self._check(
            "replayed",
            [_kept(item, self._provider) for item in sent] == [item for item in recorded if item],
            "what was said comes back changed",
        )

    def _recorded_output(self) -> list[JsonObject]:
        if not self._case.stream:
            return list(loads(self._case.response)["output"])
        lines = self._case.response.split(b"\n")
        told = (loads(line[5:]) for line in lines if line.startswith(b"data:"))
        return [event["item"] for event in told if event["type"] == "response.output_item.done"]


def _kept(item: JsonObject, provider: Provider) -> JsonObject | None:
    """An item as far as it must survive: without ids, and what is empty."""
    if item["type"] == "reasoning":
        if provider.profile.responses == "sealed" and not item.get("encrypted_content"):
            return None
        kept = {n: item.get(n) or [] for n in ("summary", "content", "encrypted_content")}
        return {"type": "reasoning", **kept}
    if item["type"] == "message":
        texts = [part.get("text") or part.get("refusal") for part in item["content"]]
        if not any(texts):
            return None  # an empty message says nothing
        return {"type": "message", "texts": texts, "phase": item.get("phase")}
    if item["type"] in _CALLS:
        return {name: item[name] for name in ("type", "call_id", "name", _CALLS[item["type"]])}
    return {name: value for name, value in item.items() if name != "id"}


def _text(output: list[JsonObject]) -> str:
    parts = (part for item in output if item["type"] == "message" for part in item["content"])
    return "".join(part.get("text") or "" for part in parts)


def _thoughts(output: list[JsonObject]) -> str:
    made = []
    for item in output:
        if item["type"] == "reasoning":
            made += [part["text"] for part in (item.get("summary") or item.get("content") or ())]
    return "".join(made)


def _call(item: JsonObject) -> JsonObject:
    return _parsed({"name": item["name"], "arguments": item[_CALLS[item["type"]]]})


def _parsed(call: JsonObject) -> JsonObject:
    arguments = call.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = loads(arguments)
        except ValueError:
            pass
    return {"name": call.get("name"), "arguments": arguments}


def _meaning(body: JsonObject) -> JsonObject:
    """A request with what can be said in two ways said in one, and without nulls."""
    made = {name: value for name, value in body.items() if value is not None}
    if isinstance(made.get("input"), str):
        made["input"] = [{"role": "user", "content": made["input"]}]
    if made.get("stream") is False:
        del made["stream"]
    return made


def _changes(recorded: Any, sent: Any, path: str) -> Iterator[tuple[str, str]]:
    """What differs: the member's path, such as `input[].id`, and how."""
    if isinstance(recorded, dict) and isinstance(sent, dict):
        for name in [*recorded, *(name for name in sent if name not in recorded)]:
            member = f"{path}.{name}" if path else name
            if name not in sent:
                yield member, "removed"
            elif name not in recorded:
                yield member, "added"
            else:
                yield from _changes(recorded[name], sent[name], member)
    elif isinstance(recorded, list) and isinstance(sent, list) and len(recorded) == len(sent):
        for old, new in zip(recorded, sent, strict=True):
            yield from _changes(old, new, f"{path}[]")
    elif recorded != sent:
        yield path, "changed"
