"""Which differences between the recorded request and ours the provider's own profile declares.

A profile is data with a source for each fact. What follows from it is no fault of the mapping; all else
has to stand in `replay_exceptions.toml`, with its reason, or be told to the caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from opengateway.domain.catalog import Profile
from opengateway.domain.model_rules import ModelRule
from opengateway.wires.openai_chat.messages import REASONING_MEMBERS

_SWITCHES: Final = {
    "thinking": "thinking",
    "enable_thinking": "enable_thinking",
    "chat_template": "chat_template_kwargs",
}
_LEFT_OUT: Final = (*REASONING_MEMBERS, "refusal", "annotations", "audio", "function_call")
"""What answers carry and histories need not."""

Change = tuple[str, str]
"""A member's path, and `added`, `removed` or `changed`."""


def declared(profile: Profile, model: str) -> Declared:
    rule = next((rule for rule in profile.models if model.startswith(rule.prefix)), None)
    changes = frozenset(
        (
            *_members(profile, rule),
            *_messages(profile, rule),
            *_tools(profile),
            *_forms(profile),
        )
    )
    words = "|".join(map(re.escape, profile.strip_schema_keys))
    schemas = re.compile(rf"(tools|response_format)\b.*\.({words})$") if words else None
    return Declared(changes, schemas)


class Declared:
    __slots__ = ("_changes", "_schemas")

    def __init__(self, changes: frozenset[Change], schemas: re.Pattern[str] | None) -> None:
        self._changes = changes
        self._schemas = schemas

    def covers(self, member: str, change: str) -> bool:
        if (member, change) in self._changes:
            return True
        return change == "removed" and bool(self._schemas and self._schemas.match(member))


def _members(profile: Profile, rule: ModelRule | None) -> Iterator[Change]:
    for old, new in profile.rename.items():
        yield old, "removed"
        yield new, "added"
    if rule is not None and rule.token_field:
        yield from (("max_tokens", "removed"), ("max_completion_tokens", "removed"))
        yield rule.token_field, "added"
    of_rule = rule.drop if rule is not None else ()
    for name in (*profile.drop, *profile.drop_when_reasoning, *of_rule):
        yield name, "removed"  # one that says nothing goes without a word
    for name in profile.add:
        yield name, "added"
    if profile.cache_key_header:
        yield "prompt_cache_key", "removed"
    if profile.thinking_switch:
        yield _SWITCHES[profile.thinking_switch], "added"
        yield "reasoning_effort", "removed"
    if not profile.stream_options:
        yield "stream_options", "removed"
    if profile.logprobs_as_number:
        yield from (("logprobs", "changed"), ("top_logprobs", "removed"))


def _messages(profile: Profile, rule: ModelRule | None) -> Iterator[Change]:
    reasoning_in = (rule and rule.reasoning_in) or profile.reasoning_in
    if not profile.developer_role:
        yield "messages[].role", "changed"
    if reasoning_in != "keep":
        yield from ((f"messages[].{name}", "removed") for name in REASONING_MEMBERS)
        names = REASONING_MEMBERS[:2] if reasoning_in == "both" else (reasoning_in,)
        yield from ((f"messages[].{name}", "added") for name in names)
    if reasoning_in == "think_tags":
        yield "messages[].content", "changed"
    if profile.message_fields:
        yield from ((f"messages[].{name}", "removed") for name in _LEFT_OUT)
    if not profile.tool_call_index:
        yield "messages[].tool_calls[].index", "removed"
    if profile.tool_call_id_length is not None:
        yield "messages[].tool_calls[].id", "changed"
        yield "messages[].tool_call_id", "changed"
    if profile.one_turn_each:
        yield "messages", "changed"


def _tools(profile: Profile) -> Iterator[Change]:
    if profile.tool_choice_required != "required":
        yield "tool_choice", "changed"
    if not profile.tool_choice_none:
        yield from ((name, "removed") for name in ("tools", "tool_choice", "parallel_tool_calls"))
    if not (profile.tool_choice_named and profile.tool_choice_allowed):
        yield from (("tools", "changed"), ("tool_choice", "changed"))
    if not profile.tools_with_stream:
        yield from ((name, "removed") for name in ("stream", "stream_options"))


def _forms(profile: Profile) -> Iterator[Change]:
    if not profile.json_object:
        yield from (("response_format.type", "changed"), ("response_format.json_schema", "added"))
    if profile.schema_as_value:
        yield "response_format.type", "changed"
        yield "response_format.json_schema", "removed"
        yield "response_format.value", "added"
