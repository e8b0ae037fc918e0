"""What a caller wants of thinking, in Google's two ways of saying it (reference: providers, B.0.4).

Gemini 3 takes a level, Gemini 2.5 a number of tokens; both together are refused.
"""

from __future__ import annotations

from typing import Final

from opengateway.domain.canonical import CanonicalRequest, ReasoningIntent
from opengateway.domain.model_rules import ModelRule
from opengateway.kit.json import JsonObject

_SCALE: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_BUDGETS: Final = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384}
"""More than `high` is all that the model takes."""
_LEVELS: Final = ((1024, "minimal"), (4096, "low"), (12288, "medium"))
"""The level for a number of tokens up to this; more is `high`."""


def thinking_config(
    request: CanonicalRequest, rule: ModelRule, dropped: list[str]
) -> JsonObject | None:
    """The `thinkingConfig`, or None where nothing need be said. Adds to `dropped` what is not done.

    Thoughts are asked for whenever the model has some, unless the caller wants none.
    """
    intent = request.reasoning
    effort = _effort(intent)
    if rule.thinking_as is None:
        if effort not in (None, "none") or intent.budget_tokens:
            dropped.append("reasoning_effort" if intent.effort is not None else "reasoning")
        return None
    config: JsonObject = {}
    if rule.thinking_as == "budget":
        budget = _budget(intent, effort, rule)
        if budget is not None:
            config["thinkingBudget"] = budget
    elif effort is not None or intent.budget_tokens is not None:
        config["thinkingLevel"] = _level(effort or _level_for(intent.budget_tokens or 0), rule)
    is_off = effort == "none"
    if is_off and config.get("thinkingBudget") != 0:
        dropped.append("reasoning_effort")  # it thinks all the same, as little as it can
    thinks = not is_off and (
        rule.reasoning in ("default", "always")
        or (rule.reasoning == "asked" and (bool(config) or intent.enabled is True))
    )
    if thinks and not intent.exclude:
        config["includeThoughts"] = True
    return config or None


def _effort(intent: ReasoningIntent) -> str | None:
    """The word that was said or meant. A number of tokens goes before a word."""
    if intent.enabled is False or intent.budget_tokens == 0:
        return "none"
    if intent.budget_tokens is not None:
        return None
    return intent.effort


def _budget(intent: ReasoningIntent, effort: str | None, rule: ModelRule) -> int | None:
    if effort == "none":
        return 0 if rule.budget_off else rule.min_budget
    if intent.budget_tokens is not None:
        wanted = intent.budget_tokens
    elif effort is not None:
        wanted = _BUDGETS.get(effort, rule.max_budget)
    elif intent.enabled and rule.reasoning == "asked":
        return -1  # as much as it thinks fit
    else:
        return None
    return min(max(wanted, rule.min_budget), rule.max_budget)


def _level_for(budget: int) -> str:
    return next((level for most, level in _LEVELS if budget <= most), "high")


def _level(effort: str, rule: ModelRule) -> str:
    """The least of the model's levels that is as much as was asked for; else its highest."""
    wanted = _SCALE.index(effort) if effort in _SCALE else len(_SCALE)
    return next((word for word in rule.levels if _SCALE.index(word) >= wanted), rule.levels[-1])
