"""Arguments that come in pieces (Vertex AI, streamFunctionCallArguments)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemini_wire import failure, function, of, response, streamed, text
from opengateway.domain.errors import ErrorClass
from opengateway.domain.events import (
    End,
    ReasoningSeal,
    TextDelta,
    ToolArguments,
    ToolEnd,
    ToolStart,
)
from opengateway.wires.gemini.calls import BadCall, steps_of


def _more(*pieces: tuple[str, Any], last: bool = False, **members: Any) -> dict[str, Any]:
    kinds = {str: "stringValue", bool: "boolValue", type(None): "nullValue"}
    told = [{"jsonPath": path, kinds.get(type(v), "numberValue"): v} for path, v in pieces]
    call: dict[str, Any] = {"partialArgs": told, **members}
    if not last:
        call["willContinue"] = True
    return {"functionCall": call}


def test_pieces_are_put_together_and_told_whole() -> None:
    events = streamed(
        response(function("f", sealed="S", willContinue=True, id="c1")),
        response(_more(("$.city", "San "), ("$.n", 2))),
        response(_more(("$.city", "Francisco"), ("$.list[0].ok", True))),
        response(_more(("$.list[1]['a b']", None), last=True)),
        response(function("")),
        response(text(""), finish="STOP"),
    )
    assert of(events, ToolStart) == [ToolStart(0, "c1", "f", 1)]
    (arguments,) = of(events, ToolArguments)
    assert json.loads(arguments.text) == {
        "city": "San Francisco",
        "n": 2,
        "list": [{"ok": True}, {"a b": None}],
    }
    assert of(events, ToolEnd) == [ToolEnd(0)]
    assert [s.call_id for s in of(events, ReasoningSeal)] == ["c1"]
    assert events[-1] == End()


def test_an_empty_call_ends_the_one_that_is_open() -> None:
    events = streamed(
        response(function("f", willContinue=True)),
        response(_more(("$.a", "x"))),
        response({"functionCall": {}}),
        response(text("done"), finish="STOP"),
    )
    assert [a.text for a in of(events, ToolArguments)] == ['{"a":"x"}']


def test_another_call_text_or_the_end_closes_the_one_that_is_open() -> None:
    for following in (function("g", {}), text("so"), text("")):
        events = streamed(
            response(function("f", willContinue=True)),
            response(_more(("$.a", 1))),
            response(following, finish="STOP"),
        )
        assert of(events, ToolArguments)[0].text == '{"a":1}'
        assert of(events, ToolEnd)[0].slot == 0
        if following.get("text"):
            assert events.index(of(events, ToolEnd)[0]) < events.index(of(events, TextDelta)[0])


def test_a_piece_that_repeats_the_name_belongs_to_the_call_that_is_open() -> None:
    events = streamed(
        response(_more(("$.a", "x"), name="f", id="c")),
        response(_more(("$.a", "y"), name="f", id="c", last=True), finish="STOP"),
    )
    assert [a.text for a in of(events, ToolArguments)] == ['{"a":"xy"}']


@pytest.mark.parametrize(
    "call",
    [
        {"name": "f", "args": [1]},
        {"name": "f", "args": "{}"},
        {"args": {"a": 1}},
        {"name": "f", "partialArgs": {}},
        {"name": "f", "partialArgs": [{"stringValue": "x"}]},
        {"name": "f", "partialArgs": [{"jsonPath": "$.a", "stringValue": 5}]},
        {"name": "f", "partialArgs": [{"jsonPath": "a", "stringValue": "x"}]},
        {"name": "f", "partialArgs": [{"jsonPath": "$[0]", "stringValue": "x"}]},
        {"name": "f", "partialArgs": [{"jsonPath": "$.a[9]", "numberValue": 1}]},
        {
            "name": "f",
            "partialArgs": [
                {"jsonPath": "$.a", "numberValue": 1},
                {"jsonPath": "$.a.b", "numberValue": 1},
            ],
        },
    ],
)
def test_a_call_that_cannot_be_put_together_has_failed(call: dict[str, Any]) -> None:
    error = failure(streamed(response({"functionCall": call}), response(finish="STOP")))
    assert error.error_class is ErrorClass.TOOL_CALL_FAILED


def test_paths_are_read_within_bounds() -> None:
    assert steps_of("$.a['b.c'][10][\"d\"]") == ["a", "b.c", 10, "d"]
    for path in ("$", "$.", "$..a", "$.a[", "$.a[-1]", "$" + ".a" * 65, "$." + "a" * 5000):
        with pytest.raises(BadCall):
            steps_of(path)
