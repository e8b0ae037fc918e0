"""Recorded generateContent exchanges through the Gemini wire, against what they must give.

The recorded requests are Google's own, so that there is no caller's request to play. Instead the
answer is sent back as history: every signature must come out as it came in, on the part that it
belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from opengateway.catalog.loader import load_catalogue
from opengateway.checks.case_player import CasePlayer
from opengateway.checks.endings import arguments_of, failure_fits, finish_fits
from opengateway.checks.recorded_case import RecordedCase
from opengateway.checks.replay_rules import replay_rules
from opengateway.domain.canonical import (
    CanonicalRequest,
    Item,
    Reasoning,
    Role,
    ServerItem,
    Text,
    ToolCall,
    Turn,
)
from opengateway.domain.catalog import Endpoint, Profile, Provider, Wire
from opengateway.domain.errors import UpstreamError
from opengateway.domain.events import (
    End,
    Event,
    Failure,
    Finish,
    ReasoningDelta,
    ReasoningSeal,
    ServerEventItem,
    TextDelta,
    ToolArguments,
    ToolStart,
    UsageReport,
)
from opengateway.domain.origins import GOOGLE
from opengateway.domain.usage import Dimension, PriceRow, Usage
from opengateway.kit.json import JsonObject, loads
from opengateway.kit.sse import Decoder
from opengateway.wires.gemini import GeminiWire

ON_VERTEX: Final = "/publishers/google/models/{model}"
_WIRE: Final = GeminiWire()
_EVENT_LIMIT_BYTES: Final = 64 * 1024 * 1024


def google_provider(name: str) -> Provider:
    """The catalogue's provider of that name; else one with the same models at Vertex AI's paths."""
    spoken = {
        known_as: provider
        for known_as, provider in load_catalogue().providers.items()
        if provider.wire is Wire.GEMINI
    }
    known = spoken.get(name) or spoken.get(replay_rules().like.get(name, ""))
    profile: Profile = (known or next(iter(spoken.values()))).profile
    if known is None:
        profile = msgspec.structs.replace(profile, operation_path=ON_VERTEX)
    return Provider(id=name, name=name, wire=Wire.GEMINI, base_url="", profile=profile)


def google_endpoint(provider: Provider, model: str) -> Endpoint:
    price = PriceRow(id="none", effective_from="2000-01-01", source="none", rates={})
    return Endpoint(
        id=f"replayed/model@{provider.id}",
        provider_id=provider.id,
        upstream_model=model,
        context=1_000_000,
        max_output=None,
        price=price,
    )


def play_generate_content(case: RecordedCase) -> tuple[list[str], list[str]]:
    """What is not as it must be, in words; and what was compared."""
    player = _Player(case)
    player.play()
    return player.faults, player.checks


def played(case: RecordedCase) -> list[Event]:
    """The events of a recorded 2xx answer."""
    provider = google_provider(case.provider)
    endpoint = google_endpoint(provider, case.model)
    if not case.stream:
        return list(_WIRE.reply(case.response, endpoint, provider))
    parser = _WIRE.parser(endpoint, provider)
    return [*parser.feed(case.response), *parser.end()]


class _Player(CasePlayer):
    __slots__ = ("_provider",)

    def __init__(self, case: RecordedCase) -> None:
        super().__init__(case)
        self._provider = google_provider(case.provider)

    def play(self) -> None:
        case = self._case
        if case.expect is None:
            self._check("expect", False, "the case has no expectation")
        elif case.status >= 300:
            error = _WIRE.error(case.status, case.headers, case.response, self._provider)
            self._compare_error(error, case.expect)
        else:
            self._compare(played(case), case.expect)

    def _compare_error(self, error: UpstreamError, expect: JsonObject) -> None:
        told = expect.get("error") or {}
        status = error.upstream_status
        self._check("kind", expect.get("kind") == "error", "an error where none was expected")
        self._check("status", status == expect.get("status"), f"{status}")
        code = told.get("type")
        self._check("error.code", error.upstream_code == code, f"{error.upstream_code!r}")
        message = str(told.get("message") or "")[:2048]
        self._check("error.message", error.detail.startswith(message), f"{error.detail[:80]!r}")
        wanted = next((row.class_ for row in replay_rules().error if row.status == status), None)
        self._check(
            "error.class",
            wanted is None or error.error_class == wanted,
            f"{error.error_class.value} instead of {wanted}",
        )

    def _compare(self, events: Sequence[Event], expect: JsonObject) -> None:
        last = events[-1]
        if isinstance(last, Failure):
            said = f"{last.error.error_class.value}: {last.error.detail or last.error}"
            self._check("end", failure_fits(expect, last.error), said)
            return
        ends = sum(isinstance(event, End | Failure) for event in events)
        self._check("end", isinstance(last, End) and ends == 1, "the end is not the last, or twice")
        for name, kind in (("text", TextDelta), ("reasoning", ReasoningDelta)):
            got = "".join(e.text for e in events if isinstance(e, kind) and e.choice == 0)
            wanted = expect.get(name) or ""
            self._check(name, got == wanted, f"{got[:60]!r} instead of {wanted[:60]!r}")
        items = items_of(events)
        calls = [
            {"name": i.name, "arguments": arguments_of(i.arguments)}
            for i in items
            if isinstance(i, ToolCall)
        ]
        wanted_calls = expect.get("tool_calls") or []
        self._check("tool_calls", calls == wanted_calls, f"{calls!r} instead of {wanted_calls!r}")
        finish = next((e.reason for e in events if isinstance(e, Finish)), None)
        wanted_finish = expect.get("finish")
        fits = finish_fits(wanted_finish, finish)
        self._check("finish", fits, f"{finish!r} instead of {wanted_finish!r}")
        self._compare_usage(events, expect.get("usage") or {})
        self._send_back(items)

    def _compare_usage(self, events: Sequence[Event], wanted: JsonObject) -> None:
        reports = [event.usage for event in events if isinstance(event, UsageReport)]
        usage = reports[-1] if reports else Usage()
        counted = {
            "input": usage.input_tokens,
            "output": usage.output_tokens,
            "cache_read": usage.of(Dimension.CACHE_READ),
            "reasoning": usage.of(Dimension.REASONING),
            "total": usage.input_tokens + usage.output_tokens,
        }
        for name in sorted(wanted):
            got = counted.get(name)
            self._check(f"usage.{name}", got == wanted[name], f"{got} instead of {wanted[name]}")

    def _send_back(self, items: Sequence[Item]) -> None:
        """The answer as the history of a next request: path, calls and signatures."""
        request = CanonicalRequest(
            turns=(
                Turn(Role.USER, (Text(text="hello"),)),
                Turn(Role.ASSISTANT, tuple(items)),
                Turn(Role.USER, (Text(text="go on"),)),
            ),
            stream=self._case.stream,
        )
        endpoint = google_endpoint(self._provider, self._case.model)
        call = _WIRE.request(request, endpoint, self._provider)
        path = call.path.partition("?")[0]
        self._check("path", self._case.path.endswith(path), f"we would ask {path!r}")
        contents = loads(call.body)["contents"]
        sent = contents[1]["parts"] if len(contents) == 3 else []
        for name in ("thoughtSignature", "functionCall"):
            got, wanted = _told(sent, name), _told(list(_parts(self._case)), name)
            self._check(f"replayed.{name}", got == wanted, f"{len(got)} of {len(wanted)} come back")


def items_of(events: Sequence[Event]) -> list[Item]:
    """An answer as the items of an assistant's turn, in order."""
    items: list[Item] = []
    names: dict[int, ToolStart] = {}
    arguments: dict[int, str] = {}
    for event in events:
        last = items[-1] if items else None
        match event:
            case TextDelta():
                if isinstance(last, Text):
                    items[-1] = msgspec.structs.replace(last, text=last.text + event.text)
                else:
                    items.append(Text(text=event.text))
            case ReasoningDelta():
                if isinstance(last, Reasoning) and last.signature is None:
                    items[-1] = msgspec.structs.replace(last, text=last.text + event.text)
                else:
                    items.append(Reasoning(text=event.text, origin=GOOGLE))
            case ReasoningSeal():
                seal = Reasoning(
                    signature=event.signature, origin=event.origin, call_id=event.call_id
                )
                items.append(seal)
            case ToolStart():
                names[event.slot] = event
            case ToolArguments():
                begun = names[event.slot]
                arguments[event.slot] = arguments.get(event.slot, "") + event.text
                items.append(
                    ToolCall(id=begun.id, name=begun.name, arguments=arguments[event.slot])
                )
            case ServerEventItem():
                items.append(ServerItem(raw=event.raw, origin=event.origin))
    return items


def _parts(case: RecordedCase) -> Iterator[JsonObject]:
    """The parts of a recorded answer."""
    documents = [case.response]
    if case.stream:
        decoder = Decoder(_EVENT_LIMIT_BYTES)
        documents = [event.data for event in decoder.feed(case.response)]
        documents += [event.data for event in decoder.end()]
    for text in documents:
        for candidate in loads(text).get("candidates") or ():
            yield from (candidate.get("content") or {}).get("parts") or ()


def _told(parts: Sequence[JsonObject], name: str) -> list[Any]:
    """A member of all parts that have it; of a call, what the model said, without our id."""
    found = [part[name] for part in parts if name in part]
    if name == "functionCall":
        return [(call["name"], call.get("args") or {}) for call in found]
    return [signature for signature in found if signature]
