"""Reasoning given back to the model that had it, for callers who cannot carry it themselves.

Claude, Gemini and OpenAI's models want the thoughts that led to a tool call back with its result,
signed or sealed as they were. Callers who know `reasoning_details` carry them. A plain client of
chat completions drops what it does not know, so it is kept here for an hour, sealed, under a digest
of the team, the call's id and its name; and put where such a caller's message lacks it. Whose it is
stands in it: a wire leaves out what another vendor signed, so a route that moves loses it.

Where the store is out of reach, or nothing is found, the wire does what its vendor allows: it sends
the calls without thoughts.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from opengateway.domain.catalog import Wire
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import CapacityError
from opengateway.domain.keepsake import Keepsake
from opengateway.domain.routing import Plan
from opengateway.gateway.sealed_pieces import opened, sealed
from opengateway.kit.json import Raw, RawObject, ValidationError, dumps, loads
from opengateway.ports.response_store import ResponseStore
from opengateway.ports.secret_box import SecretBox, Unsealable
from opengateway.wires.openai_chat.reasoning import details_of

KEPT_S: Final = 3600.0
MAX_LOOKED_UP: Final = 32
"""Messages of one request, the newest first."""
MEMBER: Final = "reasoning_details"
_CARRIERS: Final = (MEMBER, "thinking_blocks")
_ASSISTANT: Final = Raw(b'"assistant"')
_decode = msgspec.json.Decoder(list[RawObject]).decode


class _Function(msgspec.Struct):
    name: str = ""


class _Call(msgspec.Struct):
    id: str = ""
    function: _Function | None = None
    custom: _Function | None = None
    extra_content: Any = None


_calls = msgspec.json.Decoder(list[_Call] | None).decode


class Keepsakes:
    """One for a gateway's chat completions. `store` keeps for `KEPT_S`."""

    def __init__(self, store: ResponseStore, box: SecretBox) -> None:
        self._store = store
        self._box = box
        self.faults = 0
        """Values that could not be opened: sealed under a key that is gone, or damaged."""

    async def keep(self, team_id: str, keepsake: Keepsake) -> None:
        """Before the answer's last bytes leave, so that a caller who goes on at once finds it."""
        scope = _scope(team_id, *keepsake.calls[0])
        plain = dumps(details_of(keepsake.blocks))
        await self._store.put(scope, sealed(self._box, _purpose(scope), plain))

    async def restored(self, team_id: str, chat: ChatRequest, plan: Plan) -> ChatRequest:
        """The request with what was thought before its calls, where the caller left it out."""
        if "tool_calls" not in chat.facts.message_members or not _may_need(plan):
            return chat
        messages = _decode(chat.fields["messages"])
        wanted: dict[int, str] = {}
        for at in range(len(messages) - 1, -1, -1):
            found = _first_call(messages[at])
            if found is not None:
                wanted[at] = _scope(team_id, *found)
                if len(wanted) == MAX_LOOKED_UP:
                    break
        if not wanted:
            return chat
        given = await asyncio.gather(*(self._read(scope) for scope in wanted.values()))
        added = {at: raw for at, raw in zip(wanted, given, strict=True) if raw is not None}
        return _with_details(chat, messages, added) if added else chat

    async def _read(self, scope: str) -> Raw | None:
        try:
            value = await self._store.get(scope)
        except CapacityError:
            return None
        if value is None:
            return None
        try:
            return Raw(opened(self._box, _purpose(scope), value))
        except Unsealable:
            self.faults += 1
            return None


def _may_need(plan: Plan) -> bool:
    """Whether any candidate's wire gives thoughts back. Chat completions alone have no place."""
    return any(
        candidate.provider.wire is not Wire.OPENAI or candidate.provider.profile.responses != "no"
        for candidate in plan.candidates
    )


def _first_call(message: Mapping[str, Raw]) -> tuple[str, str] | None:
    """Id and name of an assistant's first call, where its thoughts are not beside it."""
    if message.get("role") != _ASSISTANT or "tool_calls" not in message:
        return None
    if any(loads(message[name]) for name in _CARRIERS if name in message):
        return None
    try:
        calls = _calls(message["tool_calls"])
    except ValidationError:
        return None
    if not calls or calls[0].extra_content is not None:
        return None
    function = calls[0].function or calls[0].custom
    return calls[0].id, function.name if function is not None else ""


def _with_details(
    chat: ChatRequest, messages: list[RawObject], added: Mapping[int, Raw]
) -> ChatRequest:
    for at, raw in added.items():
        messages[at][MEMBER] = raw
    facts = msgspec.structs.replace(
        chat.facts, has_reasoning=True, message_members=chat.facts.message_members | {MEMBER}
    )
    return msgspec.structs.replace(
        chat,
        fields={**chat.fields, "messages": Raw(dumps(messages))},
        facts=facts,
        input_bytes=chat.input_bytes + sum(len(bytes(raw)) for raw in added.values()),
    )


def _scope(team_id: str, call_id: str, name: str) -> str:
    return hashlib.sha256(f"thought\0{team_id}\0{call_id}\0{name}".encode()).hexdigest()


def _purpose(scope: str) -> str:
    return f"thought:{scope}"
