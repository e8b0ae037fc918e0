"""Responses that a team has kept: what `previous_response_id` and `item_reference` name (decision 29).

Nothing is kept upstream, and nothing here unless the team's settings say so. What is kept is sealed,
under a digest of the team and the id: an id of another team, like one of nobody, is not found.

    asked    `previous_response_id` and references are put in their place, and the pipeline sees one
             whole conversation: holds, limits and records are of what is sent
    answered the response, and the conversation that led to it, before its last bytes leave, so that
             a caller who goes on at once finds it
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from opengateway.domain.errors import NotFound
from opengateway.domain.principal import Principal
from opengateway.gateway.sealed_pieces import PIECE_BYTES, opened, sealed
from opengateway.kit.json import JsonObject, Raw, RawObject, dumps, loads, loads_raw_object
from opengateway.ports.caller import Caller
from opengateway.ports.response_store import KEPT_BYTES, ResponseStore
from opengateway.ports.secret_box import SecretBox, Unsealable

MAX_REFERENCED: Final = 32
"""Responses that the references of one request may name."""
PAGE: Final = 20
MAX_PAGE: Final = 100
_is_response_id: Final = re.compile(r"resp_[0-9a-f]{32}").fullmatch
_is_item_id: Final = re.compile(r"[a-z]{2,4}_([0-9a-f]{32})[0-9a-f]{4}").fullmatch
_INPUT_FROM: Final = 0x8000
"""Items of the input are numbered from here, those of the output from 0."""
_PREFIXES: Final = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "function_call_output": "fco",
    "custom_tool_call_output": "ctco",
    "compaction": "cmp",
}
_TERMINAL: Final = re.compile(rb"(?:^|\n)event: response\.(?:completed|incomplete)\ndata: ")


class _Kept(msgspec.Struct, array_like=True):
    """`response` is the object as it was shown, `items` the conversation that led to it."""

    response: bytes
    items: list[bytes]


class _Head(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    id: str | None = None

    @property
    def reference(self) -> str | None:
        """The id that the item stands for, where it is a reference."""
        is_bare = self.type is None and self.role is None
        return self.id if self.type == "item_reference" or is_bare else None


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Kept).decode
_list_of_raw = msgspec.json.Decoder(list[Raw]).decode
_head = msgspec.json.Decoder(_Head).decode


class Asked(msgspec.Struct, frozen=True):
    """A request with everything in its place, and its conversation."""

    body: bytes
    items: list[bytes]


class ResponseKeeper:
    """One for a gateway. `allows` says whether a team, by its id, wants responses kept."""

    def __init__(self, store: ResponseStore, box: SecretBox, allows: Callable[[str], bool]) -> None:
        self._store = store
        self._box = box
        self.allows = allows
        self.faults = 0
        """Values that could not be opened: sealed under a key that is gone, or damaged."""

    # --- before the request --------------------------------------------------------------------
    async def resolved(self, principal: Principal, body: bytes) -> Asked | None:
        """The request as it is to be decoded. None: something that it names is not kept, or it is
        malformed; to be decoded as it came, and refused there.

        Raises `CapacityError` where the store is out of reach.
        """
        try:
            fields = loads_raw_object(body)
            given = fields.get("input", Raw(b"null"))
            items = _items_of(given)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return None
        if items is None:
            return None
        previous = fields.get("previous_response_id")
        before: list[bytes] = []
        if previous is not None and bytes(previous) != b"null":
            kept = await self._read(principal.team_id, loads(previous))
            if kept is None:
                return None
            before = [*kept.items, *_output_of(kept)]
        found = await self._referenced(principal.team_id, items)
        if found is None:
            return None
        whole = [*before, *found]
        if whole == items:
            return Asked(body, items)
        return Asked(_with_input(fields, whole), whole)

    async def _referenced(self, team_id: str, items: Sequence[bytes]) -> list[bytes] | None:
        """The items, each reference as what it names; None where one names nothing here."""
        known: dict[str, dict[str, bytes]] = {}
        found: list[bytes] = []
        for item in items:
            try:
                reference = _head(item).reference
            except msgspec.ValidationError:
                reference = None  # refused when it is decoded
            if reference is None:
                found.append(item)
                continue
            named = _is_item_id(reference)
            if named is None:
                return None
            response_id = f"resp_{named[1]}"
            if response_id not in known:
                if len(known) >= MAX_REFERENCED:
                    return None
                kept = await self._read(team_id, response_id)
                if kept is None:
                    return None
                known[response_id] = {
                    _head(one).id or "": one for one in (*kept.items, *_output_of(kept))
                }
            if reference not in known[response_id]:
                return None
            found.append(known[response_id][reference])
        return found

    # --- after the answer ----------------------------------------------------------------------
    async def keep(self, team_id: str, asked: Asked, response: bytes) -> bool:
        """Keep a response that says so of itself. Raises nothing for what cannot be kept."""
        told = loads(response)
        identifier = told.get("id")
        if told.get("store") is not True or not isinstance(identifier, str):
            return False
        suffix = identifier.removeprefix("resp_")
        items = [_with_id(item, suffix, at) for at, item in enumerate(asked.items)]
        plain = _pack(_Kept(response, items))
        if len(plain) > KEPT_BYTES - 64 * (len(plain) // PIECE_BYTES + 1):
            return False
        scope = _scope(team_id, identifier)
        return await self._store.put(scope, sealed(self._box, _purpose(scope), plain))

    async def _read(self, team_id: str, response_id: object) -> _Kept | None:
        if not isinstance(response_id, str) or _is_response_id(response_id) is None:
            return None
        scope = _scope(team_id, response_id)
        value = await self._store.get(scope)
        if value is None:
            return None
        try:
            return _unpack(opened(self._box, _purpose(scope), value))
        except (Unsealable, msgspec.MsgspecError):
            self.faults += 1
            return None

    # --- GET and DELETE ------------------------------------------------------------------------
    async def shown(self, principal: Principal, response_id: str) -> bytes:
        """`GET /v1/responses/{id}`. Raises `NotFound`, `CapacityError`."""
        return (await self._known(principal, response_id)).response

    async def deleted(self, principal: Principal, response_id: str) -> bytes:
        """`DELETE /v1/responses/{id}`. Raises `NotFound`, `CapacityError`."""
        if _is_response_id(response_id) is None:
            raise _unknown(response_id)
        if not await self._store.delete(_scope(principal.team_id, response_id)):
            raise _unknown(response_id)
        return dumps({"id": response_id, "object": "response", "deleted": True})

    async def input_items(
        self,
        principal: Principal,
        response_id: str,
        *,
        limit: int = PAGE,
        after: str = "",
        descending: bool = True,
    ) -> bytes:
        """`GET /v1/responses/{id}/input_items`. Raises `NotFound`, `CapacityError`."""
        kept = await self._known(principal, response_id)
        items = [loads(item) for item in kept.items]
        if descending:
            items.reverse()
        if after:
            places = [at for at, item in enumerate(items) if item.get("id") == after]
            if not places:
                raise _unknown(after)
            items = items[places[0] + 1 :]
        limit = min(max(limit, 1), MAX_PAGE)
        page = [_as_listed(item) for item in items[:limit]]
        ids = [str(item.get("id") or "") for item in page]
        return dumps(
            {
                "object": "list",
                "data": page,
                "first_id": ids[0] if ids else "",
                "last_id": ids[-1] if ids else "",
                "has_more": len(items) > limit,
            }
        )

    async def _known(self, principal: Principal, response_id: str) -> _Kept:
        kept = await self._read(principal.team_id, response_id)
        if kept is None:
            raise _unknown(response_id)
        return kept


class KeepingCaller:
    """A caller whose answer is kept before its last bytes leave. Implements `ports.caller.Caller`."""

    __slots__ = ("_asked", "_caller", "_keeper", "_status", "_team_id")

    def __init__(self, caller: Caller, keeper: ResponseKeeper, team_id: str, asked: Asked) -> None:
        self._caller = caller
        self._keeper = keeper
        self._team_id = team_id
        self._asked = asked
        self._status = 0

    def start(self, status: int, head: bytes) -> None:
        self._status = status
        self._caller.start(status, head)

    def put(self, body: bytes) -> bool:
        return self._caller.put(body)

    async def write(self, body: bytes, *, last: bool) -> None:
        if last and self._status == 200 and (response := response_in(body)) is not None:
            await self._keeper.keep(self._team_id, self._asked, response)
        await self._caller.write(body, last=last)

    def on_gone(self, callback: Callable[[], None] | None) -> None:
        self._caller.on_gone(callback)

    def abort(self) -> None:
        self._caller.abort()


def response_in(last: bytes) -> bytes | None:
    """The response that ended well within an answer's last bytes: a whole body, or the last event
    of a stream."""
    if last.startswith(b"{"):
        return last
    found = list(_TERMINAL.finditer(last))
    if not found:
        return None
    data = last[found[-1].end() :].partition(b"\n")[0]
    return bytes(loads_raw_object(data)["response"])


def _items_of(given: Raw) -> list[bytes] | None:
    text = bytes(given).strip()
    if text.startswith(b'"'):
        return [b'{"role":"user","content":%b}' % text]
    if text.startswith(b"["):
        return [bytes(item) for item in _list_of_raw(text)]
    return None


def _with_input(fields: RawObject, items: Sequence[bytes]) -> bytes:
    return dumps({**fields, "input": Raw(b"[" + b",".join(items) + b"]")})


def _output_of(kept: _Kept) -> list[bytes]:
    return [bytes(item) for item in _list_of_raw(loads_raw_object(kept.response)["output"])]


def _with_id(item: bytes, suffix: str, at: int) -> bytes:
    """The item with an id of ours, by which it can be listed and referred to. One that has an id of
    ours keeps it; a caller's own word for it names nothing here."""
    told = loads_raw_object(item)
    given = loads(told["id"]) if "id" in told else None
    if isinstance(given, str) and _is_item_id(given) is not None:
        return item
    kind = loads(told.get("type", Raw(b'"message"')))
    prefix = _PREFIXES.get(kind, "item")
    made = f"{prefix}_{suffix}{(_INPUT_FROM + at) & 0xFFFF:04x}"
    return dumps({"id": made, **{n: raw for n, raw in told.items() if n != "id"}})


def _as_listed(item: JsonObject) -> JsonObject:
    """An input item as OpenAI lists it: messages have a type, and parts for content."""
    made = {"type": "message", **item}
    if made["type"] == "message":
        made.setdefault("status", "completed")
        if isinstance(made.get("content"), str):
            is_answer = made.get("role") == "assistant"
            part: JsonObject = {
                "type": "output_text" if is_answer else "input_text",
                "text": made["content"],
            }
            if is_answer:
                part |= {"annotations": [], "logprobs": []}
            made["content"] = [part]
    return made


def _scope(team_id: str, response_id: str) -> str:
    return hashlib.sha256(f"{team_id}\0{response_id}".encode()).hexdigest()


def _purpose(scope: str) -> str:
    return f"response:{scope}"


def _unknown(identifier: str) -> NotFound:
    return NotFound(
        f"{identifier[:80]!r} names nothing that is kept for this team; responses are kept for 24"
        " hours where the team's settings allow it and 'store' is not false"
    )
