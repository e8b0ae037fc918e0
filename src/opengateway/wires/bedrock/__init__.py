"""Amazon Bedrock's Converse and ConverseStream, which every model there speaks."""

from __future__ import annotations

from opengateway.wires.bedrock.wire import BedrockWire

__all__ = ["BedrockWire"]
