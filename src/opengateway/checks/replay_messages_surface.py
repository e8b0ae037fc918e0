"""Recorded Messages exchanges as a caller of that very surface meets them.

Beside what the wire alone must do (`replay_messages`): the straight lane sends what was recorded and
hands on what was answered; the translation lane says the same in blocks of the grammar; and both
count alike. Counting tokens is replayed as well.
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.checks.case_player import CasePlayer
from opengateway.checks.messages_grammar import SeenMessage, lean, see_message, see_messages
from opengateway.checks.messages_reader import TEAM
from opengateway.checks.recorded_case import RecordedCase
from opengateway.checks.replay_messages import anthropic_endpoint, anthropic_provider, play_messages
from opengateway.dialects.anthropic_messages import (
    MessagesRendering,
    StraightMessagesWire,
    counting_call,
    decode,
    decode_count,
)
from opengateway.dialects.anthropic_messages.dialect import END
from opengateway.domain.chat import Meter
from opengateway.domain.errors import GatewayError
from opengateway.gateway.echoing import EchoingStream, EchoingWire
from opengateway.gateway.translation import Guard
from opengateway.kit.json import JsonObject, loads
from opengateway.ports.provider import ChatWire
from opengateway.wires.anthropic import AnthropicWire

_MODEL_ID: Final = "replayed/model"
_WIRE: Final = AnthropicWire()
_STRAIGHT: Final = StraightMessagesWire(_WIRE, Guard)
_TRANSLATED: Final = EchoingWire(_WIRE, MessagesRendering(lambda prefix: f"{prefix}replayed"))
_OF_THE_VENDOR: Final = ("usage", "container", "stop_sequence", "context_management", "id")
"""Members of a message that the vendor's own answer says more in than its translation can."""


def play_messages_surface(case: RecordedCase) -> tuple[list[str], list[str]]:
    """What is not as it must be, in words; and what was compared."""
    faults, checks = play_messages(case)
    player = _Player(case)
    player.play()
    return [*faults, *player.faults], [*checks, *player.checks]


def play_count(case: RecordedCase) -> tuple[list[str], list[str]]:
    """`count_tokens`: the request that goes out, and the number that comes back."""
    player = _Player(case)
    player.play_count()
    return player.faults, player.checks


class _Player(CasePlayer):
    __slots__ = ("_endpoint", "_provider")

    def __init__(self, case: RecordedCase) -> None:
        super().__init__(case)
        self._provider = anthropic_provider(case.provider)
        self._endpoint = anthropic_endpoint(case.model)

    def play(self) -> None:
        case = self._case
        chat = decode(case.request, {}, takes_all=True)
        call = _STRAIGHT.request(chat, self._endpoint, self._provider, TEAM)
        self._check("straight.path", call.path == case.path, f"we would ask {call.path!r}")
        self._check("straight.request", _same(case.request, call.body), "it would be another")
        if case.status >= 300:
            error = _STRAIGHT.error(case.status, case.headers, case.response, self._provider)
            is_same = (
                error.body == case.response or case.status >= 500
            )  # those are not the caller's
            self._check("straight.error", is_same, "it would be changed")
            return
        told = [self._answer(wire) for wire in (_STRAIGHT, _TRANSLATED)]
        for seen, _ in told:
            self._check("grammar", not seen.faults, ", ".join(seen.faults))
            breaks = "stream_error" in (case.expect or {})
            self._check(
                "end", seen.is_whole is not breaks, "the answer did not end as it did there"
            )
        (straight, counted), (translated, translated_counted) = told
        self._check("both.meter", counted == translated_counted, "the lanes count differently")
        self._check(
            "both.answer", _shared(straight) == _shared(translated), "the lanes say something else"
        )
        if not case.stream:
            body = {**loads(case.response), "model": _MODEL_ID}
            self._check("straight.answer", straight.message == body, "it would be changed")

    def _answer(self, wire: ChatWire) -> tuple[SeenMessage, dict[str, Any]]:
        case, chat = self._case, decode(self._case.request, {}, takes_all=True)
        if not case.stream:
            reply = wire.reply(case.response, chat, self._endpoint, self._provider, _MODEL_ID)
            return see_message(reply.body, _MODEL_ID), _counted(reply.meter)
        stream = wire.stream(chat, self._endpoint, self._provider, _MODEL_ID)
        frames = stream.feed(case.response) + stream.end()
        if stream.done:
            frames += stream.ending if isinstance(stream, EchoingStream) else END
        return see_messages(frames, _MODEL_ID), _counted(stream.meter)

    def play_count(self) -> None:
        case = self._case
        try:
            chat = decode_count(case.request, {}, takes_all=True)
        except GatewayError as refusal:
            self._check("request", False, f"refused: {refusal.message}")
            return
        call = counting_call(chat, self._endpoint, self._provider, TEAM)
        self._check("path", call.path == case.path, f"we would ask {call.path!r}")
        self._check("request", _same(case.request, call.body), "it would be another")
        expect = case.expect or {}
        if case.status >= 300:
            error = _STRAIGHT.error(case.status, case.headers, case.response, self._provider)
            told = (expect.get("error") or {}).get("type")
            self._check("error.code", error.upstream_code == told, f"{error.upstream_code!r}")
            return
        counted = loads(case.response).get("input_tokens")
        self._check("tokens", isinstance(counted, int), f"{counted!r}")


def _same(recorded: bytes, sent: bytes) -> bool:
    """Members in any order; a stream that is not asked for may be left out."""
    return _asked(recorded) == _asked(sent)


def _asked(body: bytes) -> JsonObject:
    return {
        name: value for name, value in loads(body).items() if (name, value) != ("stream", False)
    }


def _shared(seen: SeenMessage) -> JsonObject:
    return {n: v for n, v in lean(seen.message).items() if n not in _OF_THE_VENDOR}


def _counted(meter: Meter) -> dict[str, Any]:
    return {
        "usage": meter.usage and dict(meter.usage.quantities),
        "characters": meter.characters,
        "finish": (meter.finish_reason, meter.native_finish_reason),
        "upstream_id": meter.upstream_id,
        "has_content": meter.has_content,
    }
