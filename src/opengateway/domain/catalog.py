"""What can be served: providers, models, endpoints, and the snapshot that carries them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from opengateway.domain import origins
from opengateway.domain.operations import OperationRules
from opengateway.domain.particulars import ModelEnd, OwnCredential, TeamPrice
from opengateway.domain.routing_rules import Routing, RoutingPolicy
from opengateway.domain.usage import PriceRow
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


class ModelRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for those of a vendor's models whose name begins with `prefix`.

    Rules are read in order, and the first that fits holds.
    """

    prefix: str
    reasoning: Literal["never", "asked", "default", "always"] = "never"
    """When the model reasons: never; where an effort is asked for; unless the effort is `none`;
    always."""
    reasoning_in: str | None = None
    """Instead of the profile's `reasoning_in`."""
    drop: tuple[str, ...] = ()
    """Beside the profile's `drop`: request members that this model refuses."""
    thinking_as: Literal["level", "budget"] | None = None
    """How an effort goes to Gemini and Claude: a word, a number of tokens, or not at all."""
    levels: tuple[str, ...] = ()
    """The words that a model of `level` knows, least first. Another goes out as the nearest above,
    or else the highest."""
    min_budget: int = 0
    max_budget: int = 0
    """The smallest and the largest number that a model of `budget` takes."""
    budget_off: bool = False
    """Whether a budget of 0 turns the thinking off; else the smallest is as little as it does."""
    signed_calls: bool = False
    """Whether replayed tool calls must carry the signature that they came with."""
    rich_results: bool = False
    """Whether a tool's result may hold images and documents; else these follow it."""
    schema_with_tools: bool = True
    """Whether structured output and tools may be asked for together."""
    system_role: bool = True
    """Whether there is a place for system instructions; else they open the first user turn."""
    takes_budget: bool = False
    """Whether a model of `level` takes a number of tokens as well."""
    hidden_thoughts: bool = False
    """Whether thoughts are shown only if that is asked for."""
    schema_output: bool = True
    """Whether an answer can be held to a JSON Schema, and a call to its tool's."""
    forced_calls: bool = True
    """Whether a tool call can be demanded."""
    prefill: bool = True
    """Whether a conversation may end with the beginning of the answer."""
    system_anywhere: bool = False
    """Whether system messages may stand within the conversation; else they are the user's."""
    one_of_sampling: bool = False
    """Whether `temperature` and `top_p` exclude each other; the first goes out."""
    chat: bool = True
    """Whether chat completions know the model; else it is asked by way of Responses."""
    chat_tools: bool = True
    """Whether chat completions take functions while the model reasons; else such requests go by
    way of Responses."""
    family: str = ""
    """Of providers that serve many makers' models: the maker, whose ways of thinking and whose
    signatures the model has (`domain.origins`)."""
    named_calls: bool = True
    """Whether one function can be demanded; else only that one is offered, and demanded."""
    cache_marks: tuple[Literal["tools", "system", "messages"], ...] = ()
    """Where the model takes cache points on Bedrock."""
    results_alone: bool = False
    """Whether nothing but results may stand in the message that brings them."""
    call_id_length: int | None = None
    """Instead of the profile's `tool_call_id_length`."""
    refuse: tuple[str, ...] = ()
    """Beside the profile's `refuse`: members of which this model would make something else."""
    token_field: str = ""
    """The one name under which this model knows the limit of output."""
    top_k_in: Literal["", "top_k", "inference_config"] = ""
    """Where `top_k` goes among a Bedrock model's own fields; empty where it knows none."""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a vendor bends the OpenAI wire. Data: `catalog/providers.toml`, or the zone file.

    Each field's fact has its source in `docs/handbook/providers.md`.
    """

    rename: dict[str, str] = {}
    """Request members that go out under another name."""
    drop: tuple[str, ...] = ()
    """Request members that the vendor refuses; left out, and told to the caller."""
    refuse: tuple[str, ...] = ()
    """Request members without which the answer would mean something else, and which the vendor
    does not know: such a request is refused before it is sent."""
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
    """The header that carries `prompt_cache_key` where the vendor reads it there."""
    max_top_logprobs: int | None = None
    """More log probabilities than this are not given; the caller is told."""
    logprobs_as_number: bool = False
    """Whether `logprobs` is how many, as in the legacy completions."""
    json_object: bool = True
    """Whether `json_object` is known; else it goes out as the schema of any object."""
    schema_as_value: bool = False
    """Whether a schema goes out as `{"type": "json_object", "value": ...}`."""
    one_turn_each: bool = False
    """Whether no role may speak twice in a row; such texts become one."""
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
    """Replayed call ids must be this many letters and digits; others are replaced by a digest."""
    image_url_string: bool = False
    """Whether a part's `image_url` may be a bare string; else it goes out as `{"url": ...}`."""
    message_fields: tuple[str, ...] = ()
    """When given, the only members that messages may carry beside role and content."""
    strip_message_fields: tuple[str, ...] = ()
    """Members taken off messages."""
    strip_schema_keys: tuple[str, ...] = ()
    """JSON Schema keywords removed from tool parameters and response formats."""
    json_object_for_schema: bool = False
    """The vendor knows `json_object` only: a `json_schema` request is refused, never weakened."""
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
    """Of the OpenAI wire: what stands between the base URL and an operation's path, with `{model}`;
    Azure's `/deployments/{model}`."""
    query: str = ""
    """Of the OpenAI wire: what follows an operation's path after a question mark."""
    fetched_urls: tuple[str, ...] = ()
    """Beginnings of the addresses whose images and files the vendor fetches by itself."""
    responses: Literal["no", "open", "sealed"] = "no"
    """Whether the vendor has `/responses` beside chat completions: callers of that shape are served
    there. `sealed`: reasoning comes back encrypted if asked for; `open`: as text."""
    seals_as: str = origins.OPENAI
    """Whose the encrypted reasoning of `sealed` is: it goes back to the same maker only."""
    cache_scope: Literal["account", "replica", "none"] = "account"
    """Whose the prompt cache is: the account's that a credential belongs to, in a region; or each
    server's own, where what begins alike should go to the same one."""
    cache_ttl_s: int = 300
    """How long what was cached is kept without being used again."""
    refused_fields_retry: bool = False
    """Whether a 400 that names a member we sent is worth one retry without it."""
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
    """Of credentials that share a prompt cache with others: under which name. Else each has its
    own."""
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

    def cache_domain_of(self, credential: str | None) -> str:
        """Credentials of one domain find each other's prompts in the cache."""
        return self.cache_domains.get(credential or "", credential or "")


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
