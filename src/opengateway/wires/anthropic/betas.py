"""Features of Claude's maker that callers turn on by header, where a cloud serves the model.

A cloud refuses a whole request for one name that it does not know: what goes there is a list of the
cloud's, by the beginnings of names, and what is left out is told (E35).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Provider
from opengateway.kit.json import Raw, dumps, loads_raw_object

_list_of_raw = msgspec.json.Decoder(list[Raw]).decode

HEADER: Final = "anthropic-beta"
_OF_CLOUDS: Final = (
    "compact-",
    "computer-use-",
    "context-1m-",
    "context-management-",
    "dev-full-thinking-",
    "effort-",
    "interleaved-thinking-",
    "output-128k-",
    "token-efficient-tools-",
    "tool-examples-",
    "tool-search-tool-",
)
"""What Bedrock is known to take (reference: providers, B.5); Vertex AI is asked for no more. A
provider's `profile.betas` says otherwise, `profile.betas_refused` by region."""
_NEEDED: Final = {"context_management": "context-management-"}
"""Members that are refused without their feature."""
_NEEDED_BY_TOOLS: Final = {
    "allowed_callers": "advanced-tool-use-",
    "defer_loading": "tool-search-tool-",
    "eager_input_streaming": "fine-grained-tool-streaming-",
    "input_examples": "tool-examples-",
}
"""The same of a tool."""


class Features:
    """What a cloud is asked for. `dropped` names what is left out of what the caller asked for."""

    __slots__ = ("_mine", "_names", "dropped")

    def __init__(self, request: CanonicalRequest, provider: Provider) -> None:
        profile = provider.profile
        known = profile.betas if profile.betas is not None else _OF_CLOUDS
        refused = profile.betas_refused.get(provider.region, ())
        self._mine = [
            name
            for name in request.betas
            if name.startswith(known) and not (refused and name.startswith(refused))
        ]
        given = {name.lower(): value for name, value in provider.headers.items()}
        zones = [one.strip() for one in given.get(HEADER, "").split(",")]
        self._names = [name for name in dict.fromkeys((*zones, *self._mine)) if name]
        self.dropped = [HEADER] if len(self._mine) < len(request.betas) else []

    def names(self, more: str = "") -> list[str]:
        """Those of the zone, the caller's that are known here, and `more`, each once."""
        added = (one.strip() for one in more.split(","))
        return [name for name in dict.fromkeys((*self._names, *added)) if name]

    def tidy(self, body: dict[str, Any]) -> None:
        """Take out what needs a feature that is not asked for, in place. `body` is of raw members."""
        for member in self._withheld(_NEEDED):
            if body.pop(member, None) is not None:
                self.dropped.append(member)
        tools = bytes(body.get("tools", b""))
        named = [one for one in self._withheld(_NEEDED_BY_TOOLS) if f'"{one}"'.encode() in tools]
        if not named:
            return
        kept = [loads_raw_object(tool) for tool in _list_of_raw(tools)]
        for tool in kept:
            for member in named:
                if tool.pop(member, None) is not None:
                    self.dropped.append(f"tools[].{member}")
        body["tools"] = Raw(dumps(kept))

    def _withheld(self, needed: Mapping[str, str]) -> list[str]:
        return [
            member
            for member, feature in needed.items()
            if not any(name.startswith(feature) for name in self._names)
        ]
