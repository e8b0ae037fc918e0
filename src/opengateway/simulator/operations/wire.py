"""The operations on the wire that OpenAI made common, each vendor by its forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.simulator.cases import CaseBook
from opengateway.simulator.chat_faults import ChatFaults
from opengateway.simulator.faults import Fault
from opengateway.simulator.forms import Reader, Table
from opengateway.simulator.ledger import Record
from opengateway.simulator.operation_keys import classify_completion
from opengateway.simulator.operations import answers
from opengateway.simulator.operations.forms import MODELS, OPENAI, PATHS, VENDORS
from opengateway.simulator.operations.upload import form_as_json
from opengateway.simulator.personas import Refusal
from opengateway.simulator.serving import Incoming, Prepared, from_case, no_case, reply_headers
from opengateway.simulator.settings import SimulatorSettings

_UPLOADS: Final = ("transcriptions", "translations")
_COMPLETES_CHAT: Final = ("simulator", "vllm", "ollama", "together", "deepseek", "openrouter")
"""Vendors whose legacy completions go on with chat models too."""
_MODERATION: Final = "omni-moderation-latest"


class OperationsSimulator:
    """Holds what outlives a request: its cases."""

    def __init__(
        self, settings: SimulatorSettings, cases: CaseBook, clock: Clock, new_id: NewId
    ) -> None:
        self.cases = cases
        self.faults = ChatFaults()
        self._settings = settings
        self._clock = clock
        self._new_id = new_id

    def reset(self) -> None:
        self.cases.rewind()

    def arrived(self, incoming: Incoming, rest: str) -> Incoming:
        """The request with its operation's name, a form as JSON. Raises `Refusal`."""
        action = PATHS[rest]
        body = incoming.body
        if action in _UPLOADS:
            content_type = incoming.headers.get(b"content-type", b"").decode("latin-1")
            body = form_as_json(body, content_type)
        return Incoming(
            incoming.persona,
            incoming.provider,
            incoming.path,
            incoming.key,
            body,
            incoming.headers,
            action,
            model=incoming.model,
            stream=None if action == "completions" else False,
        )

    def user_text(self, body: dict[str, Any]) -> str:
        """Of any operation, the text that a directive may stand in."""
        for name in ("input", "prompt", "query"):
            text = body.get(name)
            if isinstance(text, str):
                return text
            if isinstance(text, list) and text and isinstance(text[0], str):
                return text[0]
        return ""

    def prepare(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        """A recorded case, else a generated reply. Raises `Refusal`."""
        action, vendor = incoming.action, incoming.persona.name
        asked = None
        if isinstance(body, dict):
            asked = body | {"action": action, "stream": record.stream}
            if incoming.model is not None:
                asked["model"] = incoming.model
        case = self.cases.find(asked, incoming.provider)
        if case is not None:
            return from_case(case, self._settings.gap_s, classify_completion)
        if self._settings.strict_cases:
            raise no_case(self.cases, asked)
        read = Reader().read(self._form(vendor, action), body)
        default = _MODERATION if action == "moderations" else ""
        model = str(incoming.model or read.get("model") or default)
        goes_on = action == "completions" and vendor in _COMPLETES_CHAT
        if vendor != "tei" and not (goes_on and self._settings.traits(model)):
            self._check_model(model, action)
        made = self._made(action, vendor, read, model, record)
        headers = reply_headers(incoming.persona, self._new_id, stream=made.frames is not None)
        headers = [(b"content-type", made.content_type), *headers[1:]]
        gap_s = self._settings.gap_s
        return Prepared(200, headers, made.meter, made.body, made.frames, gap_s)

    def _form(self, vendor: str, action: str) -> Table:
        forms: Mapping[str, Table] = VENDORS.get(vendor, OPENAI)
        if action not in forms:
            raise Refusal("not_found", (), path=action)
        return forms[action]

    def _check_model(self, model: str, action: str) -> None:
        serves = MODELS.get(model)
        if serves is None and model.startswith("sim-") and self._settings.traits(model):
            told = f"The model `{model}` does not support this operation."
            raise Refusal("bad_value", ("model",), message=told)
        if serves is None and model == _MODERATION and action == "moderations":
            return
        if serves is None and self._settings.traits(model) is None:
            raise Refusal("unknown_model", ("model",), model=model)
        if serves is not None and action not in serves:
            told = f"The model `{model}` does not support this operation."
            raise Refusal("bad_value", ("model",), message=told)

    def _made(
        self, action: str, vendor: str, asked: dict[str, Any], model: str, record: Record
    ) -> answers.Made:
        now_s = self._clock.now_ns() // 1_000_000_000
        match action:
            case "embeddings":
                return answers.embeddings(asked, vendor, model)
            case "rerank":
                return answers.rerank(asked, vendor, model, record.id)
            case "images":
                return answers.images(asked, model, now_s, record.id)
            case "speech":
                return answers.speech(asked, model)
            case "transcriptions" | "translations":
                return answers.transcript(asked, model, translated=action == "translations")
            case "moderations":
                return answers.moderations(asked, model, record.id)
            case _:
                return answers.completions(asked, model, now_s, record.id, stream=record.stream)
