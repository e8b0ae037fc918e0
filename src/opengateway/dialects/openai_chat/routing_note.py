"""`debug.routing`: where `extra.routing` goes in an answer, an error and a stream of this dialect."""

from __future__ import annotations

from opengateway.kit.json import JsonObject, dumps


def with_routing(body: bytes, note: JsonObject) -> bytes:
    """A whole answer or error with the note as its last member. `body` is one JSON object."""
    end = body.rstrip()
    assert end.endswith(b"}"), "answers of this dialect are objects"
    inner = end[:-1].rstrip()
    comma = b"" if inner.endswith(b"{") else b","
    return b"%b%b%b}" % (inner, comma, dumps({"extra": {"routing": note}})[1:-1])


def routing_event(
    request_id: str, created: int, model: str, note: JsonObject, name: str = "routing"
) -> bytes:
    """The last chunk of a stream before its end marker: no choices, and the note."""
    chunk = {
        "id": request_id,
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": [],
        "extra": {name: note},
    }
    return b"data: " + dumps(chunk) + b"\n\n"


class OpenAIRoutingNotes:
    """The two as the pipeline takes them (`ports.dialect.RoutingNotes`). Holds nothing."""

    __slots__ = ()

    def whole(self, body: bytes, note: JsonObject) -> bytes:
        return with_routing(body, note)

    def event(self, request_id: str, created: int, model: str, note: JsonObject) -> bytes:
        return routing_event(request_id, created, model, note)

    def seam(self, request_id: str, created: int, model: str, note: JsonObject) -> bytes:
        return routing_event(request_id, created, model, note, "seam")
