"""The rules of `signals.toml`, compiled: what a vendor's words mean."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

from opengateway.domain.catalog import Profile
from opengateway.domain.chat import FINISH_REASONS
from opengateway.domain.errors import ErrorClass, OperatorError

_ERROR = "error:"


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    class_: ErrorClass = msgspec.field(name="class")
    status: tuple[int, ...] = ()
    code: tuple[str, ...] = ()
    says: str = ""
    unless: str = ""


class _RefusedMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: tuple[str, ...]
    says: str


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[_Rule, ...]
    finish: dict[str, str]
    restated: dict[str, str]
    refused_member: _RefusedMember


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule: _Rule
    says: re.Pattern[str] | None
    unless: re.Pattern[str] | None

    def fits(self, status: int, names: frozenset[str], text: str) -> bool:
        rule = self.rule
        if rule.status and status not in rule.status:
            return False
        if rule.code and names.isdisjoint(rule.code):
            return False
        if self.says is not None and not self.says.search(text):
            return False
        return not (
            self.unless is not None
            and (self.unless.search(text) or any(self.unless.search(name) for name in names))
        )


@dataclass(frozen=True, slots=True)
class Signals:
    rules: tuple[_Compiled, ...]
    finish: dict[str, str]
    restated: dict[str, re.Pattern[str]]
    refused_codes: frozenset[str]
    refused_says: re.Pattern[str]

    def classify(self, status: int, names: frozenset[str], text: str) -> ErrorClass:
        """The class of an answer. `names` are its code and type in lower case.

        `status` is 0 for trouble inside a 200 that names no status.
        """
        for candidate in self.rules:
            if candidate.fits(status, names, text):
                return candidate.rule.class_
        if 400 <= status < 500:
            return ErrorClass.BAD_REQUEST
        return ErrorClass.SERVER_ERROR

    def refuses_member(self, names: frozenset[str], text: str) -> bool:
        """Whether a 400 is about a member that the vendor does not take, not about its value."""
        return not names.isdisjoint(self.refused_codes) or bool(self.refused_says.search(text))

    def restates(self, finish: str, text: str) -> bool:
        """Whether an error after `finish` only says again why the answer ended."""
        pattern = self.restated.get(finish)
        return pattern is not None and pattern.search(text) is not None


@cache
def signals() -> Signals:
    """The package's rules. Raises `OperatorError` for a broken file."""
    text = files(__package__).joinpath("signals.toml").read_text("utf-8")
    try:
        document = msgspec.convert(tomllib.loads(text), _Document)
        return Signals(
            rules=tuple(_Compiled(r, _regex(r.says), _regex(r.unless)) for r in document.rule),
            finish=document.finish,
            restated={k: re.compile(v, re.IGNORECASE) for k, v in document.restated.items()},
            refused_codes=frozenset(document.refused_member.code),
            refused_says=re.compile(document.refused_member.says, re.IGNORECASE),
        )
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, re.error) as error:
        raise OperatorError(f"wires/openai_chat/signals.toml is broken: {error}") from error


def _regex(pattern: str) -> re.Pattern[str] | None:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL) if pattern else None


def finish_of(native: str | None, has_calls: bool, profile: Profile) -> str | ErrorClass:
    """One of OpenAI's five finish reasons, or the class of the trouble that `native` tells.

    Calls turn a stop into `tool_calls`; a cut (`length`) and a filter stay what they are (E2).
    A reason that nobody knows is a stop: the vendor ended the answer, and said so.
    """
    word = native or "stop"
    mapped = profile.finish_map.get(word)
    if mapped is None:
        mapped = word if word in FINISH_REASONS else _SIGNALS.finish.get(word.lower(), "stop")
    if mapped.startswith(_ERROR):
        return ErrorClass(mapped.removeprefix(_ERROR))
    return "tool_calls" if has_calls and mapped == "stop" else mapped


_SIGNALS = signals()
