"""A recorded exchange with a provider, as the contract's part 6 describes its file."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opengateway.domain.errors import OperatorError
from opengateway.kit.json import JsonObject, dumps, loads

MAX_FILE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RecordedCase:
    case_id: str
    provider: str
    endpoint: str
    stream: bool
    model: str
    path: str
    request: bytes
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    response: bytes
    expect: JsonObject | None


def read_cases(folder: Path) -> Iterator[RecordedCase]:
    """Every case under `folder`, by path. Raises `OperatorError` for what is not one."""
    if not folder.is_dir():
        raise OperatorError(f"--cases: {str(folder)!r} is not a folder; give one with recordings")
    found = False
    for path in sorted(folder.rglob("*.json")):
        if path.stat().st_size > MAX_FILE_BYTES:
            raise OperatorError(f"{path.name}: larger than {MAX_FILE_BYTES} bytes")
        try:
            document = loads(path.read_bytes())
            if isinstance(document, dict) and "case_id" in document:
                found = True
                yield _case(document)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise OperatorError(f"{path.name}: not a recorded case: {error!r}") from error
    if not found:
        raise OperatorError(f"--cases: {str(folder)!r} holds no recorded case")


def _case(document: JsonObject) -> RecordedCase:
    request, response = document["request"], document["response"]
    headers = response.get("headers") or {}
    return RecordedCase(
        case_id=str(document["case_id"]),
        provider=str(document["provider"]),
        endpoint=str(document["endpoint"]),
        stream=bool(document["stream"]),
        model=str(document.get("model") or ""),
        path=str(request.get("path") or ""),
        request=_body(request),
        status=int(response["status"]),
        headers={str(k).lower(): _header(v) for k, v in headers.items()},
        response=_body(response),
        expect=document.get("expect"),
    )


def _header(value: Any) -> str:
    return str(value[-1]) if isinstance(value, list) and value else str(value)


def _body(side: JsonObject) -> bytes:
    """The bytes: `body` as text or JSON, `body_text`, or `body_b64`."""
    if side.get("body_b64"):
        try:
            return base64.b64decode(side["body_b64"], validate=True)
        except binascii.Error as error:
            raise ValueError(f"body_b64: {error}") from error
    for name in ("body", "body_text"):
        body = side.get(name)
        if isinstance(body, str):
            return body.encode()
        if body is not None:
            return dumps(body)
    return b""
