"""Recorded InvokeModel exchanges with Claude, through the envelope that Bedrock puts Messages in.

Other makers' models have bodies of their own there. Nothing speaks these: Converse serves the models.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Final

import msgspec

from opengateway.checks.messages_history import recorded_blocks
from opengateway.checks.messages_reader import read_messages
from opengateway.checks.recorded_case import RecordedCase
from opengateway.checks.replay_converse import model_in, play_error
from opengateway.checks.replay_messages import MessagesPlayer, anthropic_provider
from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Wire
from opengateway.domain.events import Event
from opengateway.kit.event_stream import Decoder
from opengateway.kit.json import JsonObject, loads
from opengateway.providers.envelopes import ClaudeOnBedrock

_WIRE: Final = ClaudeOnBedrock()
_LIMIT_BYTES: Final = 16 * 1024 * 1024


def is_spoken(case: RecordedCase) -> bool:
    return case.status >= 300 or b'"anthropic_version"' in case.request


def play_invoke(case: RecordedCase) -> tuple[list[str], list[str]]:
    """What is not as it must be, in words; and what was compared. Errors are any maker's."""
    if case.status >= 300:
        return play_error(case)
    player = _InvokePlayer(case)
    player.play()
    return player.faults, player.checks


class _InvokePlayer(MessagesPlayer):
    __slots__ = ()

    def __init__(self, case: RecordedCase) -> None:
        known = anthropic_provider(case.provider)
        provider = msgspec.structs.replace(known, wire=Wire.ANTHROPIC_BEDROCK, headers={})
        super().__init__(replace(case, model=model_in(case.path)), _WIRE, provider)

    def _read(self, recorded: JsonObject) -> CanonicalRequest:
        return read_messages({**recorded, "stream": self._case.stream})

    def _events(self) -> list[Event]:
        if not self._case.stream:
            return list(_WIRE.reply(self._case.response, self._endpoint, self._provider))
        parser = _WIRE.parser(self._endpoint, self._provider)
        return [*parser.feed(self._case.response), *parser.end()]

    def _spoken(self) -> list[JsonObject]:
        if not self._case.stream:
            return super()._spoken()
        return recorded_blocks(replace(self._case, response=unwrapped(self._case.response)))


def unwrapped(framed: bytes) -> bytes:
    """The maker's own events, out of their frames."""
    lines = []
    for frame in Decoder(_LIMIT_BYTES).feed(framed):
        event = base64.b64decode(loads(frame.payload)["bytes"])
        lines.append(b"data: " + event + b"\n\n")
    return b"".join(lines)
