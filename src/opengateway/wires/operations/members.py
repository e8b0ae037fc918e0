"""From a caller's members to a vendor's: only what must change is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.operations import Operation
from opengateway.domain.pseudonym import pseudonym
from opengateway.kit.json import Raw, RawObject, dumps, loads
from opengateway.wires.openai_chat.request import path_of

PATHS: Final[Mapping[Operation, str]] = {
    Operation.EMBEDDINGS: "/embeddings",
    Operation.RERANK: "/rerank",
    Operation.IMAGES: "/images/generations",
    Operation.SPEECH: "/audio/speech",
    Operation.TRANSCRIPTIONS: "/audio/transcriptions",
    Operation.TRANSLATIONS: "/audio/translations",
    Operation.MODERATIONS: "/moderations",
    Operation.COMPLETIONS: "/completions",
}
_NULL: Final = b"null"


def operation_of(chat: ChatRequest) -> Operation:
    assert chat.demand is not None, "a surface of operations decodes requests that have one"
    return chat.demand.operation


def path_for(operation: Operation, endpoint: Endpoint, provider: Provider) -> str:
    """Raises `InvalidRequest` where the vendor does not have the operation."""
    rules = provider.profile.operations
    path = rules.paths.get(operation, PATHS[operation])
    if not path or (rules.only is not None and operation not in rules.only):
        raise absent(operation, provider)
    return path_of(path, endpoint, provider.profile)


def absent(operation: Operation, provider: Provider) -> InvalidRequest:
    return InvalidRequest(
        f"{provider.id} does not serve {operation.value}; choose another model or endpoint",
        code="wrong_endpoint",
        param="model",
    )


def members_of(
    chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str, dropped: list[str]
) -> RawObject:
    """A copy without nulls and without what the vendor refuses, told in `dropped`.

    An explicit null is a 400 at several vendors, and means absent everywhere.
    """
    fields = {name: raw for name, raw in chat.fields.items() if bytes(raw) != _NULL}
    for name in provider.profile.operations.drop.get(operation_of(chat), ()):
        if fields.pop(name, None) is not None:
            dropped.append(name)
    fields.pop("stream", None)
    if (raw := fields.get("user")) is not None:
        fields["user"] = Raw(dumps(pseudonym(team_id, "user", str(loads(raw)))))
    fields["model"] = Raw(dumps(endpoint.upstream_model))
    return fields


def unsupported(provider: Provider, name: str, advice: str) -> InvalidRequest:
    """For what must not be dropped: without it the answer would be another."""
    return InvalidRequest(
        f"{name}: {provider.id} does not take it; {advice}",
        code="unsupported_parameter",
        param=name,
    )
