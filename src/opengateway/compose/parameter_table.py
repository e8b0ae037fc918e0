"""What becomes of each parameter at each provider and model family: asked of the wires themselves.

The rules are data (`catalog/providers.toml`: `Profile` and `ModelRule`) and, where shapes differ, the
wires'. This asks for each parameter in turn and says what left: so the published table cannot say
anything else than what is done, and a test reads in it that nothing which changes an answer's meaning
is ever left out in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from opengateway.catalog.loader import load_catalogue
from opengateway.compose.wires import chat_wires
from opengateway.dialects.openai_chat import decode
from opengateway.domain.catalog import Endpoint, Provider, Wire
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import GatewayError
from opengateway.domain.model_rules import ModelRule
from opengateway.domain.usage import PriceRow
from opengateway.kit.clock import ManualClock
from opengateway.kit.json import JsonObject, dumps, loads


class Outcome(StrEnum):
    PASSED = "passed as it is"
    RENAMED = "renamed"
    CLAMPED = "clamped"
    TRANSLATED = "translated"
    EMULATED = "emulated"
    DROPPED = "left out, and told"
    REFUSED = "refused"
    KEPT = "kept by the gateway"
    SILENT = "left out in silence"


@dataclass(frozen=True, slots=True)
class Probe:
    """A parameter with a value, in a request that makes sense. `name` is what is looked for."""

    label: str
    name: str
    members: JsonObject
    changes_meaning: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    provider: Provider
    family: str
    """The prefix of the model rule; empty for the models that no rule is about."""
    outcomes: Mapping[str, Outcome]


_SCHEMA: Final = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
_TOOL: Final = {"type": "function", "function": {"name": "f", "parameters": _SCHEMA}}
_OTHER: Final = {"type": "function", "function": {"name": "g", "parameters": _SCHEMA}}
_TOOLS: Final = [_TOOL, _OTHER]
_FORM: Final = {
    "type": "json_schema",
    "json_schema": {"name": "n", "schema": {**_SCHEMA, "additionalProperties": False}},
}
_ALLOWED: Final = {
    "type": "allowed_tools",
    "allowed_tools": {
        "mode": "auto",
        "tools": [{"type": "function", "function": {"name": "f"}}],
    },
}
_NAMED: Final = {"type": "function", "function": {"name": "f"}}


def _one(name: str, value: Any, *, meaning: bool = False, label: str = "", **more: Any) -> Probe:
    return Probe(label or name, name, {name: value, **more}, meaning)


PROBES: Final = (
    _one("max_tokens", 64, meaning=True),
    _one("max_completion_tokens", 64, meaning=True),
    _one("n", 2, meaning=True),
    _one("stop", ["END"], meaning=True),
    _one("stop", [f"E{at}" for at in range(4)], meaning=True, label="stop, four"),
    _one("response_format", {"type": "json_object"}, meaning=True, label="json_object"),
    _one("response_format", _FORM, meaning=True, label="json_schema"),
    _one("response_format", _FORM, meaning=True, label="json_schema with tools", tools=_TOOLS),
    _one("tools", _TOOLS, meaning=True),
    _one("tool_choice", "required", meaning=True, label="tool_choice required", tools=_TOOLS),
    _one("tool_choice", _NAMED, meaning=True, label="tool_choice named", tools=_TOOLS),
    _one("tool_choice", "none", meaning=True, label="tool_choice none", tools=_TOOLS),
    _one("tool_choice", _ALLOWED, meaning=True, label="tool_choice allowed_tools", tools=_TOOLS),
    _one("parallel_tool_calls", False, tools=_TOOLS),
    _one("temperature", 0.5),
    _one("temperature", 1.9, label="temperature above 1"),
    _one("top_p", 0.97),
    _one("top_k", 40),
    _one("seed", 7),
    _one("presence_penalty", 0.5),
    _one("frequency_penalty", 0.5),
    _one("logit_bias", {"50256": -100}),
    _one("logprobs", True),
    _one("top_logprobs", 2, logprobs=True),
    _one("reasoning_effort", "low"),
    _one("verbosity", "low"),
    _one("service_tier", "flex"),
    _one("user", "somebody"),
    _one("safety_identifier", "somebody"),
    _one("prompt_cache_key", "somewhere"),
    _one("prediction", {"type": "content", "content": "text"}),
    _one("audio", {"voice": "alloy", "format": "mp3"}, meaning=True),
    _one("web_search_options", {"search_context_size": "low"}, meaning=True),
    _one("store", True),
    _one("metadata", {"a": "b"}),
)
_KEPT: Final = frozenset(("metadata", "store"))
"""Kept in the record, and sent to nobody."""


def parameter_rows() -> Iterator[Row]:
    """Every provider of the catalogue, each family of models by itself."""
    wires = chat_wires(ManualClock(), lambda prefix: f"{prefix}0")
    for identifier, known in load_catalogue().providers.items():
        provider = Provider(
            id=identifier,
            name=known.name,
            wire=known.wire,
            base_url=known.base_url,
            profile=known.profile,
            headers=known.headers,
        )
        for rule in _families(provider):
            endpoint = _endpoint(provider, rule)
            asker = _Asker(wires[provider.wire], provider, endpoint)
            yield Row(provider, rule.prefix, {p.label: asker.outcome(p) for p in PROBES})


def _families(provider: Provider) -> tuple[ModelRule, ...]:
    rules = provider.profile.models
    if any(not rule.prefix for rule in rules):
        return rules
    return (*rules, ModelRule(prefix=""))


def _endpoint(provider: Provider, rule: ModelRule) -> Endpoint:
    return Endpoint(
        id="probe",
        provider_id=provider.id,
        upstream_model=rule.prefix or "a-model",
        context=1_000_000,
        max_output=64_000,
        price=PriceRow("none", "2000-01-01", "none", {}),
        reasoning=rule.reasoning != "never",
    )


class _Asker:
    def __init__(self, wire: Any, provider: Provider, endpoint: Endpoint) -> None:
        self._wire = wire
        self._provider = provider
        self._endpoint = endpoint

    def outcome(self, probe: Probe) -> Outcome:
        try:
            call = self._call(probe.members)
        except GatewayError:
            return Outcome.REFUSED
        name = probe.name
        body = loads(call.body)
        if name in _KEPT:
            return Outcome.KEPT
        if name in call.emulated:
            return Outcome.EMULATED
        is_there = self._is_there(name, body, probe.members[name])
        if name in call.dropped:
            return Outcome.CLAMPED if self._sends_another(probe, call) else Outcome.DROPPED
        if is_there:
            return Outcome.PASSED
        theirs = self._provider.profile.rename.get(name)
        if theirs is not None and body.get(theirs) == probe.members[name]:
            return Outcome.RENAMED
        return Outcome.TRANSLATED if self._differs(probe, call) else Outcome.SILENT

    def _is_there(self, name: str, body: JsonObject, value: Any) -> bool:
        if self._provider.wire is Wire.OPENAI and name in body:
            return bool(body[name] == value)
        return False

    def _call(self, members: JsonObject) -> UpstreamCall:
        said = [{"role": "user", "content": "Say something in JSON."}]
        chat = decode(dumps({"model": "m", "messages": said, **members}), {})
        call: UpstreamCall = self._wire.request(chat, self._endpoint, self._provider, "team")
        return call

    def _differs(self, probe: Probe, call: UpstreamCall) -> bool:
        """From the same request without the parameter."""
        other = self._without(probe)
        return (call.body, call.headers) != (other.body, other.headers)

    def _sends_another(self, probe: Probe, call: UpstreamCall) -> bool:
        """Told as not done as asked, and something of it was sent all the same."""
        return self._differs(probe, call)

    def _without(self, probe: Probe) -> UpstreamCall:
        return self._call({n: v for n, v in probe.members.items() if n != probe.name})
