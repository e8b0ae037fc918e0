"""The Chat Completions wire of OpenAI, and of every vendor that took it up.

request  the caller's members to the vendor's     (messages, tools)
reply    a whole answer to the caller's           (parts)
stream   a stream to the caller's                 (tap, choice, parts)
error    an error to one class                    (error_body, retry_after, signals + signals.toml)
usage    token counts to disjoint dimensions
"""

from opengateway.wires.openai_chat.wire import OpenAIChatWire

__all__ = ["OpenAIChatWire"]
