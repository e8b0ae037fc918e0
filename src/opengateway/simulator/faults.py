"""Faults on demand: rules from a file or the admin address, and directives in a message."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

import msgspec
import yaml

from opengateway.domain.errors import OperatorError
from opengateway.kit.chance import Chance, seeded
from opengateway.simulator.reading import DIRECTIVE
from opengateway.simulator.settings import MAX_FAULT_BYTES, MAX_WAIT_S

MAX_RULES = 1000

Seconds = Annotated[float, msgspec.Meta(ge=0, le=MAX_WAIT_S)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What goes wrong with one reply. All members may be combined; the default is a good reply.

    Events are counted as `data:` events sent, the opening one included, comments not.
    """

    # Instead of an answer.
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    error: str | None = None
    """A kind of the persona's errors: `quota`, `rate_limited`, `context_length`, ...

    With `error_after_events`, the kind of the error inside the stream.
    """
    body: str | None = None
    """The body that goes with `status`, in place of the vendor's own."""
    retry_after: float | str | None = None
    retry_after_ms: Count | None = None
    headers: dict[str, str] = {}
    error_200: bool = False
    null_200: bool = False
    redirect: str | None = None
    drop: bool = False
    """The connection ends before the first byte of a response."""

    # When.
    latency_s: Seconds = 0.0
    first_token_s: Seconds = 0.0
    gap_s: Seconds | None = None
    stall_after_events: Count | None = None
    stall_s: Seconds | None = None
    keepalives: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    """Comment lines before the first event."""
    keepalive_s: Annotated[float, msgspec.Meta(ge=0.001, le=MAX_WAIT_S)] | None = None
    """A comment line this often while waiting for the first token or stalling."""

    # The end.
    cut_after_events: Count | None = None
    cut_after_bytes: Count | None = None
    """Of the body, before chunked framing."""
    rst: bool = False
    """The cut is a TCP reset and not a FIN."""
    inside_chunk: bool = False
    """The cut falls inside an announced chunk."""
    no_done: bool = False
    no_finish: bool = False
    never_close: bool = False

    # The content.
    malformed_after_events: Count | None = None
    error_after_events: Count | None = None
    usage_missing: bool = False
    duplicate_usage: bool = False
    empty: bool = False
    huge_event_bytes: Annotated[int, msgspec.Meta(ge=1, le=64 * 1024 * 1024)] | None = None
    tokens: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    """How long the answer is: not a fault, but asked for in the same place."""

    # The framing.
    wrong_content_length: Annotated[int, msgspec.Meta(ge=-1000, le=10_000_000)] | None = None
    """Added to the true length; the connection closes after the true body."""
    content_type: str | None = None
    split_bytes: Positive | None = None
    line_ending: Literal["lf", "crlf", "cr"] = "lf"
    bom: bool = False

    @property
    def replaces_answer(self) -> bool:
        in_band = self.error_after_events is not None
        named = self.error is not None and not in_band
        instead = named or self.status is not None or self.redirect is not None
        return instead or self.error_200 or self.null_200 or self.drop


NO_FAULT = Fault()
"""Known by identity, so that the plain path pays nothing for faults."""


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which requests a rule is for. Globs; `nth` and `every` count requests that match the rest."""

    model: str = "*"
    persona: str = "*"
    path: str = "*"
    key: str = "*"
    """The bearer token: one credential of several."""
    stream: bool | None = None
    nth: Annotated[list[Positive], msgspec.Meta(max_length=10_000)] | None = None
    every: Positive | None = None
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    times: Positive | None = None
    """The rule is spent after it has struck so often."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fault: Fault
    match: Match = Match()


class Target(msgspec.Struct, frozen=True):
    """What of a request rules may look at."""

    model: str
    persona: str
    path: str
    key: str
    stream: bool


class RuleBook:
    """Ordered rules with their counters. The first whose every condition holds decides."""

    def __init__(self, rules: list[Rule], seed: int) -> None:
        self.rules = rules
        self._seen = [0] * len(rules)
        self._struck = [0] * len(rules)
        self._chance: list[Chance] = [seeded(seed + index) for index in range(len(rules))]

    def choose(self, target: Target) -> Fault | None:
        for index, rule in enumerate(self.rules):
            match = rule.match
            if not _concerns(match, target):
                continue
            self._seen[index] += 1
            seen = self._seen[index]
            if match.times is not None and self._struck[index] >= match.times:
                continue
            if match.nth is not None and seen not in match.nth:
                continue
            if match.every is not None and seen % match.every:
                continue
            odds = match.probability
            if odds is not None and self._chance[index].random() >= odds:
                continue
            self._struck[index] += 1
            return rule.fault
        return None

    def struck(self) -> list[int]:
        """How often each rule has struck."""
        return list(self._struck)


def _concerns(match: Match, target: Target) -> bool:
    if match.stream is not None and match.stream != target.stream:
        return False
    pairs = (
        (match.model, target.model),
        (match.persona, target.persona),
        (match.path, target.path),
        (match.key, target.key),
    )
    return all(glob == "*" or fnmatchcase(value, glob) for glob, value in pairs)


def parse_rules(text: bytes, source: str) -> list[Rule]:
    """Rules from YAML or JSON: a list, or `{rules: [...]}`. Raises `OperatorError`."""
    if len(text) > MAX_FAULT_BYTES:
        raise OperatorError(f"{source}: larger than {MAX_FAULT_BYTES} bytes")
    try:
        # An alias can make a small file stand for a huge one.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise OperatorError(f"{source}: YAML aliases are not taken here")
        loaded: Any = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = source if line is None else f"{source}:{line + 1}"
        raise OperatorError(f"{where}: not valid YAML: {str(error)[:200]!r}") from error
    if isinstance(loaded, dict) and set(loaded) <= {"rules"}:
        loaded = loaded.get("rules")
    try:
        rules = msgspec.convert(loaded or [], list[Rule])
    except (msgspec.ValidationError, RecursionError) as error:
        raise OperatorError(f"{source}: {error}; expected rules of `match` and `fault`") from error
    if len(rules) > MAX_RULES:
        raise OperatorError(f"{source}: more than {MAX_RULES} rules")
    return rules


_MEMBER = re.compile(r"""([a-z0-9_]+)(?:=("[^"]*"|'[^']*'|\S+))?""")


def directive_fault(text: str) -> Fault | None:
    """The fault that `[[simulate status=429 retry_after=3]]` asks for; None without a directive.

    A name without a value is a switch. Raises `ValueError` for what is no fault.
    """
    found = DIRECTIVE.search(text)
    if found is None:
        return None
    wanted: dict[str, Any] = {}
    for name, value in _MEMBER.findall(found[1]):
        wanted[name] = value.strip("\"'") if value else True
    try:
        return msgspec.convert(wanted, Fault, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"the simulate directive is wrong: {error}") from error
