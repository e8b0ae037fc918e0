"""Reads the bundled catalogue: `providers.toml` and `models/*.toml`, shipped in the package."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import msgspec

from opengateway.catalog.config import EndpointConfig, ModelConfig
from opengateway.domain.catalog import Profile, Wire
from opengateway.domain.errors import OperatorError

T = TypeVar("T")


class CatalogueProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A provider that the product knows. Its profile's facts are sourced in the handbook."""

    name: str
    wire: Wire
    base_url: str
    """May name `{region}`, `{project}` and `{resource}`, which the zone gives."""
    base_urls: dict[str, str] = {}
    """By region, where one has an address of another form."""
    auth: str = "bearer"
    headers: dict[str, str] = {}
    region: str = "global"
    country: str = ""
    docs_url: str = ""
    evidence: Literal["recorded", "documented", "live"] = "documented"
    """How the mapping was checked: recorded traffic, documentation alone, or the service itself."""
    cancel_stops_billing: bool = True
    collects_data: bool = True
    zdr: bool = False
    profile: Profile = Profile()


class _ModelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`models/<owner>.toml`. An owner with many models may have several files."""

    owner: str
    models: dict[str, ModelConfig]


class _CloudEndpoint(EndpointConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An endpoint that stands apart from its model."""

    model: str


class _CloudFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`clouds/<provider>.toml`: what a cloud serves of many owners' models."""

    endpoints: tuple[_CloudEndpoint, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the product knows without being told. Model ids are `owner/name`."""

    providers: Mapping[str, CatalogueProvider]
    models: Mapping[str, ModelConfig]


def _read(place: Traversable, type_: type[T]) -> T:
    """Raises `OperatorError` that names the file: a broken package, not a broken zone."""
    try:
        document: dict[str, Any] = tomllib.loads(place.read_text("utf-8"))
        return msgspec.convert(document, type_)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise OperatorError(f"the bundled catalogue's {place.name} is broken: {error}") from error


def read_catalogue(folder: Traversable) -> Catalogue:
    """The catalogue in `folder`. Raises `OperatorError` for what cannot be read."""
    providers = _read(folder.joinpath("providers.toml"), dict[str, CatalogueProvider])
    models: dict[str, ModelConfig] = {}
    places = (p for p in folder.joinpath("models").iterdir() if p.name.endswith(".toml"))
    for place in sorted(places, key=lambda p: p.name):
        content = _read(place, _ModelFile)
        for name, model in content.models.items():
            model_id = f"{content.owner}/{name}"
            if model_id in models:
                raise OperatorError(
                    f"the bundled catalogue's {place.name} repeats the model {model_id!r}"
                )
            models[model_id] = msgspec.structs.replace(model, owner=content.owner)
    clouds = folder.joinpath("clouds")
    for place in sorted(clouds.iterdir(), key=lambda p: p.name) if clouds.is_dir() else ():
        if place.name.endswith(".toml"):
            _add_endpoints(_read(place, _CloudFile), place.name, models)
    return Catalogue(MappingProxyType(providers), MappingProxyType(models))


def _add_endpoints(file: _CloudFile, name: str, models: dict[str, ModelConfig]) -> None:
    """Raises `OperatorError` for a model that no file has."""
    names = EndpointConfig.__struct_fields__
    for one in file.endpoints:
        if one.model not in models:
            raise OperatorError(
                f"the bundled catalogue's {name} names the model {one.model!r}, which no file of"
                " models/ has"
            )
        endpoint = EndpointConfig(**{field: getattr(one, field) for field in names})
        model = models[one.model]
        models[one.model] = msgspec.structs.replace(model, endpoints=(*model.endpoints, endpoint))


@cache
def load_catalogue() -> Catalogue:
    """The catalogue of this package, read once in a process."""
    return read_catalogue(files("opengateway.catalog"))
