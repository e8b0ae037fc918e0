"""Refuse what the provider refuses: a request's members, their types and their ranges."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from opengateway.simulator.messages import check_messages, content_texts
from opengateway.simulator.personas import BASE_MEMBERS, Persona, Refusal
from opengateway.simulator.settings import ModelTraits
from opengateway.simulator.tools import check_response_format, check_tool_choice, check_tools

_NUMBERS: dict[str, tuple[float, float]] = {
    "top_p": (0.0, 1.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
}
_INTEGERS: dict[str, tuple[int, int]] = {
    "max_tokens": (1, 10_000_000),
    "max_completion_tokens": (1, 10_000_000),
    "top_logprobs": (0, 20),
    "seed": (-(2**63), 2**63 - 1),
    "random_seed": (0, 2**63 - 1),
}
_BOOLEANS = ("stream", "logprobs", "parallel_tool_calls", "store", "safe_prompt")
_STRINGS = ("user", "service_tier", "safety_identifier", "prompt_cache_key", "verbosity")


def check_request(body: Any, persona: Persona, traits: ModelTraits | None) -> dict[str, Any]:
    """Return `body` if this vendor would take it. Raises `Refusal` in the order vendors check.

    `traits` is None where a recorded case answers: its model need not be one of ours.
    """
    if not isinstance(body, dict):
        raise Refusal("bad_type", (), expected="an object", got=type_name(body))
    for needed in ("model", "messages"):
        if needed not in body:
            raise Refusal("missing", (needed,))
    if not isinstance(body["model"], str):
        raise Refusal("bad_type", ("model",), expected="a string", got=type_name(body["model"]))
    _expect_list(body["messages"], ("messages",))
    if persona.shape_only:
        _check_shape(body["messages"])
        return body
    _check_names(body, persona)
    _check_scalars(body, persona)
    _check_stop(body.get("stop"), persona)
    _check_stream_options(body)
    check_messages(body["messages"], persona)
    if persona.by_turns:
        _check_turns(body["messages"])
    check_tools(body, persona)
    check_tool_choice(body, persona)
    check_response_format(body, persona)
    if persona.json_word:
        _check_json_word(body)
    if body.get("stream") and body.get("tools") and not persona.streamed_tools:
        raise Refusal("bad_value", ("stream",), message="tools cannot be used with stream")
    if traits is not None and traits.reasons:
        _check_reasoner(body, persona)
    return body


def type_name(value: Any) -> str:
    """What a vendor calls a JSON value's type in its errors."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case str():
            return "a string"
        case list():
            return "an array"
    return "an object"


def _check_names(body: dict[str, Any], persona: Persona) -> None:
    for name, value in body.items():
        if name in persona.refused:
            raise Refusal("unsupported_member", (name,), value=value)
        known = name in BASE_MEMBERS or name in persona.members
        if persona.strict and not known:
            raise Refusal("unknown_member", (name,), value=value)


def _check_scalars(body: dict[str, Any], persona: Persona) -> None:
    ranges = _NUMBERS | {"temperature": (persona.temperature_min, persona.temperature_max)}
    for name, (low, high) in ranges.items():
        if (value := _typed(body, name, int | float, "a decimal")) is not None:
            _check_range(name, value, low, high)
    integers = _INTEGERS | {"top_logprobs": (0, persona.top_logprobs_max)}
    if "n" not in persona.ignored:
        integers |= {"n": (1, persona.n_max)}
    for name, (least, most) in integers.items():
        if (value := _typed(body, name, int, "an integer")) is not None:
            _check_range(name, value, least, most)
    for name in _BOOLEANS:
        if not (name == "logprobs" and persona.integer_logprobs and type(body.get(name)) is int):
            _typed(body, name, bool, "a boolean")
    for name in _STRINGS:
        _typed(body, name, str, "a string")
    effort = body.get("reasoning_effort")
    if effort is not None and effort not in persona.efforts:
        raise Refusal(
            "bad_value",
            ("reasoning_effort",),
            message=f"Invalid value: '{str(effort)[:80]}'. Supported values are: "
            "'none', 'minimal', 'low', 'medium', 'high', and 'xhigh'.",
        )
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        raise Refusal(
            "bad_value",
            ("top_logprobs",),
            message="The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
        )


def _typed(body: dict[str, Any], name: str, kind: Any, expected: str) -> Any:
    """The member if it has the type; None when it is null or absent. JSON's true is no number."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Refusal("bad_type", (name,), expected=expected, got=type_name(value))
    return value


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if value > high:
        raise Refusal(
            "out_of_range",
            (name,),
            value=value,
            limit=high,
            sign="<=",
            bound="less_than_equal",
        )
    if value < low:
        raise Refusal(
            "out_of_range",
            (name,),
            value=value,
            limit=low,
            sign=">=",
            bound="greater_than_equal",
        )


def _check_stop(stop: Any, persona: Persona) -> None:
    if stop is None or isinstance(stop, str):
        return
    if not isinstance(stop, list) or not all(isinstance(each, str) for each in stop):
        raise Refusal(
            "bad_type", ("stop",), expected="a string or an array of strings", got="other"
        )
    if len(stop) > persona.stop_max:
        raise Refusal(
            "bad_value",
            ("stop",),
            message=f"Invalid 'stop': array too long. Expected an array with maximum length "
            f"{persona.stop_max}, but got an array with length {len(stop)} instead.",
        )


def _check_stream_options(body: dict[str, Any]) -> None:
    options = body.get("stream_options")
    if options is None:
        return
    if not isinstance(options, dict):
        raise Refusal("bad_type", ("stream_options",), expected="an object", got=type_name(options))
    if not body.get("stream"):
        raise Refusal(
            "bad_value",
            ("stream_options",),
            message="The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        )


def _check_json_word(body: dict[str, Any]) -> None:
    wanted = body.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") != "json_object":
        return
    texts = (text for message in body["messages"] for text in content_texts(message))
    if not any("json" in text.lower() for text in texts):
        raise Refusal(
            "bad_value",
            ("messages",),
            message="'messages' must contain the word 'json' in some form, to use "
            "'response_format' of type 'json_object'.",
        )


def _check_turns(messages: list[Any]) -> None:
    roles = [message["role"] for message in messages if message["role"] != "system"]
    if any(role == after != "tool" for role, after in pairwise(roles)):
        raise Refusal(
            "bad_value",
            ("messages",),
            message="After the (optional) system message(s), user or tool message(s) should "
            "alternate with assistant message(s).",
        )


def _check_reasoner(body: dict[str, Any], persona: Persona) -> None:
    for name in persona.refused_by_reasoners:
        if body.get(name) is not None:
            raise Refusal("unsupported_member", (name,), value=body[name])
    if persona.reasoner_limits:
        if body.get("max_tokens") is not None:
            raise Refusal("unsupported_member", ("max_tokens",), value=body["max_tokens"])
        for name in ("temperature", "top_p"):
            if body.get(name) not in (None, 1):
                raise Refusal(
                    "bad_value",
                    (name,),
                    message=f"Unsupported value: '{name}' does not support {body[name]} with this "
                    "model. Only the default (1) value is supported.",
                )
        for name in ("logprobs", "logit_bias", "frequency_penalty", "presence_penalty"):
            if body.get(name):
                raise Refusal("unsupported_member", (name,), value=body[name])
    if persona.reasoning_replay:
        for message in body["messages"]:
            if message.get("tool_calls") and "reasoning_content" not in message:
                raise Refusal("reasoning_replay", ("messages",))


def _check_shape(messages: list[Any]) -> None:
    for index, message in enumerate(messages):
        content = message.get("content") if isinstance(message, dict) else 0
        parts = content if isinstance(content, list) else []
        well = content is None or isinstance(content, str | list)
        if not well or not all(isinstance(part, dict) for part in parts):
            raise Refusal("bad_type", ("messages", index), expected="a message", got="other")


def _expect_list(value: Any, path: tuple[str | int, ...]) -> None:
    if not isinstance(value, list):
        raise Refusal("bad_type", path, expected="an array of objects", got=type_name(value))
    if not value:
        raise Refusal(
            "bad_value",
            path,
            message="Invalid 'messages': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead.",
        )
