"""Cohere's second version: chat, embed, rerank (reference: providers, B.6).

request   the canonical form to `POST /v2/chat`     (messages, tools)
stream    a stream or a whole answer to events      (answer, usage)
error     `{"message", "id"}` to one class
embed     `POST /v2/embed`
rerank    `POST /v2/rerank`
"""

from opengateway.wires.cohere.embed import CohereEmbedWire
from opengateway.wires.cohere.rerank import CohereRerankWire
from opengateway.wires.cohere.wire import CohereWire

__all__ = ["CohereEmbedWire", "CohereRerankWire", "CohereWire"]
