"""What the operator's people configured at run time, put together with the zone file.

The zone file wins (decision 16): a provider or model that it names is wholly its own, and so is a
credential's name. What is drained or weighed differently is an endpoint's, whoever configured it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from opengateway.catalog.compiler import auth_of, content_version, known_provider
from opengateway.catalog.config import CredentialConfig, ModelConfig, ProviderConfig
from opengateway.catalog.loader import Catalogue
from opengateway.domain.catalog import Endpoint, Model, Provider, Snapshot
from opengateway.domain.money import nanos_to_usd
from opengateway.domain.particulars import ModelEnd, OwnCredential
from opengateway.domain.routing import both_policies
from opengateway.domain.routing_rules import RoutingPolicy
from opengateway.domain.usage import SpendCap
from opengateway.domain.vault import Vault, own_name


class DeskCredential(msgspec.Struct, frozen=True):
    """A credential of the database that may be used. `team_id`: whose own it is."""

    id: str
    provider_id: str
    name: str
    team_id: str | None = None
    preferred: bool = True
    cap: SpendCap | None = None
    """What may be spent with it; the platform's alone have one."""


class DeskEndpoint(msgspec.Struct, frozen=True):
    """What was set of one endpoint; None where nothing was."""

    drained: bool = False
    weight: float | None = None
    priority: int | None = None


class DeskCatalogue(msgspec.Struct, frozen=True):
    """The database's part of the configuration at one moment."""

    providers: dict[str, ProviderConfig] = {}
    models: dict[str, ModelConfig] = {}
    ended: dict[str, str] = {}
    """Models that are served no more, to their successors or ""."""
    ending: dict[str, ModelEnd] = {}
    """Models that will end."""
    credentials: tuple[DeskCredential, ...] = ()
    endpoints: dict[str, DeskEndpoint] = {}
    team_policies: dict[str, RoutingPolicy] = {}
    """What teams set for themselves: holds beside what the zone file says of them."""
    vault: str = ""


class Merged(msgspec.Struct, frozen=True):
    """What the compiler takes."""

    providers: dict[str, ProviderConfig]
    models: dict[str, ModelConfig]
    usable: dict[str, tuple[str, ...]]
    of_database: frozenset[str]


def merge(
    catalogue: Catalogue,
    providers: Mapping[str, ProviderConfig],
    models: Mapping[str, ModelConfig],
    usable: Mapping[str, tuple[str, ...]],
    desk: DeskCatalogue,
) -> Merged:
    """`providers`, `models` and `usable` are the zone file's."""
    together = {**desk.providers, **providers}
    names = {provider_id: list(found) for provider_id, found in usable.items()}
    for credential in desk.credentials:
        provider_id = credential.provider_id
        if provider_id not in together:
            if provider_id not in catalogue.providers:
                continue  # its provider is gone
            together[provider_id] = ProviderConfig()
        held = names.setdefault(provider_id, [])
        if credential.team_id is None and credential.name not in held:
            held.append(credential.name)
            together[provider_id] = _with_credential(
                together[provider_id], credential.name, credential.cap
            )
        elif credential.team_id is not None:
            together[provider_id] = _with_credential(together[provider_id], "own")
    for provider_id in desk.providers:
        config = together[provider_id]
        if auth_of(config, known_provider(provider_id, config, catalogue)) == "none":
            names.setdefault(provider_id, [])
    return Merged(
        providers=together,
        models={**desk.models, **models},
        usable={provider_id: tuple(found) for provider_id, found in names.items()},
        of_database=frozenset(desk.models.keys() - models.keys()),
    )


def finish(snapshot: Snapshot, desk: DeskCatalogue) -> Snapshot:
    """The compiled snapshot with what is the desk's alone, and its version."""
    own: dict[str, list[OwnCredential]] = {}
    for credential in desk.credentials:
        if credential.team_id is not None and credential.provider_id in snapshot.providers:
            own.setdefault(credential.team_id, []).append(
                OwnCredential(credential.provider_id, own_name(credential.id), credential.preferred)
            )
    models = {
        model_id: kept
        for model_id, model in snapshot.models.items()
        if model_id not in desk.ended and (kept := _set(model, desk)).endpoints
    }
    finished = msgspec.structs.replace(
        snapshot,
        providers={provider_id: _own_only(p) for provider_id, p in snapshot.providers.items()},
        models=models,
        aliases={name: to for name, to in snapshot.aliases.items() if to in models},
        own_credentials={team_id: tuple(found) for team_id, found in sorted(own.items())},
        ended={name: to for name, to in sorted(desk.ended.items()) if name in snapshot.models},
        team_policies=_both_of_teams(snapshot.team_policies, desk.team_policies),
        vault=desk.vault,
    )
    return msgspec.structs.replace(finished, version=content_version(finished))


def _both_of_teams(
    zone: Mapping[str, RoutingPolicy], own: Mapping[str, RoutingPolicy]
) -> dict[str, RoutingPolicy]:
    return {
        team_id: both_policies(zone[team_id], own[team_id])
        if team_id in zone and team_id in own
        else (own.get(team_id) or zone[team_id])
        for team_id in sorted({*zone, *own})
    }


def _own_only(provider: Provider) -> Provider:
    if provider.credentials or provider.auth == "none":
        return provider
    return msgspec.structs.replace(provider, own_only=True)


def _set(model: Model, desk: DeskCatalogue) -> Model:
    ends = desk.ending.get(model.id)
    if ends is not None:
        model = msgspec.structs.replace(model, ends=ends)
    if not any(endpoint.id in desk.endpoints for endpoint in model.endpoints):
        return model
    kept = (_at(endpoint, desk.endpoints.get(endpoint.id)) for endpoint in model.endpoints)
    return msgspec.structs.replace(model, endpoints=tuple(e for e in kept if e is not None))


def _at(endpoint: Endpoint, wanted: DeskEndpoint | None) -> Endpoint | None:
    if wanted is None:
        return endpoint
    if wanted.drained:
        return None
    weight = endpoint.weight if wanted.weight is None else wanted.weight
    priority = endpoint.priority if wanted.priority is None else wanted.priority
    return msgspec.structs.replace(endpoint, weight=weight, priority=priority)


def _with_credential(
    config: ProviderConfig, name: str, cap: SpendCap | None = None
) -> ProviderConfig:
    """One that says a credential's name, so that a provider that can do without gets it sent."""
    placeholder = CredentialConfig(name=name, api_key="vault:")
    if cap is not None:
        placeholder = msgspec.structs.replace(
            placeholder, spend_cap_usd=nanos_to_usd(cap.nanos), spend_cap_per=cap.per
        )
    return msgspec.structs.replace(config, credentials=(*config.credentials, placeholder))


class DeskState(msgspec.Struct, frozen=True):
    """All of the database that a snapshot is made of, beside the prices."""

    catalogue: DeskCatalogue = DeskCatalogue()
    vault: Vault = Vault("")
    next_change_ns: int | None = None
    """When a date that is set passes, and it has to be made again."""
