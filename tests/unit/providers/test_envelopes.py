"""Claude in a cloud's envelope: the maker's own body, where and how the cloud wants it."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from anthropic_wire import (
    STOP,
    asked,
    assistant,
    began,
    closed,
    ended,
    failure_of,
    finish_of,
    message,
    opened,
    sse,
    system,
    text_of,
    user,
)
from anthropic_wire import delta as said
from opengateway.checks.replay_messages import anthropic_endpoint, anthropic_provider
from opengateway.domain.canonical import (
    CacheIntent,
    CacheMark,
    CanonicalRequest,
    Document,
    Image,
    Reasoning,
    Text,
    Tool,
)
from opengateway.domain.catalog import Provider, Wire
from opengateway.domain.errors import ErrorClass, InvalidRequest
from opengateway.domain.events import End, Failure
from opengateway.kit.event_stream import encode
from opengateway.kit.json import Raw
from opengateway.providers.envelopes import ClaudeOnBedrock, ClaudeOnVertex

VERTEX, BEDROCK = ClaudeOnVertex(), ClaudeOnBedrock()
ANTHROPIC = anthropic_provider()


def provider(wire: Wire, **members: Any) -> Provider:
    made = msgspec.structs.replace(ANTHROPIC, wire=wire, headers=members.pop("headers", {}))
    return msgspec.structs.replace(made, **members)


ON_VERTEX = provider(Wire.ANTHROPIC_VERTEX, base_url="https://x/v1/projects/p/locations/l")
ON_BEDROCK = provider(Wire.ANTHROPIC_BEDROCK, base_url="https://x")
MODEL = anthropic_endpoint("claude-sonnet-4-5@20250929")
PROFILE = anthropic_endpoint("us.anthropic.claude-sonnet-4-5-v1:0")


@pytest.mark.parametrize(("stream", "action"), [(False, "rawPredict"), (True, "streamRawPredict")])
def test_on_vertex_the_address_names_the_model_and_the_body_its_version(
    stream: bool, action: str
) -> None:
    thought = Reasoning(text="hm", signature="s", origin="anthropic")
    call = VERTEX.request(
        asked(user("q"), assistant(thought, "a"), user("r"), stream=stream), MODEL, ON_VERTEX
    )
    assert call.path == f"/publishers/anthropic/models/claude-sonnet-4-5@20250929:{action}"
    body = json.loads(call.body)
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in body
    assert body.get("stream") is (True if stream else None)
    assert body["messages"][1]["content"][0]["signature"] == "s"
    assert "anthropic-version" not in call.headers


@pytest.mark.parametrize(
    ("stream", "action"), [(False, "invoke"), (True, "invoke-with-response-stream")]
)
def test_on_bedrock_the_body_holds_betas_and_no_stream(stream: bool, action: str) -> None:
    betas = provider(Wire.ANTHROPIC_BEDROCK, headers={"anthropic-beta": "a-1, b-2"})
    call = BEDROCK.request(asked(stream=stream), PROFILE, betas)
    assert call.path == f"/model/us.anthropic.claude-sonnet-4-5-v1%3A0/{action}"
    body = json.loads(call.body)
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert body["anthropic_beta"] == ["a-1", "b-2"]
    assert body.keys().isdisjoint(("model", "stream"))


def test_a_document_keeps_what_is_said_of_it() -> None:
    said = {"citations": Raw(b'{"enabled":true}'), "context": Raw(b'"of 2025"')}
    part = Document(data="AAAA", name="a", opaque=said)
    for wire, place in ((BEDROCK, ON_BEDROCK), (VERTEX, ON_VERTEX)):
        body = json.loads(wire.request(asked(user("q", part)), MODEL, place).body)
        block = body["messages"][0]["content"][1]
        assert (block["citations"], block["context"]) == ({"enabled": True}, "of 2025")


def test_a_wish_to_cache_all_is_marks_where_the_vendor_places_none() -> None:
    """Anthropic's own mark for a whole request is its own surface's alone."""
    turns = (system("be kind"), user("q"), assistant("a"), user("r"))
    wish = CacheIntent(automatic=CacheMark("1h"))
    control = {"type": "ephemeral", "ttl": "1h"}
    for wire, place in ((BEDROCK, ON_BEDROCK), (VERTEX, ON_VERTEX)):
        request = asked(*turns, tools=(Tool("f"), Tool("g")), cache=wish)
        body = json.loads(wire.request(request, MODEL, place).body)
        assert "cache_control" not in body
        assert body["system"][-1]["cache_control"] == control
        assert [tool.get("cache_control") for tool in body["tools"]] == [None, control]
        said = [m["content"][-1].get("cache_control") for m in body["messages"]]
        assert said == [None, None, control]


def test_the_callers_own_marks_stand_and_there_are_four_at_most() -> None:
    own = [Text(text=str(n), cache=CacheMark("5m")) for n in range(3)]
    wish = CacheIntent(automatic=CacheMark("5m"))
    request = asked(system("s"), user(*own, "last"), tools=(Tool("f"),), cache=wish)
    call = BEDROCK.request(request, MODEL, ON_BEDROCK)
    marked = [b for b in json.loads(call.body)["messages"][0]["content"] if "cache_control" in b]
    assert [block["text"] for block in marked] == ["0", "1", "2", "last"]
    assert call.body.count(b"cache_control") == 4
    assert call.body == BEDROCK.request(request, MODEL, ON_BEDROCK).body, "the same bytes again"


ASKED_FOR = ("claude-code-20250219", "context-management-2025-06-27", "tool-search-tool-2025-10-19")


def with_features(*betas: str) -> CanonicalRequest:
    tool = Tool("f", parameters=Raw(b"{}"), extra={"defer_loading": Raw(b"true")})
    return asked(
        betas=betas,
        dialect="anthropic_messages",
        tools=(tool,),
        extra={"context_management": Raw(b'{"edits":[]}')},
    )


def test_a_cloud_gets_the_callers_features_that_it_knows_and_the_caller_is_told_of_the_rest() -> (
    None
):
    call = BEDROCK.request(with_features(*ASKED_FOR), PROFILE, ON_BEDROCK)
    body = json.loads(call.body)
    assert body["anthropic_beta"] == [*ASKED_FOR[1:]]
    assert (body["context_management"], body["tools"][0]["defer_loading"]) == ({"edits": []}, True)
    assert call.dropped == ("anthropic-beta",)
    on_vertex = VERTEX.request(with_features(*ASKED_FOR), MODEL, ON_VERTEX)
    assert on_vertex.headers["anthropic-beta"] == ",".join(ASKED_FOR[1:])
    assert "anthropic_beta" not in json.loads(on_vertex.body)


def test_what_needs_a_feature_that_is_not_asked_for_stays_here() -> None:
    for wire, place in ((BEDROCK, ON_BEDROCK), (VERTEX, ON_VERTEX)):
        call = wire.request(with_features(), PROFILE, place)
        body = json.loads(call.body)
        assert "context_management" not in body
        assert body["tools"][0].keys() == {"name", "input_schema"}
        assert call.dropped == ("context_management", "tools[].defer_loading")


def test_a_region_that_refuses_a_feature_is_not_asked_for_it() -> None:
    profile = msgspec.structs.replace(
        ON_BEDROCK.profile, betas_refused={"eu-west-1": ("tool-search-tool-",)}
    )
    place = msgspec.structs.replace(ON_BEDROCK, profile=profile, region="eu-west-1")
    call = BEDROCK.request(with_features(*ASKED_FOR), PROFILE, place)
    assert json.loads(call.body)["anthropic_beta"] == [ASKED_FOR[1]]
    assert call.dropped == ("anthropic-beta", "tools[].defer_loading")


@pytest.mark.parametrize(
    "part",
    [Image(url="https://x.example/a.png"), Document(url="https://x"), Document(file_id="file_1")],
)
@pytest.mark.parametrize(("wire", "place"), [(VERTEX, ON_VERTEX), (BEDROCK, ON_BEDROCK)])
def test_no_cloud_fetches_an_address(wire: Any, place: Provider, part: Any) -> None:
    with pytest.raises(InvalidRequest, match="does not fetch"):
        wire.request(asked(user("q", part)), MODEL, place)


def framed(*events: dict[str, Any]) -> bytes:
    headers = {":event-type": "chunk", ":message-type": "event"}
    return b"".join(
        encode(
            headers,
            json.dumps({"bytes": base64.b64encode(json.dumps(e).encode()).decode()}).encode(),
        )
        for e in events
    )


ANSWER = (began(), opened(0), said(0, "text", text="Hi"), closed(0), ended(), STOP)


def test_on_bedrock_each_event_comes_in_a_frame() -> None:
    parser = BEDROCK.parser(PROFILE, ON_BEDROCK)
    data = framed(*ANSWER)
    events = [e for at in range(len(data)) for e in parser.feed(data[at : at + 1])]
    assert isinstance([*events, *parser.end()][-1], End)
    assert (text_of(events), finish_of(events).reason) == ("Hi", "stop")
    other = VERTEX.parser(MODEL, ON_VERTEX)
    assert [*other.feed(sse(*ANSWER)), *other.end()] == events


@pytest.mark.parametrize(
    ("tail", "error_class"),
    [
        (b"", ErrorClass.TRUNCATED),
        (framed(closed(0))[:-3], ErrorClass.TRUNCATED),
        (b"\xff" * 30, ErrorClass.MALFORMED),
        (encode({":message-type": "event"}, b"{}"), ErrorClass.MALFORMED),
        (encode({":message-type": "event"}, b'{"bytes":"%"}'), ErrorClass.MALFORMED),
        (encode({":message-type": "event"}, b"[]"), ErrorClass.MALFORMED),
        (
            encode({":message-type": "exception", ":exception-type": "throttlingException"}, b"{}"),
            ErrorClass.RATE_LIMITED,
        ),
        (
            framed({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}),
            ErrorClass.OVERLOADED,
        ),
    ],
)
def test_a_stream_that_breaks_is_a_failure_and_the_last_event(
    tail: bytes, error_class: ErrorClass
) -> None:
    parser = BEDROCK.parser(PROFILE, ON_BEDROCK)
    events = [*parser.feed(framed(*ANSWER[:3]) + tail)]
    events += [*parser.end(), *parser.feed(b"x"), *parser.end()]
    assert failure_of(events).error_class is error_class


def test_what_follows_the_end_is_not_missed() -> None:
    parser = BEDROCK.parser(PROFILE, ON_BEDROCK)
    events = [*parser.feed(framed(*ANSWER) + b"\xff" * 30), *parser.end()]
    assert isinstance(events[-1], End)


def test_whole_answers_are_the_maker_s() -> None:
    body = json.dumps(message({"type": "text", "text": "Hi"})).encode()
    for wire, place in ((VERTEX, ON_VERTEX), (BEDROCK, ON_BEDROCK)):
        assert text_of(list(wire.reply(body, MODEL, place))) == "Hi"


@pytest.mark.parametrize(
    ("status", "body", "error_class"),
    [
        (400, {"type": "error", "error": {"type": "invalid_request_error",
                                          "message": "prompt is too long: 2 > 1"}},
         ErrorClass.CONTEXT_EXCEEDED),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "x"}},
         ErrorClass.OVERLOADED),
        (429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded"}},
         ErrorClass.RATE_LIMITED),
        (401, {"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "x"}}, ErrorClass.AUTH),
        (404, {"error": {"code": 404, "status": "NOT_FOUND", "message": "x"}}, ErrorClass.MODEL_GONE),
    ],
)  # fmt: skip
def test_on_vertex_both_the_maker_s_and_the_cloud_s_errors_are_read(
    status: int, body: dict[str, Any], error_class: ErrorClass
) -> None:
    error = VERTEX.error(status, {}, json.dumps(body).encode(), ON_VERTEX)
    assert error.error_class is error_class


def test_on_bedrock_errors_are_the_service_s() -> None:
    headers = {"x-amzn-errortype": "ThrottlingException"}
    error = BEDROCK.error(429, headers, b'{"message":"Too many tokens"}', ON_BEDROCK)
    assert (error.error_class, error.detail) == (ErrorClass.RATE_LIMITED, "Too many tokens")


def test_a_frame_that_failed_is_the_only_failure_whatever_follows_it() -> None:
    parser = BEDROCK.parser(PROFILE, ON_BEDROCK)
    events = [*parser.feed(encode({":message-type": "exception"}, b"{}") + b"\x00" * 40)]
    events += [*parser.feed(b"\xff" * 40), *parser.end()]
    assert sum(isinstance(event, Failure) for event in events) == 1
