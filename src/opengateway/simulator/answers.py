"""What the simulator says: text, tool calls or a document, cut where the request says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from opengateway.kit import json
from opengateway.kit.chance import Chance, seeded
from opengateway.simulator.language import answer_text, thinking
from opengateway.simulator.metering import BYTES_PER_TOKEN, count_text
from opengateway.simulator.personas import Persona, Refusal
from opengateway.simulator.reading import Ask
from opengateway.simulator.samples import Sampler
from opengateway.simulator.settings import ModelTraits

MAX_PARALLEL = 8
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BYTES_PER_WORD = 8
_WORDS_WANTED = re.compile(
    r"(\d{1,5}) ?(?:words|단어|語|单词|palabras|mots|Wörter)\b", re.IGNORECASE
)
_CALLING = (
    "call",
    "use the tool",
    "use a tool",
    "도구",
    "호출",
    "ツール",
    "呼び出",
    "工具",
    "调用",
)


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call. `arguments` is JSON text for a function, free text for a custom tool."""

    id: str
    name: str
    arguments: str
    kind: str = "function"


@dataclass(frozen=True, slots=True)
class Answer:
    """One choice. `finish` is OpenAI's word; personas with words of their own translate it."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = "stop"
    stopped_by: str | None = None

    @property
    def tokens(self) -> int:
        said = self.text + "".join(call.name + call.arguments for call in self.calls)
        return count_text(said) + count_text(self.reasoning)


def make_answers(
    ask: Ask, persona: Persona, traits: ModelTraits, target_tokens: int | None
) -> tuple[Answer, ...]:
    """One answer for each choice asked for; the same for the same request.

    Raises `Refusal` for a schema that no value can be made for.
    """
    return tuple(
        _cut(_answer(ask, persona, traits, target_tokens, seeded(ask.seed + index)), ask)
        for index in range(ask.n)
    )


def _answer(
    ask: Ask, persona: Persona, traits: ModelTraits, target_tokens: int | None, chance: Chance
) -> Answer:
    reasoning = thinking(ask.question) if ask.reasoning else ""
    if names := _chosen(ask, traits, chance):
        calls = tuple(_call(name, ask, persona, chance) for name in names)
        return Answer(reasoning=reasoning, calls=calls, finish="tool_calls")
    if ask.json_schema is not None:
        document = json.dumps(_sample(ask.json_schema, ask.question, chance)).decode()
        return Answer(text=document, reasoning=reasoning)
    text = answer_text(
        ask.question,
        chance,
        results=ask.tool_results if ask.after_tool else (),
        images=ask.images,
        size=_size_wanted(ask.question, target_tokens),
    )
    if ask.files:
        text += f" Files received: {ask.files}."
    if target_tokens is not None:
        text = _first_bytes(text, target_tokens * BYTES_PER_TOKEN)
    return Answer(text=text, reasoning=reasoning)


def _size_wanted(question: str, target_tokens: int | None) -> int:
    """Bytes at least: what a directive says, or "500 words" in the question."""
    if target_tokens is not None:
        return target_tokens * BYTES_PER_TOKEN
    found = _WORDS_WANTED.search(question[:4000])
    return int(found[1]) * _BYTES_PER_WORD if found else 0


def _chosen(ask: Ask, traits: ModelTraits, chance: Chance) -> tuple[str, ...]:
    """The tools to call, in the order in which the question names them."""
    if not ask.tools:
        return ()
    named = _named(ask)
    if ask.forced is not None:
        names = [name for name in named if name in ask.forced] or [chance.choice(ask.forced)]
    elif ask.after_tool:
        return ()
    else:
        lowered = ask.question.lower()
        wants = bool(named) or traits.eager_tools or any(word in lowered for word in _CALLING)
        names = (named or [chance.choice(list(ask.tools))]) if wants else []
    return tuple(names[: MAX_PARALLEL if ask.parallel else 1])


def _named(ask: Ask) -> list[str]:
    lowered = ask.question.lower()
    places: dict[str, int] = {}
    for name in ask.tools:
        for spelling in (name.lower(), name.lower().replace("_", " ")):
            if (place := lowered.find(spelling)) >= 0:
                places.setdefault(name, place)
    return sorted(places, key=lambda name: places[name])


def _call(name: str, ask: Ask, persona: Persona, chance: Chance) -> Call:
    shape = persona.tool_id
    call_id = shape.prefix + "".join(chance.choices(_BASE62, k=shape.length))
    tool = ask.tools[name]
    if tool["kind"] == "custom":
        return Call(call_id, name, ask.question or "simulated input", "custom")
    schema = tool["schema"]
    # Without properties there is nothing to fill in: a call with no arguments is "{}".
    empty = isinstance(schema, dict) and not schema.get("properties") and "$ref" not in schema
    arguments = {} if empty else _sample(schema, ask.question, chance)
    return Call(call_id, name, json.dumps(arguments).decode())


def _sample(schema: dict[str, Any], question: str, chance: Chance) -> Any:
    try:
        return Sampler(schema, question, chance).sample()
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        message = f"Invalid schema: {str(error)[:200]}"
        raise Refusal("bad_schema", ("response_format",), message=message) from error


def _cut(answer: Answer, ask: Ask) -> Answer:
    """Apply the stop sequences, and then the limit of tokens: reasoning spends it first."""
    text, finish, stopped_by = answer.text, answer.finish, None
    hits = [(place, stop) for stop in ask.stop if (place := text.find(stop)) >= 0]
    if hits:
        place, stopped_by = min(hits)
        text = text[:place]
    if ask.max_tokens is None or answer.tokens <= ask.max_tokens:
        return Answer(text, answer.reasoning, answer.calls, finish, stopped_by)
    room = ask.max_tokens
    reasoning = _first_bytes(answer.reasoning, room * BYTES_PER_TOKEN)
    room = max(0, room - count_text(reasoning))
    kept = _first_bytes(text, room * BYTES_PER_TOKEN)
    calls: list[Call] = []
    left = room * BYTES_PER_TOKEN
    for call in answer.calls:
        if (left := left - len(call.name)) <= 0:
            break
        arguments = _first_bytes(call.arguments, left)
        calls.append(Call(call.id, call.name, arguments, call.kind))
        left -= len(arguments.encode())
    whole = kept == text and reasoning == answer.reasoning and tuple(calls) == answer.calls
    if whole:
        return Answer(text, reasoning, answer.calls, finish, stopped_by)
    return Answer(kept, reasoning, tuple(calls), "length")


def _first_bytes(text: str, size: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= size else encoded[:size].decode(errors="ignore")
