"""The headers that a caller of this dialect may have handed on: the version, and beta features.

Both by an allow-list. Features stand there by the beginnings of their names, since their dates change
every few months: those that change what one request asks or how it is answered. What is not there
stands for things that a vendor keeps in its account - files, threads, memories, profiles, batches -
or bills otherwise, and what nobody here knows yet may be of that kind (decision 29). A member of the
body whose feature is withheld is refused by the vendor, so that no new one slips past either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from opengateway.dialects.anthropic_messages.complaints import INVALID_VALUE, wrong

VERSION_HEADER: Final = "anthropic-version"
BETA_HEADER: Final = "anthropic-beta"
VERSION: Final = "2023-06-01"
VERSIONS: Final = (VERSION, "2026-10-21")
"""The second takes no sampling parameters, and answers in the same form (Anthropic's migration
guide, 2026-10)."""
MAX_BETAS: Final = 64
_is_beta: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}").fullmatch
_PASSED: Final = (
    "adaptive-thinking-",
    "advanced-tool-use-",
    "claude-code-",
    "compact-",
    "computer-use-",
    "context-",
    "dev-full-thinking-",
    "effort-",
    "extended-cache-ttl-",
    "fine-grained-tool-streaming-",
    "inline-tools-",
    "interleaved-thinking-",
    "mcp-client-",
    "mid-conversation-",
    "model-context-window-exceeded-",
    "output-",
    "pdfs-",
    "prompt-caching-",
    "redact-thinking-",
    "structured-outputs-",
    "task-budgets-",
    "thinking-",
    "token-counting-",
    "token-efficient-tools-",
    "tool-examples-",
    "tool-search-tool-",
    "web-fetch-",
)


def passed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Of the caller's headers, those that go to a vendor of this dialect.

    Raises `InvalidRequest` for a version that is not spoken here, and for what names no feature.
    """
    passed: dict[str, str] = {}
    version = headers.get(VERSION_HEADER)
    if version:
        if version not in VERSIONS:
            raise wrong(
                INVALID_VALUE,
                VERSION_HEADER,
                f"{VERSION_HEADER}: {version[:40]!r} is not spoken here; send "
                f"{' or '.join(VERSIONS)}",
            )
        passed[VERSION_HEADER] = version
    betas = [beta for beta in _named(headers) if beta.startswith(_PASSED)]
    if betas:
        passed[BETA_HEADER] = ",".join(betas)
    return passed


def _named(headers: Mapping[str, str]) -> list[str]:
    """Each once, in order."""
    found = dict.fromkeys(one.strip() for one in headers.get(BETA_HEADER, "").split(","))
    found.pop("", None)
    if len(found) > MAX_BETAS or not all(_is_beta(one) for one in found):
        raise wrong(
            INVALID_VALUE,
            BETA_HEADER,
            f"{BETA_HEADER}: send at most {MAX_BETAS} features' names, with commas between them",
        )
    return list(found)
