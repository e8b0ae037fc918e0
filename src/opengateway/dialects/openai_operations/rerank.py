"""`POST /v1/rerank`, in the shape that Cohere's second version and Jina share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opengateway.dialects.openai_chat import complaints as bad
from opengateway.dialects.openai_operations.decode import read_json, refuse_stream, request_of
from opengateway.dialects.openai_operations.shapes import Rerank
from opengateway.domain.catalog import ModelKind
from opengateway.domain.chat import ChatRequest
from opengateway.domain.operations import Demand, Operation
from opengateway.kit.json import Raw, dumps

_KINDS: Final = (ModelKind.RERANK,)


def decode(body: bytes, headers: Mapping[str, str]) -> ChatRequest:
    """Documents that came as `{"text": ...}` go on as texts. Raises `InvalidRequest`."""
    fields, params = read_json(body, Rerank, "'model', 'query' and 'documents'")
    refuse_stream(params, "ranks")
    texts = [_text(document, at) for at, document in enumerate(params.documents)]
    if texts != params.documents:
        fields["documents"] = Raw(dumps(texts))
    asked = len(params.query.encode())
    sizes = [len(text.encode()) for text in texts]
    demand = Demand(
        Operation.RERANK,
        # The query is read beside each of the documents, and billed as often (Voyage, Jina).
        text_bytes=sum(sizes) + asked * len(sizes),
        documents=len(sizes),
    )
    return request_of(params, fields, headers, demand, _KINDS, input_bytes=max(sizes) + asked)


def _text(document: Any, at: int) -> str:
    text = document.get("text") if isinstance(document, dict) else document
    if not isinstance(text, str):
        raise bad.wrong(
            bad.INVALID_TYPE,
            f"documents[{at}]",
            f"'documents[{at}]' must be a string, or an object with a 'text'",
        )
    return text
