"""Anthropic's Messages (reference: providers, A.8 and B.2)."""

from __future__ import annotations

from opengateway.wires.anthropic.wire import AnthropicWire

__all__ = ["AnthropicWire"]
