"""A vendor with two surfaces, chat completions and Responses: which one a request goes to.

Data decides (`Profile.responses`, `ModelRule.chat`, `ModelRule.chat_tools`): some models take
functions on the one surface only while they reason, and some are on one surface alone (reference:
providers, B.1.2 and B.1.4). The same request to the same endpoint goes the same way each time it is
asked, so that an answer is read by the wire that asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengateway.domain.catalog import Endpoint, Profile, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.domain.model_rules import ModelRule
from opengateway.ports.provider import ChatStream, ChatWire

_KNOWN: Final = 4096


class TwoSurfaces:
    """Implements `ports.provider.ChatWire` over two of them. `prefers_responses`: callers of that
    shape lose nothing there, and go there wherever the vendor has it."""

    __slots__ = ("_chat", "_known", "_prefers_responses", "_responses")

    def __init__(self, chat: ChatWire, responses: ChatWire, *, prefers_responses: bool) -> None:
        self._chat = chat
        self._responses = responses
        self._prefers_responses = prefers_responses
        self._known: dict[tuple[int, str], tuple[Profile, ModelRule | None]] = {}

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        wire = self._wire(chat, endpoint, provider)
        return wire.request(chat, endpoint, provider, team_id)

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        return self._wire(chat, endpoint, provider).reply(body, chat, endpoint, provider, model_id)

    def stream(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatStream:
        return self._wire(chat, endpoint, provider).stream(chat, endpoint, provider, model_id)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return self._chat.error(status, headers, body, provider)  # both surfaces' are alike

    def _wire(self, chat: ChatRequest, endpoint: Endpoint, provider: Provider) -> ChatWire:
        if provider.profile.responses == "no":
            return self._chat
        if self._prefers_responses or self._must(chat, endpoint, provider.profile):
            return self._responses
        return self._chat

    def _must(self, chat: ChatRequest, endpoint: Endpoint, profile: Profile) -> bool:
        rule = self._rule(profile, endpoint.upstream_model)
        if rule is None:
            return False
        if not rule.chat:
            return True
        return not rule.chat_tools and chat.facts.has_tools and reasons(rule, chat)

    def _rule(self, profile: Profile, model: str) -> ModelRule | None:
        """Kept by identity: profiles are parts of a snapshot."""
        key = (id(profile), model)
        found = self._known.get(key)
        if found is None or found[0] is not profile:
            rule = next((r for r in profile.models if model.startswith(r.prefix)), None)
            if len(self._known) >= _KNOWN:
                self._known.clear()
            found = self._known[key] = (profile, rule)
        return found[1]


def reasons(rule: ModelRule, chat: ChatRequest) -> bool:
    """Whether the model will think before it answers this request."""
    effort = chat.facts.reasoning_effort
    match rule.reasoning:
        case "asked":
            return effort not in (None, "none")
        case "default":
            return effort != "none"
        case when:
            return when == "always"
