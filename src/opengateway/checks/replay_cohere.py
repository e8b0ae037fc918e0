"""Recorded chats with Cohere's second version, both ways, through the canonical form.

The recorded request is read as a caller's of the chat dialect. A plan that the model made before its
calls is told as reasoning (reference: providers, B.6), which the recordings' digest does not name.
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.catalog.loader import load_catalogue
from opengateway.checks.caller_view import Seen, see_reply, see_stream
from opengateway.checks.case_player import CasePlayer
from opengateway.checks.endings import finish_fits
from opengateway.checks.recorded_case import RecordedCase
from opengateway.dialects.openai_chat import ChatRendering, decode
from opengateway.domain.catalog import Endpoint, Provider, Wire
from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.errors import InvalidRequest, UpstreamError
from opengateway.domain.usage import Dimension, PriceRow, Usage
from opengateway.gateway.translation import TranslatedWire
from opengateway.kit.json import JsonObject, dumps, loads
from opengateway.wires.cohere import CohereWire

_MODEL_ID: Final = "replayed/model"
_TEAM: Final = "team_replay"
_CHOICES: Final = {"NONE": "none", "REQUIRED": "required"}
_RENAMED: Final = {"p": "top_p", "k": "top_k", "stop_sequences": "stop"}


def cohere_provider(name: str) -> Provider:
    providers = load_catalogue().providers.values()
    known = next(provider for provider in providers if provider.wire is Wire.COHERE)
    return Provider(id=name, name=name, wire=Wire.COHERE, base_url="", profile=known.profile)


def cohere_endpoint(provider: Provider, model: str) -> Endpoint:
    return Endpoint(
        id=f"{_MODEL_ID}@{provider.id}",
        provider_id=provider.id,
        upstream_model=model,
        context=1_000_000,
        max_output=None,
        price=PriceRow(id="none", effective_from="2000-01-01", source="none", rates={}),
    )


def play_cohere(case: RecordedCase) -> tuple[list[str], list[str]]:
    """What is not as it must be, in words; and what was compared."""
    player = _Player(case)
    player.play()
    return player.faults, player.checks


class _Player(CasePlayer):
    __slots__ = ("_endpoint", "_provider", "_wire")

    def __init__(self, case: RecordedCase) -> None:
        super().__init__(case)
        self._provider = cohere_provider(case.provider)
        self._endpoint = cohere_endpoint(self._provider, case.model)
        ids = iter(range(1_000_000))
        rendering = ChatRendering(lambda: 0, lambda prefix: f"{prefix}{next(ids)}")
        self._wire = TranslatedWire(CohereWire(), rendering)

    def play(self) -> None:
        case = self._case
        recorded = loads(case.request)
        try:
            chat = decode(dumps(_as_a_callers(recorded)), {})
            call = self._wire.request(chat, self._endpoint, self._provider, _TEAM)
        except InvalidRequest as refusal:
            self._check("request", 400 <= case.status < 500, f"refused: {refusal.message}")
            return
        self._check("path", case.path.endswith(call.path), f"we would ask {call.path!r}")
        sent, wanted = _plain(loads(call.body)), _plain(recorded)
        for member in dict.fromkeys((*wanted, *sent)):
            is_same = sent.get(member) == wanted.get(member) or member in call.dropped
            is_same = is_same or (member == "stream" and not sent.get(member))
            self._check("request", is_same, f"{member} would be another")
        if case.expect is None:
            self._check("expect", False, "the case has no expectation")
        elif case.status >= 300:
            error = self._wire.error(case.status, case.headers, case.response, self._provider)
            self._compare_error(error, case.expect)
        elif case.stream:
            self._play_stream(chat, case.expect)
        else:
            self._play_reply(chat, case.expect)

    def _compare_error(self, error: UpstreamError, expect: JsonObject) -> None:
        told = expect.get("error") or {}
        self._check("kind", expect.get("kind") == "error", "an error where none was expected")
        self._check("status", error.upstream_status == expect.get("status"), "another status")
        message = str(told.get("message") or "")[:2048]
        self._check("error.message", error.detail.startswith(message), f"{error.detail[:80]!r}")

    def _play_reply(self, chat: ChatRequest, expect: JsonObject) -> None:
        try:
            reply = self._wire.reply(
                self._case.response, chat, self._endpoint, self._provider, _MODEL_ID
            )
        except UpstreamError as error:
            self._check("kind", False, f"{error.error_class.value}: {error.detail or error}")
            return
        self._compare(see_reply(reply.body, _MODEL_ID), reply.meter, expect)

    def _play_stream(self, chat: ChatRequest, expect: JsonObject) -> None:
        for include_usage in (False, True):
            chosen = decode(
                dumps(
                    {
                        **_as_a_callers(loads(self._case.request)),
                        "stream_options": {"include_usage": include_usage},
                    }
                ),
                {},
            )
            stream = self._wire.stream(chosen, self._endpoint, self._provider, _MODEL_ID)
            frames = stream.feed(self._case.response) + stream.end()
            self._check("end", stream.done, f"the stream's end is not told: {stream.error}")
            seen = see_stream(frames, _MODEL_ID, include_usage=include_usage)
            self._compare(seen, stream.meter, expect)

    def _compare(self, seen: Seen, meter: Meter, expect: JsonObject) -> None:
        first = seen.first()
        self._check("form", not seen.faults, ", ".join(dict.fromkeys(seen.faults)))
        text = expect.get("text") or ""
        self._check("text", first.text == text, f"{first.text[:60]!r} instead of {text[:60]!r}")
        thought = (expect.get("reasoning") or "") or _plan_in(self._case)
        self._check("reasoning", first.reasoning == thought, f"{first.reasoning[:60]!r}")
        calls = [call.parsed() for _, call in sorted(first.calls.items())]
        wanted = [
            {"name": call["name"], "arguments": call["arguments"]}
            for call in expect.get("tool_calls") or ()
        ]
        self._check("tool_calls", calls == wanted, f"{calls!r} instead of {wanted!r}")
        finish = expect.get("finish")
        fits = finish_fits(finish, first.finish) and first.finish == meter.finish_reason
        self._check("finish", fits, f"{first.finish!r}")
        self._compare_usage(expect.get("usage") or {}, meter.usage or Usage(), seen.usage)

    def _compare_usage(self, wanted: JsonObject, billed: Usage, shown: JsonObject | None) -> None:
        """What is billed is the vendor's billed units; what is shown are the tokens."""
        counted = {
            "billed_input": billed.input_tokens,
            "billed_output": billed.of(Dimension.OUTPUT, Dimension.REASONING),
        }
        if shown is not None:
            details = shown.get("prompt_tokens_details") or {}
            counted |= {
                "input": shown["prompt_tokens"],
                "output": shown["completion_tokens"],
                "cache_read": details.get("cached_tokens", 0),
            }
        for name, got in counted.items():
            if name in wanted:
                self._check(f"usage.{name}", got == wanted[name], f"{got} not {wanted[name]}")


def _as_a_callers(recorded: JsonObject) -> JsonObject:
    asked = {_RENAMED.get(name, name): value for name, value in recorded.items()}
    asked["model"] = _MODEL_ID
    asked["messages"] = [_message(message) for message in recorded["messages"]]
    if "tool_choice" in recorded:
        asked["tool_choice"] = _CHOICES[recorded["tool_choice"]]
    return asked


def _message(message: JsonObject) -> JsonObject:
    """Thoughts stand beside the content there."""
    content = message.get("content")
    made = {name: value for name, value in message.items() if name != "tool_plan"}
    thoughts = [message.get("tool_plan") or ""]
    if isinstance(content, list):
        thoughts += (part.get("thinking") or "" for part in content)
        made["content"] = [part for part in content if part["type"] != "thinking"]
    if message["role"] == "assistant" and "".join(thoughts):
        made["reasoning_content"] = "".join(thoughts)
    return made


def _plain(body: JsonObject) -> JsonObject:
    """Without what means the same: nulls, and a text alone in a list of parts."""
    made: JsonObject = {name: value for name, value in body.items() if value is not None}
    made["messages"] = [
        {n: _alone(v) for n, v in message.items() if v is not None} for message in body["messages"]
    ]
    return made


def _alone(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 1 and value[0].get("type") == "text":
        return value[0]["text"]
    return value


def _plan_in(case: RecordedCase) -> str:
    if not case.stream:
        return str(loads(case.response)["message"].get("tool_plan") or "")
    lines = (line[6:] for line in case.response.split(b"\n") if line.startswith(b"data: {"))
    told = (loads(line) for line in lines)
    deltas = (one["delta"]["message"] for one in told if one["type"] == "tool-plan-delta")
    return "".join(delta["tool_plan"] for delta in deltas)
