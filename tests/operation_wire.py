"""What tests of the operations beside chat ask with: a request decoded, an endpoint, a provider."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from opengateway.dialects.openai_operations import DIALECTS
from opengateway.domain.catalog import Endpoint, Profile, Provider, Wire
from opengateway.domain.chat import ChatReply, ChatRequest, UpstreamCall
from opengateway.domain.operations import Operation, OperationRules
from opengateway.domain.usage import Dimension, PriceRow
from opengateway.ports.provider import ChatWire
from opengateway.providers.operations import operation_wires

TEAM = "team_1"
MODEL = "lab/model"
INPUT = {Dimension.INPUT: 1_000_000_000}


def provider(wire: Wire = Wire.OPENAI, profile: Profile | None = None, **rules: Any) -> Provider:
    made = profile or Profile(operations=msgspec.convert(rules, OperationRules))
    return Provider("acme", "Acme", wire, "https://acme.invalid/v1", made)


def endpoint(rates: dict[Dimension, int] | None = None, **changes: Any) -> Endpoint:
    row = PriceRow("row", "2026-11-01", "test", INPUT if rates is None else rates)
    made = Endpoint("lab/model:acme:up", "acme", "up", 8192, None, row, completes=True)
    return msgspec.structs.replace(made, **changes)


def asked(operation: Operation, **members: Any) -> ChatRequest:
    return DIALECTS[operation].decode(json.dumps({"model": MODEL, **members}).encode(), {})


def form(
    operation: Operation = Operation.TRANSCRIPTIONS,
    data: bytes = b"ID3sound",
    name: str = "talk.mp3",
    **members: str | list[str],
) -> ChatRequest:
    body, content_type = form_body(data, name, model=MODEL, **members)
    return DIALECTS[operation].decode(body, {"content-type": content_type})


def form_body(data: bytes, name: str = "talk.mp3", **members: str | list[str]) -> tuple[bytes, str]:
    parts = [
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n'
        b"Content-Type: audio/mpeg\r\n\r\n%b\r\n" % (name.encode(), data)
    ]
    for member, value in members.items():
        values = value if isinstance(value, list) else [value]
        shown = f"{member}[]" if isinstance(value, list) else member
        parts += (
            b'--edge\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
            % (shown.encode(), one.encode())
            for one in values
        )
    return b"".join(parts) + b"--edge--\r\n", "multipart/form-data; boundary=edge"


class Asking:
    """One request of one operation at one vendor."""

    def __init__(self, chat: ChatRequest, at: Provider | None = None, to: Endpoint | None = None):
        assert chat.demand is not None
        self.chat = chat
        self.provider = at or provider()
        self.endpoint = to or endpoint()
        wires = operation_wires(chat.demand.operation)
        self.wire: ChatWire = wires[self.provider.wire]

    def call(self) -> UpstreamCall:
        return self.wire.request(self.chat, self.endpoint, self.provider, TEAM)

    def sent(self) -> Any:
        return json.loads(self.call().body)

    def reply(self, answer: Any) -> ChatReply:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return self.wire.reply(body, self.chat, self.endpoint, self.provider, MODEL)

    def shown(self, answer: Any) -> Any:
        return json.loads(self.reply(answer).body)
