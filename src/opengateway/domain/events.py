"""What a model says, as events: the canonical form of an answer, streamed or whole.

Every wire parses to these, every dialect renders from them. A whole answer is the same events at
once. The terminal invariant - exactly one `Finish` or one `Failure`, and it is last - is kept in
one place, `gateway/translation.py`.

Blocks of one answer are numbered from 0 in the order in which they began (`block`); deltas name
their block, so blocks may interleave and a renderer that must not can hold one back.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from opengateway.domain.chat import FinishReason
from opengateway.domain.errors import UpstreamError
from opengateway.domain.usage import Usage
from opengateway.kit.json import Raw, RawObject


class Start(msgspec.Struct, frozen=True):
    """The first event. `id` is the provider's own, empty if it gave none."""

    id: str = ""
    created: int | None = None
    usage: Usage | None = None
    """The input's usage, where a wire tells it first."""


class TextDelta(msgspec.Struct, frozen=True):
    text: str
    block: int = 0
    choice: int = 0


class RefusalDelta(msgspec.Struct, frozen=True):
    text: str
    choice: int = 0


class ReasoningDelta(msgspec.Struct, frozen=True):
    text: str
    block: int = 0
    choice: int = 0
    summary: bool = False
    digest: bool = False
    """The vendor's own account of what was thought, and not the thoughts: Claude's and Gemini's are."""


class ReasoningSeal(msgspec.Struct, frozen=True):
    """What closes a reasoning block, or stands for it: its signature, or encrypted content.

    `call_id` names the tool call that it belongs to, where a vendor binds it to one.
    """

    origin: str
    block: int = 0
    choice: int = 0
    signature: str | None = None
    encrypted: str | None = None
    call_id: str | None = None


class ToolStart(msgspec.Struct, frozen=True):
    """`slot` counts the tool calls of a choice from 0."""

    slot: int
    id: str
    name: str
    block: int = 0
    choice: int = 0
    kind: Literal["function", "custom"] = "function"
    """What a custom tool gets is plain text: it has no `{}`."""


class ToolArguments(msgspec.Struct, frozen=True):
    """A piece of the arguments' JSON text."""

    slot: int
    text: str
    choice: int = 0


class ToolEnd(msgspec.Struct, frozen=True):
    """The call is whole. A call that got no arguments has `{}`."""

    slot: int
    choice: int = 0


class ImageOut(msgspec.Struct, frozen=True):
    """An image that the model made, base64."""

    data: str
    media_type: str
    choice: int = 0


class Annotation(msgspec.Struct, frozen=True):
    """A citation in OpenAI's `annotations` form, or unread in `raw`."""

    url: str | None = None
    title: str | None = None
    start: int | None = None
    end: int | None = None
    raw: Raw | None = None
    choice: int = 0


class ServerEventItem(msgspec.Struct, frozen=True):
    """A block of a vendor's own tool, whole and unread."""

    raw: Raw
    origin: str
    choice: int = 0


class Aside(msgspec.Struct, frozen=True):
    """What only one shape knows: members of its deltas and choices, unread.

    A dialect of the same shape (`origin`) shows them, others pass them over: log probabilities, a
    filter's result, a sound.
    """

    origin: str
    delta: RawObject = {}
    members: RawObject = {}
    """Of the choice, beside its delta."""
    choice: int = 0
    has_content: bool = False


class UsageReport(msgspec.Struct, frozen=True):
    """What was used, in all. A later report replaces an earlier one."""

    usage: Usage
    told: Usage | None = None
    """What was read and made, where the provider bills something else than that."""


class Finish(msgspec.Struct, frozen=True):
    """A choice ended well. `native` is the provider's own word, empty if it gave none.

    A parser may tell it as soon as it is known, and again if the provider thinks better of it: it
    is held until `End`, and the last one counts.
    """

    reason: FinishReason
    native: str
    choice: int = 0
    message: str | None = None
    """Why it was refused, where the provider says so."""
    category: str | None = None
    """Of what kind that is."""


class End(msgspec.Struct, frozen=True):
    """The wire's end marker was seen: nothing comes any more, and nothing is missing."""


class Failure(msgspec.Struct, frozen=True):
    """The answer broke, or the provider said so. Nothing comes after it."""

    error: UpstreamError


class Ping(msgspec.Struct, frozen=True):
    """The provider lives, and has nothing to say yet."""


Event = (
    Start
    | TextDelta
    | RefusalDelta
    | ReasoningDelta
    | ReasoningSeal
    | ToolStart
    | ToolArguments
    | ToolEnd
    | ImageOut
    | Annotation
    | ServerEventItem
    | Aside
    | UsageReport
    | Finish
    | End
    | Failure
    | Ping
)
