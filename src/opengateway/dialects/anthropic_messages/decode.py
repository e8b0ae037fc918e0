"""From a body to a `ChatRequest`: every member checked, every byte kept.

`fields` are the members as they came. What goes to a vendor of this dialect is made of them without
another look; for all others `canonical` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from opengateway.dialects.anthropic_messages import complaints as bad
from opengateway.dialects.anthropic_messages.betas import passed_headers
from opengateway.dialects.anthropic_messages.blocks import Counted, count_messages
from opengateway.dialects.anthropic_messages.names import SESSION_HEADER, named_in, shown_name
from opengateway.dialects.anthropic_messages.shapes import OUR_MEMBERS, Params, Tool, ToolChoice
from opengateway.dialects.openai_chat.depth import MAX_DEPTH, depth_of, has_too_many_values
from opengateway.dialects.openai_chat.extras import (
    strictness,
    targets,
    timeouts,
    who,
    wishes,
    without_going_on,
)
from opengateway.dialects.openai_chat.shapes import Params as OurExtras
from opengateway.domain.chat import ChatFacts, ChatRequest
from opengateway.kit.json import DecodeError, RawObject, ValidationError, loads_raw_object

_params = msgspec.json.Decoder(Params).decode
_is_tool_name: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}").fullmatch
_CHOICES: Final = {"auto": "auto", "any": "required", "tool": "named", "none": "none"}
_NAMES_OF_STATE: Final = ("container", "thread", "user_profile_id", "workspace_id")
"""Members that name what a vendor keeps for an account: nothing there is a team's (decision 29)."""
_WORLDWIDE: Final = frozenset((None, "global", "not_available"))
_FREE_TOOLS: Final = (
    "bash_",
    "text_editor_",
    "computer_",
    "memory_",
    "browser_",
    "web_fetch_",
    "tool_search_tool_",
    "mcp_toolset",
)
"""Types of the vendor's own tools that cost tokens and nothing beside (its price list, 2026-09)."""
_BUDGETS: Final = ((16_384, "high"), (10_000, "medium"), (2048, "low"), (0, "minimal"))
"""What effort a budget of thinking amounts to: never one that is worth more than the budget."""


def decode(body: bytes, headers: Mapping[str, str], *, takes_all: bool = False) -> ChatRequest:
    """Check a request to `POST /v1/messages` and take our extras out of it.

    `headers` have lower-case names. Raises `InvalidRequest` and `NotFound`: `param` is the member's
    place (`messages.0.content`) or the header's name. `takes_all`: ids of a vendor's files and
    containers pass, as no caller's may; for comparing with recordings.
    """
    fields, params = _parse(body)
    if params.max_tokens is None:
        raise bad.missing("max_tokens", "the most tokens that the answer may have")
    return _request(body, headers, fields, params, takes_all=takes_all)


def decode_count(
    body: bytes, headers: Mapping[str, str], *, takes_all: bool = False
) -> ChatRequest:
    """The same for `POST /v1/messages/count_tokens`, which asks for no answer."""
    fields, params = _parse(body)
    for name in ("max_tokens", "stream"):
        fields.pop(name, None)
    params.stream = None
    return _request(body, headers, fields, params, takes_all=takes_all)


def _request(
    body: bytes,
    headers: Mapping[str, str],
    fields: RawObject,
    params: Params,
    *,
    takes_all: bool,
) -> ChatRequest:
    facts = _facts(params, takes_all=takes_all)
    for name in _NAMES_OF_STATE if not takes_all else ():
        if getattr(params, name) is not None:
            raise bad.not_here(name, f"there is no such {name.removesuffix('_id')}; leave it out")
    model, fallbacks = targets(_extras(params))
    session_id, user = _who(params, headers)
    first_token_s, deadline_s = timeouts(params.extra, headers)
    without_going_on(params.extra)
    for name in OUR_MEMBERS:
        fields.pop(name, None)
    return ChatRequest(
        model=model,
        stream=bool(params.stream),
        include_usage=True,
        fields=fields,
        facts=facts,
        input_bytes=len(body),
        fallbacks=fallbacks,
        preferences=wishes(params.provider),
        session_id=session_id,
        user=user,
        debug_routing=params.debug is not None and bool(params.debug.routing),
        first_token_timeout_s=first_token_s,
        deadline_s=deadline_s,
        strict_parameters=strictness(params.extra, headers),
        headers=passed_headers(headers),
    )


def _parse(body: bytes) -> tuple[RawObject, Params]:
    """The members as bytes and as types. Of a repeated name both keep the last."""
    if not body:
        raise bad.wrong(
            "invalid_json",
            None,
            "the body is empty; send a JSON object with 'model', 'max_tokens' and 'messages'",
        )
    if has_too_many_values(body):
        raise bad.wrong(
            bad.INVALID_VALUE, None, "the body holds too many values; send fewer or longer ones"
        )
    try:
        body.decode()  # what nobody decodes is checked for JSON's grammar only, not for UTF-8
        fields = loads_raw_object(body)
        if body.count(b"[") + body.count(b"{") > MAX_DEPTH and depth_of(body) > MAX_DEPTH:
            raise bad.too_deep()
        return fields, _params(body)
    except ValidationError as error:
        raise bad.of_validation_error(error) from None
    except (DecodeError, UnicodeDecodeError) as error:
        raise bad.of_decode_error(error) from None
    except RecursionError:
        raise bad.too_deep() from None


def _extras(params: Params) -> OurExtras:
    """What is ours, as the chat dialect has it. `fallbacks` are OpenRouter's name of `models`."""
    listed = params.models
    if params.fallbacks is not None:
        if listed is not None:
            raise bad.wrong(
                bad.INVALID_VALUE,
                "fallbacks",
                "fallbacks: 'models' says the same thing; send one of them",
            )
        listed = [one.model for one in params.fallbacks]
    return OurExtras(
        model=params.model,
        messages=[],
        models=listed,
        extra=params.extra,
        session_id=params.session_id,
    )


def _who(params: Params, headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The session and the end user. Raises `InvalidRequest`."""
    session, user = who(_extras(params), headers)
    told = params.metadata.user_id if params.metadata is not None else None
    named, within = named_in(told) if told else ("", None)
    if session is None:
        session = shown_name(headers.get(SESSION_HEADER, "")) or within
    return session, user or shown_name(named)


def _facts(params: Params, *, takes_all: bool) -> ChatFacts:
    counted = Counted(takes_all=takes_all)
    if isinstance(params.system, list):
        for at, block in enumerate(params.system):
            counted.count(block, f"system.{at}")
    count_messages(params.messages, counted)
    own, theirs = _tools(params.tools or (), counted)
    counted.mark(params.cache_control)
    form = params.output_format or (params.output_config and params.output_config.format)
    return ChatFacts(
        max_output_tokens=params.max_tokens,
        temperature=params.temperature,
        stop_count=len(params.stop_sequences or ()),
        reasoning_effort=_effort(params),
        tool_choice=_choice(params.tool_choice),
        response_format="json_schema" if form else None,
        modalities=frozenset(counted.modalities),
        has_tools=own,
        has_reasoning=counted.has_thoughts,
        images=counted.images,
        image_bytes=counted.image_bytes,
        has_open_media=counted.has_open_media,
        cache_lifetimes=frozenset(counted.lifetimes),
        has_vendor_tools=bool(theirs),
        billed_apart=_billed_apart(params, theirs),
    )


def _tools(tools: Sequence[Tool], counted: Counted) -> tuple[bool, list[str]]:
    """Whether there are tools of the caller's own, and the types of the vendor's."""
    own, theirs = False, []
    for at, tool in enumerate(tools):
        counted.mark(tool.cache_control)
        if tool.type not in (None, "custom"):
            theirs.append(tool.type or "")
            continue
        own = True
        if tool.name is None:
            raise bad.missing(f"tools.{at}.name", "the tool's name")
        if _is_tool_name(tool.name) is None:
            raise bad.wrong(
                bad.INVALID_VALUE,
                f"tools.{at}.name",
                f"tools.{at}.name: send 1 to 128 letters, digits, underscores and dashes",
            )
        if tool.input_schema is msgspec.UNSET:
            raise bad.missing(f"tools.{at}.input_schema", "the JSON Schema of the tool's input")
        if not bytes(tool.input_schema).startswith(b"{"):
            raise bad.wrong(
                bad.INVALID_TYPE,
                f"tools.{at}.input_schema",
                f"tools.{at}.input_schema: send a JSON Schema as an object",
            )
    return own, theirs


def _choice(choice: ToolChoice | None) -> str | None:
    if choice is None:
        return None
    if choice.type == "tool" and not choice.name:
        raise bad.missing("tool_choice.name", "the tool's name")
    return _CHOICES[choice.type]


def _effort(params: Params) -> str | None:
    thinking, config = params.thinking, params.output_config
    if thinking is not None and thinking.type == "enabled" and thinking.budget_tokens is None:
        raise bad.missing("thinking.budget_tokens", "the most tokens to think with")
    if thinking is not None and thinking.type == "disabled":
        return "none"
    if config is not None and config.effort is not None:
        return config.effort
    if thinking is None:
        return None
    budget = thinking.budget_tokens or 0
    if thinking.type != "enabled":
        return "high"
    return next(word for least, word in _BUDGETS if budget >= least)


def _billed_apart(params: Params, theirs: Sequence[str]) -> str | None:
    """What is billed beside tokens, or at another price: there is no price for it (decision 14)."""
    for kind in theirs:
        if not kind.startswith(_FREE_TOOLS):
            return f"the provider's tool {kind[:60]!r}"
    if params.speed not in (None, "standard"):
        return f"the speed {params.speed!r}"
    if params.billing_policy is not None or params.fallback_credit_token is not None:
        return "a policy of the provider's own billing"
    if params.inference_geo not in _WORLDWIDE:
        return f"the place {params.inference_geo!r} ('inference_geo')"
    return None
