"""What every operation that answers at once has in common (`ports.provider.ChatWire`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.kit.json import JsonObject, loads
from opengateway.ports.provider import ChatStream
from opengateway.wires.openai_chat.error import error_in_answer, error_of_status, malformed
from opengateway.wires.operations.members import absent, operation_of


class WholeWire(ABC):
    """One operation of one wire. Holds no state."""

    __slots__ = ()

    @abstractmethod
    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall: ...

    @abstractmethod
    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply: ...

    def stream(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatStream:
        raise malformed(provider, "cannot stream this operation")  # the dialect refuses it

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return error_of_status(status, headers, body, provider)


class AbsentWire(WholeWire):
    """For wires without the operation: a model that claims otherwise is told so."""

    __slots__ = ()

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        raise absent(operation_of(chat), provider)

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        raise malformed(provider, "answered what was never asked")


def answer_of(body: bytes, provider: Provider) -> Any:
    """A whole answer, decoded. Raises `UpstreamError` for what is no JSON, or tells an error."""
    try:
        answer = loads(body)
    except (ValueError, RecursionError):
        raise malformed(provider, "gave an answer that is not JSON") from None
    if isinstance(answer, dict) and answer.get("error"):
        raise error_in_answer(answer, provider, "in an answer with status 200")
    return answer


def object_of(body: bytes, provider: Provider) -> JsonObject:
    """The same, which must be an object."""
    answer = answer_of(body, provider)
    if not isinstance(answer, dict):
        raise malformed(provider, "gave an answer of another shape")
    return answer


def made_id(prefix: str, body: bytes) -> str:
    """For answers that came without one: the same for the same answer."""
    return prefix + blake2b(body, digest_size=12).hexdigest()
