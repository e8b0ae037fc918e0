"""What a caller wants of thinking, in the vendor's two ways (reference: providers, B.0.4).

Newer models think as much as they find right, and an effort is a word for it; older ones are given a
number of tokens, which must stay below `max_tokens`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from opengateway.domain.canonical import CanonicalRequest, ReasoningIntent
from opengateway.domain.catalog import Endpoint
from opengateway.domain.model_rules import ModelRule
from opengateway.kit.json import JsonObject

DEFAULT_MAX_TOKENS: Final = 8192
"""Where neither the caller nor the catalogue names a limit: what every model since 2024 can give."""
_MIN_BUDGET: Final = 1024
_SCALE: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_BUDGETS: Final = {"minimal": 1024, "low": 2048, "medium": 10_000, "high": 16_384, "xhigh": 32_768}
"""`max` is all that the model can give."""
_USUAL: Final = "medium"


class Plan(msgspec.Struct, frozen=True):
    max_tokens: int
    thinking: JsonObject | None = None
    effort: str | None = None

    @property
    def thinks(self) -> bool:
        return self.thinking is not None and self.thinking["type"] != "disabled"


def plan_of(
    request: CanonicalRequest,
    endpoint: Endpoint,
    rule: ModelRule,
    dropped: list[str],
    *,
    may_budget: bool,
) -> Plan:
    """Adds to `dropped` what is not done. `may_budget`: nothing forbids a number of tokens here."""
    intent = request.reasoning
    most, asked = endpoint.max_output, request.max_output_tokens
    limit = asked or most or DEFAULT_MAX_TOKENS
    limit = limit if most is None else min(limit, most)
    name = "reasoning_effort" if intent.effort is not None else "reasoning"
    if _is_off(intent):
        return _off(limit, rule, name, dropped)
    if intent.effort is None and intent.budget_tokens is None and not intent.enabled:
        return Plan(limit)
    if rule.thinking_as is None:
        dropped.append(name)
        return Plan(limit)
    if rule.thinking_as == "level" and not (intent.budget_tokens and rule.takes_budget):
        return Plan(limit, _shown({"type": "adaptive"}, intent, rule), level_of(intent, rule))
    plan = _budgeted(intent, limit, most, rule) if may_budget else None
    if plan is None:
        dropped.append(name)
        return Plan(limit)
    return plan


def _is_off(intent: ReasoningIntent) -> bool:
    return intent.enabled is False or intent.effort == "none" or intent.budget_tokens == 0


def _off(limit: int, rule: ModelRule, name: str, dropped: list[str]) -> Plan:
    match rule.reasoning:
        case "default":
            return Plan(limit, {"type": "disabled"})
        case "always":  # it thinks all the same, as little as it can
            dropped.append(name)
            return Plan(limit, effort=rule.levels[0] if rule.levels else None)
        case _:
            return Plan(limit)


def _budgeted(
    intent: ReasoningIntent, limit: int, most: int | None, rule: ModelRule
) -> Plan | None:
    """None where there is no room to think. A limit that leaves none is taken for the visible
    answer's, and raised by the budget."""
    ceiling = most or limit + _BUDGETS["xhigh"]
    wanted = intent.budget_tokens or _BUDGETS.get(intent.effort or _USUAL, ceiling - 1)
    least = rule.min_budget or _MIN_BUDGET
    budget = max(wanted, least)
    if budget >= limit:
        limit = min(limit + budget, ceiling)
        budget = min(budget, limit - 1)
    if budget < least:
        return None
    return Plan(limit, _shown({"type": "enabled", "budget_tokens": budget}, intent, rule))


def _shown(thinking: JsonObject, intent: ReasoningIntent, rule: ModelRule) -> JsonObject:
    if intent.exclude:
        return {**thinking, "display": "omitted"}
    return {**thinking, "display": "summarized"} if rule.hidden_thoughts else thinking


def level_of(intent: ReasoningIntent, rule: ModelRule) -> str | None:
    """The least of the model's words that is as much as was asked for; else its highest."""
    word = intent.effort
    if intent.budget_tokens is not None:
        fits = (w for w, most in _BUDGETS.items() if intent.budget_tokens <= most)
        word = next(fits, "max")
    if word is None or not rule.levels:
        return None
    wanted = _SCALE.index(word) if word in _SCALE else len(_SCALE)
    return next((w for w in rule.levels if _SCALE.index(w) >= wanted), rule.levels[-1])
