"""Recorded exchanges, found again by what was asked, and answered byte for byte."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from opengateway.domain.errors import OperatorError
from opengateway.kit import json
from opengateway.simulator.case_keys import (
    ANTHROPIC,
    CHAT,
    COHERE,
    CONVERSE,
    GEMINI,
    CaseKeys,
)
from opengateway.simulator.operation_keys import ENDPOINTS as OPERATION_ENDPOINTS
from opengateway.simulator.operation_keys import OPERATIONS
from opengateway.simulator.rendering import Frame, FrameKind
from opengateway.simulator.response_keys import RESPONSES

MAX_CASES = 20_000
MAX_CASE_BYTES = 32 * 1024 * 1024
MAX_TOTAL_BYTES = 1024 * 1024 * 1024

_SAFE_HEADERS = frozenset(
    ("content-type", "retry-after", "retry-after-ms", "x-should-retry", "x-request-id",
     "request-id", "mistral-correlation-id", "cf-ray", "x-amzn-errortype", "x-amzn-requestid")
)  # fmt: skip
_SAFE_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "openai-", "x-groq-", "x-ms-", "apim-")
_GEMINI_MODEL = re.compile(r"/models/([^/:]+):")

# The wire that answers an endpoint, and what the endpoint is called there.
_ENDPOINTS: dict[str, tuple[str, str]] = {
    "chat.completions": ("chat", ""),
    "responses": ("responses", ""),
    "messages": ("anthropic", "messages"),
    "messages.count_tokens": ("anthropic", "count_tokens"),
    "generateContent": ("gemini", "generateContent"),
    "streamGenerateContent": ("gemini", "streamGenerateContent"),
    "countTokens": ("gemini", "countTokens"),
    "converse": ("bedrock", ""),
    "converse-stream": ("bedrock", ""),
    "cohere.v2.chat": ("cohere", ""),
    **{endpoint: ("operations", action) for endpoint, action in OPERATION_ENDPOINTS.items()},
    "invoke": ("bedrock-invoke", "messages"),
    "invoke-stream": ("bedrock-invoke", "messages"),
}
WIRES: dict[str, CaseKeys] = {
    "chat": CHAT,
    "cohere": COHERE,
    "operations": OPERATIONS,
    "responses": RESPONSES,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "bedrock": CONVERSE,
    "bedrock-invoke": ANTHROPIC,
}


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
    """Finds cases of one wire by what was asked. Several answer in turn, in case order."""

    def __init__(self, keys: CaseKeys) -> None:
        self._keys = keys
        self._by_key: dict[bytes, list[Case]] = {}
        self._messages: dict[bytes, int] = {}
        self._turn: dict[tuple[bytes, str, bytes], int] = {}
        self.providers: frozenset[str] = frozenset()
        self.size = 0

    def add(self, body: dict[str, Any], case: Case) -> None:
        """`body` is the request, with `model`, `stream` and `action` where the address has them."""
        self._by_key.setdefault(self._keys.key(body), []).append(case)
        messages = self._keys.messages_key(body)
        self._messages[messages] = self._messages.get(messages, 0) + 1
        self.providers |= {case.provider}
        self.size += 1

    def find(self, body: Any, provider: str | None) -> Case | None:
        """The case whose turn it is; `provider` narrows the choice to one vendor's recordings.

        Where several match, those whose other members (temperature, format...) are equal too win.
        """
        if not self._by_key or not isinstance(body, dict):
            return None
        key = self._keys.key(body)
        found = [c for c in self._by_key.get(key, ()) if provider in (None, c.provider)]
        if not found:
            return None
        rest = self._keys.rest_key(body)
        found = [case for case in found if case.rest == rest] or found
        place = (key, provider or "", rest)
        turn = self._turn.get(place, 0)
        self._turn[place] = (turn + 1) % len(found)
        return found[turn % len(found)]

    def rewind(self) -> None:
        self._turn.clear()

    def near_misses(self, body: Any) -> int:
        """How many cases have the same messages, whatever their model, tools and stream."""
        if not isinstance(body, dict):
            return 0
        return self._messages.get(self._keys.messages_key(body), 0)


def no_cases() -> dict[str, CaseBook]:
    """An empty book for each wire."""
    return {wire: CaseBook(keys) for wire, keys in WIRES.items()}


def load_cases(folder: Path) -> dict[str, CaseBook]:
    """Every case below `folder` that a wire answers, in order of path. Raises `OperatorError`."""
    if not folder.is_dir():
        raise OperatorError(f"cases: {str(folder)!r} is not a folder")
    books = no_cases()
    total = 0
    for path in sorted(folder.rglob("*.json")):
        size = path.stat().st_size
        total += size
        if size > MAX_CASE_BYTES or total > MAX_TOTAL_BYTES:
            raise OperatorError(f"cases: {str(path)!r} is too large ({size} bytes)")
        _load(path, books)
        if sum(book.size for book in books.values()) > MAX_CASES:
            raise OperatorError(f"cases: more than {MAX_CASES} below {str(folder)!r}")
    return books


def _load(path: Path, books: dict[str, CaseBook]) -> None:
    """Nothing happens for a case of another endpoint, which is not ours to answer."""
    try:
        case = msgspec.json.decode(path.read_bytes(), type=_CaseFile)
        if case.endpoint not in _ENDPOINTS:
            return
        wire, action = _ENDPOINTS[case.endpoint]
        body = _request_body(case.request)
        answer = case.response
        raw = base64.b64decode(answer.body_b64) if answer.body_b64 else _encoded(answer.body)
    except (msgspec.DecodeError, binascii.Error, OSError, RecursionError) as error:
        raise OperatorError(f"cases: {str(path)!r} is not a case: {str(error)[:200]}") from error
    keys = WIRES[wire]
    if not isinstance(body, dict):
        return
    if keys.member and not isinstance(body.get(keys.member), list | str):
        return
    asked = body | {"stream": case.stream, "action": action}
    if wire in ("gemini", "operations") and _GEMINI_MODEL.search(case.request.path):
        found = _GEMINI_MODEL.search(case.request.path)
        asked["model"] = found[1] if found else case.model
    elif wire.startswith("bedrock"):
        if wire == "bedrock-invoke" and "anthropic_version" not in body:
            return  # another maker's body
        named = case.request.path.partition("/model/")[2].partition("/")[0]
        asked["model"] = unquote(named) or case.model
        asked["stream"] = case.endpoint.endswith("-stream")  # errors are not streamed
    headers = _headers(answer.headers, case.stream)
    rest = keys.rest_key(body)
    made = Case(case.case_id, case.provider, case.stream, answer.status, headers, raw, rest)
    books[wire].add(asked, made)


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


def split_frames(body: bytes, classify: Callable[[bytes], FrameKind]) -> list[Frame]:
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
        frames.append(_classified(body[start:end], classify))
        start = end
    return frames


def _classified(block: bytes, classify: Callable[[bytes], FrameKind]) -> Frame:
    lines = [line for line in block.splitlines() if line]
    data = b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
    kind: FrameKind = classify(data) if data else "comment"
    return Frame(kind, block, len(data) // 16 if kind == "content" else 0)
