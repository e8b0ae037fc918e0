"""From a vendor's stream to the caller's: bytes in, whole frames out.

Each event is decoded once, into undecoded members. Nearly all take the fast path: the choices are
looked at through a small struct, the members that name the answer are replaced, and the rest leaves
as the bytes that came. What needs mending takes the slow path (`choice`).

Finish reasons and usage are held until the end marker. A stream that is cut therefore never shows
a finish, wherever the cut falls; and there is one usage chunk, last, if the caller asked for it.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from opengateway.domain.catalog import Profile, Provider
from opengateway.domain.chat import Meter
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.kit.json import (
    JsonObject,
    Raw,
    RawObject,
    ValidationError,
    dumps,
    loads,
    loads_raw_object,
)
from opengateway.kit.sse import Decoder, FrameTooLarge, ServerEvent
from opengateway.wires.openai_chat.choice import Choice, TooManyCalls, usable_choices
from opengateway.wires.openai_chat.error import error_in_answer, malformed, truncated
from opengateway.wires.openai_chat.error_body import error_in
from opengateway.wires.openai_chat.parts import answer_id
from opengateway.wires.openai_chat.signals import signals
from opengateway.wires.openai_chat.tap import TappedChoice, tap
from opengateway.wires.openai_chat.usage import for_caller, is_whole, usage_of

EVENT_LIMIT_BYTES: Final = 16 * 1024 * 1024
MAX_CHOICES: Final = 256
_END: Final = b"[DONE]"
_NULL: Final = Raw(b"null")
_OBJECT: Final = Raw(b'"chat.completion.chunk"')
_NO_CHOICES: Final = Raw(b"[]")
_UNNAMED: Final = frozenset(("id", "object", "created", "model", "choices", "usage"))


class OpenAIChatStream:
    """One stream. See `ports.provider.ChatStream`."""

    __slots__ = (
        "_choices",
        "_decoder",
        "_endings",
        "_include_usage",
        "_model",
        "_names",
        "_pending",
        "_profile",
        "_provider",
        "_usage",
        "_usage_chunk",
        "done",
        "error",
        "meter",
    )

    def __init__(self, provider: Provider, model_id: str, *, include_usage: bool) -> None:
        self.meter = Meter()
        self.done = False
        self.error: UpstreamError | None = None
        self._provider = provider
        self._profile: Profile = provider.profile
        self._include_usage = include_usage
        self._decoder = Decoder(EVENT_LIMIT_BYTES)
        self._model = Raw(dumps(model_id))
        self._names: RawObject | None = None
        """What every chunk says alike: id, object, created, model, maybe system_fingerprint."""
        self._pending: RawObject = {}
        """Members of chunks that were taken in before the first that leaves."""
        self._choices: dict[int, Choice] = {}
        self._endings: dict[int, RawObject] = {}
        self._usage: JsonObject | None = None
        self._usage_chunk: RawObject = {}

    def feed(self, chunk: bytes) -> bytes:
        return b"".join(self._frames(chunk))

    def end(self) -> bytes:
        out: list[bytes] = []
        if not self._is_over():
            for event in self._decoder.end():  # one at most
                self._take(event, out)
        if not self._is_over():
            self.error = truncated(self._provider)
        return b"".join(out)

    def _is_over(self) -> bool:
        return self.done or self.error is not None

    def _frames(self, chunk: bytes) -> list[bytes]:
        out: list[bytes] = []
        if self._is_over():
            return out
        try:
            for event in self._decoder.feed(chunk):
                self._take(event, out)
                if self._is_over():
                    break
        except FrameTooLarge as error:
            self.error = malformed(self._provider, f"sent {error}")
        return out

    def _take(self, event: ServerEvent, out: list[bytes]) -> None:
        data = event.data
        if data == _END:
            self._finish(out)
            return
        try:
            if not data.isascii():
                data.decode()  # what nobody decodes is checked for JSON's grammar only
            chunk = loads_raw_object(data)
            if event.event != "error" and self._pass_on(chunk, out):
                return
            self._mend(event, chunk, out)
        except (ValueError, RecursionError):
            if (text := data.strip()) == _END:
                self._finish(out)
            elif text:
                self.error = self._unreadable(event, text)

    def _pass_on(self, chunk: RawObject, out: list[bytes]) -> bool:
        """The fast path: True when the chunk was no more than text or arguments, and left."""
        if self._names is None or "error" in chunk or "x_groq" in chunk:
            return False
        usage = chunk.get("usage")
        if usage is not None and usage != _NULL:
            return False
        try:
            choices = tap(chunk["choices"])
        except (ValidationError, KeyError):
            return False
        if len(choices) != 1:
            return False
        delta = choices[0].delta
        characters = self._characters_of(choices[0])
        if not characters:
            return False
        if delta.role is not None or (delta.reasoning and not delta.reasoning_content):
            chunk["choices"] = _with_plain_delta(chunk["choices"])
        meter = self.meter
        meter.characters += characters
        meter.has_content = True
        if self._include_usage:
            chunk["usage"] = _NULL
        elif usage is not None:
            del chunk["usage"]
        chunk.update(self._names)
        out.append(b"data: ")
        out.append(dumps(chunk))
        out.append(b"\n\n")
        return True

    def _characters_of(self, choice: TappedChoice) -> int:
        """What it hands on as it is; 0 when it needs mending or is better left out."""
        state = self._choices.get(choice.index)
        if state is None:
            return 0
        delta = choice.delta
        text = len(delta.content or "") + len(delta.reasoning_content or delta.reasoning or "")
        calls = delta.tool_calls
        if calls is None:
            return text
        if len(calls) != 1 or text or delta.content is not UNSET or delta.role is not None:
            return 0
        arguments = calls[0].function.arguments
        return len(arguments) if state.goes_on(calls[0].index, arguments) else 0

    def _mend(self, event: ServerEvent, chunk: RawObject, out: list[bytes]) -> None:
        """The slow path."""
        choices = usable_choices(loads(chunk["choices"]) if "choices" in chunk else None)
        if choices is None:
            self.error = malformed(self._provider, "sent choices of another shape")
            return
        self._note_usage(chunk, choices)
        if self._fails(event, chunk, choices):
            return
        chunk.pop("error", None)
        if not choices:
            if chunk.get("usage", _NULL) != _NULL:
                self._usage_chunk = chunk
            elif "choices" in chunk and self._names is None and not self._pending:
                # Azure's first chunk: what the filter said of the prompt, and no name (E9).
                self._pending = {k: v for k, v in chunk.items() if k not in _UNNAMED}
            return
        self._learn_names(chunk)
        leaving: list[JsonObject] = []
        endings: dict[int, JsonObject] = {}
        try:
            for position, choice in enumerate(choices):
                state = self._choice_at(choice, position)
                now, ending = state.map(choice)
                if now is not None:
                    leaving.append(now)
                if ending is not None:
                    endings[state.index] = ending
        except TooManyCalls as error:
            self.error = malformed(self._provider, f"sent {error}")
            return
        if leaving:
            self._emit({**self._pending, **chunk}, leaving, out)
            self._pending = {}
        for index, ending in endings.items():
            self._end_choice(index, chunk, ending)

    def _choice_at(self, choice: JsonObject, position: int) -> Choice:
        index = choice.get("index")
        if not isinstance(index, int) or isinstance(index, bool):
            index = position
        state = self._choices.get(index)
        if state is None:
            if len(self._choices) >= MAX_CHOICES:
                raise TooManyCalls(f"more than {MAX_CHOICES} choices")
            state = self._choices[index] = Choice(index, self._profile, self.meter)
        return state

    def _emit(self, chunk: RawObject, choices: list[JsonObject], out: list[bytes]) -> None:
        assert self._names is not None
        chunk["choices"] = Raw(dumps(choices))
        if self._include_usage:
            chunk["usage"] = _NULL
        else:
            chunk.pop("usage", None)
        chunk.update(self._names)
        out.append(b"data: %b\n\n" % dumps(chunk))

    def _end_choice(self, index: int, chunk: RawObject, ending: JsonObject) -> None:
        failed = self._choices[index].finish
        if isinstance(failed, ErrorClass):
            self.error = UpstreamError(
                failed,
                f"the provider {self._provider.id} gave up with the finish reason "
                f"{ending.get('finish_reason')!r}",
                upstream_code=str(ending.get("finish_reason")),
            )
            return
        held = dict(chunk)
        held["choices"] = Raw(dumps(ending))
        self._endings[index] = held
        if index == 0 or self.meter.native_finish_reason is None:
            state = self._choices[index]
            self.meter.native_finish_reason = state.native_said or state.native

    def _learn_names(self, chunk: RawObject) -> None:
        """The first chunk that is part of the answer names it; the later ones are made to agree."""
        if self._names is not None:
            return
        identifier = loads(chunk["id"]) if "id" in chunk else None
        if isinstance(identifier, str) and identifier:
            self.meter.upstream_id = identifier
        else:
            identifier = answer_id(dumps(chunk))
        created = loads(chunk["created"]) if "created" in chunk else 0
        if isinstance(created, bool) or not isinstance(created, int | float):
            created = 0
        self._names = {
            "id": Raw(dumps(identifier)),
            "object": _OBJECT,
            "created": Raw(dumps(int(created))),
            "model": self._model,
        }
        fingerprint = chunk.get("system_fingerprint", _NULL)
        if fingerprint != _NULL:
            self._names["system_fingerprint"] = fingerprint

    def _note_usage(self, chunk: RawObject, choices: list[JsonObject]) -> None:
        """The newest usage that names anything, wherever the vendor puts it."""
        told = [loads(chunk["usage"])] if "usage" in chunk else []
        if "x_groq" in chunk:
            groq = loads(chunk["x_groq"])
            told.append(groq.get("usage") if isinstance(groq, dict) else None)
        told.extend(choice.pop("usage") for choice in choices if "usage" in choice)  # Moonshot
        for reported in told:
            if isinstance(reported, dict):
                usage = usage_of(reported, self._profile)
                if usage is not None:
                    self.meter.usage, self._usage = usage, reported
                    return

    def _fails(self, event: ServerEvent, chunk: RawObject, choices: list[JsonObject]) -> bool:
        """Trouble told inside the stream (E11). Sets `error`; nothing leaves after it."""
        told = loads(chunk["error"]) if "error" in chunk else None
        if not told and "x_groq" in chunk:
            groq = loads(chunk["x_groq"])
            told = groq.get("error") if isinstance(groq, dict) else None
        if not told:
            told = next((c["error"] for c in choices if c.get("error")), None)  # OpenRouter
        if not told and event.event != "error":
            if "choices" in chunk or "usage" in chunk:
                return False
            told = {name: loads(raw) for name, raw in chunk.items()}
            if not any(told.get(n) for n in ("message", "detail", "code", "base_resp", "status")):
                return False
        document = {"error": told} if told else {n: loads(raw) for n, raw in chunk.items()}
        if self._is_restated(document):
            return False
        self.error = error_in_answer(document, self._provider, "within the stream")
        return True

    def _is_restated(self, document: JsonObject) -> bool:
        """Whether every choice has ended, and the error says no more than why."""
        if not self._choices or len(self._endings) < len(self._choices):
            return False
        said = error_in(document).message
        finishes = [choice.finish for choice in self._choices.values()]
        return all(
            not isinstance(finish, ErrorClass) and signals().restates(finish, said)
            for finish in finishes
        )

    def _unreadable(self, event: ServerEvent, text: bytes) -> UpstreamError:
        if event.event == "error":
            said = text[:2048].decode("utf-8", "replace")
            return error_in_answer(said, self._provider, "within the stream")
        return malformed(self._provider, "sent an event that is not a JSON object")

    def _finish(self, out: list[bytes]) -> None:
        """The end marker: what was held leaves, in order, and the stream is whole."""
        if not self._choices or self._names is None:
            self.error = malformed(self._provider, "ended its stream without an answer")
            return
        if self._profile.finish_required and len(self._endings) < len(self._choices):
            self.error = truncated(self._provider)
            return
        for index in sorted(self._choices):
            self._finish_choice(self._choices[index], out)
        if self._include_usage and self._usage is not None:
            chunk = self._usage_chunk or dict(self._names)
            chunk["choices"] = _NO_CHOICES
            chunk["usage"] = self._shown_usage(self._usage, chunk.get("usage"))
            chunk.update(self._names)
            out.append(b"data: %b\n\n" % dumps(chunk))
        self.done = True

    def _finish_choice(self, choice: Choice, out: list[bytes]) -> None:
        finish = choice.finish
        assert not isinstance(finish, ErrorClass), "a failed choice sets the error at once"
        held = self._endings.get(choice.index, {})
        if fragments := choice.closing_fragments():
            delta = {"tool_calls": fragments}
            self._emit({}, [{"index": choice.index, "delta": delta, "finish_reason": None}], out)
            self.meter.characters += 2 * len(fragments)
        ending = loads(held["choices"]) if held else {"index": choice.index, "delta": {}}
        ending["finish_reason"] = finish
        self._emit({**held}, [ending], out)
        if choice.index == min(self._choices):
            self.meter.finish_reason = finish

    def _shown_usage(self, reported: JsonObject, raw: Raw | None) -> Raw:
        if is_whole(reported):
            if raw is not None and raw != _NULL:
                return raw
            return Raw(dumps(reported))
        return Raw(dumps(for_caller(reported, self.meter.usage)))


def _with_plain_delta(raw: Raw) -> Raw:
    """The one choice in `raw` without a role, and with its reasoning where clients look for it."""
    choices = loads(raw)
    delta = choices[0]["delta"]
    delta.pop("role", None)
    if delta.get("reasoning") and not delta.get("reasoning_content"):
        delta["reasoning_content"] = delta["reasoning"]
    return Raw(dumps(choices))
