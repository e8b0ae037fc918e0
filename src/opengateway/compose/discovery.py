"""What a model server on one's own network serves: asked once, by hand, and told as zone-file rows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from opengateway.catalog.config import MODEL_ID_PATTERN, NAME_PATTERN
from opengateway.compose.egress import host_of, url_problem
from opengateway.domain.errors import OperatorError, UpstreamError
from opengateway.infra.outbound import OutboundLimits
from opengateway.infra.transports import new_transport
from opengateway.kit import json
from opengateway.ports.transport import Credential, UpstreamRequest

_WITHIN_S: Final = 15.0
_REPLY_BYTES: Final = 4 * 1024 * 1024
_MAX_MODELS: Final = 500
_LIMITS: Final = OutboundLimits(connections=2, connections_per_origin=2)
_SIZES: Final = ("max_model_len", "context_length", "context_window", "max_context_length")
"""Where servers say how much a model takes: vLLM the first."""


class Found(NamedTuple):
    upstream_model: str
    context: int | None


async def models_of(base_url: str, api_key: str, ca_file: Path | None) -> list[Found]:
    """What `GET /models` lists. Raises `OperatorError`."""
    if problem := url_problem(base_url):
        raise OperatorError(f"{base_url[:100]!r}: {problem}")
    origin = base_url.partition("://")
    host = f"{origin[0]}://{origin[2].partition('/')[0]}"
    headers = {"accept": "application/json"}
    credential = None
    if api_key:
        credential = Credential("main", api_key, host)
    request = UpstreamRequest(
        f"{base_url.rstrip('/')}/models", b"", headers, credential, 5.0, "GET"
    )
    transport = new_transport(ca_file=ca_file, limits=_LIMITS)
    try:
        async with asyncio.timeout(_WITHIN_S):
            response = await transport.send(request)
            try:
                raw = await response.read(_REPLY_BYTES)
            finally:
                await response.release()
    except (UpstreamError, TimeoutError, OSError) as error:
        told = getattr(error, "message", "") or "no answer"
        raise OperatorError(f"{host_of(base_url)}: {told}") from None
    finally:
        await transport.aclose()
    if response.status != 200:
        raise OperatorError(f"{host_of(base_url)} answered {response.status} to GET /models")
    return list(_listed(raw))


def _listed(raw: bytes) -> Iterator[Found]:
    try:
        answer: Any = json.loads(raw)
        rows = answer["data"] if isinstance(answer, dict) else answer
        for row in rows[:_MAX_MODELS]:
            name = row["id"]
            if isinstance(name, str) and 0 < len(name) <= 200 and name.isprintable():
                yield Found(name, _context(row))
    except (ValueError, KeyError, TypeError):
        raise OperatorError("what came is no list of models as OpenAI's API has it") from None


def _context(row: dict[str, Any]) -> int | None:
    meta = row.get("meta")  # llama.cpp
    places = [*(row.get(name) for name in _SIZES)]
    places.append(meta.get("n_ctx_train") if isinstance(meta, dict) else None)
    return next((size for size in places if type(size) is int and size > 0), None)


def rows_for(name: str, base_url: str, found: list[Found], context: int, key_from: str) -> str:
    """Rows of a zone file. `context`: of models whose server does not say. Raises `OperatorError`."""
    if re.fullmatch(NAME_PATTERN, name) is None:
        raise OperatorError("a provider's name is lower-case letters, digits and . _ -")
    provider: dict[str, Any] = {"wire": "openai", "base_url": base_url.rstrip("/")}
    if key_from:
        provider["credentials"] = [{"name": "main", "api_key": key_from}]
    else:
        provider["auth"] = "none"
    models = {}
    for one in found:
        model_id = f"{name}/{_slug(one.upstream_model)}"
        if re.fullmatch(MODEL_ID_PATTERN, model_id) is None or model_id in models:
            continue
        models[model_id] = {
            "endpoints": [
                {
                    "provider": name,
                    "upstream_model": one.upstream_model,
                    "context": one.context or context,
                    "price": {"input": "0", "output": "0"},
                }
            ]
        }
    document = {"providers": {name: provider}, "models": models}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9._:-]+", "-", name.rpartition("/")[2].lower()).strip("-.")
