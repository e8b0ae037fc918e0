"""The legacy completions on the common wire: a prompt is gone on with.

Only servers of plain models have it; a chat model of a vendor without it is told so before anything
is sent, and is never asked by way of chat: the two mean different things.
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.catalog import Endpoint, Profile, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, Meter, UpstreamCall
from opengateway.domain.errors import ErrorClass, InvalidRequest, UpstreamError
from opengateway.domain.operations import Operation
from opengateway.domain.usage import Usage
from opengateway.kit.json import JsonObject, Raw, dumps, loads
from opengateway.ports.provider import ChatStream
from opengateway.wires.openai_chat.error import malformed
from opengateway.wires.openai_chat.signals import finish_of
from opengateway.wires.openai_chat.usage import usage_of
from opengateway.wires.operations.completion_stream import CompletionStream
from opengateway.wires.operations.members import members_of, path_for
from opengateway.wires.operations.whole import WholeWire, made_id, object_of

_TRUE: Final = Raw(b"true")
_ONLY_USAGE: Final = Raw(b'{"include_usage":true}')
_SHOWN_FINISHES: Final = frozenset(("stop", "length", "content_filter"))


class CompletionsWire(WholeWire):
    """`POST /completions`."""

    __slots__ = ()

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        dropped: list[str] = []
        if not endpoint.completes:
            raise InvalidRequest(
                f"the model is served by {provider.id} for chat only; send it to"
                " /v1/chat/completions, or choose a model of kind 'completion'",
                code="wrong_endpoint",
                param="model",
            )
        path = path_for(Operation.COMPLETIONS, endpoint, provider)
        fields = members_of(chat, endpoint, provider, team_id, dropped)
        _refuse_many_choices(chat, provider)
        if "stream" in chat.fields:
            fields["stream"] = chat.fields["stream"]
        if chat.stream:
            fields["stream"] = _TRUE
            fields["stream_options"] = _ONLY_USAGE
            if not provider.profile.stream_options:
                del fields["stream_options"]
        if "max_tokens" not in fields:  # others' defaults are not OpenAI's, and not what is held
            fields["max_tokens"] = Raw(dumps(chat.facts.max_output_tokens))
        return UpstreamCall(path, dumps(fields), tuple(dropped))

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        answer = object_of(body, provider)
        choices = answer.get("choices")
        if not isinstance(choices, list) or not choices:
            raise malformed(provider, "gave an answer without choices")
        meter = Meter()
        shown = [_choice(choice, at, provider, meter) for at, choice in enumerate(choices)]
        meter.usage = _usage(answer.get("usage"), provider.profile)
        identifier, created = answer.get("id"), answer.get("created")
        meter.upstream_id = identifier if isinstance(identifier, str) and identifier else None
        made: JsonObject = {
            "id": meter.upstream_id or made_id("cmpl-", body),
            "object": "text_completion",
            "created": created if type(created) is int else 0,
            "model": model_id,
            "choices": shown,
        }
        for name in ("usage", "system_fingerprint"):
            if answer.get(name) is not None:
                made[name] = answer[name]
        return ChatReply(dumps(made), meter)

    def stream(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatStream:
        return CompletionStream(provider, model_id, include_usage=chat.include_usage)


def _refuse_many_choices(chat: ChatRequest, provider: Provider) -> None:
    most = provider.profile.max_n
    best_of = chat.fields.get("best_of")
    made = max(chat.facts.n, loads(best_of) or 1 if best_of is not None else 1)
    if most is not None and made > most:
        raise InvalidRequest(
            f"n: {provider.id} gives at most {most} choice a request; ask for {most}, or send the"
            " request several times",
            param="n" if chat.facts.n > most else "best_of",
        )


def _choice(choice: Any, at: int, provider: Provider, meter: Meter) -> JsonObject:
    text = choice.get("text") if isinstance(choice, dict) else None
    if not isinstance(text, str):
        raise malformed(provider, "gave a choice without a text")
    native = choice.get("finish_reason")
    finish = shown_finish(native, provider)
    index = choice.get("index")
    if text:
        meter.hand_on(text)
    if at == 0:
        meter.finish_reason = finish
        meter.native_finish_reason = native if isinstance(native, str) else None
    return {
        "text": text,
        "index": index if type(index) is int else at,
        "logprobs": choice.get("logprobs"),
        "finish_reason": finish,
    }


def shown_finish(native: object, provider: Provider) -> str:
    """One of the three that the legacy surface knows. Raises `UpstreamError` for trouble."""
    word = native if isinstance(native, str) else None
    reason = finish_of(word, False, provider.profile)
    if isinstance(reason, ErrorClass):
        raise UpstreamError(
            reason,
            f"the provider {provider.id} gave up with the finish reason {word!r}",
            upstream_code=word,
        )
    return reason if reason in _SHOWN_FINISHES else "stop"


def _usage(reported: object, profile: Profile) -> Usage | None:
    return usage_of(reported, profile) if isinstance(reported, dict) else None
