"""Efforts, limits, caches and turns in each vendor's own words (reference: providers, B.0.3, B.0.4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_chat_wire import call, chat, provider
from opengateway.domain.errors import InvalidRequest


def sent(name: str, model: str, **members: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    made = call(chat(**members), provider(name), model)
    return json.loads(made.body), made.dropped


@pytest.mark.parametrize(
    ("name", "model", "asked", "wanted"),
    [
        ("xai", "grok-4.3", "none", "none"),
        ("xai", "grok-4.5", "none", "low"),
        ("xai", "grok-4.5", "xhigh", "high"),
        ("xai", "grok-4.6", "xhigh", "xhigh"),
        ("xai", "grok-4.6", "max", "xhigh"),
        ("xai", "grok-4.20-reasoning", "high", None),
        ("cerebras", "gpt-oss-120b", "none", "low"),
        ("cerebras", "gpt-oss-120b", "max", "high"),
        ("fireworks", "accounts/fireworks/models/glm-5p2", "minimal", "low"),
        ("fireworks", "accounts/fireworks/models/glm-5p2", "xhigh", "high"),
        ("moonshot", "kimi-k3", "medium", "high"),
        ("moonshot", "kimi-k3", "xhigh", "max"),
        ("zai", "glm-5.3", "none", "low"),
        ("zai", "glm-5.3", "medium", "high"),
        ("zai", "glm-5.2", "xhigh", "xhigh"),
        ("clova", "HCX-007", "xhigh", "high"),
        ("clova", "HCX-005", "high", None),
        ("perplexity", "sonar-deep-research", "none", "minimal"),
        ("perplexity", "sonar-pro", "high", None),
    ],
)
def test_an_effort_is_the_least_word_that_is_as_much_and_a_change_is_told(
    name: str, model: str, asked: str, wanted: str | None
) -> None:
    body, told = sent(name, model, reasoning_effort=asked)
    assert body.get("reasoning_effort") == wanted
    assert ("reasoning_effort" in told) == (wanted != asked)


@pytest.mark.parametrize(
    ("name", "model", "member", "on", "off"),
    [
        ("zai", "glm-4.7", "thinking", {"type": "enabled"}, {"type": "disabled"}),
        ("moonshot", "kimi-k2.6", "thinking", {"type": "enabled"}, {"type": "disabled"}),
        ("xiaomi", "mimo-v2-pro", "thinking", {"type": "enabled"}, {"type": "disabled"}),
        ("alibaba", "qwen3.8-max", "enable_thinking", True, False),
        ("sglang", "qwen3", "chat_template_kwargs", {"enable_thinking": True}, None),
        ("friendli", "qwen3", "chat_template_kwargs", {"enable_thinking": True}, None),
    ],
)
def test_a_switch_turns_thinking_on_and_off(
    name: str, model: str, member: str, on: Any, off: Any
) -> None:
    body, told = sent(name, model, reasoning_effort="high")
    assert body[member] == on
    assert ("reasoning_effort" in told) == ("reasoning_effort" not in body)
    body, told = sent(name, model, reasoning_effort="none")
    assert body[member] == (off if off is not None else {"enable_thinking": False})
    assert not told, "off is off: nothing is lost"
    assert member not in sent(name, model)[0], "who says nothing gets the vendor's own way"


def test_the_caller_s_own_switch_holds() -> None:
    own = {"type": "enabled", "clear_thinking": False}
    body, _ = sent("zai", "glm-4.7", reasoning_effort="none", thinking=own)
    assert body["thinking"] == own
    kwargs = {"enable_thinking": False, "x": 1}
    body, _ = sent("sglang", "q", reasoning_effort="high", chat_template_kwargs=kwargs)
    assert body["chat_template_kwargs"] == kwargs


def test_a_model_may_have_a_name_of_its_own_for_the_limit() -> None:
    body, told = sent("clova", "HCX-007", max_tokens=9)
    assert (body.get("max_completion_tokens"), "max_tokens" in body, told) == (9, False, ())
    body, _ = sent("clova", "HCX-005", max_completion_tokens=9)
    assert body.get("max_tokens") == 9


def test_what_a_reasoning_model_would_ignore_is_dropped_and_a_stop_is_refused() -> None:
    body, told = sent("xai", "grok-4.7", presence_penalty=1, frequency_penalty=1)
    assert not {"presence_penalty", "frequency_penalty"} & body.keys()
    assert set(told) == {"presence_penalty", "frequency_penalty"}
    with pytest.raises(InvalidRequest) as refused:
        sent("xai", "grok-4.7", stop="x")
    assert refused.value.param == "stop"
    assert sent("xai", "grok-4.20-non-reasoning", stop="x")[0]["stop"] == "x"


@pytest.mark.parametrize(
    ("name", "header"), [("xai", "x-grok-conv-id"), ("fireworks", "x-session-affinity")]
)
def test_a_cache_key_goes_where_the_vendor_reads_it_as_a_pseudonym_of_the_team(
    name: str, header: str
) -> None:
    made = {
        team: call(chat(prompt_cache_key="k"), provider(name), team=team)
        for team in ("team_a", "team_b")
    }
    keys = {made[team].headers[header] for team in made}
    assert len(keys) == 2
    assert "k" not in keys
    assert all("prompt_cache_key" not in json.loads(one.body) for one in made.values())


def test_what_a_vendor_must_be_told_is_said_unless_the_caller_said_it() -> None:
    assert sent("friendli", "m")[0]["parse_reasoning"] is True
    assert sent("friendli", "m", parse_reasoning=False)[0]["parse_reasoning"] is False


def test_turns_of_one_role_become_one_where_a_vendor_wants_them_to_alternate() -> None:
    said = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": [{"type": "text", "text": "d"}]},
        {"role": "user", "content": "e"},
    ]
    body, told = sent("perplexity", "sonar", messages=said)
    assert [(m["role"], m["content"]) for m in body["messages"]] == [
        ("system", "s"),
        ("user", "a\n\nb"),
        ("assistant", "c"),
        ("user", [{"type": "text", "text": "d"}]),
        ("user", "e"),
    ]
    assert not told
    assert sent("openai", "gpt-4o", messages=said)[0]["messages"] == said


def test_thoughts_go_back_in_tags_to_those_who_read_them_there() -> None:
    said = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b", "reasoning_content": "t"},
        {"role": "user", "content": "c"},
    ]
    body, _ = sent("cerebras", "zai-glm-4.7", messages=said)
    assert body["messages"][1] == {"role": "assistant", "content": "<think>\nt\n</think>\nb"}
    body, _ = sent("cerebras", "gpt-oss-120b", messages=said)
    assert body["messages"][1] == {"role": "assistant", "content": "b", "reasoning": "t"}
    body, _ = sent("cerebras", "llama-3.3-70b", messages=said)
    assert body["messages"][1] == {"role": "assistant", "content": "b"}


def test_log_probabilities_that_are_numbers_say_how_many() -> None:
    assert sent("together", "m", logprobs=True)[0]["logprobs"] == 1
    assert "logprobs" not in sent("together", "m", logprobs=False)[0]
