"""Which differences between the recorded request and ours the provider's own profile declares.

A profile is data with a source for each fact. What follows from it is no fault of the mapping; all else
has to stand in `replay_exceptions.toml`, with its reason, or be told to the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final

from opengateway.domain.catalog import Profile
from opengateway.domain.model_rules import ModelRule
from opengateway.kit.json import JsonObject
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
Fits = Callable[[Any, Any], bool]
"""Whether what stood there, and what stands there now, are what the profile means. None: nothing."""
_NOTHING: Final[tuple[Any, ...]] = (None, False, "", [], {}, 0)


def declared(profile: Profile, model: str) -> Declared:
    rule = next((rule for rule in profile.models if model.startswith(rule.prefix)), None)
    changes: dict[Change, list[Fits]] = {}
    for change, fits in (
        *_members(profile, rule),
        *_messages(profile, rule),
        *_tools(profile),
        *_forms(profile),
    ):
        changes.setdefault(change, []).append(fits)
    words = "|".join(map(re.escape, profile.strip_schema_keys))
    schemas = re.compile(rf"(tools|response_format)\b.*\.({words})$") if words else None
    return Declared(changes, tuple(profile.rename.items()), schemas)


class Declared:
    __slots__ = ("_changes", "_names", "_schemas")

    def __init__(
        self,
        changes: dict[Change, list[Fits]],
        names: tuple[tuple[str, str], ...],
        schemas: re.Pattern[str] | None,
    ) -> None:
        self._changes = changes
        self._names = names
        self._schemas = schemas

    def covers(self, member: str, change: str, old: Any = None, new: Any = None) -> bool:
        if any(fits(old, new) for fits in self._changes.get((member, change), ())):
            return True
        return change == "removed" and bool(self._schemas and self._schemas.match(member))

    def moved(self, recorded: JsonObject, sent: JsonObject) -> Iterator[tuple[str, str]]:
        """Members under another name whose value is not what it was, and no limit brought down."""
        for old, new in self._names:
            if old not in recorded or old in sent or new in recorded or new not in sent:
                continue
            was, now = recorded[old], sent[new]
            is_limit = isinstance(was, int) and isinstance(now, int) and now < was
            if was != now and not is_limit:
                yield old, new


def _any(old: Any, new: Any) -> bool:
    return True


def _said_nothing(old: Any, new: Any) -> bool:
    """What says something and is left out is told to the caller, and so stands elsewhere."""
    return old in _NOTHING


def _is_developer(old: Any, new: Any) -> bool:
    return bool((old, new) == ("developer", "system"))


def _demands_one(old: Any, new: Any) -> bool:
    return isinstance(old, dict) or old == "required"


def _is_fewer(old: Any, new: Any) -> bool:
    """Some of the tools, each as it was."""
    return isinstance(old, list) and isinstance(new, list) and all(tool in old for tool in new)


def _is_joined(old: Any, new: Any) -> bool:
    """Turns of one role in a row, as one."""
    if not (isinstance(old, list) and isinstance(new, list) and len(new) <= len(old)):
        return False
    roles = [message.get("role") for message in new if isinstance(message, dict)]
    return all(one != other for one, other in pairwise(roles))


def _is_object_form(old: Any, new: Any) -> bool:
    return "json_object" in (old, new)


Row = tuple[Change, Fits]


def _members(profile: Profile, rule: ModelRule | None) -> Iterator[Row]:
    for old, new in profile.rename.items():
        yield (old, "removed"), _any
        yield (new, "added"), _any
    if rule is not None and rule.token_field:
        yield from (((name, "removed"), _any) for name in ("max_tokens", "max_completion_tokens"))
        yield (rule.token_field, "added"), _any
    of_rule = rule.drop if rule is not None else ()
    for name in (*profile.drop, *profile.drop_when_reasoning, *of_rule):
        yield (name, "removed"), _said_nothing
    for name in profile.add:
        yield (name, "added"), _any
    if profile.cache_key_header:
        yield ("prompt_cache_key", "removed"), _any  # it goes in a header
    if profile.thinking_switch:
        yield (_SWITCHES[profile.thinking_switch], "added"), _any
        yield ("reasoning_effort", "removed"), _any
    if not profile.stream_options:
        yield ("stream_options", "removed"), _any
    if profile.logprobs_as_number:
        yield from ((("logprobs", "changed"), _any), (("top_logprobs", "removed"), _any))


def _messages(profile: Profile, rule: ModelRule | None) -> Iterator[Row]:
    reasoning_in = (rule and rule.reasoning_in) or profile.reasoning_in
    if not profile.developer_role:
        yield ("messages[].role", "changed"), _is_developer
    if reasoning_in != "keep":
        yield from (((f"messages[].{name}", "removed"), _any) for name in REASONING_MEMBERS)
        names = REASONING_MEMBERS[:2] if reasoning_in == "both" else (reasoning_in,)
        yield from (((f"messages[].{name}", "added"), _any) for name in names)
    if reasoning_in == "think_tags":
        yield ("messages[].content", "changed"), _any
    if profile.message_fields:
        yield from (((f"messages[].{name}", "removed"), _any) for name in _LEFT_OUT)
    for name in profile.strip_message_fields:
        yield (f"messages[].{name}", "removed"), _any
    if not profile.tool_call_index:
        yield ("messages[].tool_calls[].index", "removed"), _any
    if profile.tool_call_id_length is not None:
        yield ("messages[].tool_calls[].id", "changed"), _any
        yield ("messages[].tool_call_id", "changed"), _any
    if profile.one_turn_each:
        yield ("messages", "changed"), _is_joined


def _tools(profile: Profile) -> Iterator[Row]:
    if profile.tool_choice_required != "required":
        yield ("tool_choice", "changed"), _demands_one
    if not profile.tool_choice_none:
        names = ("tools", "tool_choice", "parallel_tool_calls")
        yield from (((name, "removed"), _any) for name in names)
    if not (profile.tool_choice_named and profile.tool_choice_allowed):
        yield ("tools", "changed"), _is_fewer
        yield ("tool_choice", "changed"), _demands_one
    if not profile.tools_with_stream:
        yield from (((name, "removed"), _any) for name in ("stream", "stream_options"))


def _forms(profile: Profile) -> Iterator[Row]:
    if not profile.json_object:
        yield ("response_format.type", "changed"), _is_object_form
        yield ("response_format.json_schema", "added"), _any
    if profile.schema_as_value:
        yield ("response_format.type", "changed"), _is_object_form
        yield ("response_format.json_schema", "removed"), _any
        yield ("response_format.value", "added"), _any


def changes_between(
    recorded: Any, sent: Any, path: str = ""
) -> Iterator[tuple[str, str, Any, Any]]:
    """What differs: the member's path, such as `messages[].name`, how, and what it was and is."""
    if isinstance(recorded, dict) and isinstance(sent, dict):
        for name in [*recorded, *(name for name in sent if name not in recorded)]:
            member = f"{path}.{name}" if path else name
            if name not in sent:
                yield member, "removed", recorded[name], None
            elif name not in recorded:
                yield member, "added", None, sent[name]
            else:
                yield from changes_between(recorded[name], sent[name], member)
    elif isinstance(recorded, list) and isinstance(sent, list) and len(recorded) == len(sent):
        for old, new in zip(recorded, sent, strict=True):
            yield from changes_between(old, new, f"{path}[]")
    elif recorded != sent:
        yield path, "changed", recorded, sent
