"""`debug.routing`: where `extra.routing` goes in an answer, an error and a stream."""

from __future__ import annotations

from typing import Final

from opengateway.kit.json import JsonObject, dumps


def with_routing(body: bytes, note: JsonObject) -> bytes:
    """A whole answer or error with the note as its last member. `body` is one JSON object."""
    end = body.rstrip()
    assert end.endswith(b"}"), "answers of this dialect are objects"
    inner = end[:-1].rstrip()
    comma = b"" if inner.endswith(b"{") else b","
    return b"%b%b%b}" % (inner, comma, dumps({"extra": {"routing": note}})[1:-1])


CHAT_CHUNK: Final = "chat.completion.chunk"
COMPLETION_CHUNK: Final = "text_completion"


def routing_event(
    request_id: str,
    created: int,
    model: str,
    note: JsonObject,
    name: str = "routing",
    kind: str = CHAT_CHUNK,
) -> bytes:
    """The last chunk of a stream before its end marker: no choices, and the note."""
    chunk = {
        "id": request_id,
        "object": kind,
        "created": created,
        "model": model,
        "choices": [],
        "extra": {name: note},
    }
    return b"data: " + dumps(chunk) + b"\n\n"


class OpenAIRoutingNotes:
    """The two as the pipeline takes them (`ports.dialect.RoutingNotes`). `kind`: of its chunks."""

    __slots__ = ("_kind",)

    def __init__(self, kind: str = CHAT_CHUNK) -> None:
        self._kind = kind

    def whole(self, body: bytes, note: JsonObject) -> bytes:
        return with_routing(body, note)

    def event(self, request_id: str, created: int, model: str, note: JsonObject) -> bytes:
        return routing_event(request_id, created, model, note, kind=self._kind)

    def seam(self, request_id: str, created: int, model: str, note: JsonObject) -> bytes:
        return routing_event(request_id, created, model, note, "seam", self._kind)


class NamedRoutingNotes:
    """For dialects whose answers are objects and whose stream events have names: clients of them
    pass over a name that they do not know. What is not an object stays as it is, such as speech."""

    __slots__ = ()

    def whole(self, body: bytes, note: JsonObject) -> bytes:
        return with_routing(body, note) if body.lstrip()[:1] == b"{" else body

    def event(self, request_id: str, created: int, model: str, note: JsonObject) -> bytes:
        return _named_event("routing", note)

    def seam(self, request_id: str, created: int, model: str, note: JsonObject) -> bytes:
        return _named_event("seam", note)


def _named_event(name: str, note: JsonObject) -> bytes:
    told = {"type": f"opengateway.{name}", "extra": {name: note}}
    return b"event: opengateway.%b\ndata: %b\n\n" % (name.encode(), dumps(told))
