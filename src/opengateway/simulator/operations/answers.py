"""Each operation's answer, made from what was asked. Raises `Refusal` as the vendor would."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from opengateway.kit import json
from opengateway.kit.chance import seeded
from opengateway.simulator.language import answer_text
from opengateway.simulator.metering import BYTES_PER_TOKEN, Meter, count_text
from opengateway.simulator.operations.made import (
    DIMENSIONS,
    as_base64,
    png,
    score,
    seconds_of,
    sound,
    vector,
)
from opengateway.simulator.personas import Refusal
from opengateway.simulator.rendering import DONE, Frame, pieces_of

MAX_INPUT_TOKENS: Final = 8192
_DEFAULT_TOKENS: Final = 16
_SEGMENT_S: Final = 5.0
_WORDS_PER_SECOND: Final = 2
_IMAGE_TOKENS: Final = {"low": 272, "medium": 1056, "high": 4160}
_CATEGORIES: Final = (
    *("hate", "hate/threatening", "harassment", "harassment/threatening", "illicit"),
    *("illicit/violent", "self-harm", "self-harm/intent", "self-harm/instructions", "sexual"),
    *("sexual/minors", "violence", "violence/graphic"),
)
_SOUND_TYPES: Final = {
    "mp3": b"audio/mpeg",
    "opus": b"audio/ogg",
    "aac": b"audio/aac",
    "flac": b"audio/flac",
    "wav": b"audio/wav",
    "pcm": b"audio/pcm",
}


@dataclass(frozen=True, slots=True)
class Made:
    """An answer: a body with its type, or the frames of a stream."""

    body: bytes
    meter: Meter
    content_type: bytes = b"application/json"
    frames: tuple[Frame, ...] | None = None


def metered(prompt: int, completion: int = 0) -> Meter:
    return Meter(prompt=prompt, cached=0, completion=completion, reasoning=0)


def inputs_of(value: Any, name: str, *, most: int = 2048) -> list[tuple[str, int]]:
    """Each input as a text that stands for it, and its tokens."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not items or len(items) > most:
        expected = "a string or an array of strings or tokens"
        raise Refusal("bad_type", (name,), expected=expected, got="another value", value=value)
    if all(type(item) is int for item in items):
        items = [items]
    found: list[tuple[str, int]] = []
    for at, item in enumerate(items):
        if isinstance(item, str) and item:
            found.append((item, count_text(item)))
        elif isinstance(item, list) and item and all(type(t) is int and t >= 0 for t in item):
            found.append((" ".join(map(str, item)), len(item)))
        else:
            told = f"'$.{name}' is invalid. Please check the API reference."
            raise Refusal("bad_value", (name, at), message=told)
    return found


# --- embeddings and rerank ----------------------------------------------------------------------------
def embeddings(asked: dict[str, Any], vendor: str, model: str) -> Made:
    inputs = inputs_of(asked["input"], "input")
    for _, tokens in inputs:
        if tokens > MAX_INPUT_TOKENS:
            facts = {"limit": MAX_INPUT_TOKENS, "tokens": tokens}
            raise Refusal("context_length", ("input",), **facts)
    size = asked.get("dimensions") or asked.get("output_dimension") or DIMENSIONS
    form = asked.get("encoding_format") or asked.get("embedding_type") or "float"
    data = []
    for at, (text, _) in enumerate(inputs):
        values = vector(text, size)
        shown: Any = as_base64(values) if form == "base64" else values
        data.append({"object": "embedding", "index": at, "embedding": shown})
    read = sum(tokens for _, tokens in inputs)
    usage: dict[str, Any] = {"prompt_tokens": read, "total_tokens": read}
    if vendor == "voyage":
        usage = {"total_tokens": read}
    body = {"object": "list", "data": data, "model": model, "usage": usage}
    return Made(json.dumps(body), metered(read))


def ranked(query: str, documents: list[str], most: int | None) -> list[tuple[int, float]]:
    scores = [(at, score(query, text)) for at, text in enumerate(documents)]
    return sorted(scores, key=lambda pair: -pair[1])[: most or None]


def rerank(asked: dict[str, Any], vendor: str, model: str, reply_id: str) -> Made:
    documents: list[str] = asked.get("documents") or asked.get("texts") or []
    most = asked.get("top_n") or asked.get("top_k")
    found = ranked(asked["query"], documents, most)
    read = sum(count_text(text) + count_text(asked["query"]) for text in documents)
    meter = metered(read)
    if vendor == "tei":
        return Made(json.dumps([{"index": at, "score": s} for at, s in found]), meter)
    results: list[dict[str, Any]] = [{"index": at, "relevance_score": s} for at, s in found]
    if asked.get("return_documents"):
        for result in results:
            result["document"] = {"text": documents[result["index"]]}
    if vendor == "voyage":
        body = {"object": "list", "data": results, "model": model, "usage": {"total_tokens": read}}
        return Made(json.dumps(body), meter)
    usage = {"total_tokens": read, "prompt_tokens": read}
    body = {"id": reply_id, "model": model, "usage": usage, "results": results}
    return Made(json.dumps(body), meter)


# --- images and sound -----------------------------------------------------------------------------------
def images(asked: dict[str, Any], model: str, created: int, reply_id: str) -> Made:
    made = asked.get("n") or 1
    by_tokens = model.endswith("tokens") or model.startswith("gpt-image")
    if by_tokens and "response_format" in asked:
        raise Refusal("unknown_member", ("response_format",), name="response_format")
    if not by_tokens and asked.get("quality") not in (None, "standard", "hd"):
        raise Refusal("unknown_member", ("quality",), name="quality")
    picture = base64.b64encode(png()).decode()
    if by_tokens or asked.get("response_format") == "b64_json":
        data = [{"b64_json": picture}] * made
    else:
        data = [
            {"url": f"https://images.simulator.invalid/{reply_id}-{at}.png"} for at in range(made)
        ]
    read = count_text(asked["prompt"])
    body: dict[str, Any] = {"created": created, "data": data}
    given = 0
    if by_tokens:
        given = made * _IMAGE_TOKENS.get(asked.get("quality") or "", _IMAGE_TOKENS["high"])
        body["usage"] = {
            "input_tokens": read,
            "input_tokens_details": {"text_tokens": read, "image_tokens": 0},
            "output_tokens": given,
            "total_tokens": read + given,
        }
    return Made(json.dumps(body), metered(read, given))


def speech(asked: dict[str, Any], model: str) -> Made:
    form = asked.get("response_format") or "mp3"
    data = sound(asked["input"], form, asked.get("speed") or 1.0)
    read, given = count_text(asked["input"]), max(1, len(asked["input"]))
    meter = metered(read, given)
    if asked.get("stream_format") != "sse":
        return Made(data, meter, _SOUND_TYPES[form])
    if not model.endswith(("tokens", "tts")):
        told = "stream_format 'sse' is not supported with this model."
        raise Refusal("bad_value", ("stream_format",), message=told)
    pieces = [data[at : at + 32_768] for at in range(0, len(data), 32_768)]
    told_all: list[dict[str, Any]] = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}
        for piece in pieces
    ]
    usage = {"input_tokens": read, "output_tokens": given, "total_tokens": read + given}
    told_all.append({"type": "speech.audio.done", "usage": usage})
    body = b"".join(b"data: " + json.dumps(told) + b"\n\n" for told in told_all)
    return Made(body, meter, b"text/event-stream")


def transcript(asked: dict[str, Any], model: str, *, translated: bool) -> Made:
    file = asked["file"]
    head = base64.b64decode(file["head"])
    seconds = seconds_of(head + bytes(file["size"] - len(head)))
    by_tokens = "transcribe" in model
    form = asked.get("response_format") or "json"
    if by_tokens and form not in ("json", "text"):
        told = f"response_format '{form}' is not compatible with model '{model}'."
        raise Refusal("bad_value", ("response_format",), message=told)
    many = max(1, -(-int(seconds) // int(_SEGMENT_S)))
    said = [f"Segment {at + 1} of the sound {file['name']}." for at in range(many)]
    text = " ".join(said)
    heard, words = max(1, int(seconds * 10)), count_text(text)
    if form in ("text", "srt", "vtt"):
        return Made(text.encode() + b"\n", metered(heard, words), b"text/plain; charset=utf-8")
    if by_tokens:
        usage: dict[str, Any] = {
            "type": "tokens",
            "input_tokens": heard,
            "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
            "output_tokens": words,
            "total_tokens": heard + words,
        }
    else:
        usage = {"type": "duration", "seconds": max(1, -(-int(seconds * 10) // 10))}
    body: dict[str, Any] = {"text": text, "usage": usage}
    if form == "verbose_json":
        body |= {
            "task": "translate" if translated else "transcribe",
            "language": "english" if translated else asked.get("language") or "english",
            "duration": round(seconds, 2),
            "segments": [
                {
                    "id": at,
                    "seek": 0,
                    "start": at * _SEGMENT_S,
                    "end": min(seconds, (at + 1) * _SEGMENT_S),
                    "text": one,
                    "tokens": [50_364 + at],
                    "temperature": 0.0,
                    "avg_logprob": -0.25,
                    "compression_ratio": 1.0,
                    "no_speech_prob": 0.01,
                }
                for at, one in enumerate(said)
            ],
        }
    return Made(json.dumps(body), metered(heard, words))


# --- moderations and completions ------------------------------------------------------------------------
def moderations(asked: dict[str, Any], model: str, reply_id: str) -> Made:
    items = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
    if not isinstance(items, list) or not items:
        raise Refusal("bad_type", ("input",), expected="a string or an array", got="another value")
    texts: list[str] = [i if isinstance(i, str) else str(i.get("text", "")) for i in items]
    results = [_judged(text) for text in texts]
    read = sum(map(count_text, texts))
    return Made(json.dumps({"id": reply_id, "model": model, "results": results}), metered(read))


def _judged(text: str) -> dict[str, Any]:
    """A text that names a category is flagged with it."""
    lowered = text.lower()
    hits = {name: name.partition("/")[0] in lowered for name in _CATEGORIES}
    return {
        "flagged": any(hits.values()),
        "categories": hits,
        "category_scores": {name: 0.9 if hit else 0.001 for name, hit in hits.items()},
        "category_applied_input_types": {name: ["text"] for name in hits},
    }


def completions(
    asked: dict[str, Any], model: str, created: int, reply_id: str, *, stream: bool
) -> Made:
    prompts = inputs_of(asked["prompt"], "prompt") if asked["prompt"] else [("", 0)]
    most = asked.get("max_tokens")
    most = _DEFAULT_TOKENS if most is None else most
    many = asked.get("n") or 1
    head: dict[str, Any] = {
        "id": reply_id,
        "object": "text_completion",
        "created": created,
        "model": model,
    }
    choices: list[dict[str, Any]] = []
    for at, (prompt, _) in enumerate(prompts):
        for turn in range(many):
            text, finish = _gone_on(prompt, asked, most, turn)
            index = at * many + turn
            choices.append(
                {"text": text, "index": index, "logprobs": None, "finish_reason": finish}
            )
    read = sum(tokens for _, tokens in prompts)
    given = sum(count_text(choice["text"]) for choice in choices)
    usage = {"prompt_tokens": read, "completion_tokens": given, "total_tokens": read + given}
    meter = metered(read, given)
    if not stream:
        return Made(json.dumps({**head, "choices": choices, "usage": usage}), meter)
    told = usage if (asked.get("stream_options") or {}).get("include_usage") else None
    return Made(b"", meter, b"text/event-stream", tuple(_frames(head, choices, told)))


def _gone_on(prompt: str, asked: dict[str, Any], most: int, turn: int) -> tuple[str, str]:
    seed = blake2b(json.dumps([prompt, asked.get("seed"), turn]), digest_size=8).digest()
    chance = seeded(int.from_bytes(seed, "big"))
    text = " " + answer_text(prompt, chance, results=(), images=(), size=0)
    finish = "stop"
    stops = asked.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.partition(stop)[0]
    if count_text(text) > most:
        text = text.encode()[: most * BYTES_PER_TOKEN].decode(errors="ignore")
        finish = "length"
    return (prompt + text if asked.get("echo") else text), finish


def _frames(
    head: dict[str, Any], choices: list[dict[str, Any]], usage: dict[str, Any] | None
) -> Iterator[Frame]:
    for choice in choices:
        for piece in pieces_of(choice["text"]):
            shown = {**choice, "text": piece, "finish_reason": None}
            data = b"data: " + json.dumps({**head, "choices": [shown]}) + b"\n\n"
            yield Frame("content", data, len(piece.encode()))
        ended = {**choice, "text": ""}
        yield Frame("finish", b"data: " + json.dumps({**head, "choices": [ended]}) + b"\n\n")
    if usage is not None:
        told = {**head, "choices": [], "usage": usage}
        yield Frame("usage", b"data: " + json.dumps(told) + b"\n\n")
    yield Frame("done", DONE)
