"""Members that vendors word differently and that mean the same: efforts, forms, log probabilities.

Nothing here weakens what was asked for in silence: what cannot be said as it was is said as near as
the vendor has a word for, and the caller is told (`dropped`).
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.catalog import Profile
from opengateway.domain.chat import ChatFacts
from opengateway.domain.model_rules import ModelRule
from opengateway.kit.json import Raw, RawObject, dumps, loads

_NULL: Final = b"null"
_SCALE: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_ANY_OBJECT: Final = Raw(
    b'{"type":"json_schema","json_schema":{"name":"object","schema":{"type":"object"}}}'
)


def shape_effort(
    fields: RawObject, profile: Profile, rule: ModelRule | None, dropped: list[str]
) -> None:
    """`reasoning_effort` in the words that the model knows, and the switch that turns thinking on."""
    raw = fields.get("reasoning_effort")
    if raw is None or bytes(raw) == _NULL:
        return
    effort = loads(raw)
    levels = rule.levels if rule is not None else ()
    always = rule is not None and rule.reasoning == "always"
    is_off = effort == "none"
    if profile.thinking_switch and not (is_off and always):
        _switch(fields, profile.thinking_switch, on=not is_off)
        if profile.thinking_switch != "chat_template" and (is_off or not levels):
            del fields["reasoning_effort"]
            if not is_off:
                dropped.append("reasoning_effort")  # it thinks, as much as it finds right
            return
    if levels and effort not in levels:
        fields["reasoning_effort"] = Raw(dumps(_nearest(effort, levels)))
        dropped.append("reasoning_effort")  # not as it was asked for: the caller is told


def _switch(fields: RawObject, kind: str, *, on: bool) -> None:
    """The caller's own word for it holds, where there is one."""
    if kind == "thinking":
        fields.setdefault("thinking", Raw(dumps({"type": "enabled" if on else "disabled"})))
    elif kind == "enable_thinking":
        fields.setdefault("enable_thinking", Raw(dumps(on)))
    else:
        given: Any = loads(fields["chat_template_kwargs"]) if _has(fields) else {}
        if isinstance(given, dict):
            fields["chat_template_kwargs"] = Raw(dumps({"enable_thinking": on, **given}))


def _has(fields: RawObject) -> bool:
    return bytes(fields.get("chat_template_kwargs", Raw(_NULL))) != _NULL


def _nearest(effort: object, levels: tuple[str, ...]) -> str:
    """The least of the model's words that is as much as was asked for; else its highest."""
    wanted = _SCALE.index(effort) if isinstance(effort, str) and effort in _SCALE else 0
    return next((w for w in levels if _SCALE.index(w) >= wanted), levels[-1])


def shape_format(fields: RawObject, facts: ChatFacts, profile: Profile) -> None:
    """`response_format` in the vendor's own dialect; what it holds the answer to stays the same."""
    if facts.response_format == "json_object" and not profile.json_object:
        fields["response_format"] = _ANY_OBJECT
    elif facts.response_format == "json_object" and profile.schema_as_value:
        asked = {"value": {"type": "object"}, **loads(fields["response_format"])}
        fields["response_format"] = Raw(dumps(asked))
    elif facts.response_format == "json_schema" and profile.schema_as_value:
        asked = loads(fields["response_format"])
        described = asked.get("json_schema")
        schema = described.get("schema") if isinstance(described, dict) else None
        value = schema if isinstance(schema, dict) else {"type": "object"}
        fields["response_format"] = Raw(dumps({"type": "json_object", "value": value}))


def shape_logprobs(fields: RawObject, profile: Profile, dropped: list[str]) -> None:
    """As many log probabilities as the vendor gives, asked for in its way."""
    most = profile.max_top_logprobs
    raw = fields.get("top_logprobs")
    wanted = loads(raw) if raw is not None else None
    if most is not None and isinstance(wanted, int) and wanted > most:
        fields["top_logprobs"] = Raw(dumps(most))
        dropped.append("top_logprobs")  # fewer than asked for: the caller is told
    if profile.logprobs_as_number and "logprobs" in fields:
        given = loads(fields["logprobs"])
        fields.pop("top_logprobs", None)
        if given is True:
            fields["logprobs"] = Raw(dumps(wanted if isinstance(wanted, int) and wanted else 1))
        elif given is False:
            del fields["logprobs"]


def name_limit(fields: RawObject, rule: ModelRule | None) -> None:
    """The limit of output under the one name that this model knows (E45)."""
    if rule is None or not rule.token_field:
        return
    for name in ("max_tokens", "max_completion_tokens"):
        if name != rule.token_field and name in fields:
            raw = fields.pop(name)
            if bytes(fields.get(rule.token_field, Raw(_NULL))) == _NULL:
                fields[rule.token_field] = raw


def add_members(fields: RawObject, profile: Profile) -> None:
    """What the vendor must be told that callers do not say; the caller's own word holds."""
    for name, value in profile.add.items():
        fields.setdefault(name, Raw(dumps(value)))
