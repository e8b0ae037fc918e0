"""From a caller's request to the vendor's: only what must change is changed.

Members are undecoded bytes (`Raw`) in the caller's order. One that no rule touches leaves byte for
byte as it came: prompt caches depend on it (reference: providers, E42).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from urllib.parse import quote

from opengateway.domain.catalog import Endpoint, Profile, Provider
from opengateway.domain.chat import ChatRequest, UpstreamCall
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.model_rules import ModelRule
from opengateway.domain.pseudonym import pseudonym
from opengateway.kit.json import Raw, RawObject, dumps, loads, loads_raw_object
from opengateway.wires.emulation import FORMAT
from opengateway.wires.openai_chat.dials import (
    add_members,
    name_limit,
    shape_effort,
    shape_format,
    shape_logprobs,
)
from opengateway.wires.openai_chat.messages import edit_messages
from opengateway.wires.openai_chat.structured import say_schema
from opengateway.wires.openai_chat.tools import shape_tool_choice, strip_schemas

PATH: Final = "/chat/completions"

_TRUE: Final = Raw(b"true")
_FALSE: Final = Raw(b"false")
_EMPTY: Final = frozenset((b"null", b"false", b"[]", b"{}", b'""'))
"""Values whose absence changes nothing, so that leaving them out need not be told."""
_NO_MEANS_SOMETHING: Final = frozenset(("parallel_tool_calls",))
"""Members of which `false` is a wish."""
_NAMES_SOMEONE: Final = ("user", "prompt_cache_key", "safety_identifier")
_ONLY_USAGE: Final = Raw(b'{"include_usage":true}')


def upstream_call(
    chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str | None
) -> UpstreamCall:
    """Make the upstream request. Raises `InvalidRequest` for what must not be dropped.

    Without a `team_id`, what names a user or a cache is a pseudonym already.
    """
    profile = provider.profile
    if _needs_nothing(chat, profile):
        fields = dict(chat.fields)
        fields["model"] = _quoted(endpoint.upstream_model)
        _ask_for_stream(chat, profile, fields)
        return UpstreamCall(path_of(PATH, endpoint, profile), dumps(fields))
    rule = _rule_for(profile, endpoint.upstream_model)
    refuse_what_cannot_be_done(chat, provider, rule)
    dropped: list[str] = []
    fields = _renamed(chat.fields, profile)
    name_limit(fields, rule)
    _drop(fields, profile, dropped)
    if rule is not None:
        _drop_members(fields, rule.drop, dropped)
    if profile.drop_when_reasoning and _reasons(chat, endpoint, rule):
        _drop_members(fields, profile.drop_when_reasoning, dropped)
    _clamp_temperature(chat, profile, fields, dropped)
    shape_effort(fields, profile, rule, dropped)
    shape_format(fields, chat.facts, profile)
    shape_logprobs(fields, profile, dropped)
    _keep_private(fields, team_id, dropped)
    headers = _cache_header(fields, profile)
    shape_tool_choice(fields, chat, provider)
    if profile.strip_schema_keys:
        strip_schemas(fields, profile)
    reasoning_in = reasoning_member(endpoint, provider)
    messages = edit_messages(fields.get("messages"), chat.facts, profile, reasoning_in, dropped)
    if messages is not None:
        fields["messages"] = messages
    emulated: tuple[str, ...] = ()
    if profile.json_object_for_schema and chat.facts.response_format == "json_schema":
        say_schema(fields)
        emulated = (FORMAT,)
    fields["model"] = _quoted(endpoint.upstream_model)
    add_members(fields, profile)
    _ask_for_stream(chat, profile, fields)
    return UpstreamCall(
        path=path_of(PATH, endpoint, profile),
        body=dumps(fields),
        dropped=tuple(dict.fromkeys(dropped)),
        emulated=emulated,
        headers=headers,
    )


def path_of(operation: str, endpoint: Endpoint, profile: Profile) -> str:
    """Where an operation is below the base URL; most vendors have nothing around it."""
    if not profile.path_prefix and not profile.query:
        return operation
    prefix = profile.path_prefix.replace("{model}", quote(endpoint.upstream_model, safe=""))
    return f"{prefix}{operation}?{profile.query}" if profile.query else prefix + operation


def _cache_header(fields: RawObject, profile: Profile) -> dict[str, str]:
    """The cache's key where the vendor reads it: already a pseudonym, and so plain letters."""
    raw = fields.get("prompt_cache_key") if profile.cache_key_header else None
    if raw is None or bytes(raw) == b"null":
        return {}
    key = loads(fields.pop("prompt_cache_key"))
    return {profile.cache_key_header: key} if isinstance(key, str) and _is_word(key) else {}


def _is_word(key: str) -> bool:
    return key.isascii() and key.isprintable() and 0 < len(key) <= 512 and " " not in key


def _needs_nothing(chat: ChatRequest, profile: Profile) -> bool:
    """Whether no rule below touches the request, so that none need be asked."""
    facts = chat.facts
    if profile.add or profile.one_turn_each:
        return False
    bends_objects = profile.schema_as_value or not profile.json_object
    if bends_objects and facts.response_format == "json_object":
        return False
    if facts.message_members or facts.has_developer_role or facts.modalities != _TEXT:
        return False
    if facts.n > 1 or facts.stop_count or facts.response_format == "json_schema":
        return False
    return _names_of(profile).isdisjoint(chat.fields)


_TEXT: Final = frozenset(("text",))
_OF_EVERY_PROFILE: Final = ("metadata", "store", "tool_choice", *_NAMES_SOMEONE)
_DIALS: Final = (
    "reasoning_effort",
    "logprobs",
    "top_logprobs",
    "max_tokens",
    "max_completion_tokens",
)
"""Members that `dials` words in the vendor's way; few requests have one."""
_known: dict[int, tuple[Profile, frozenset[str]]] = {}
_KNOWN_PROFILES: Final = 512


def _names_of(profile: Profile) -> frozenset[str]:
    """The members that some rule of the profile is about. Kept by identity: profiles are parts of
    a snapshot, and hashing one would cost more than it saves."""
    found = _known.get(id(profile))
    if found is not None and found[0] is profile:
        return found[1]
    names = frozenset(
        (
            *_OF_EVERY_PROFILE,
            *profile.rename,
            *profile.drop,
            *profile.drop_when_reasoning,
            *profile.refuse,
            *(("tools", "functions") if profile.strip_schema_keys else ()),
            *(("temperature",) if _bounds_temperature(profile) else ()),
            *_DIALS,
            *(name for rule in profile.models for name in (*rule.drop, *rule.refuse)),
        )
    )
    if len(_known) >= _KNOWN_PROFILES:
        _known.clear()
    _known[id(profile)] = (profile, names)
    return names


def _bounds_temperature(profile: Profile) -> bool:
    return profile.max_temperature is not None or profile.min_temperature is not None


@lru_cache(maxsize=4096)
def _quoted(model: str) -> Raw:
    return Raw(dumps(model))


def refuse_what_cannot_be_done(
    chat: ChatRequest, provider: Provider, rule: ModelRule | None = None
) -> None:
    """What the vendor lacks and what must neither be dropped nor weakened."""
    profile, facts = provider.profile, chat.facts
    if profile.max_n is not None and facts.n > profile.max_n:
        raise InvalidRequest(
            f"n: {provider.id} gives at most {profile.max_n} choice a request; "
            f"ask for {profile.max_n}, or send the request several times",
            param="n",
        )
    if profile.max_stop is not None and facts.stop_count > profile.max_stop:
        raise InvalidRequest(
            f"stop: {provider.id} takes at most {profile.max_stop} sequences; send fewer",
            param="stop",
        )
    for name in (*profile.refuse, *(rule.refuse if rule is not None else ())):
        raw = chat.fields.get(name)
        if raw is not None and bytes(raw) not in _EMPTY:
            raise InvalidRequest(
                f"{name}: {provider.id} does not know it; leave it out or choose another model",
                code="unsupported_parameter",
                param=name,
            )


def reasoning_member(endpoint: Endpoint, provider: Provider) -> str:
    """What becomes of replayed reasoning: see `Profile.reasoning_in`."""
    rule = _rule_for(provider.profile, endpoint.upstream_model)
    return (rule and rule.reasoning_in) or provider.profile.reasoning_in


def _rule_for(profile: Profile, model: str) -> ModelRule | None:
    return next((rule for rule in profile.models if model.startswith(rule.prefix)), None)


def _reasons(chat: ChatRequest, endpoint: Endpoint, rule: ModelRule | None) -> bool:
    """Whether the model will think before it answers this request."""
    effort = chat.facts.reasoning_effort
    when = rule.reasoning if rule is not None else ("default" if endpoint.reasoning else "never")
    if when == "asked":
        return effort not in (None, "none")
    if when == "default":
        return effort != "none"
    return when == "always"


def _renamed(fields: RawObject, profile: Profile) -> RawObject:
    """A copy with members under the vendor's names, each in its old place.

    Where both names were sent, the vendor's own holds.
    """
    rename = profile.rename
    if not any(name in rename for name in fields):
        return dict(fields)
    renamed: RawObject = {}
    for name, raw in fields.items():
        target = rename.get(name)
        if target is None:
            renamed.setdefault(name, raw)
        elif target not in fields or bytes(fields[target]) == b"null":
            renamed[target] = raw
    return renamed


def _drop(fields: RawObject, profile: Profile, dropped: list[str]) -> None:
    _drop_members(fields, profile.drop, dropped)
    # Only stored completions carry metadata upstream, and nothing is stored: it is our log's tag.
    fields.pop("metadata", None)


def _drop_members(fields: RawObject, names: tuple[str, ...], dropped: list[str]) -> None:
    for name in names:
        raw = fields.pop(name, None)
        if raw is None:
            continue
        is_wish = name in _NO_MEANS_SOMETHING and bytes(raw) == b"false"
        if is_wish or bytes(raw) not in _EMPTY:
            dropped.append(name)


def _clamp_temperature(
    chat: ChatRequest, profile: Profile, fields: RawObject, dropped: list[str]
) -> None:
    asked = chat.facts.temperature
    if asked is None or "temperature" not in fields:
        return
    given = asked
    if profile.max_temperature is not None:
        given = min(given, profile.max_temperature)
    if profile.min_temperature is not None:
        given = max(given, profile.min_temperature)
    if given != asked:
        fields["temperature"] = Raw(dumps(given))
        dropped.append("temperature")  # not as it was asked for: the caller is told


def _keep_private(fields: RawObject, team_id: str | None, dropped: list[str]) -> None:
    """Nothing is stored upstream, and no vendor learns who our callers' users are (decision 29)."""
    store = fields.get("store")
    if store is not None and bytes(store) == b"true":
        fields["store"] = _FALSE
        dropped.append("store")
    if team_id is None:
        return
    for name in _NAMES_SOMEONE:
        raw = fields.get(name)
        if raw is None or bytes(raw) == b"null":
            continue
        value = loads(raw)
        if not isinstance(value, str):
            raise InvalidRequest(f"{name}: expected a string", param=name)
        fields[name] = Raw(dumps(pseudonym(team_id, name, value)))


def _ask_for_stream(chat: ChatRequest, profile: Profile, fields: RawObject) -> None:
    """Usage is always asked for: it is what is billed (reference: providers, A.4 rule 11)."""
    if not chat.stream:
        return
    if chat.facts.has_tools and not profile.tools_with_stream:
        # Asked for whole: the stream's reader makes chunks of what comes (`chunks`).
        fields.pop("stream", None)
        fields.pop("stream_options", None)
        return
    fields["stream"] = _TRUE
    if not profile.stream_options:
        fields.pop("stream_options", None)
        return
    asked = fields.get("stream_options")
    if asked is None or not profile.include_obfuscation or bytes(asked) == b"null":
        fields["stream_options"] = _ONLY_USAGE
        return
    fields["stream_options"] = Raw(dumps({**loads_raw_object(asked), "include_usage": _TRUE}))
