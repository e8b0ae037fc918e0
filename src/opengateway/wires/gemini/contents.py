"""Turns to `contents`: two roles in turn, calls with their signatures, results in their order."""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.canonical import (
    Audio,
    CanonicalRequest,
    Document,
    Image,
    Item,
    Reasoning,
    Refusal,
    Role,
    ServerItem,
    Text,
    ToolCall,
    ToolResult,
    Turn,
    Video,
)
from opengateway.domain.catalog import Provider
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.model_rules import ModelRule
from opengateway.domain.origins import GOOGLE
from opengateway.kit.json import JsonObject, Raw, loads
from opengateway.wires.gemini.media import RICH_TYPES, media_part

SKIPPED_SIGNATURE: Final = "skip_thought_signature_validator"
"""Google's documented word for a history that another model made."""
_MEDIA: Final = (Image, Audio, Document, Video)


def contents_of(
    request: CanonicalRequest, provider: Provider, rule: ModelRule
) -> tuple[list[JsonObject], list[JsonObject]]:
    """The parts of the system instruction, and the contents. Raises `InvalidRequest`."""
    writer = _Writer(request.turns, provider, rule)
    system: list[JsonObject] = []
    for turn in request.turns:
        match turn.role:
            case Role.SYSTEM | Role.DEVELOPER:
                system += _system_parts(turn, provider)
            case Role.ASSISTANT:
                writer.model(turn)
            case Role.USER | Role.TOOL:
                writer.user(turn)
    contents = writer.contents()
    if system and (not rule.system_role or not contents):
        # No place for instructions, or nothing besides them: they open the conversation.
        if not contents or contents[0]["role"] != "user":
            contents.insert(0, {"role": "user", "parts": []})
        contents[0]["parts"] = system + contents[0]["parts"]
        system = []
    if not contents:
        raise InvalidRequest(
            f"messages: {provider.id} needs something to answer; send a user message with content",
            param="messages",
        )
    return system, contents


def _system_parts(turn: Turn, provider: Provider) -> list[JsonObject]:
    if not all(isinstance(item, Text) for item in turn.items):
        raise InvalidRequest(
            f"messages: {provider.id} takes text only as instructions; move the rest to a user "
            "message",
            param="messages",
        )
    return [{"text": item.text} for item in turn.items if isinstance(item, Text) and item.text]


class _Writer:
    """Contents in the making. Neighbours of one role become one (E26)."""

    __slots__ = ("_calls", "_made", "_provider", "_rule", "_signatures")

    def __init__(self, turns: tuple[Turn, ...], provider: Provider, rule: ModelRule) -> None:
        self._provider = provider
        self._rule = rule
        self._made: list[_Content] = []
        self._calls: dict[str, tuple[int, str]] = {}
        """By id: a call's number in the conversation, and its tool's name."""
        self._signatures: dict[str, str] = {}
        """By the id of the call that they belong to."""
        for turn in turns:
            for item in turn.items:
                if isinstance(item, ToolCall):
                    self._calls[item.id] = (len(self._calls), item.name)
                elif isinstance(item, Reasoning) and item.origin == GOOGLE and item.call_id:
                    self._signatures[item.call_id] = item.signature or item.encrypted or ""

    def _content(self, role: str) -> _Content:
        if not self._made or self._made[-1].role != role:
            self._made.append(_Content(role))
        return self._made[-1]

    def contents(self) -> list[JsonObject]:
        made = [content for content in self._made if content.responses or content.parts]
        whole: list[JsonObject] = []
        for content in made:
            parts = [part for _, part in sorted(content.responses, key=lambda r: r[0])]
            parts += content.parts
            if whole and whole[-1]["role"] == content.role:  # what stood between was empty
                whole[-1]["parts"] += parts
            else:
                whole.append({"role": content.role, "parts": parts})
        if self._rule.signed_calls:
            for one in whole:
                _sign(one["parts"])
        return whole

    # --- the user's side -----------------------------------------------------------------------
    def user(self, turn: Turn) -> None:
        content = self._content("user")
        for item in turn.items:
            if isinstance(item, ToolResult):
                self._put_result(item, content)
            elif (part := self._plain(item)) is not None:
                content.parts.append(part)

    def _plain(self, item: Item) -> JsonObject | None:
        """Text and media. Empty text is left out: it may come from there, and is refused (E27)."""
        if isinstance(item, Text | Refusal):
            return {"text": item.text} if item.text else None
        return media_part(item, self._provider) if isinstance(item, _MEDIA) else None

    def _put_result(self, result: ToolResult, content: _Content) -> None:
        number, name = self._calls.get(result.call_id, (len(self._calls), None))
        name = result.name or name
        if name is None:
            raise InvalidRequest(
                f"messages: the tool result {result.call_id!r} answers no call; send the assistant "
                "message that made the call before it",
                param="messages",
            )
        text = "\n".join(item.text for item in result.content if isinstance(item, Text))
        response: JsonObject = {
            "id": result.call_id,
            "name": name,
            "response": {"error" if result.is_error else "result": text},
        }
        media = [media_part(i, self._provider) for i in result.content if not isinstance(i, Text)]
        if self._rule.rich_results:
            held = [part for part in media if _type_of(part) in RICH_TYPES]
            media = [part for part in media if _type_of(part) not in RICH_TYPES]
            if held:
                response["parts"] = held
        content.responses.append((number, {"functionResponse": response}))
        content.parts += media

    # --- the model's side ----------------------------------------------------------------------
    def model(self, turn: Turn) -> None:
        """Its parts as it made them. A signature that stands for thoughts which are not shown goes
        to the text beside it; one that finds none to a text of its own, as Google sends it."""
        parts = self._content("model").parts
        begin = len(parts)
        waiting: list[str] = []
        for item in turn.items:
            match item:
                case Reasoning():
                    self._put_reasoning(item, parts, begin, waiting)
                case ToolCall():
                    parts.append(self._call_part(item))
                case ServerItem():
                    if item.origin == GOOGLE:
                        parts.append(loads(item.raw))
                case _:
                    if (part := self._plain(item)) is not None:
                        if waiting and "text" in part:
                            part["thoughtSignature"] = waiting.pop(0)
                        parts.append(part)
        parts += ({"text": "", "thoughtSignature": signature} for signature in waiting)

    def _put_reasoning(
        self, item: Reasoning, parts: list[JsonObject], begin: int, waiting: list[str]
    ) -> None:
        if item.origin != GOOGLE:  # another vendor's means nothing here
            return
        signature = item.signature or item.encrypted
        is_bound = item.call_id is not None
        if item.text:
            thought: JsonObject = {"text": item.text, "thought": True}
            if signature is not None and not is_bound:
                thought["thoughtSignature"] = signature
            parts.append(thought)
        elif signature is not None and not is_bound:
            last = parts[-1] if len(parts) > begin else {}
            if "text" in last and "thought" not in last and "thoughtSignature" not in last:
                last["thoughtSignature"] = signature
            else:
                waiting.append(signature)

    def _call_part(self, call: ToolCall) -> JsonObject:
        function: JsonObject = {"id": call.id, "name": call.name, "args": _arguments(call)}
        part: JsonObject = {"functionCall": function}
        if signature := self._signatures.get(call.id):
            part["thoughtSignature"] = signature
        return part


class _Content:
    __slots__ = ("parts", "responses", "role")

    def __init__(self, role: str) -> None:
        self.role = role
        self.parts: list[JsonObject] = []
        self.responses: list[tuple[int, JsonObject]] = []


def _sign(parts: list[JsonObject]) -> None:
    """The first call of a step must carry a signature; those beside it need none (E17)."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", SKIPPED_SIGNATURE)


def _arguments(call: ToolCall) -> Any:
    """The arguments' own bytes where they are an object; else an object that holds the text."""
    if call.kind == "function":
        if not call.arguments.strip():
            return {}
        try:
            value = loads(call.arguments)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return Raw(call.arguments.encode())
    return {"input": call.arguments}


def _type_of(part: JsonObject) -> str:
    data = part.get("inlineData")
    return str(data["mimeType"]) if isinstance(data, dict) else ""
