"""Responses: a recorded case, or a generated answer."""

from __future__ import annotations

from typing import Any

from opengateway.kit import json
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.simulator.answers import make_answers
from opengateway.simulator.cases import Case, CaseBook
from opengateway.simulator.faults import Fault
from opengateway.simulator.ledger import Record
from opengateway.simulator.metering import PromptCache, meter_of
from opengateway.simulator.personas import Refusal, load_personas, load_wire_personas
from opengateway.simulator.reading import read_ask
from opengateway.simulator.response_keys import classify_responses
from opengateway.simulator.responses.faults import ResponsesFaults
from opengateway.simulator.responses.reading import as_chat, user_text
from opengateway.simulator.responses.rendering import Shown, frames_of, whole
from opengateway.simulator.responses.rules import check_request, read_request
from opengateway.simulator.serving import Incoming, Prepared, from_case, no_case, reply_headers
from opengateway.simulator.settings import SimulatorSettings
from opengateway.simulator.signatures import Signer

PATH = "/responses"
COUNTING = "/responses/input_tokens"
_OF_ANSWERS = ("stream", "store", "include", "max_output_tokens", "temperature", "metadata")
"""Members that are refused where nothing is answered."""


class ResponsesSimulator:
    """Holds what outlives a request on this wire: cases, the prompt cache, the seal's key."""

    def __init__(
        self, settings: SimulatorSettings, cases: CaseBook, clock: Clock, new_id: NewId
    ) -> None:
        self.cases = cases
        self.faults = ResponsesFaults()
        self.persona = load_wire_personas()["responses"]
        self._chat_persona = load_personas()["openai"]
        self._settings = settings
        self._clock = clock
        self._new_id = new_id
        self._prompts = PromptCache()
        self._signer = Signer(settings.seed)

    def reset(self) -> None:
        """Forget counters and cached prompts."""
        self.cases.rewind()
        self._prompts.clear()

    def user_text(self, body: dict[str, Any]) -> str:
        return user_text(body.get("input"))

    def prepare(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        """A recorded case, else a generated reply. Raises `Refusal`."""
        if incoming.action == COUNTING:
            return self._counted(body, record)
        case = self.cases.find(body, incoming.provider)
        if case is not None:
            return self._from_case(case)
        if self._settings.strict_cases:
            raise no_case(self.cases, body)
        read = read_request(body)
        traits = self._settings.traits(read["model"])
        if traits is None:
            raise Refusal("unknown_model", ("model",), model=record.model)
        check_request(read, self._chat_persona, traits, self._signer)
        chat = as_chat(read)
        ask = read_ask(chat, self._chat_persona, traits, fault.tokens)
        prompt, cached = self._prompts.count(chat, incoming.key)
        if prompt + (ask.max_tokens or 0) > traits.context:
            facts = {"limit": traits.context, "tokens": prompt, "model": record.model}
            raise Refusal("context_length", ("input",), **facts)
        answers = make_answers(ask, self._chat_persona, traits, fault.tokens)
        meter = meter_of(answers, prompt=prompt, cached=cached)
        headers = reply_headers(self.persona, self._new_id, stream=record.stream)
        shown = Shown(record.id, self._clock.now_ns() // 1_000_000_000, read, self._signer)
        if record.stream:
            frames = frames_of(answers[0], meter, shown)
            return Prepared(200, headers, meter, b"", frames, traits.gap_s)
        return Prepared(200, headers, meter, json.dumps(whole(answers[0], meter, shown)))

    def _counted(self, body: Any, record: Record) -> Prepared:
        """Tokens of what would be asked. Raises `Refusal`."""
        read = read_request(body)
        unknown = next((name for name in _OF_ANSWERS if name in body), None)
        if unknown is not None:
            raise Refusal("unknown_member", (unknown,))
        traits = self._settings.traits(read["model"])
        if traits is None:
            raise Refusal("unknown_model", ("model",), model=record.model)
        check_request(read, self._chat_persona, traits, self._signer)
        tokens, _ = PromptCache().count(as_chat(read), "")
        headers = reply_headers(self.persona, self._new_id, stream=False)
        told = {"object": "response.input_tokens", "input_tokens": tokens}
        return Prepared(200, headers, None, json.dumps(told))

    def _from_case(self, case: Case) -> Prepared:
        return from_case(case, self._settings.gap_s, classify_responses)
