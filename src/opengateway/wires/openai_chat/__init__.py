"""The Chat Completions wire of OpenAI, and of every vendor that took it up.

request  the caller's members to the vendor's     (messages, tools)
reply    a whole answer to the caller's           (parts)
stream   a stream to the caller's                 (tap, chunks, choice, parts)
error    an error to one class                    (error_body, retry_after, signals + signals.toml)
usage    token counts to disjoint dimensions

For dialects of other shapes, over the same rules:

canonical_wire      the wire as the translation lane takes it
canonical_request   the canonical form to a caller's members   (canonical_messages, reasoning)
canonical_stream    a stream or an answer to events            (chunks, choice, delta_events)
"""

from opengateway.wires.openai_chat.canonical_wire import OpenAIChatCanonicalWire
from opengateway.wires.openai_chat.wire import OpenAIChatWire

__all__ = ["OpenAIChatCanonicalWire", "OpenAIChatWire"]
