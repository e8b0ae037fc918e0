"""Recorded exchanges, found again by what was asked, and answered byte for byte."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from opengateway.domain.errors import OperatorError
from opengateway.kit import json
from opengateway.simulator.rendering import Frame, FrameKind

MAX_CASES = 20_000
MAX_CASE_BYTES = 32 * 1024 * 1024
MAX_TOTAL_BYTES = 1024 * 1024 * 1024

_SAFE_HEADERS = frozenset(
    ("content-type", "retry-after", "retry-after-ms", "x-should-retry", "x-request-id",
     "request-id", "mistral-correlation-id", "cf-ray")
)  # fmt: skip
_SAFE_PREFIXES = ("x-ratelimit-", "openai-", "x-groq-", "x-ms-", "apim-")
_REASONING = frozenset(("reasoning", "reasoning_content", "reasoning_details", "thinking_blocks"))


class _Request(msgspec.Struct):
    path: str = ""
    body: Any = None
    body_text: str | None = None
    body_b64: str | None = None


class _Response(msgspec.Struct):
    status: int
    headers: dict[str, str] = {}
    body: Any = None
    body_b64: str | None = None


class _CaseFile(msgspec.Struct):
    case_id: str
    provider: str
    endpoint: str
    request: _Request
    response: _Response
    stream: bool = False
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded reply. `rest` is a digest of the request's members that are not the key."""

    case_id: str
    provider: str
    stream: bool
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    rest: bytes


class CaseBook:
    """Finds cases by model, messages, tools and stream. Several answer in turn, in case order."""

    def __init__(self, cases: list[tuple[bytes, bytes, Case]]) -> None:
        self._by_key: dict[bytes, list[Case]] = {}
        self._messages: dict[bytes, int] = {}
        self._turn: dict[tuple[bytes, str, bytes], int] = {}
        for key, messages, case in cases:
            self._by_key.setdefault(key, []).append(case)
            self._messages[messages] = self._messages.get(messages, 0) + 1
        self.providers = frozenset(case.provider for _, _, case in cases)
        self.size = len(cases)

    def find(self, body: Any, provider: str | None) -> Case | None:
        """The case whose turn it is; `provider` narrows the choice to one vendor's recordings.

        Where several match, those whose other members (temperature, format...) are equal too win.
        """
        if not self._by_key or not isinstance(body, dict):
            return None
        key = _key(body)
        found = [c for c in self._by_key.get(key, ()) if provider in (None, c.provider)]
        if not found:
            return None
        rest = _rest(body)
        found = [case for case in found if case.rest == rest] or found
        place = (key, provider or "", rest)
        turn = self._turn.get(place, 0)
        self._turn[place] = (turn + 1) % len(found)
        return found[turn % len(found)]

    def rewind(self) -> None:
        self._turn.clear()

    def near_misses(self, body: Any) -> int:
        """How many cases have the same messages, whatever their model, tools and stream."""
        return self._messages.get(_messages_key(body), 0) if isinstance(body, dict) else 0


def load_cases(folder: Path) -> CaseBook:
    """Every chat completion below `folder`, in order of path. Raises `OperatorError`."""
    if not folder.is_dir():
        raise OperatorError(f"cases: {str(folder)!r} is not a folder")
    found: list[tuple[bytes, bytes, Case]] = []
    total = 0
    for path in sorted(folder.rglob("*.json")):
        size = path.stat().st_size
        total += size
        if size > MAX_CASE_BYTES or total > MAX_TOTAL_BYTES:
            raise OperatorError(f"cases: {str(path)!r} is too large ({size} bytes)")
        if (entry := _load(path)) is not None:
            found.append(entry)
        if len(found) > MAX_CASES:
            raise OperatorError(f"cases: more than {MAX_CASES} below {str(folder)!r}")
    return CaseBook(found)


def _load(path: Path) -> tuple[bytes, bytes, Case] | None:
    """None for a case of another endpoint, which is not ours to answer."""
    try:
        case = msgspec.json.decode(path.read_bytes(), type=_CaseFile)
        if case.endpoint != "chat.completions":
            return None
        body = _request_body(case.request)
        answer = case.response
        raw = base64.b64decode(answer.body_b64) if answer.body_b64 else _encoded(answer.body)
    except (msgspec.DecodeError, binascii.Error, OSError, RecursionError) as error:
        raise OperatorError(f"cases: {str(path)!r} is not a case: {str(error)[:200]}") from error
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        return None
    rest = _rest(body)
    headers = _headers(answer.headers, case.stream)
    made = Case(case.case_id, case.provider, case.stream, answer.status, headers, raw, rest)
    return _key(body | {"stream": case.stream}), _messages_key(body), made


def _request_body(request: _Request) -> Any:
    if request.body_b64 is not None:
        return json.loads(base64.b64decode(request.body_b64))
    body = request.body_text if request.body is None else request.body
    return json.loads(body) if isinstance(body, str) else body


def _encoded(body: Any) -> bytes:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else json.dumps(body)


def _headers(recorded: dict[str, str], stream: bool) -> tuple[tuple[bytes, bytes], ...]:
    """Those that say something of the answer; never those of a connection or an account."""
    kept = {
        name.lower(): value
        for name, value in recorded.items()
        if name.lower() in _SAFE_HEADERS or name.lower().startswith(_SAFE_PREFIXES)
    }
    kept.setdefault("content-type", "text/event-stream" if stream else "application/json")
    return tuple((k.encode("latin-1"), v.encode("latin-1", "replace")) for k, v in kept.items())


def split_frames(body: bytes) -> list[Frame]:
    """A recorded stream's events; joined they are the body again."""
    frames: list[Frame] = []
    start = 0
    while start < len(body):
        ends = [
            at + len(mark)
            for mark in (b"\n\n", b"\r\n\r\n", b"\r\r")
            if (at := body.find(mark, start)) >= 0
        ]
        end = min(ends, default=len(body))
        frames.append(_classified(body[start:end]))
        start = end
    return frames


def _classified(block: bytes) -> Frame:
    kind: FrameKind = "content"
    lines = [line for line in block.splitlines() if line]
    data = b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
    if not data:
        kind = "comment"
    elif data == b"[DONE]":
        kind = "done"
    elif b'"finish_reason":"' in data.replace(b": ", b":"):
        kind = "finish"
    elif b'"choices":[]' in data.replace(b": ", b":") and b'"usage"' in data:
        kind = "usage"
    return Frame(kind, block, len(data) // 16 if kind == "content" else 0)


# --- what makes two requests the same ---------------------------------------------------------------


def _key(body: dict[str, Any]) -> bytes:
    asked = {
        "model": body.get("model"),
        "messages": _messages(body),
        "tools": body.get("tools") or None,
        "stream": bool(body.get("stream")),
    }
    return _digest(asked)


def _messages_key(body: dict[str, Any]) -> bytes:
    return _digest(_messages(body))


def _rest(body: dict[str, Any]) -> bytes:
    """The members that a gateway neither adds nor renames, and that tell cases apart."""
    names = ("response_format", "tool_choice", "n", "temperature", "reasoning_effort", "stop")
    return _digest({name: body.get(name) for name in names if body.get(name) is not None})


def _digest(value: Any) -> bytes:
    encoded = msgspec.json.encode(value, order="sorted")
    return blake2b(encoded, digest_size=16).digest()


def _messages(body: dict[str, Any]) -> list[Any]:
    messages = body.get("messages")
    return [_normal(message) for message in messages] if isinstance(messages, list) else []


def _normal(message: Any) -> Any:
    """One spelling for messages that say the same.

    A single text part is a string; developer is system; reasoning and the index of a call do not
    count; a member that is null is not there.
    """
    if not isinstance(message, dict):
        return message
    kept = {k: v for k, v in message.items() if v is not None and k not in _REASONING}
    if kept.get("role") == "developer":
        kept["role"] = "system"
    if kept.get("role") == "tool":
        kept.pop("name", None)  # Mistral wants the tool's name there
    if kept.get("role") == "assistant":
        kept.pop("prefix", None)
    content = kept.get("content")
    if isinstance(content, list):
        kept["content"] = content = _normal_parts(content)
    if calls := kept.pop("tool_calls", None):
        kept["tool_calls"] = [_normal_call(call) for call in calls]
        if content == "":
            del kept["content"]
    return kept


def _normal_parts(parts: list[Any]) -> Any:
    kept = [p for p in parts if not (isinstance(p, dict) and p.get("type") == "thinking")]
    if len(kept) == 1 and isinstance(kept[0], dict) and set(kept[0]) == {"type", "text"}:
        return kept[0]["text"]
    return kept


def _normal_call(call: Any) -> Any:
    if not isinstance(call, dict):
        return call
    return {"type": "function"} | {k: v for k, v in call.items() if k != "index"}
