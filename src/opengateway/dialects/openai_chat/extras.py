"""What is ours in a request: targets, preferences, names, clocks. From the body and from headers.

Where a header and a member say the same thing, the header wins: it is set by the deployment that
calls, the member by the code in it. Not so of the session: the code knows its conversations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from opengateway.dialects.openai_chat.complaints import INVALID_TYPE, INVALID_VALUE, wrong
from opengateway.dialects.openai_chat.shapes import (
    MAX_TARGETS,
    MAX_TIMEOUT_MS,
    Extra,
    Params,
    Percentiles,
    Preferences,
    PriceBounds,
    Sorted,
)
from opengateway.domain.chat import NO_PREFERENCES, ProviderPreferences, SortBy
from opengateway.domain.chat import Percentiles as Bounds
from opengateway.domain.money import NANOS_PER_USD
from opengateway.domain.routing_rules import MaxPrice

SESSION_HEADERS: Final = ("x-opengateway-session-id", "x-session-id")
AGENT_HEADER: Final = "x-claude-code-session-id"
"""Of an agent that was not written for us: what we cannot keep of it is left out."""
USER_HEADER: Final = "x-opengateway-user-id"
TIMEOUT_HEADER: Final = "x-opengateway-timeout"
STRICT_HEADER: Final = "x-opengateway-strict-parameters"

_MAX_NAME: Final = 256
_is_slug: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}(?:/[a-z0-9][a-z0-9._-]{0,63})?").fullmatch


def targets(params: Params) -> tuple[str, tuple[str, ...]]:
    """The model and its fallbacks, each once. Raises `InvalidRequest`."""
    model = params.model
    _check_model(model, "model")
    listed, fallbacks = params.models, params.extra.fallbacks if params.extra else None
    if listed is None and fallbacks is None:
        return model, ()
    if listed is not None and fallbacks is not None and listed != fallbacks:
        raise wrong(
            INVALID_VALUE,
            "models",
            "'models' and 'extra.fallbacks' are the same thing and differ; send one of them",
        )
    param = "models" if listed is not None else "extra.fallbacks"
    others: dict[str, None] = {}
    for at, other in enumerate((listed if listed is not None else fallbacks) or ()):
        _check_model(other, f"{param}[{at}]")
        if other != model:
            others[other] = None
    if len(others) >= MAX_TARGETS:
        raise wrong(
            INVALID_VALUE,
            param,
            f"{param!r} gives more than {MAX_TARGETS} targets with the model itself; "
            f"send at most {MAX_TARGETS - 1} others",
        )
    return model, tuple(others)


def _check_model(model: str, param: str) -> None:
    # It goes into headers, logs and metrics: visible ASCII only.
    if (
        not model
        or len(model) > _MAX_NAME
        or not model.isascii()
        or not model.isprintable()
        or " " in model
    ):
        raise wrong(
            INVALID_VALUE,
            param,
            f"{param!r} must be a model's id of 1 to {_MAX_NAME} visible ASCII characters, "
            "without spaces; GET /v1/models lists them",
        )


def wishes(asked: Preferences | None) -> ProviderPreferences:
    """The `provider` object. Raises `InvalidRequest`."""
    if asked is None:
        return NO_PREFERENCES
    sort = asked.sort
    by = sort.by if isinstance(sort, Sorted) else sort
    order = _slugs(asked.order, "order")
    if order and by is not None:
        raise wrong(
            INVALID_VALUE,
            "provider.sort",
            "'provider.sort' and 'provider.order' both say what goes first; send one of them",
        )
    return ProviderPreferences(
        order=order,
        only=_slugs(asked.only, "only"),
        ignore=_slugs(asked.ignore, "ignore"),
        allow_fallbacks=asked.allow_fallbacks is not False,
        require_parameters=bool(asked.require_parameters),
        deny_data_collection=asked.data_collection == "deny",
        zdr=bool(asked.zdr),
        quantizations=tuple(dict.fromkeys(asked.quantizations or ())),
        sort=SortBy(by) if by is not None else None,
        sort_across_models=isinstance(sort, Sorted) and sort.partition == "none",
        preferred_max_latency=_percentiles(asked.preferred_max_latency),
        preferred_min_throughput=_percentiles(asked.preferred_min_throughput),
        max_price=_max_price(asked.max_price),
    )


def _percentiles(bound: float | Percentiles | None) -> Bounds:
    """A bare number is the median's."""
    if bound is None:
        return ()
    if not isinstance(bound, Percentiles):
        return ((50, float(bound)),)
    given = ((50, bound.p50), (75, bound.p75), (90, bound.p90), (99, bound.p99))
    return tuple((percentile, value) for percentile, value in given if value is not None)


def _max_price(bounds: PriceBounds | None) -> MaxPrice | None:
    if bounds is None:
        return None
    return MaxPrice(
        prompt=_nanos(bounds.prompt),
        completion=_nanos(bounds.completion),
        request=_nanos(bounds.request),
        image=_nanos(bounds.image),
    )


def _nanos(dollars: float | str | None) -> int | None:
    """Rounded down: a maximum is never exceeded."""
    if dollars is None:
        return None
    # By its decimal text: 0.1 is a tenth of a dollar, whatever its binary neighbour is.
    return int(Decimal(str(dollars)) * NANOS_PER_USD)


def _slugs(slugs: list[str] | None, name: str) -> tuple[str, ...]:
    for at, slug in enumerate(slugs or ()):
        if _is_slug(slug) is None:
            raise wrong(
                INVALID_VALUE,
                f"provider.{name}[{at}]",
                f"'provider.{name}[{at}]' must be a provider, or a provider and a region, in "
                "lower case, such as 'azure' or 'azure/eastus'",
            )
    return tuple(slugs or ())


def who(params: Params, headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The session and the end user. Raises `InvalidRequest`."""
    session = _name(params.session_id, "session_id")
    for name in SESSION_HEADERS:
        session = session or _name(headers.get(name), name)
    if session is None and (told := headers.get(AGENT_HEADER)):
        session = told if len(told) <= _MAX_NAME and told.isprintable() else None
    user = _name(headers.get(USER_HEADER), USER_HEADER) or _name(params.user, "user")
    return session, user


def _name(value: str | None, param: str) -> str | None:
    """An empty one is none."""
    if not value:
        return None
    if len(value) > _MAX_NAME or not value.isprintable():
        raise wrong(
            INVALID_VALUE,
            param,
            f"{param!r} must be at most {_MAX_NAME} printable characters; send a shorter or "
            "cleaner one",
        )
    return value


def timeouts(extra: Extra | None, headers: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Seconds to the first token, and to the end of all attempts. Raises `InvalidRequest`."""
    first_ms = extra.first_token_timeout_ms if extra is not None else None
    deadline_ms = extra.deadline_ms if extra is not None else None
    text = headers.get(TIMEOUT_HEADER)
    if text:
        first_ms = _header_ms(text)
    return (
        first_ms / 1000 if first_ms is not None else None,
        deadline_ms / 1000 if deadline_ms is not None else None,
    )


def without_going_on(extra: Extra | None) -> None:
    """Of a dialect whose streams are not gone on with. Raises `InvalidRequest`."""
    if extra is not None and extra.on_stream_failure == "continue":
        raise wrong(
            INVALID_VALUE,
            "extra.on_stream_failure",
            "'extra.on_stream_failure' can be 'continue' with chat completions only; here it is"
            " 'error'",
        )


def strictness(extra: Extra | None, headers: Mapping[str, str]) -> bool | None:
    """Whether what a provider cannot do is refused; None: nothing was said. Raises
    `InvalidRequest`."""
    text = headers.get(STRICT_HEADER)
    if text:
        word = text.strip().lower()
        if word not in ("true", "false"):
            raise wrong(
                INVALID_VALUE,
                STRICT_HEADER,
                f"{STRICT_HEADER!r} must be 'true' or 'false'; got {text[:40]!r}",
            )
        return word == "true"
    return extra.strict_parameters if extra is not None else None


def _header_ms(text: str) -> int:
    what = f"{TIMEOUT_HEADER!r} must be whole milliseconds from 1 to {MAX_TIMEOUT_MS}"
    # `isdecimal` alone would take digits of other scripts, and a long text would cost time.
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise wrong(INVALID_TYPE, TIMEOUT_HEADER, f"{what}; send digits only")
    value = int(text)
    if not 1 <= value <= MAX_TIMEOUT_MS:
        raise wrong(INVALID_VALUE, TIMEOUT_HEADER, f"{what}; got {value}")
    return value
