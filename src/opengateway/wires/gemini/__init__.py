"""Google's generateContent, on the Gemini API and on Vertex AI (reference: providers, B.3, B.4)."""

from __future__ import annotations

from opengateway.wires.gemini.wire import GeminiWire

__all__ = ["GeminiWire"]
