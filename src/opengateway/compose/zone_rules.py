"""What no single key of a zone file can say alone: rules between them, all faults at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from opengateway.catalog.compiler import auth_of, known_provider, merge_model
from opengateway.catalog.config import (
    MODEL_ID_PATTERN,
    NAME_PATTERN,
    EndpointConfig,
    ModelConfig,
    PriceConfig,
    ProviderConfig,
    is_date,
    rate_of,
)
from opengateway.catalog.loader import Catalogue
from opengateway.catalog.places import base_url_of, missing_places, regional_urls
from opengateway.catalog.pricing import lacking
from opengateway.catalog.secret_forms import form_problems
from opengateway.compose.components import EditionName
from opengateway.compose.egress import (
    host_of,
    is_inside,
    network_problem,
    rule_problem,
    url_problem,
)
from opengateway.compose.faults import Faults, join
from opengateway.compose.zone_file import ZoneFile
from opengateway.domain.catalog import ModelKind

_MAX_ZONES: Final = 100
_ZONE: Final = r"[a-z0-9][a-z0-9-]{0,62}"
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_SECRET_HEADERS: Final = frozenset(
    ("authorization", "proxy-authorization", "cookie", "api-key", "x-api-key", "x-goog-api-key")
)
_OWN_HEADERS: Final = frozenset(
    ("host", "content-length", "content-type", "connection", "transfer-encoding", "accept-encoding")
)


def check_zone(
    file: ZoneFile, folder: Path, declared: frozenset[str], catalogue: Catalogue, faults: Faults
) -> None:
    """Note everything in `file` that cannot work.

    `folder` is where relative paths start. `declared` are the ids of all its providers: of those
    too that could not be read and so are not in `file`.
    """
    _check_listen(file, folder, faults)
    _check_outbound(file, folder, faults)
    _check_collector(file, faults)
    _check_neighbours(file, faults)
    for provider_id, provider in file.providers.items():
        path = join("providers", provider_id)
        if re.fullmatch(NAME_PATTERN, provider_id) is None:
            faults.add(path, "a provider's id is lower-case letters, digits and . _ -")
        _check_provider(provider_id, provider, path, catalogue, faults)
        if file.edition is EditionName.AIRGAP:
            _check_inside(provider_id, provider, path, file, catalogue, faults)
    for model_id, model in file.models.items():
        _check_model(model_id, model, declared, catalogue, faults)


def _check_listen(file: ZoneFile, folder: Path, faults: Faults) -> None:
    listen = file.listen
    if listen.public_url and (problem := url_problem(listen.public_url)):
        faults.add("listen.public_url", problem)
    for index, text in enumerate(listen.trusted_proxies):
        if problem := network_problem(text):
            faults.add(f"listen.trusted_proxies[{index}]", problem)
    same = (listen.host, listen.port) == (listen.metrics.host, listen.metrics.port)
    if same and listen.port:
        faults.add("listen.metrics.port", f"{listen.port} is the public port; give another one")
    if listen.tls is not None:
        for key in ("cert_file", "key_file"):
            _check_file(f"listen.tls.{key}", getattr(listen.tls, key), folder, faults)


def _check_outbound(file: ZoneFile, folder: Path, faults: Faults) -> None:
    outbound = file.outbound
    for index, rule in enumerate(outbound.allow):
        if problem := rule_problem(rule):
            faults.add(f"outbound.allow[{index}]", problem)
    if outbound.ca_file is not None:
        _check_file("outbound.ca_file", outbound.ca_file, folder, faults)
    if outbound.proxy is None:
        return
    # A proxy alone may carry a user and password; they are taken off before the check.
    scheme, _, rest = outbound.proxy.partition("://")
    bare = f"{scheme}://{rest.rpartition('@')[2]}"
    if problem := url_problem(bare):
        faults.add(
            "outbound.proxy", problem.replace("https://api.example.com/v1", "http://10.0.0.1")
        )
    elif file.edition is EditionName.AIRGAP and not is_inside(host_of(bare), outbound.allow):
        faults.add(
            "outbound.proxy",
            f"{host_of(bare)!r} is not a private address; an airgap zone reaches only those, and"
            " what outbound.allow lists",
        )


def _check_neighbours(file: ZoneFile, faults: Faults) -> None:
    if len(file.zones) > _MAX_ZONES:
        faults.add("zones", f"at most {_MAX_ZONES} other zones")
    for name, url in file.zones.items():
        path = join("zones", name)
        if re.fullmatch(_ZONE, name) is None:
            faults.add(path, "a zone's name is lower-case letters, digits and -")
        if name == file.zone:
            faults.add(path, "this is the zone itself; list the others")
        if problem := url_problem(url):
            example = problem.replace("https://api.example.com/v1", "https://jp.example.com")
            faults.add(path, example)


def _check_collector(file: ZoneFile, faults: Faults) -> None:
    url = file.telemetry.otlp_url
    if url is None:
        return
    if problem := url_problem(url):
        faults.add(
            "telemetry.otlp_url",
            problem.replace("https://api.example.com/v1", "http://10.0.0.5:4318/v1/traces"),
        )
    elif file.edition is EditionName.AIRGAP and not is_inside(host_of(url), file.outbound.allow):
        faults.add(
            "telemetry.otlp_url",
            f"{host_of(url)!r} is not a private address; an airgap zone reaches only those, and"
            " what outbound.allow lists",
        )


def _check_file(path: str, name: str, folder: Path, faults: Faults) -> None:
    try:
        found = (folder / name).is_file()
    except (OSError, ValueError):
        found = False
    if not found:
        faults.add(path, f"there is no file {name[:200]!r}; relative paths start at the zone file")


def _check_provider(
    provider_id: str, config: ProviderConfig, path: str, catalogue: Catalogue, faults: Faults
) -> None:
    known = known_provider(provider_id, config, catalogue)
    if config.like is not None and known is None:
        faults.add(
            f"{path}.like", f"{config.like[:60]!r} is not in the catalogue; {_known(catalogue)}"
        )
        return
    if config.wire is None and known is None:
        faults.add(
            f"{path}.wire", f"is missing: the catalogue does not know it; {_known(catalogue)}"
        )
    if config.base_url is not None and (problem := url_problem(config.base_url)):
        faults.add(f"{path}.base_url", problem)
    elif base_url_of(provider_id, config, known) is None:
        faults.add(f"{path}.base_url", "is missing: the catalogue does not know where this one is")
    for name in missing_places(config, known):
        faults.add(
            f"{path}.{name}", "is missing: the provider's address needs it; or give base_url"
        )
    if config.auth is not None and _TOKEN.fullmatch(config.auth) is None:
        faults.add(f"{path}.auth", "expected bearer, none, or the name of a header")
    _check_headers(config, path, faults)
    _check_credentials(config, path, auth_of(config, known), faults)
    wire = config.wire or (known.wire if known is not None else None)
    for index, credential in enumerate(config.credentials):
        for problem in form_problems(credential, wire):
            faults.add(f"{path}.credentials[{index}]", problem)


def _known(catalogue: Catalogue) -> str:
    return f"known are {', '.join(sorted(catalogue.providers))}"


def _check_headers(config: ProviderConfig, path: str, faults: Faults) -> None:
    for name, value in config.headers.items():
        where = join(f"{path}.headers", name)
        if name.lower() in _SECRET_HEADERS or name.lower() == (config.auth or "").lower():
            faults.add(where, "carries a secret; give it as a credential, and its header as auth")
        elif name.lower() in _OWN_HEADERS:
            faults.add(where, "is set by the gateway; leave it out")
        elif _TOKEN.fullmatch(name) is None or not value.isascii() or not value.isprintable():
            faults.add(where, "is not a header: plain ASCII on one line is expected")


def _check_credentials(config: ProviderConfig, path: str, auth: str, faults: Faults) -> None:
    if config.auth == "none" and config.credentials:
        faults.add(
            f"{path}.credentials", "auth is none, so no credential is sent; drop one of them"
        )
    if auth != "none" and not config.credentials:
        faults.add(
            f"{path}.credentials",
            "is missing: give [{name: main, api_key: env:NAME}], or auth: none if it needs no key",
        )
    seen: set[str] = set()
    for index, credential in enumerate(config.credentials):
        if credential.name in seen:
            faults.add(f"{path}.credentials[{index}].name", f"{credential.name!r} stands twice")
        seen.add(credential.name)


def _check_inside(
    provider_id: str,
    config: ProviderConfig,
    path: str,
    file: ZoneFile,
    catalogue: Catalogue,
    faults: Faults,
) -> None:
    known = known_provider(provider_id, config, catalogue)
    places = regional_urls(config, known).values()
    for url in places or (base_url_of(provider_id, config, known),):
        if not url or url_problem(url) or is_inside(host_of(url), file.outbound.allow):
            continue
        faults.add(
            f"{path}.base_url",
            f"{host_of(url)!r} is not a private address; an airgap zone calls only those, and what"
            " outbound.allow lists",
        )


def _check_model(
    model_id: str,
    config: ModelConfig,
    declared: frozenset[str],
    catalogue: Catalogue,
    faults: Faults,
) -> None:
    path = join("models", model_id)
    if re.fullmatch(MODEL_ID_PATTERN, model_id) is None:
        faults.add(path, "a model's id is owner/name in lower case, such as house/qwen")
    known = catalogue.models.get(model_id)
    if known is None and not config.endpoints:
        faults.add(f"{path}.endpoints", "is missing: a model of yours needs at least one")
    if config.released is not None and not is_date(config.released):
        faults.add(f"{path}.released", "expected a date as YYYY-MM-DD")
    for index, alias in enumerate(config.aliases):
        if not 0 < len(alias) <= 128 or not alias.isascii() or not alias.isprintable():
            faults.add(f"{path}.aliases[{index}]", "expected a name of 1 to 128 plain characters")
    kind = merge_model(known, config).kind
    seen: set[tuple[str, str]] = set()
    for index, endpoint in enumerate(config.endpoints):
        where = f"{path}.endpoints[{index}]"
        _check_endpoint(endpoint, where, declared, faults)
        if names := lacking(endpoint.price, kind):
            what = (kind or ModelKind.CHAT).value
            others = f" (or {', '.join(names[1:])})" if names[1:] else ""
            article = "an" if what[0] in "aei" else "a"
            told = f"is missing{others}; {article} {what} model needs it"
            faults.add(f"{where}.price.{names[0]}", told)
        if (key := (endpoint.provider, endpoint.upstream_model)) in seen:
            faults.add(where, "the same provider and upstream_model stand twice in this model")
        seen.add(key)


def _check_endpoint(
    endpoint: EndpointConfig, path: str, declared: frozenset[str], faults: Faults
) -> None:
    if endpoint.provider not in declared:
        have = ", ".join(sorted(declared)) or "none"
        faults.add(
            f"{path}.provider",
            f"{endpoint.provider[:60]!r} is not among this zone's providers: {have}",
        )
    if endpoint.max_output is not None and endpoint.max_output > endpoint.context:
        faults.add(f"{path}.max_output", f"is larger than context, {endpoint.context}")
    _check_price(endpoint.price, f"{path}.price", faults)
    if endpoint.price_other is not None:
        _check_price(endpoint.price_other, f"{path}.price_other", faults)


def _check_price(price: PriceConfig, path: str, faults: Faults) -> None:
    for name, text in price.rates().items():
        try:
            rate_of(text)
        except ValueError as error:
            faults.add(f"{path}.{name}", str(error))
    if price.effective_from is not None and not is_date(price.effective_from):
        faults.add(f"{path}.effective_from", "expected a date as YYYY-MM-DD")
