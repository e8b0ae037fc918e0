"""Members that an endpoint said it does not take: left out once more, and remembered.

For vendors whose profile says so (`refused_fields_retry`). A 400 that names a member we sent is
worth one try without it, where the answer means the same; what was learned holds for the endpoint
for an hour, so that the next requests are not refused first. What is left out is told, as is what
the tables leave out; a caller who asked for strictness hears the provider's refusal instead.
"""

from __future__ import annotations

from typing import Final

import msgspec

from opengateway.domain.chat import ChatRequest, UpstreamCall
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.routing import Candidate
from opengateway.kit.json import dumps, loads_raw_object

KNOWN_S: Final = 3600.0
MAX_ENDPOINTS: Final = 4096
MAX_MEMBERS: Final = 16
PROTECTED: Final = frozenset(
    (
        *("model", "messages", "input", "prompt", "instructions", "system", "contents", "stream"),
        *("tools", "tool_choice", "functions", "function_call", "toolConfig"),
        *("n", "best_of", "stop", "stop_sequences", "response_format", "text", "modalities"),
        *("max_tokens", "max_completion_tokens", "max_output_tokens", "audio", "prediction"),
        *("query", "documents", "top_n", "dimensions", "encoding_format", "voice", "size"),
    )
)
"""Members without which the answer would be another one. Never left out."""
OURS: Final = frozenset(("stream_options", "store", "include"))
"""Members that we send of our own accord: the caller misses nothing."""


class RefusedMembers:
    """One for a gateway. What it holds is bounded in number and time."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, dict[str, float]] = {}

    def known(
        self, chat: ChatRequest, candidate: Candidate, call: UpstreamCall, now: float
    ) -> UpstreamCall:
        """The call without what the endpoint refused lately."""
        if not self._known or (found := self._known.get(candidate.endpoint.id)) is None:
            return call
        names = [name for name, until in found.items() if until > now]
        if not names:
            del self._known[candidate.endpoint.id]
            return call
        return _without(chat, candidate, call, names) or call

    def retried(
        self,
        chat: ChatRequest,
        candidate: Candidate,
        call: UpstreamCall,
        error: UpstreamError,
        now: float,
    ) -> UpstreamCall | None:
        """The call to make instead of one that was refused; None where that would mend nothing, or
        would change what is answered."""
        name = (error.refused_member or "").partition(".")[0].partition("[")[0]
        if error.error_class is not ErrorClass.BAD_REQUEST or not name or name in PROTECTED:
            return None
        if not candidate.provider.profile.refused_fields_retry:
            return None
        made = _without(chat, candidate, call, [name])
        if made is not None:
            self._learn(candidate.endpoint.id, name, now)
        return made

    def _learn(self, endpoint_id: str, name: str, now: float) -> None:
        if endpoint_id not in self._known and len(self._known) >= MAX_ENDPOINTS:
            del self._known[next(iter(self._known))]
        found = self._known.setdefault(endpoint_id, {})
        if name not in found and len(found) >= MAX_MEMBERS:
            del found[next(iter(found))]
        found[name] = now + KNOWN_S


def _without(
    chat: ChatRequest, candidate: Candidate, call: UpstreamCall, names: list[str]
) -> UpstreamCall | None:
    """The call without these members; None where it has none of them, or is no JSON object."""
    if not call.body.startswith(b"{"):
        return None
    members = loads_raw_object(call.body)
    gone = [name for name in names if members.pop(name, None) is not None]
    if not gone:
        return None
    theirs = {theirs: ours for ours, theirs in candidate.provider.profile.rename.items()}
    told = [theirs[name] if theirs.get(name) in chat.fields else name for name in gone]
    dropped = (*call.dropped, *(name for name in told if name not in OURS))
    return msgspec.structs.replace(call, body=dumps(members), dropped=tuple(dict.fromkeys(dropped)))
