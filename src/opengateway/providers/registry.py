"""The wires that providers are made of. Explicit: nothing registers itself on import.

A vendor that speaks one of them is data (`catalog/providers.toml`, or the zone file). One that
composes or wraps a wire gets a module beside this one, and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from opengateway.domain.catalog import Wire
from opengateway.ports.provider import ChatWire
from opengateway.wires.openai_chat import OpenAIChatWire

CHAT_WIRES: Mapping[Wire, ChatWire] = MappingProxyType({Wire.OPENAI: OpenAIChatWire()})
