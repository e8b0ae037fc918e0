"""All endpoints' health, and what each failure says of which scope: `policies/health.toml` read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from opengateway.domain.errors import ErrorClass
from opengateway.domain.routing import Candidate
from opengateway.domain.vault import is_own
from opengateway.gateway.routing.breaker import RETRY_AFTER_CAP_S, Breaker, Key
from opengateway.gateway.routing.concurrency import Limit
from opengateway.gateway.routing.health import Health, come_back
from opengateway.gateway.routing.latency import size_factor
from opengateway.gateway.routing.spending import SpendBook
from opengateway.kit.chance import Chance
from opengateway.policies.health import HEALTH, HealthPolicy, RestKind, Scope


class HealthTable:
    """All endpoints' health. `chance` draws the jitter of rests; `on_alarm(provider, credential,
    class)` is called when a person has to mend a credential."""

    LIMIT: Final = 20_000
    UNUSED_S: Final = 3600.0

    __slots__ = (
        "_breakers",
        "_chance",
        "_limits",
        "_on_alarm",
        "cells",
        "generation",
        "opened",
        "spending",
        "who",
    )

    def __init__(
        self, chance: Chance, on_alarm: Callable[[str, str, str], None] | None = None
    ) -> None:
        self._chance = chance
        self._on_alarm = on_alarm
        self.cells: dict[Key, Health] = {}
        self.spending = SpendBook()
        self.who = ""
        """Which gateway this is, among those that tell each other; kept over a restart."""
        self._breakers: dict[tuple[str, ...], Breaker] = {}
        self._limits: dict[Key, Limit] = {}
        self.generation = 0
        """Goes up when cells were dropped: whoever holds some asks anew."""
        self.opened: Counter[tuple[str, str]] = Counter()
        """(scope, class) to how often it went out, for the metrics."""

    def of(self, candidate: Candidate, now: float) -> Health:
        return self.at(key_of(candidate), now)

    def at(self, key: Key, now: float) -> Health:
        cell = self.cells.get(key)
        if cell is None:
            if len(self.cells) >= self.LIMIT:
                self.forget_unused(now, unused_s=0.0)
            breakers = tuple(self.breaker(scope, scope_key(scope, key)) for scope in _SCOPES)
            limit = self._limits.setdefault((key[0], key[2]), Limit())
            cell = self.cells[key] = Health(key, breakers, limit, now)
        return cell

    def breaker(self, scope: Scope, key: Key) -> Breaker:
        found = self._breakers.get((scope.value, *key))
        if found is None:
            found = self._breakers[scope.value, *key] = Breaker(scope, key)
        return found

    def known_breaker(self, scope: Scope, key: Key) -> Breaker | None:
        return self._breakers.get((scope.value, *key))

    def breakers(self) -> list[Breaker]:
        return list(self._breakers.values())

    def forget_unused(self, now: float, unused_s: float = UNUSED_S) -> None:
        """Drop what nobody used for long, and nothing is the matter with."""
        for key, cell in list(self.cells.items()):
            if cell.limit.in_flight or now - cell.used_at < unused_s or not cell.clear:
                continue
            del self.cells[key]
            for breaker in cell.breakers:
                breaker.cells.remove(cell)
                if not breaker.cells and not breaker.out:
                    self._breakers.pop((breaker.scope.value, *breaker.key), None)
            self.generation += 1

    def standings(self, now: float) -> Counter[tuple[str, str, str]]:
        """How many endpoints of a (provider, region) are at each standing, for the metrics."""
        return Counter(
            (key[0], key[1], cell.standing(now).name.lower()) for key, cell in self.cells.items()
        )

    # --- events ----------------------------------------------------------------------------------

    def succeeded(
        self, cell: Health, now: float, seconds: float, input_bytes: int, *, whole: bool
    ) -> None:
        """The first content, or a whole answer, is here, `seconds` after it was asked for."""
        cell.heard_at = now
        cell.add_good(now)
        (cell.whole if whole else cell.first).add(seconds / size_factor(input_bytes))
        cell.limit.grow(now)
        cell.credential_limit.grow(now)
        if not cell.clear:
            self._answered(cell, now, now - seconds)

    def _answered(self, cell: Health, now: float, began: float) -> None:
        for breaker in cell.breakers:
            if breaker.succeeded(now, began):
                come_back(breaker, now)
            if breaker.scope is Scope.QUOTA and not breaker.out:
                breaker.openings = 0.0  # its gaps grow from refusal to refusal only

    def failed(
        self,
        cell: Health,
        error_class: ErrorClass,
        now: float,
        *,
        began: float | None = None,
        retry_after_s: float | None = None,
        after_content: bool = False,
    ) -> None:
        """An attempt failed that began then. What is the request's own fault says that the provider
        is there; what began before it came back, nothing."""
        policy = HEALTH[error_class]
        began = now if began is None else began
        if policy.scope is Scope.NONE:
            if error_class is not ErrorClass.TIMEOUT_DEADLINE and not cell.clear:
                self._answered(cell, now, began)
            return
        if began < cell.back_at and policy.streak > 1:
            return
        cell.clear = False
        weight = policy.after_content if after_content else policy.weight
        if weight:
            cell.add_bad(weight, now)
        if policy.shrinks:
            cell.limit.shrink(now)
            if policy.scope is Scope.QUOTA:
                cell.credential_limit.shrink(now)
        told_s = retry_after_s if policy.retry_after else None
        self._count(cell, policy, error_class, now, weight, told_s)
        if weight:
            self._reopen(cell, policy, error_class, now)

    def _count(
        self,
        cell: Health,
        policy: HealthPolicy,
        error_class: ErrorClass,
        now: float,
        weight: float,
        told_s: float | None,
    ) -> None:
        """The scope's streak, and the wider one's."""
        breaker = cell.by_scope[policy.scope]
        if told_s is not None:
            self._open(breaker, policy, error_class, now, told_s)
        elif breaker.is_out(now):
            pass  # a last resort failed: that is no news
        elif policy.streak == 1 or (weight and breaker.count(weight, now) >= policy.streak > 0):
            self._open(breaker, policy, error_class, now)
        if policy.wider is not Scope.NONE and weight:
            wider = cell.by_scope[policy.wider]
            if not wider.is_out(now) and wider.count(weight, now) >= policy.wider_streak:
                self._open(wider, policy, error_class, now)

    def _reopen(
        self, cell: Health, policy: HealthPolicy, error_class: ErrorClass, now: float
    ) -> None:
        """What was half open is not well yet; what fails half of the time is out."""
        for breaker in cell.breakers:
            if breaker.is_half(now):
                self._open(breaker, policy, error_class, now)
        endpoint = cell.by_scope[Scope.ENDPOINT]
        if cell.has_failed_too_often() and not endpoint.out:
            self._open(endpoint, policy, error_class, now)

    def hear_out(
        self,
        breaker: Breaker,
        now: float,
        seconds: float,
        kind: RestKind,
        reason: str,
        *,
        own: bool = False,
    ) -> None:
        """Another gateway, or our own last run, says that it is out."""
        breaker.open(now, seconds, kind, reason, heard=not own)
        for cell in breaker.cells:
            cell.clear = False

    def _open(
        self,
        breaker: Breaker,
        policy: HealthPolicy,
        error_class: ErrorClass,
        now: float,
        told_s: float | None = None,
    ) -> None:
        was_out = breaker.is_out(now)
        # A burst of failures is one opening.
        seconds = 0.0 if was_out else breaker.doubled(now, policy.base_s, policy.max_s)
        seconds *= self._chance.uniform(0.8, 1.2)
        if told_s is not None:
            # Never sooner than told; not all gateways at the same moment.
            told = min(max(told_s, 0.0), RETRY_AFTER_CAP_S) * self._chance.uniform(1.0, 1.02)
            seconds = max(told, seconds if breaker.openings > 1 else 0.0)
        breaker.open(now, seconds, policy.kind, error_class.value)
        for cell in breaker.cells:
            cell.clear = False
        if was_out:
            return
        self.opened[breaker.scope.value, error_class.value] += 1
        if policy.kind is RestKind.CREDENTIAL and self._on_alarm is not None:
            self._on_alarm(breaker.key[0], breaker.key[-1], error_class.value)


_SCOPES: Final = (Scope.ENDPOINT, Scope.REGION, Scope.CREDENTIAL, Scope.QUOTA, Scope.MODEL)


def key_of(candidate: Candidate) -> Key:
    """(provider, region, credential, upstream model)."""
    endpoint = candidate.endpoint
    return (
        candidate.provider.id,
        endpoint.region,
        candidate.credential or "",
        endpoint.upstream_model,
    )


def scope_key(scope: Scope, key: Key) -> Key:
    provider, region, credential, model = key
    match scope:
        # What a team's own credential meets says nothing of the platform's.
        case Scope.REGION:
            return provider, f"{region}#{credential}" if is_own(credential) else region
        case Scope.CREDENTIAL:
            return provider, credential
        case Scope.QUOTA:
            return provider, credential, model
        case Scope.MODEL:
            return provider, f"{model}#{credential}" if is_own(credential) else model
        case _:
            return key
