"""Anthropic's wire: a recorded case, or a generated message."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from opengateway.kit import json
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.simulator import fast
from opengateway.simulator.answers import make_answers
from opengateway.simulator.anthropic.cache import MarkedPrompts, count_tokens
from opengateway.simulator.anthropic.faults import AnthropicFaults
from opengateway.simulator.anthropic.reading import read_ask, user_text
from opengateway.simulator.anthropic.rendering import Shown, frames_of, whole_message
from opengateway.simulator.anthropic.rules import check_request, read_request
from opengateway.simulator.case_keys import classify_anthropic
from opengateway.simulator.cases import Case, CaseBook
from opengateway.simulator.faults import Fault
from opengateway.simulator.ledger import Record
from opengateway.simulator.link import Scope
from opengateway.simulator.metering import meter_of
from opengateway.simulator.personas import Refusal, load_wire_personas
from opengateway.simulator.serving import (
    HeaderList,
    Incoming,
    Prepared,
    from_case,
    no_case,
    reply_headers,
)
from opengateway.simulator.settings import ModelTraits, SimulatorSettings
from opengateway.simulator.signatures import Signer

VERSIONS = ("2023-06-01", "2023-01-01", "2026-10-21")
_CREATED = "2026-01-01T00:00:00Z"


class AnthropicSimulator:
    """Holds what outlives a request on this wire: cases, marked prompts, fixed replies."""

    prefix = "/anthropic/"

    def __init__(
        self, settings: SimulatorSettings, cases: CaseBook, clock: Clock, new_id: NewId
    ) -> None:
        self.cases = cases
        self.faults = AnthropicFaults()
        self.persona = load_wire_personas()["anthropic"]
        self._settings = settings
        self._new_id = new_id
        self._signer = Signer(settings.seed)
        self._prompts = MarkedPrompts(clock)
        self._fast: dict[str, fast.FastReplies] = {}

    def reset(self) -> None:
        """Forget counters and cached prompts."""
        self.cases.rewind()
        self._prompts.clear()

    def arrived(self, scope: Scope, body: bytes) -> Incoming | dict[str, Any]:
        """A request to answer, or at once the body of a list of models. Raises `Refusal`."""
        headers = dict(scope["headers"])
        key = self._key(headers)
        version = headers.get(b"anthropic-version", b"").decode("latin-1")
        if not version:
            raise Refusal("missing_version")
        if version not in VERSIONS:
            raise Refusal("bad_version", (), value=version[:80])
        path, method = scope["path"], scope["method"]
        rest = path.removeprefix("/anthropic/v1")
        if rest == "/models" and method == "GET":
            return self._models()
        if rest.startswith("/models/") and method == "GET":
            return self._model(unquote(rest.removeprefix("/models/")))
        if rest not in ("/messages", "/messages/count_tokens"):
            raise Refusal("not_found")
        if method != "POST":
            raise Refusal("method")
        action = "messages" if rest == "/messages" else "count_tokens"
        return Incoming(self.persona, None, path, key, body, headers, action)

    def _key(self, headers: dict[bytes, bytes]) -> str:
        if key := headers.get(b"x-api-key", b"").decode("latin-1"):
            if key.startswith("bad-key"):
                raise Refusal("unauthorized")
            return key
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
        if not token:
            raise Refusal("missing_key")
        if token.startswith("bad-key"):
            raise Refusal("bad_bearer")
        return token

    def _models(self) -> dict[str, Any]:
        names = self._settings.listed("anthropic")
        data = [self._model(name) for name in names]
        return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}

    def _model(self, name: str) -> dict[str, Any]:
        if self._settings.traits(name, "anthropic") is None:
            raise Refusal("unknown_model", ("model",), model=name)
        return {"type": "model", "id": name, "display_name": name, "created_at": _CREATED}

    def user_text(self, body: dict[str, Any]) -> str:
        return user_text(body.get("messages"))

    def prepare(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        """A recorded case, else a generated reply. Raises `Refusal`."""
        asked = body | {"action": incoming.action} if isinstance(body, dict) else None
        case = self.cases.find(asked, None)
        if case is not None:
            return self._from_case(case, incoming, body)
        if self._settings.strict_cases:
            raise no_case(self.cases, asked)
        beta = b"anthropic-beta" in incoming.headers
        counting = incoming.action == "count_tokens"
        read = read_request(body, counting=counting, beta=beta, recorded=False)
        traits = self._settings.traits(read["model"], "anthropic")
        check_request(read, traits, self._signer, recorded=False)
        if traits is None:
            raise Refusal("unknown_model", ("model",), model=record.model)
        headers = reply_headers(self.persona, self._new_id, stream=record.stream)
        if counting:
            return Prepared(200, headers, None, json.dumps({"input_tokens": count_tokens(read)}))
        if traits.fast:
            return self._fast_reply(traits, record, headers)
        return self._generated(incoming, read, traits, record, fault, headers)

    def _from_case(self, case: Case, incoming: Incoming, body: Any) -> Prepared:
        """The recording. What the vendor took then must still be what the vendor takes."""
        if case.status < 400:
            counting = incoming.action == "count_tokens"
            read = read_request(body, counting=counting, beta=True, recorded=True)
            check_request(read, None, self._signer, recorded=True)
        return from_case(case, self._settings.gap_s, classify_anthropic)

    def _generated(
        self,
        incoming: Incoming,
        body: dict[str, Any],
        traits: ModelTraits,
        record: Record,
        fault: Fault,
        headers: HeaderList,
    ) -> Prepared:
        wanted = (body.get("thinking") or {"type": "adaptive"})["type"]
        beta = incoming.headers.get(b"anthropic-beta", b"")
        interleaved = wanted == "adaptive" or b"interleaved-thinking" in beta
        ask = read_ask(body, traits, fault.tokens, interleaved=interleaved)
        tokens = self._prompts.count(body, incoming.key)
        self._check_context(tokens.total, body["max_tokens"], traits)
        answers = make_answers(ask, self.persona, traits, fault.tokens)
        meter = meter_of(
            answers,
            prompt=tokens.total,
            cached=tokens.read,
            written_5m=tokens.written_5m,
            written_1h=tokens.written_1h,
        )
        shown = Shown(self._signer, omitted=not ask.show_reasoning, sealed=traits.redacts)
        if record.stream:
            frames = frames_of(record.id, record.model, answers[0], meter, shown)
            return Prepared(200, headers, meter, b"", frames, traits.gap_s)
        made = whole_message(record.id, record.model, answers[0], meter, shown)
        return Prepared(200, headers, meter, json.dumps(made))

    def _check_context(self, prompt: int, wanted: int, traits: ModelTraits) -> None:
        if prompt > traits.context:
            raise Refusal("context_length", (), tokens=prompt, limit=traits.context)
        if prompt + wanted > traits.context:
            facts = {"tokens": prompt, "completion": wanted, "limit": traits.context}
            raise Refusal("context_sum", (), **facts)

    def _fast_reply(self, traits: ModelTraits, record: Record, headers: HeaderList) -> Prepared:
        replies = self._fast.get(traits.name)
        if replies is None:
            if len(self._fast) >= fast.MAX_FAST:
                self._fast.clear()
            shown = Shown(self._signer)
            replies = self._fast[traits.name] = fast.fixed_replies(
                lambda answer: json.dumps(
                    whole_message(fast.SLOT, traits.name, answer, fast.METER, shown)
                ),
                lambda answer: frames_of(fast.SLOT, traits.name, answer, fast.METER, shown),
            )
        reply_id = record.id.encode()
        if not record.stream:
            return Prepared(200, headers, fast.METER, replies.body(reply_id))
        frames = replies.stream(reply_id, include_usage=True)
        return Prepared(200, headers, fast.METER, b"", frames, traits.gap_s)
