"""Each cell of the table of quirks, asked of the mapper: what goes out, and what the caller is told."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from opengateway.catalog.loader import load_catalogue
from opengateway.checks.replay import endpoint_for, provider_of
from opengateway.dialects.openai_chat import decode
from opengateway.domain.catalog import Wire
from opengateway.domain.errors import InvalidRequest
from opengateway.wires.openai_chat import OpenAIChatWire

TABLE: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("quirks.toml").read_text("utf-8")
)
ROWS = sorted(TABLE)
CHOICES: tuple[Any, ...] = (
    "required",
    {"type": "function", "function": {"name": "b"}},
    "none",
    {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
        {"type": "function", "function": {"name": "b"}}]}},
)  # fmt: skip
SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}}
TOLD = {"dropped", "clamped"}


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def sent(row: str, **members: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body that goes out, and what was told. Raises `InvalidRequest`."""
    provider = provider_of(row)
    messages = members.pop("messages", [{"role": "user", "content": "hi"}])
    body = json.dumps({"model": "m", "messages": messages, **members}).encode()
    call = OpenAIChatWire().request(
        decode(body, {}), endpoint_for(provider, TABLE[row]["model"]), provider, "team_1"
    )
    return json.loads(call.body), (*call.dropped, *call.emulated)


def is_refused(row: str, param: str, **members: Any) -> bool:
    try:
        sent(row, **members)
    except InvalidRequest as error:
        return error.param in (param, "tools")
    return False


def test_every_chat_provider_that_has_a_row_in_the_reference_has_one_here() -> None:
    """Those without one are hosts that bend the wire no further than their drops."""
    chatting = {
        name
        for name, provider in load_catalogue().providers.items()
        if provider.wire is Wire.OPENAI and provider.profile.operations.chat
    }
    assert set(ROWS) <= chatting
    assert len(ROWS) >= 26


@pytest.mark.parametrize("row", ROWS)
def test_the_limit_of_output_goes_out_under_the_name_that_is_known(row: str) -> None:
    wanted = TABLE[row]["limit"]
    for asked in ("max_tokens", "max_completion_tokens"):
        body, told = sent(row, **{asked: 7})
        out = {name for name in ("max_tokens", "max_completion_tokens") if name in body}
        assert out == {asked if wanted == "both" else wanted}
        assert body[out.pop()] == 7
        assert not told, "another name is no loss"


@pytest.mark.parametrize("row", ROWS)
def test_a_developer_speaks_in_a_role_that_is_known(row: str) -> None:
    body, _ = sent(row, messages=[{"role": "developer", "content": "d"}])
    assert body["messages"][0]["role"] == TABLE[row]["developer"]


@pytest.mark.parametrize("row", ROWS)
def test_a_temperature_stays_within_bounds_and_a_change_is_told(row: str) -> None:
    low, high = TABLE[row]["temperature"]
    for asked, wanted in ((0, low), (2, high), (0.5, 0.5)):
        body, told = sent(row, temperature=asked)
        assert body["temperature"] == wanted
        assert ("temperature" in told) == (asked != wanted)


@pytest.mark.parametrize("row", ROWS)
def test_as_many_stops_as_are_taken_and_no_more(row: str) -> None:
    most = TABLE[row]["stop"]
    if most == "refused":
        assert is_refused(row, "stop", stop="x")
        return
    for count in (1, 4):
        words = [f"w{n}" for n in range(count)]
        if count <= most:
            assert sent(row, stop=words)[0]["stop"] == words
        else:
            assert is_refused(row, "stop", stop=words)


@pytest.mark.parametrize("row", ROWS)
def test_as_many_choices_as_are_given_and_no_more(row: str) -> None:
    most = TABLE[row]["n"]
    for count in (1, 2, 5):
        if count <= most:
            assert sent(row, n=count)[0].get("n", 1) == count
        else:
            assert is_refused(row, "n", n=count)


@pytest.mark.parametrize("row", ROWS)
def test_log_probabilities_are_asked_for_in_the_vendor_s_way(row: str) -> None:
    wanted = TABLE[row]["logprobs"]
    body, told = sent(row, logprobs=True, top_logprobs=12)
    match wanted:
        case "sent":
            assert (body["logprobs"], body["top_logprobs"], told) == (True, 12, ())
        case "dropped":
            assert not {"logprobs", "top_logprobs"} & body.keys()
            assert {"logprobs", "top_logprobs"} <= set(told)
        case "number":
            assert (body["logprobs"], "top_logprobs" in body) == (12, False)
        case most:
            assert (body["logprobs"], body["top_logprobs"], told) == (True, most, ("top_logprobs",))


SIMPLE = {
    "seed": 7,
    "logit_bias": {"5": 1},
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
}


@pytest.mark.parametrize("member", [*SIMPLE, "parallel_tool_calls"])
@pytest.mark.parametrize("row", ROWS)
def test_a_member_goes_out_or_the_caller_is_told(row: str, member: str) -> None:
    wanted = TABLE[row][member]
    value = SIMPLE.get(member, True)
    body, told = sent(row, **{member: value})
    if wanted == "dropped":
        assert member not in body
        assert told == (member,)
    else:
        name = member if wanted == "sent" else wanted
        assert body[name] == value
        assert not told
        assert name == member or member not in body


@pytest.mark.parametrize("form", range(4), ids=["required", "named", "none", "allowed"])
@pytest.mark.parametrize("row", ROWS)
def test_a_tool_choice_is_never_weakened(row: str, form: int) -> None:
    wanted = TABLE[row]["tool_choice"][form]
    members = {"tools": [tool("a"), tool("b")], "tool_choice": CHOICES[form]}
    if wanted == "refused":
        assert is_refused(row, "tool_choice", **members)
        return
    body, _ = sent(row, **members)
    match wanted:
        case "no tools":
            assert not {"tools", "tool_choice"} & body.keys()
        case "filtered":
            assert [t["function"]["name"] for t in body["tools"]] == ["b"]
            demand = "auto" if form == 3 else TABLE[row]["tool_choice"][0]
            assert body["tool_choice"] == demand
        case "sent":
            assert body["tool_choice"] == CHOICES[form]
            assert len(body["tools"]) == 2
        case word:
            assert body["tool_choice"] == word


@pytest.mark.parametrize("form", ["json_object", "json_schema"])
@pytest.mark.parametrize("row", ROWS)
def test_an_answer_s_form_is_held_to_or_refused(row: str, form: str) -> None:
    wanted = TABLE[row][form]
    asked: dict[str, Any] = {"type": form}
    if form == "json_schema":
        asked["json_schema"] = {"name": "x", "schema": SCHEMA}
    messages = [{"role": "user", "content": "as json"}]
    if wanted == "emulated":
        body, told = sent(row, response_format=asked, messages=messages)
        assert told == ("response_format",)
        assert "response_format" not in body or body["response_format"]["type"] == "json_object"
        assert "x" in body["messages"][0]["content"]
        return
    shown = sent(row, response_format=asked, messages=messages)[0]["response_format"]
    match wanted:
        case "sent":
            assert shown == asked
        case "as schema":
            assert shown["type"] == "json_schema"
            assert shown["json_schema"]["schema"] == {"type": "object"}
        case "as value":
            value = SCHEMA if form == "json_schema" else {"type": "object"}
            assert shown == {"type": "json_object", "value": value}


@pytest.mark.parametrize("row", ROWS)
def test_what_nobody_knows_goes_out_and_its_refusal_is_worth_a_retry_where_vendors_refuse(
    row: str,
) -> None:
    body, told = sent(row, some_new_member={"x": 1})
    assert body["some_new_member"] == {"x": 1}
    assert not told
    retries = provider_of(row).profile.refused_fields_retry
    assert retries == TABLE[row].get("retry", False)
