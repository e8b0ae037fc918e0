"""From a vendor's whole answer to the caller's."""

from __future__ import annotations

from typing import Any

from opengateway.domain.catalog import Provider
from opengateway.domain.chat import ChatReply, Meter
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.kit.json import JsonObject, Raw, RawObject, dumps, loads, loads_raw_object
from opengateway.wires.openai_chat.error import error_in_answer, malformed
from opengateway.wires.openai_chat.inline_thoughts import InlineThoughts, part_thoughts
from opengateway.wires.openai_chat.parts import (
    answer_id,
    arguments_text,
    call_id,
    count,
    created_of,
    drop_hollow_members,
    is_custom,
    mend_members,
    settle_content,
)
from opengateway.wires.openai_chat.signals import finish_of
from opengateway.wires.openai_chat.usage import for_caller, is_whole, usage_of

_OBJECT = Raw(b'"chat.completion"')


def caller_reply(body: bytes, provider: Provider, model_id: str) -> ChatReply:
    """Map a whole 2xx answer. Raises `UpstreamError` for one that holds an error or no answer.

    Members that need no change leave as the bytes that they came as.
    """
    mapper = read_reply(body, provider)
    mapper.name(body, model_id)
    return ChatReply(dumps(mapper.answer), mapper.meter)


def read_reply(body: bytes, provider: Provider) -> ReplyMapper:
    """An answer mended, as both lanes take it. Raises `UpstreamError` as `caller_reply` does."""
    try:
        if not body.isascii():
            body.decode()  # what nobody decodes is checked for JSON's grammar only
        answer = loads_raw_object(body)
        choices = loads(answer["choices"]) if "choices" in answer else None
        _raise_error_in(answer, choices, provider)
        assert isinstance(choices, list)
        mapper = ReplyMapper(answer, choices, provider)
        mapper.map_choices()
        mapper.map_usage()
    except (ValueError, RecursionError) as error:
        raise _not_an_answer(body, provider) from error
    return mapper


def _raise_error_in(answer: RawObject, choices: object, provider: Provider) -> None:
    """A 200 that holds an error, or no choices (E12, E13)."""
    for name in ("error", "base_resp"):
        told = loads(answer[name]) if name in answer else None
        if not told or (name == "base_resp" and not _failed(told)):
            continue
        raise error_in_answer({name: told}, provider, "in an answer with status 200")
    if isinstance(choices, list) and choices and all(isinstance(c, dict) for c in choices):
        return
    whole = loads(dumps(answer))
    if any(name in whole for name in ("message", "detail", "code")):
        raise error_in_answer(whole, provider, "in an answer with status 200")
    raise malformed(provider, "gave an answer without choices")


def _failed(base_resp: object) -> bool:
    """MiniMax: status_code is 0 when all is well."""
    return isinstance(base_resp, dict) and bool(base_resp.get("status_code"))


def _not_an_answer(body: bytes, provider: Provider) -> UpstreamError:
    try:
        document = loads(body)
    except (ValueError, RecursionError):
        return malformed(provider, "gave an answer that is not JSON")
    first = document[0] if isinstance(document, list) and document else None
    if isinstance(first, dict) and "error" in first:
        return error_in_answer(document, provider, "in an answer with status 200")
    return malformed(provider, "gave an answer of another shape")


class ReplyMapper:
    """One answer on its way. `choices` are those of `answer`, decoded."""

    __slots__ = ("_provider", "answer", "choices", "meter", "native")

    def __init__(self, answer: RawObject, choices: list[JsonObject], provider: Provider) -> None:
        self.answer = answer
        self.choices = choices
        self.native: dict[int, str] = {}
        """The vendor's own finish reasons, by choice."""
        self._provider = provider
        self.meter = Meter()
        identifier = loads(answer["id"]) if "id" in answer else None
        self.meter.upstream_id = identifier if isinstance(identifier, str) and identifier else None

    def map_choices(self) -> None:
        """Mend each in place; they are encoded anew only where something changed."""
        changed = False
        for position, choice in enumerate(self.choices):
            changed = self._map_choice(choice, position) or changed
        if changed:
            self.answer["choices"] = Raw(dumps(self.choices))

    def _map_choice(self, choice: JsonObject, position: int) -> bool:
        changed = False
        if not isinstance(choice.get("index"), int):
            choice["index"] = position
            changed = True
        message = choice.get("message")
        if not isinstance(message, dict):  # Azure: the filter took the whole message
            message = choice["message"] = {}
        changed = self._map_message(message, choice["index"]) or changed
        native = choice.get("finish_reason")
        native = native if isinstance(native, str) else None
        self.native[choice["index"]] = native or ""
        finish = finish_of(native, bool(message.get("tool_calls")), self._provider.profile)
        if isinstance(finish, ErrorClass):
            raise self._failure(choice, finish, native)
        if finish != native:
            choice["finish_reason"] = finish
            changed = True
        if "logprobs" not in choice:
            choice["logprobs"] = None
            changed = True
        if position == 0:
            self.meter.finish_reason = finish
            said = choice.get("native_finish_reason")  # OpenRouter
            told = said if isinstance(said, str) else native
            self.meter.native_finish_reason = told or None
        return changed

    def _failure(self, choice: JsonObject, kind: ErrorClass, native: str | None) -> UpstreamError:
        told = choice.get("error")
        if isinstance(told, dict) and told:
            return error_in_answer({"error": told}, self._provider, "in an answer with status 200")
        return UpstreamError(
            kind,
            f"the provider {self._provider.id} gave up with the finish reason {native!r}",
            upstream_code=native,
        )

    def _map_message(self, message: JsonObject, choice: int) -> bool:
        changed = settle_content(message)
        if self._provider.profile.inline_thoughts:
            changed = part_thoughts(message, InlineThoughts(), is_last=True) or changed
        changed = drop_hollow_members(message) or changed
        if not isinstance(message.get("role"), str) or not message["role"]:
            message["role"] = "assistant"
            changed = True
        if "content" not in message:
            message["content"] = None
            changed = True
        if message.get("refusal", "") == "":  # absent, or a refusal that refuses nothing
            message["refusal"] = None
            changed = True
        calls = message.get("tool_calls")
        if isinstance(calls, list) and calls:
            changed = self._map_calls(calls, choice) or changed
        count(message, self.meter)
        return changed

    def _map_calls(self, calls: list[Any], choice: int) -> bool:
        changed = False
        seen: set[str] = set()
        for position, call in enumerate(calls):
            if not isinstance(call, dict):
                raise malformed(self._provider, "gave a tool call that is not an object")
            self.meter.has_content = True
            function = call.get("function")
            name = ""
            if isinstance(function, dict):
                name = str(function.get("name") or "")
                arguments = arguments_text(function.get("arguments")) or "{}"
                self.meter.hand_on(arguments)
                if arguments != function.get("arguments"):
                    function["arguments"] = arguments
                    changed = True
            if is_custom(call):
                self.meter.hand_on(str(call["custom"].get("input") or ""))
            identifier = call.get("id")
            if not isinstance(identifier, str) or not identifier or identifier in seen:
                identifier = call_id(self.meter.upstream_id, choice, position, name)
                call["id"] = identifier
                changed = True
            seen.add(identifier)
            if not isinstance(call.get("type"), str):
                call["type"] = "function"
                changed = True
        return changed

    def map_usage(self) -> None:
        raw = self.answer.get("usage")
        reported = loads(raw) if raw is not None else None
        if not isinstance(reported, dict):
            return
        self.meter.usage = usage_of(reported, self._provider.profile)
        if not is_whole(reported, self.meter.usage):
            self.answer["usage"] = Raw(dumps(for_caller(reported, self.meter.usage)))

    def name(self, body: bytes, model_id: str) -> None:
        """What names the answer: the catalogue's model (decision 30), and an id always."""
        answer = self.answer
        if self.meter.upstream_id is None:
            answer["id"] = Raw(dumps(answer_id(body)))
        if bytes(answer.get("object", b"")) != bytes(_OBJECT):
            answer["object"] = _OBJECT
        answer["created"] = Raw(dumps(created_of(answer) or 0))
        mend_members(answer)
        answer["model"] = Raw(dumps(model_id))
