"""One zone: its file read, checked and resolved. Every process begins here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from opengateway.catalog.compiler import auth_of, compile_snapshot, known_provider
from opengateway.catalog.config import ModelConfig, PricingConfig, ProviderConfig, rate_of
from opengateway.catalog.desk import DeskCatalogue, finish, merge
from opengateway.catalog.loader import load_catalogue
from opengateway.catalog.price_book import PricesNow
from opengateway.catalog.sell_prices import Pricing
from opengateway.compose.components import EDITIONS, EditionName, Slot, SlotName, choose
from opengateway.compose.faults import Faults, ZoneFaults, join
from opengateway.compose.provider_secrets import Secrets, check_issuers, read_secrets
from opengateway.compose.references import References
from opengateway.compose.registry import DEFAULTS, REGISTRY
from opengateway.compose.selling_rules import SellingPlan, check_selling
from opengateway.compose.shape import BAD, Shaper, unknown
from opengateway.compose.sign_in_rules import SignInSecrets, check_sign_in
from opengateway.compose.stores import StoreUrls, check_stores
from opengateway.compose.yaml_tree import BadYaml, Node, Scalar, parse, read_text
from opengateway.compose.yaml_tree import Mapping as YamlMapping
from opengateway.compose.zone_file import (
    AuthConfig,
    ListenConfig,
    OutboundConfig,
    RetentionConfig,
    RoutingConfig,
    RoutingPolicyConfig,
    SmokeConfig,
    TelemetryConfig,
    UpdatesConfig,
    ZoneFile,
)
from opengateway.compose.zone_rules import check_zone
from opengateway.domain.catalog import Snapshot
from opengateway.domain.errors import OperatorError
from opengateway.domain.neighbours import NOBODY, Neighbours
from opengateway.domain.routing_rules import MaxPrice, Routing, RoutingPolicy


@dataclass(frozen=True, slots=True)
class Components:
    """What fills each slot."""

    control_store: Slot
    shared_state: Slot
    event_log: Slot
    billing: Slot
    payments: Slot
    mail: Slot
    secrets: Slot


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone file, whole and sound. Paths are absolute; `secrets` never shows in a repr."""

    path: Path
    name: str
    edition: EditionName
    home: Path
    listen: ListenConfig
    outbound: OutboundConfig
    components: Components
    auth: AuthConfig
    retention: RetentionConfig
    providers: dict[str, ProviderConfig]
    models: dict[str, ModelConfig]
    routing: Routing
    secrets: Secrets = field(repr=False)
    """Provider to credential name to secret; optional ones that are absent are left out."""
    sign_in_secrets: SignInSecrets = field(default_factory=SignInSecrets)
    stores: StoreUrls = field(default_factory=StoreUrls)
    pricing: PricingConfig = field(default_factory=PricingConfig)
    selling: SellingPlan = field(default_factory=SellingPlan)
    smoke: SmokeConfig = field(default_factory=SmokeConfig)
    team_policies: dict[str, RoutingPolicy] = field(default_factory=dict)
    telemetry: TelemetryConfig = field(default_factory=TelemetryConfig)
    neighbours: Neighbours = NOBODY
    updates: UpdatesConfig = field(default_factory=UpdatesConfig)

    @property
    def usable(self) -> dict[str, tuple[str, ...]]:
        """The providers that can be called, with the names of the credentials at hand."""
        catalogue = load_catalogue()
        found: dict[str, tuple[str, ...]] = {}
        for provider_id, config in self.providers.items():
            names = tuple(self.secrets.get(provider_id, ()))
            auth = auth_of(config, known_provider(provider_id, config, catalogue))
            if names or auth == "none":
                found[provider_id] = names
        return found


def load_zone(path: Path, environ: Mapping[str, str]) -> Zone:
    """Read a zone file and everything that it points at.

    Raises `ZoneFaults`, an `OperatorError` with every fault found.
    """
    faults = Faults(path.name)
    zone = _load(path.absolute(), environ, faults)
    if zone is None or faults:
        raise ZoneFaults(faults.rendered())
    return zone


def snapshot_of(
    zone: Zone,
    created_at_ns: int,
    prices: PricesNow | None = None,
    desk: DeskCatalogue | None = None,
) -> Snapshot:
    """What the zone serves by its file, the bundled catalogue, and the database's prices, providers
    and models.

    Raises `OperatorError`.
    """
    catalogue = load_catalogue()
    merged = merge(catalogue, zone.providers, zone.models, zone.usable, desk or DeskCatalogue())
    snapshot = compile_snapshot(
        catalogue,
        merged.providers,
        merged.models,
        merged.usable,
        zone.routing,
        zone.name,
        version="draft",
        created_at_ns=created_at_ns,
        pricing=Pricing(zone.pricing, prices or PricesNow()),
        of_database=merged.of_database,
    )
    if zone.team_policies:
        snapshot = msgspec.structs.replace(snapshot, team_policies=zone.team_policies)
    return finish(snapshot, desk or DeskCatalogue())


def _load(path: Path, environ: Mapping[str, str], faults: Faults) -> Zone | None:
    try:
        tree = parse(read_text(path))
    except BadYaml as error:
        faults.add_at(error.line, error.problem)
        return None
    faults.learn(tree)
    references = References(path.parent, environ)
    shaper = Shaper(faults, references)
    # What is wrong takes its default here, so that the rest can be checked in the same pass.
    values = shaper.fields(tree.entries, ZoneFile, "")
    known = set(ZoneFile.__struct_fields__)
    file = ZoneFile(
        **{"zone": "nameless", **{k: v for k, v in values.items() if k in known and v is not BAD}}
    )
    components = _components(file.components, file.edition, shaper, faults)
    providers = tree.entries.get("providers")
    declared = providers.entries if isinstance(providers, YamlMapping) else {}
    check_zone(file, path.parent, frozenset(declared), load_catalogue(), faults)
    secrets_use = components.secrets.use if components else DEFAULTS[SlotName.SECRETS]
    secrets = read_secrets(file.providers, references, secrets_use, faults)
    check_issuers(secrets, file.outbound.allow, faults)
    mail = components.mail if components else None
    sign_in_secrets = check_sign_in(file, mail, references, faults)
    payments = components.payments if components else None
    selling = check_selling(file.selling, payments, references, faults)
    slots = {s: getattr(components, s.value) for s in SlotName} if components else None
    stores = check_stores(file, slots, references, faults)
    if faults or components is None:
        return None
    zone = replace(
        _resolved(path, file, components, secrets),
        sign_in_secrets=sign_in_secrets,
        stores=stores,
        selling=selling,
    )
    _try_to_compile(zone, faults)
    return zone


def _components(
    node: Node | None, edition: EditionName, shaper: Shaper, faults: Faults
) -> Components | None:
    given = _given_slots(node, faults)
    if given is None:
        return None
    uses = {slot: given[slot][0] if slot in given else DEFAULTS[slot] for slot in SlotName}
    chosen, problems = choose(EDITIONS[edition], uses, REGISTRY)
    for slot, problem in problems:
        faults.add(f"components.{slot}.use", problem)
    slots: dict[str, Slot] = {}
    for slot, factory in chosen.items():
        options_node = given[slot][1] if slot in given else YamlMapping(0, {}, {})
        options = shaper.read(options_node, factory.config, f"components.{slot}")
        if options is not BAD:
            slots[slot.value] = Slot(factory.name, options, slot in given)
    return Components(**slots) if len(slots) == len(SlotName) else None


def _given_slots(
    node: Node | None, faults: Faults
) -> dict[SlotName, tuple[str, YamlMapping]] | None:
    """Slot to what is used and its options, as the file gives them. None after a fault."""
    if node is None:
        return {}
    if not isinstance(node, YamlMapping):
        faults.add(
            "components", "expected a mapping of slots, such as control_store: {use: sqlite}"
        )
        return None
    known = {slot.value: slot for slot in SlotName}
    given: dict[SlotName, tuple[str, YamlMapping]] = {}
    for key, child in node.entries.items():
        path = join("components", key)
        use = child.entries.get("use") if isinstance(child, YamlMapping) else None
        if key not in known:
            faults.add(path, unknown(key, dict(known)))
        elif not isinstance(child, YamlMapping) or not isinstance(use, Scalar):
            faults.add(path, "expected {use: NAME} and the options of what is named")
        elif not isinstance(use.value, str):
            # YAML 1.1 reads a bare `off` as false.
            word = "off" if use.value is False else "none" if use.value is None else "?"
            given[known[key]] = (word, _without_use(child))
        else:
            given[known[key]] = (use.value, _without_use(child))
    return given if len(given) == len(node.entries) else None


def _without_use(node: YamlMapping) -> YamlMapping:
    rest = {key: child for key, child in node.entries.items() if key != "use"}
    return YamlMapping(node.line, rest, node.lines)


def _resolved(path: Path, file: ZoneFile, components: Components, secrets: Secrets) -> Zone:
    listen, outbound = file.listen, file.outbound
    folder = path.parent
    public_url = listen.public_url.rstrip("/") or f"http://localhost:{listen.port}"
    tls = listen.tls and msgspec.structs.replace(
        listen.tls,
        cert_file=_absolute(folder, listen.tls.cert_file),
        key_file=_absolute(folder, listen.tls.key_file),
    )
    ca_file = outbound.ca_file and _absolute(folder, outbound.ca_file)
    return Zone(
        path=path,
        name=file.zone,
        edition=file.edition,
        home=Path(_absolute(folder, file.home)),
        listen=msgspec.structs.replace(listen, public_url=public_url, tls=tls),
        outbound=msgspec.structs.replace(outbound, ca_file=ca_file),
        components=components,
        auth=file.auth,
        retention=file.retention,
        providers=file.providers,
        models=file.models,
        routing=_routing(file.routing),
        pricing=file.pricing,
        smoke=file.smoke,
        telemetry=file.telemetry,
        updates=file.updates,
        neighbours=Neighbours(file.zone, {n: u.rstrip("/") for n, u in file.zones.items()}),
        secrets=secrets,
        team_policies={team: _policy(policy) for team, policy in file.routing.teams.items()},
    )


def _absolute(folder: Path, name: str) -> str:
    # Not resolve(): a home may be a link that its owner moves, and need not exist yet.
    return str((folder / name).resolve()) if ".." in Path(name).parts else str(folder / name)


def _routing(config: RoutingConfig) -> Routing:
    first, idle = config.first_token_timeout_s, config.idle_timeout_s
    return Routing(
        connect_s=config.connect_timeout_s,
        first_token_stream_s=first.stream,
        first_token_reasoning_s=first.reasoning,
        first_token_unary_s=first.unary,
        idle_s=idle.stream,
        idle_reasoning_s=idle.reasoning,
        deadline_s=config.deadline_s,
        max_attempts=config.max_attempts,
        prefer_regions=config.prefer_regions,
        policy=_policy(config.policy),
    )


def _policy(config: RoutingPolicyConfig) -> RoutingPolicy:
    most = config.max_price
    return RoutingPolicy(
        only=config.only,
        ignore=config.ignore,
        countries=config.countries,
        deny_data_collection=config.data_collection == "deny",
        zdr=config.zdr,
        max_price=MaxPrice(
            **{
                name: rate_of(value)
                for name in most.__struct_fields__
                if (value := getattr(most, name)) is not None
            }
        )
        if most is not None
        else None,
    )


def _try_to_compile(zone: Zone, faults: Faults) -> None:
    """What only shows once everything is put together: two models that want one alias."""
    try:
        snapshot_of(zone, created_at_ns=0)
    except OperatorError as error:
        faults.add("models", error.message)
