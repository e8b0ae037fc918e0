"""What a caller wants of thinking, in each maker's way, among the model's own request fields.

Claude has the fields of its own API; gpt-oss `reasoning_effort`; Nova 2 a `reasoningConfig` whose
highest effort takes no other limits; Qwen a word in `reasoning_config` (reference: providers, B.0.3).
"""

from __future__ import annotations

from typing import Final

from opengateway.domain import origins
from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint
from opengateway.domain.model_rules import ModelRule
from opengateway.kit.json import JsonObject
from opengateway.wires.anthropic.thinking import level_of, plan_of

_USUAL: Final = "medium"


class Thinking:
    """`fields` go among the model's own; `max_tokens` is None where nothing needs a limit."""

    __slots__ = ("fields", "is_boundless", "max_tokens", "thinks")

    def __init__(self, max_tokens: int | None) -> None:
        self.max_tokens = max_tokens
        self.fields: JsonObject = {}
        self.thinks = False
        self.is_boundless = False
        """Neither a limit of output nor a temperature may be given."""


def thinking_of(
    request: CanonicalRequest,
    endpoint: Endpoint,
    rule: ModelRule,
    dropped: list[str],
    *,
    may_budget: bool,
) -> Thinking:
    """Adds to `dropped` what is not done."""
    intent = request.reasoning
    asked, most = request.max_output_tokens, endpoint.max_output
    limit = asked if asked is None or most is None else min(asked, most)
    if rule.family == origins.ANTHROPIC:
        return _claude(request, endpoint, rule, dropped, limit, may_budget=may_budget)
    made = Thinking(limit)
    name = "reasoning_effort" if intent.effort is not None else "reasoning"
    is_off = intent.enabled is False or intent.effort == "none" or intent.budget_tokens == 0
    is_asked = bool(intent.effort or intent.budget_tokens or intent.enabled)
    if is_off:
        if rule.reasoning == "always":
            dropped.append(name)
        return made
    if not is_asked:
        return made
    level = level_of(intent, rule) or _USUAL
    made.thinks = True
    match rule.family:
        case _ if rule.thinking_as is None:
            dropped.append(name)
            made.thinks = False
        case origins.OPENAI:
            made.fields["reasoning_effort"] = level
        case origins.AMAZON:
            config = {"type": "enabled", "maxReasoningEffort": level}
            made.fields["reasoningConfig"] = config
            made.is_boundless = level == "high"
        case _:
            made.fields["reasoning_config"] = level
    return made


def _claude(
    request: CanonicalRequest,
    endpoint: Endpoint,
    rule: ModelRule,
    dropped: list[str],
    limit: int | None,
    *,
    may_budget: bool,
) -> Thinking:
    plan = plan_of(request, endpoint, rule, dropped, may_budget=may_budget)
    budget = (plan.thinking or {}).get("budget_tokens")
    # Without a limit the service takes the model's own, which a budget must stay below.
    made = Thinking(plan.max_tokens if budget is not None or limit is not None else None)
    if plan.thinking is not None:
        made.fields["thinking"] = plan.thinking
    if plan.effort is not None:
        made.fields["output_config"] = {"effort": plan.effort}
    made.thinks = plan.thinks
    return made
