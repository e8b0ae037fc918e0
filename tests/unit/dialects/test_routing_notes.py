"""Where an answer says which way its request went, by surface."""

from __future__ import annotations

import json

from opengateway.dialects.openai_chat.routing_note import (
    COMPLETION_CHUNK,
    NamedRoutingNotes,
    OpenAIRoutingNotes,
)

NOTE = {"zone": "kr"}


def test_a_chunk_is_of_the_kind_of_its_stream() -> None:
    event = OpenAIRoutingNotes(COMPLETION_CHUNK).event("req_1", 7, "acme/one", NOTE)
    told = json.loads(event.removeprefix(b"data: "))
    assert (told["object"], told["choices"]) == ("text_completion", [])
    assert told["extra"] == {"routing": NOTE}


def test_what_is_no_object_is_left_as_it_is() -> None:
    assert NamedRoutingNotes().whole(b"\xff\xfb speech", NOTE) == b"\xff\xfb speech"
    assert json.loads(NamedRoutingNotes().whole(b'{"a":1}', NOTE)) == {
        "a": 1,
        "extra": {"routing": NOTE},
    }


def test_named_events_say_what_they_are() -> None:
    name, data = NamedRoutingNotes().event("req_1", 7, "acme/one", NOTE).strip().split(b"\n")
    assert name == b"event: opengateway.routing"
    assert json.loads(data.removeprefix(b"data: ")) == {
        "type": "opengateway.routing",
        "extra": {"routing": NOTE},
    }
