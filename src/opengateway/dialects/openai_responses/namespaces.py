"""Tools that are grouped under a name (`type: namespace`), for vendors whose tools are a flat list.

A grouped tool goes out as `group__tool`; a call of it comes back with both names again. Codex groups
its tools so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from opengateway.kit.json import Raw
from opengateway.wires.openai_responses.names import joined

NAMESPACE: Final = "namespace"
_NONE: Final[Mapping[str, tuple[str, str]]] = {}


class _Tool(msgspec.Struct):
    type: str = ""
    name: str = ""
    tools: list[_Tool] | None = None


_decode = msgspec.json.Decoder(list[_Tool]).decode


def names_in(tools: Raw | None) -> Mapping[str, tuple[str, str]]:
    """The flat name of each grouped tool, to its group and its name there."""
    if tools is None or NAMESPACE.encode() not in bytes(tools):
        return _NONE
    return {
        joined(group.name, tool.name): (group.name, tool.name)
        for group in _decode(tools)
        if group.type == NAMESPACE
        for tool in group.tools or ()
    }
