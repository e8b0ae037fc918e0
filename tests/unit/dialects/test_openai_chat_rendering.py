"""How errors and the marks of a stream look to a caller."""

from __future__ import annotations

import json

from opengateway.dialects.openai_chat import DIALECT, DONE, KEEP_ALIVE, error_body, error_event
from opengateway.domain.errors import ShownError
from opengateway.kit.sse import Decoder

PLAIN = ShownError(
    status=400,
    type="invalid_request_error",
    code="invalid_value",
    message='"n" is\nwrong \u2028',
    request_id="gen_1",
)


def test_the_envelope_holds_the_four_members_of_openai_even_when_null() -> None:
    assert json.loads(error_body(PLAIN)) == {
        "error": {
            "message": PLAIN.message,
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_value",
            "request_id": "gen_1",
        }
    }


def test_failed_attempts_are_listed() -> None:
    error = ShownError(
        status=503,
        type="server_error",
        code="capacity_exhausted",
        message="m",
        request_id="gen_1",
        param="model",
        previous=(("azure", "capacity_exhausted", 429),),
    )
    shown = json.loads(error_body(error))["error"]
    assert shown["param"] == "model"
    assert shown["metadata"]["previous_errors"] == [
        {"provider": "azure", "code": "capacity_exhausted", "status": 429}
    ]


def test_an_error_event_is_one_whole_event_that_holds_the_envelope() -> None:
    (event,) = Decoder(10_000).feed(error_event(PLAIN))
    assert event.event == ""
    assert json.loads(event.data) == json.loads(error_body(PLAIN))


def test_a_keep_alive_is_a_comment_that_ends_no_event() -> None:
    decoder = Decoder(10_000)
    assert list(decoder.feed(KEEP_ALIVE + KEEP_ALIVE)) == []
    (event,) = decoder.feed(DONE)
    assert event.data == b"[DONE]"
    assert KEEP_ALIVE.count(b"\n") == 1


def test_the_dialect_is_what_the_pipeline_asks_for() -> None:
    assert DIALECT.name == "openai_chat"
    assert (DIALECT.end_marker, DIALECT.keep_alive) == (DONE, KEEP_ALIVE)
    assert DIALECT.error_body(PLAIN) == error_body(PLAIN)
    assert DIALECT.error_event(PLAIN) == error_event(PLAIN)
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'
    assert DIALECT.decode(body, {}).model == "m"
