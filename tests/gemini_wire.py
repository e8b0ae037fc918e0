"""What the tests of the Gemini wire share: answers as Google sends them, requests as it gets them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from opengateway.checks.replay_generate_content import google_endpoint, google_provider
from opengateway.domain.canonical import CanonicalRequest, Item, Role, Text, Turn
from opengateway.domain.catalog import Endpoint, Profile, Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.domain.events import End, Event, Failure, UsageReport
from opengateway.domain.usage import Dimension
from opengateway.wires.gemini import GeminiWire

WIRE = GeminiWire()
GOOGLE = google_provider("google")
NEW = "gemini-3.8-flash"
OLD = "gemini-2.5-flash"
USAGE = {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13}
Json = dict[str, Any]
E = TypeVar("E", bound=Event)


def bent(**profile: Any) -> Provider:
    """Google with other words in its profile."""
    over: Profile = msgspec.structs.replace(GOOGLE.profile, **profile)
    return msgspec.structs.replace(GOOGLE, profile=over)


def endpoint(model: str = NEW, **rates: int) -> Endpoint:
    made = google_endpoint(GOOGLE, model)
    priced = {Dimension(name): rate for name, rate in rates.items()}
    price = msgspec.structs.replace(made.price, rates=priced)
    return msgspec.structs.replace(made, price=price, max_output=65536)


# --- requests ------------------------------------------------------------------------------------
def user(*items: Item | str) -> Turn:
    return Turn(Role.USER, _items(items))


def model(*items: Item | str) -> Turn:
    return Turn(Role.ASSISTANT, _items(items))


def tool(*items: Item) -> Turn:
    return Turn(Role.TOOL, items)


def system(*items: Item | str, role: Role = Role.SYSTEM) -> Turn:
    return Turn(role, _items(items))


def _items(items: Sequence[Item | str]) -> tuple[Item, ...]:
    return tuple(Text(text=item) if isinstance(item, str) else item for item in items)


def request(*turns: Turn, **members: Any) -> CanonicalRequest:
    members.setdefault("stream", False)
    return CanonicalRequest(turns=turns or (user("Hello"),), **members)


def call(*turns: Turn, to: str = NEW, vendor: Provider = GOOGLE, **members: Any) -> UpstreamCall:
    return WIRE.request(request(*turns, **members), endpoint(to), vendor)


def sent(*turns: Turn, to: str = NEW, vendor: Provider = GOOGLE, **members: Any) -> Json:
    """The body that Google gets."""
    body: Json = json.loads(call(*turns, to=to, vendor=vendor, **members).body)
    return body


def contents(*turns: Turn, to: str = NEW, vendor: Provider = GOOGLE, **members: Any) -> list[Json]:
    made: list[Json] = sent(*turns, to=to, vendor=vendor, **members)["contents"]
    return made


# --- answers -------------------------------------------------------------------------------------
def candidate(*parts: Json, finish: str | None = None, **members: Any) -> Json:
    told: Json = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **members}
    if finish is not None:
        told["finishReason"] = finish
    return told


def response(*parts: Json, finish: str | None = None, **members: Any) -> Json:
    """A GenerateContentResponse with one candidate, whole or a piece."""
    of_candidate = {
        name: members.pop(name)
        for name in ("finishMessage", "groundingMetadata", "index")
        if name in members
    }
    return {
        "candidates": [candidate(*parts, finish=finish, **of_candidate)],
        "usageMetadata": USAGE,
        "modelVersion": NEW,
        "responseId": "resp-1",
        **members,
    }


def text(words: str, **members: Any) -> Json:
    return {"text": words, **members}


def function(name: str, args: Json | None = None, *, sealed: str = "", **members: Any) -> Json:
    part: Json = {"functionCall": {"name": name, **members}}
    if args is not None:
        part["functionCall"]["args"] = args
    if sealed:
        part["thoughtSignature"] = sealed
    return part


def sse(*events: Any) -> bytes:
    """Events as Google sends them, lines ending in CRLF."""
    return b"".join(b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events)


def replied(answer: Any, to: Endpoint | None = None, vendor: Provider = GOOGLE) -> list[Event]:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return list(WIRE.reply(body, to or endpoint(), vendor))


def streamed(*events: Any, to: Endpoint | None = None, vendor: Provider = GOOGLE) -> list[Event]:
    """The events of a stream that closed after `events`, or after bytes."""
    data = events[0] if events and isinstance(events[0], bytes) else sse(*events)
    parser = WIRE.parser(to or endpoint(), vendor)
    return [*parser.feed(data), *parser.end()]


def of(events: Sequence[Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def failure(events: Sequence[Event]) -> UpstreamError:
    """The failure that ends it, and nothing else does."""
    last = events[-1]
    assert isinstance(last, Failure), f"ended with {last!r}"
    assert len(of(events, Failure)) == 1
    assert not of(events, End)
    return last.error


def used(events: Sequence[Event]) -> dict[str, int]:
    reports = of(events, UsageReport)
    return {kind.value: count for kind, count in reports[-1].usage.quantities.items()}
