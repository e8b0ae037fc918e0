"""Bedrock's wire: Converse and ConverseStream, and InvokeModel for Claude's own bodies."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from opengateway.kit import json
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.simulator.answers import make_answers
from opengateway.simulator.anthropic.cache import MarkedPrompts
from opengateway.simulator.anthropic.reading import read_ask
from opengateway.simulator.anthropic.rendering import Shown
from opengateway.simulator.anthropic.rules import check_request as check_messages
from opengateway.simulator.anthropic.rules import thinking_on
from opengateway.simulator.anthropic.wire import AnthropicSimulator
from opengateway.simulator.bedrock.auth import caller_of
from opengateway.simulator.bedrock.faults import BedrockFaults, split
from opengateway.simulator.bedrock.reading import as_messages, user_text
from opengateway.simulator.bedrock.rendering import (
    enveloped,
    frames_of,
    whole_reply,
)
from opengateway.simulator.bedrock.rules import check_request, plain, read_request
from opengateway.simulator.cases import Case, CaseBook
from opengateway.simulator.faults import Fault
from opengateway.simulator.ledger import Record
from opengateway.simulator.link import Scope
from opengateway.simulator.metering import meter_of
from opengateway.simulator.personas import Refusal, load_wire_personas
from opengateway.simulator.serving import Incoming, Prepared, no_case, reply_headers
from opengateway.simulator.settings import ModelTraits, SimulatorSettings
from opengateway.simulator.signatures import Signer

VERSION = "bedrock-2023-05-31"
_PATH = re.compile(
    r"/bedrock/model/(?P<model>[^/]+)/"
    r"(?P<action>converse|converse-stream|invoke|invoke-with-response-stream)"
)
_STREAMS = ("converse-stream", "invoke-with-response-stream")


class BedrockSimulator:
    """Holds what outlives a request on this wire: cases and marked prompts."""

    prefix = "/bedrock/"

    def __init__(
        self,
        settings: SimulatorSettings,
        cases: CaseBook,
        claude: AnthropicSimulator,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        """`claude` answers what comes through InvokeModel; its cases are of those."""
        self.cases = cases
        self.faults = BedrockFaults()
        self.persona = load_wire_personas()["bedrock"]
        self._settings = settings
        self._claude = claude
        self._clock = clock
        self._new_id = new_id
        self._signer = Signer(settings.seed)
        self._prompts = MarkedPrompts(clock)

    def reset(self) -> None:
        """Forget counters and cached prompts."""
        self.cases.rewind()
        self._claude.reset()
        self._prompts.clear()

    def arrived(self, scope: Scope, body: bytes) -> Incoming | dict[str, Any]:
        """A request to answer. Raises `Refusal`."""
        key = caller_of(scope, body, self._clock)
        raw = scope["raw_path"].decode("latin-1").partition("?")[0]
        found = _PATH.fullmatch(raw)
        if found is None:
            raise Refusal("not_found")
        if scope["method"] != "POST":
            raise Refusal("method")
        model, action = unquote(found["model"]), found["action"]
        return Incoming(
            self.persona,
            None,
            scope["path"],
            key,
            body,
            dict(scope["headers"]),
            action,
            model=model,
            stream=action in _STREAMS,
        )

    def user_text(self, body: dict[str, Any]) -> str:
        if "anthropic_version" in body:
            return self._claude.user_text(body)
        return user_text(body.get("messages"))

    def prepare(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        """A recorded case, else a generated reply. Raises `Refusal`."""
        if incoming.action.startswith("invoke"):
            return self._invoked(incoming, body, record, fault)
        asked = None
        if isinstance(body, dict):
            asked = body | {"model": incoming.model, "action": "", "stream": incoming.stream}
        case = self.cases.find(asked, None)
        if case is not None:
            return self._from_case(case, body)
        if self._settings.strict_cases:
            raise no_case(self.cases, asked)
        read = read_request(body)
        traits = self._traits(record.model)
        check_request(read, recorded=False)
        if traits is None:
            raise plain("The provided model identifier is invalid.")
        messages = as_messages(read, record.model)
        check_messages(messages, traits, self._signer, recorded=False)
        return self._generated(incoming, messages, traits, record, fault)

    def _traits(self, model: str) -> ModelTraits | None:
        """Of the name behind a region and a maker: `us.anthropic.sim-claude` is `sim-claude`."""
        bare = model.rpartition(".")[2]
        return self._settings.traits(bare if bare.startswith("sim-") else model, "bedrock")

    def _from_case(self, case: Case, body: Any) -> Prepared:
        """The recording. What the vendor took then must still be what the vendor takes."""
        if case.status < 400:
            check_request(read_request(body), recorded=True)
        headers = list(case.headers)
        if not case.stream or case.status >= 400:
            return Prepared(case.status, headers, None, case.body, case=case.case_id)
        frames = split(case.body)
        gap_s = self._settings.gap_s
        return Prepared(case.status, headers, None, b"", frames, gap_s, case.case_id)

    def _generated(
        self,
        incoming: Incoming,
        body: dict[str, Any],
        traits: ModelTraits,
        record: Record,
        fault: Fault,
    ) -> Prepared:
        ask = read_ask(body, traits, fault.tokens, interleaved=False)
        tokens = self._prompts.count(body, incoming.key)
        if tokens.total > traits.context:
            raise Refusal("context_length", (), tokens=tokens.total, limit=traits.context)
        answers = make_answers(ask, self.persona, traits, fault.tokens)
        meter = meter_of(
            answers,
            prompt=tokens.total,
            cached=tokens.read,
            written_5m=tokens.written_5m,
            written_1h=tokens.written_1h,
        )
        shown = Shown(self._signer, sealed=traits.redacts and thinking_on(body, traits))
        headers = reply_headers(self.persona, self._new_id, stream=record.stream)
        if record.stream:
            frames = frames_of(answers[0], meter, shown)
            return Prepared(200, headers, meter, b"", frames, traits.gap_s)
        return Prepared(200, headers, meter, json.dumps(whole_reply(answers[0], meter, shown)))

    def _invoked(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        """Claude's own body, but for what the address says."""
        if not isinstance(body, dict):
            raise plain("Malformed input request, please reformat your input and try again.")
        if body.get("anthropic_version") != VERSION:
            raise plain(
                f"Malformed input request: #: required key [anthropic_version] with {VERSION!r}, "
                "please reformat your input and try again."
            )
        for name in ("model", "stream"):
            if name in body:
                raise plain(f"{name}: Extra inputs are not permitted")
        kept = {n: v for n, v in body.items() if n not in ("anthropic_version", "anthropic_beta")}
        bare = record.model.rpartition(".")[2]
        name = bare if bare.startswith("sim-") else record.model
        asked = kept | {"model": name}
        asked |= {"stream": True} if record.stream else {}
        inner = Incoming(
            incoming.persona, None, incoming.path, incoming.key, b"", incoming.headers, "messages"
        )
        made = self._claude.prepare(inner, asked, record, fault)
        if made.case:
            frames = split(b"".join(f.data for f in made.frames)) if made.frames else None
            return Prepared(
                made.status, made.headers, None, made.body, frames, made.gap_s, made.case
            )
        headers = reply_headers(self.persona, self._new_id, stream=record.stream)
        frames_or_none = enveloped(made.frames) if made.frames is not None else None
        return Prepared(200, headers, made.meter, made.body, frames_or_none, made.gap_s)
