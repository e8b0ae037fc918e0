"""OpenAI's Responses as an upstream: `POST /responses`.

request   the canonical form to the vendor's members   (items)
stream    events of a stream, or a whole answer, to ours   (answer)
usage     token counts to disjoint dimensions, and back
seals     what another vendor signed, carried where this shape has a place for secrets
"""

from opengateway.wires.openai_responses.wire import OpenAIResponsesWire

__all__ = ["OpenAIResponsesWire"]
