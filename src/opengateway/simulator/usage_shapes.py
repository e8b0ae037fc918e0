"""Usage in each vendor's shape."""

from __future__ import annotations

from typing import Any

from opengateway.simulator.metering import Meter
from opengateway.simulator.personas import Persona


def usage_body(persona: Persona, meter: Meter) -> dict[str, Any]:
    """The `usage` object: totals for all, and what this vendor adds."""
    usage: dict[str, Any] = {
        "prompt_tokens": meter.prompt,
        "completion_tokens": meter.completion,
        "total_tokens": meter.prompt + meter.completion,
    }
    reasoning = {"reasoning_tokens": meter.reasoning}
    _extend_newer(persona, meter, usage)
    match persona.usage_shape:
        case "details":
            usage["prompt_tokens_details"] = {"cached_tokens": meter.cached, "audio_tokens": 0}
            usage["completion_tokens_details"] = reasoning | {
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            }
        case "groq":
            usage |= {"queue_time": 0.001, "prompt_time": 0.001, "completion_time": 0.002}
            usage["total_time"] = 0.003
            if meter.cached:
                usage["prompt_tokens_details"] = {"cached_tokens": meter.cached}
            if meter.reasoning:
                usage["completion_tokens_details"] = reasoning
        case "deepseek":
            usage["prompt_tokens_details"] = {"cached_tokens": meter.cached}
            if meter.reasoning:
                usage["completion_tokens_details"] = reasoning
            usage["prompt_cache_hit_tokens"] = meter.cached
            usage["prompt_cache_miss_tokens"] = meter.prompt - meter.cached
        case "mistral":
            if meter.cached:
                usage["num_cached_tokens"] = meter.cached
        case "openrouter":
            cost = round((meter.prompt + 3 * meter.completion) * 1e-7, 10)
            usage |= {"cost": cost, "is_byok": False}
            usage["cost_details"] = {"upstream_inference_cost": None}
            usage["prompt_tokens_details"] = {"cached_tokens": meter.cached}
            usage["completion_tokens_details"] = reasoning
    return usage


def _extend_newer(persona: Persona, meter: Meter, usage: dict[str, Any]) -> None:
    reasoning = {"reasoning_tokens": meter.reasoning}
    match persona.usage_shape:
        case "xai":  # the completion leaves the reasoning out
            usage["completion_tokens"] -= meter.reasoning
            usage["prompt_tokens_details"] = {"cached_tokens": meter.cached, "text_tokens": 0}
            usage["completion_tokens_details"] = reasoning
        case "moonshot":
            usage["cached_tokens"] = meter.cached
        case "perplexity":
            usage |= reasoning | {"search_context_size": "low", "cost": {"total_cost": 0.005}}
        case "plain":
            if meter.cached:
                usage["prompt_tokens_details"] = {"cached_tokens": meter.cached}
