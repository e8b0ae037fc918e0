"""What can be served: providers, models, endpoints, and the snapshot that carries them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from opengateway.domain import origins
from opengateway.domain.model_rules import ModelRule
from opengateway.domain.operations import OperationRules
from opengateway.domain.particulars import ModelEnd, OwnCredential, TeamPrice
from opengateway.domain.routing_rules import Routing, RoutingPolicy
from opengateway.domain.usage import PriceRow, SpendCap
from opengateway.domain.vault import is_own


class Wire(StrEnum):
    """The shape a provider speaks."""

    OPENAI = "openai"
    OPENAI_RESPONSES = "openai-responses"
    """Responses alone. What has both surfaces speaks `openai`, with `Profile.responses`."""
    ANTHROPIC = origins.ANTHROPIC
    GEMINI = "gemini"
    BEDROCK = "bedrock"
    """Converse and ConverseStream."""
    ANTHROPIC_BEDROCK = "anthropic-bedrock"
    """Messages in the envelope of Bedrock's InvokeModel."""
    ANTHROPIC_VERTEX = "anthropic-vertex"
    """Messages in the envelope of Vertex AI's rawPredict."""
    COHERE = origins.COHERE
    """Cohere's second version: chat, embed and rerank."""


MESSAGES_WIRES: Final = frozenset(
    (Wire.ANTHROPIC, Wire.ANTHROPIC_BEDROCK, Wire.ANTHROPIC_VERTEX, Wire.BEDROCK)
)
"""Wires on which a limit of output that leaves no room to think is raised by the thinking's."""


class ModelKind(StrEnum):
    CHAT = "chat"
    EMBEDDING = "embedding"
    RERANK = "rerank"
    IMAGE = "image"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    MODERATION = "moderation"
    COMPLETION = "completion"
    """Goes on with a text: the legacy completions, and no chat."""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a vendor bends the OpenAI wire. Data: `catalog/providers.toml`, or the zone file.

    Each field's fact has its source in `docs/handbook/providers.md`.
    """

    rename: dict[str, str] = {}
    """Request members that go out under another name."""
    drop: tuple[str, ...] = ()
    """Request members that the vendor refuses; left out, and told to the caller."""
    refuse: tuple[str, ...] = ()
    """Request members without which the answer would mean something else: refused if unknown."""
    models: tuple[ModelRule, ...] = ()
    drop_when_reasoning: tuple[str, ...] = ()
    """Request members that are refused while the model reasons; see `models`."""
    developer_role: bool = False
    """Whether `developer` messages are understood; else they go out as `system`."""
    reasoning_in: str = "strip"
    """What becomes of reasoning on replayed assistant messages: `strip`, `keep`, the name of the
    member that carries it (`reasoning_content`, `reasoning`), `both` of these, or `think_tags`
    around it at the beginning of the text."""
    reasoning_backfill: bool = False
    """Replayed assistant messages with tool calls need the member of `reasoning_in`, even empty."""
    stream_options: bool = True
    """Whether `stream_options.include_usage` may be sent."""
    include_obfuscation: bool = False
    """Whether `stream_options.include_obfuscation` is understood."""
    max_temperature: float | None = None
    min_temperature: float | None = None
    add: dict[str, Any] = {}
    """Request members that go out unless the caller gave them: what the vendor must be told."""
    thinking_switch: Literal["", "thinking", "enable_thinking", "chat_template"] = ""
    """What turns thinking on and off where an effort alone does not; `chat_template_kwargs`, say."""
    cache_key_header: str = ""
    """The header that carries `prompt_cache_key`."""
    max_top_logprobs: int | None = None
    """More log probabilities than this are not given; the caller is told."""
    logprobs_as_number: bool = False
    """Whether `logprobs` is how many, as in the legacy completions."""
    json_object: bool = True
    """Whether `json_object` is known; else it goes out as the schema of any object."""
    schema_as_value: bool = False
    """Whether a schema goes out as `{"type": "json_object", "value": ...}`."""
    one_turn_each: bool = False
    """No role may speak twice in a row; such texts become one."""
    tools_with_stream: bool = True
    """Whether a request with tools may stream; else it is asked for whole, and streamed on."""
    max_n: int | None = None
    """More choices than this are refused before sending: dropping would change the meaning."""
    max_stop: int | None = None
    tool_choice_required: str = "required"
    """The vendor's word for `required`; empty when it has none."""
    tool_choice_named: bool = True
    """Whether one function can be demanded; else only that one is offered, and demanded."""
    tool_choice_allowed: bool = False
    """Whether `allowed_tools` is understood; else only the allowed ones are offered."""
    tool_choice_none: bool = True
    """Whether `none` is honoured; else no tools are offered."""
    tool_call_index: bool = True
    """Whether `tool_calls[].index` on replayed messages is tolerated."""
    tool_call_id_length: int | None = None
    """Replayed call ids must be this many letters and digits; else a digest stands for them."""
    image_url_string: bool = False
    """Whether a part's `image_url` may be a bare string; else it goes out as `{"url": ...}`."""
    message_fields: tuple[str, ...] = ()
    """When given, the only members that messages may carry beside role and content."""
    strip_message_fields: tuple[str, ...] = ()
    """Members taken off messages."""
    strip_schema_keys: tuple[str, ...] = ()
    """JSON Schema keywords taken out of tools and response formats."""
    json_object_for_schema: bool = False
    """The vendor knows `json_object` only: a `json_schema` is said in the instructions, and that this
    was so is told to the caller; a strict request is refused."""
    inline_thoughts: bool = False
    """Whether thoughts come in the text, as `<think>...</think>` before the answer."""
    finish_map: dict[str, str] = {}
    """The vendor's finish reasons to the five of OpenAI; or `error:<class>`."""
    finish_required: bool = False
    """A stream's end marker without a finish reason is a cut stream, not an ended one. Where it
    is not required, the marker itself says that the answer is whole."""
    usage_excludes_reasoning: bool = False
    """`completion_tokens` leaves the reasoning tokens out."""
    usage_may_exclude_cache: bool = False
    """`prompt_tokens` leaves the cached tokens out whenever these are more."""
    operation_path: str = ""
    """Of wires that name the model in the path: the path below the base URL, with `{model}`, where
    it is not the wire's own."""
    path_prefix: str = ""
    """Of the OpenAI wire: what stands before an operation's path, such as `/deployments/{model}`."""
    query: str = ""
    """Of the OpenAI wire: what follows an operation's path after a question mark."""
    fetched_urls: tuple[str, ...] = ()
    """Beginnings of the addresses whose images and files the vendor fetches by itself."""
    responses: Literal["no", "open", "sealed"] = "no"
    """Whether `/responses` stands beside chat completions: callers of that shape are served there.
    `sealed`: reasoning comes back encrypted if asked for; `open`: as text."""
    seals_as: str = origins.OPENAI
    """Whose the encrypted reasoning of `sealed` is: it goes back to the same maker only."""
    cache_scope: Literal["account", "replica", "none"] = "account"
    """Whose the prompt cache is: of a credential's account in a region, or of each server."""
    cache_ttl_s: int = 300
    """How long what was cached is kept without being used."""
    continues: Literal["no", "prefill", "prefix", "template"] = "no"
    """How an answer that was begun is gone on with: as it stands, marked so, or by a template."""
    refused_fields_retry: bool = False
    """Whether a 400 that names a member we sent is worth one retry without it."""
    betas: tuple[str, ...] | None = None
    """Of Claude on a cloud: beginnings of the names of its maker's features that the cloud takes."""
    betas_refused: dict[str, tuple[str, ...]] = {}
    """Of those, what a region refuses."""
    operations: OperationRules = OperationRules()
    """How the operations beside chat are bent."""
    embeddings_as: dict[str, Literal["batch", "single", "predict"]] = {}
    """Of Gemini models on Vertex AI, by the beginning of their name: `embedContent` alone, or
    `predict`; else `batchEmbedContents`."""


class CredentialOwner(StrEnum):
    """Who pays the provider for what a credential is used for (decision 33)."""

    PLATFORM = "platform"
    TEAM = "team"


class Provider(msgspec.Struct, frozen=True):
    """Who serves. Credentials are names here: secrets stay in the zone's secret store."""

    id: str
    name: str
    wire: Wire
    base_url: str
    profile: Profile
    auth: str = "bearer"
    """`bearer`, `none`, or the name of the header that carries the bare key."""
    headers: dict[str, str] = {}
    region: str = "global"
    country: str = ""
    credentials: tuple[str, ...] = ()
    credential_owners: dict[str, CredentialOwner] = {}
    """Of those that are not the platform's."""
    cache_domains: dict[str, str] = {}
    """Of credentials that share a prompt cache: under which name."""
    own_only: bool = False
    """The platform has no credential of it: it is there for teams that bring their own."""
    spend_caps: dict[str, SpendCap] = {}
    """Of credentials that have one."""
    cancel_stops_billing: bool = True
    evidence: str = "documented"
    docs_url: str = ""
    bundled: bool = False
    """The simulator of this very product: the parent starts it and says where it listens."""
    collects_data: bool = True
    """Whether it may keep prompts to train on. Unless the zone says no, it is taken to."""
    zdr: bool = False
    """Zero data retention: nothing of a request is kept once it is answered."""
    regional_urls: dict[str, str] = {}
    """Of a provider with several regions: each region to where it is, `base_url`'s first."""

    def owner_of(self, credential: str | None) -> CredentialOwner:
        """Whose the credential is; None is a provider's that needs none."""
        if is_own(credential):
            return CredentialOwner.TEAM
        return self.credential_owners.get(credential or "", CredentialOwner.PLATFORM)


class Endpoint(msgspec.Struct, frozen=True):
    """One place that serves one model: provider, upstream name, limits, price."""

    id: str
    provider_id: str
    upstream_model: str
    context: int
    max_output: int | None
    price: PriceRow
    """What a team pays."""
    priority: int = 0
    region: str = "global"
    reasoning: bool = False
    """Whether the model thinks before it answers: the clocks are longer."""
    modalities: tuple[str, ...] = ("text",)
    tools: bool = True
    bytes_per_token: float = 4.0
    """For estimates only, when a provider leaves usage out."""
    hold_tokens_per_byte: float = 1.0
    """For holds: hardly any text has more tokens in a byte."""
    token_encoding: str = ""
    """The model's own tokenizer, where it is at hand to count what a provider leaves out."""
    cost: PriceRow | None = None
    """What the provider charges us; None where that is the price itself."""
    hold_tokens_per_byte_beyond: float | None = None
    """The same for what lies beyond the first `HOLD_KNEE_BYTES`: long texts are less odd than
    short ones. None: the same ratio."""
    image_tokens: int = 6000
    """A bound on what one image comes to as input."""
    unpriced_above: int | None = None
    """Input tokens from which on the vendor charges a price that is not known here."""
    fee_ppm: int = 0
    """Our fee on top of the price, in millionths of it."""
    own_key_fee_ppm: int = 0
    """Our fee where the team's own credential pays the provider, in millionths of the cost."""
    country: str = ""
    """ISO 3166-1 alpha-2, where it is not the provider's."""
    quantization: str = ""
    """`fp8`, `int4`, ...; empty where nobody says."""
    weight: float = 1.0
    """Its share beside others of the same priority and price."""
    base_url: str = ""
    """Instead of the provider's, where each of its regions has an address of its own."""
    completes: bool = False
    """Whether the legacy completions reach the model there."""
    lacks: tuple[str, ...] = ()
    """Capabilities of the model that it does not have there."""
    retires: str = ""
    """`YYYY-MM-DD`, where the provider has said when it stops to serve the model."""


HOLD_KNEE_BYTES: Final = 16 * 1024


class Model(msgspec.Struct, frozen=True):
    id: str
    name: str
    owner: str
    kind: ModelKind
    created: int
    """Unix seconds of its release; OpenAI's `created`."""
    context: int
    max_output: int | None
    input_modalities: tuple[str, ...]
    output_modalities: tuple[str, ...]
    capabilities: tuple[str, ...]
    """Among: tools, parallel_tools, structured_output, reasoning, prompt_caching, temperature."""
    endpoints: tuple[Endpoint, ...]
    ends: ModelEnd | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """The immutable configuration of a zone, swapped whole by reference (decision 25)."""

    version: str
    zone: str
    created_at_ns: int
    providers: dict[str, Provider]
    models: dict[str, Model]
    aliases: dict[str, str]
    """A bare vendor id, where unique, to the model's id (decision 30)."""
    routing: Routing
    team_prices: dict[str, tuple[TeamPrice, ...]] = {}
    """A team's id to what it pays otherwise than others. The first that fits holds."""
    team_policies: dict[str, RoutingPolicy] = {}
    """A team's id to its ceiling on where its requests may go."""
    own_credentials: dict[str, tuple[OwnCredential, ...]] = {}
    """A team's id to its own credentials."""
    ended: dict[str, str] = {}
    """Models that are served no more, to their successors or ""."""
    vault: str = ""
    """The version of the vault that holds what the database's credentials are; "" for none."""
