"""How single models of a vendor differ from its others: data of a profile."""

from __future__ import annotations

from typing import Literal

import msgspec


class ModelRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for those of a vendor's models whose name begins with `prefix`.

    Rules are read in order, and the first that fits holds.
    """

    prefix: str
    reasoning: Literal["never", "asked", "default", "always"] = "never"
    """When the model reasons: never; where an effort is asked for; unless the effort is `none`;
    always."""
    reasoning_in: str | None = None
    """Instead of the profile's `reasoning_in`."""
    drop: tuple[str, ...] = ()
    """Beside the profile's `drop`: request members that this model refuses."""
    thinking_as: Literal["level", "budget"] | None = None
    """How an effort goes to Gemini and Claude: a word, a number of tokens, or not at all."""
    levels: tuple[str, ...] = ()
    """The words that a model of `level` knows, least first. Another goes out as the nearest above,
    or else the highest."""
    min_budget: int = 0
    max_budget: int = 0
    """The smallest and the largest number that a model of `budget` takes."""
    budget_off: bool = False
    """Whether a budget of 0 turns the thinking off; else the smallest is as little as it does."""
    signed_calls: bool = False
    """Whether replayed tool calls must carry the signature that they came with."""
    rich_results: bool = False
    """Whether a tool's result may hold images and documents; else these follow it."""
    schema_with_tools: bool = True
    """Whether structured output and tools may be asked for together."""
    system_role: bool = True
    """Whether there is a place for system instructions; else they open the first user turn."""
    takes_budget: bool = False
    """Whether a model of `level` takes a number of tokens as well."""
    hidden_thoughts: bool = False
    """Whether thoughts are shown only if that is asked for."""
    schema_output: bool = True
    """Whether an answer can be held to a JSON Schema, and a call to its tool's."""
    forced_calls: bool = True
    """Whether a tool call can be demanded."""
    prefill: bool = True
    """Whether a conversation may end with the beginning of the answer."""
    system_anywhere: bool = False
    """Whether system messages may stand within the conversation; else they are the user's."""
    one_of_sampling: bool = False
    """Whether `temperature` and `top_p` exclude each other; the first goes out."""
    chat: bool = True
    """Whether chat completions know the model; else it is asked by way of Responses."""
    chat_tools: bool = True
    """Whether chat completions take functions while the model reasons; else such requests go by
    way of Responses."""
    family: str = ""
    """Of providers that serve many makers' models: the maker, whose ways of thinking and whose
    signatures the model has (`domain.origins`)."""
    named_calls: bool = True
    """Whether one function can be demanded; else only that one is offered, and demanded."""
    cache_marks: tuple[Literal["tools", "system", "messages"], ...] = ()
    """Where the model takes cache points on Bedrock."""
    results_alone: bool = False
    """Whether nothing but results may stand in the message that brings them."""
    call_id_length: int | None = None
    """Instead of the profile's `tool_call_id_length`."""
    refuse: tuple[str, ...] = ()
    """Beside the profile's `refuse`: members of which this model would make something else."""
    token_field: str = ""
    """The one name under which this model knows the limit of output."""
    top_k_in: Literal["", "top_k", "inference_config"] = ""
    """Where `top_k` goes among a Bedrock model's own fields; empty where it knows none."""
