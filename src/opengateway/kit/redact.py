"""Taking secrets out of text before it is written anywhere."""

from __future__ import annotations

import re
from typing import Final

_HIDDEN: Final = "[redacted]"

# Forms of secrets that are known by sight. Each keeps its first characters, so that a reader can
# tell which key it was, and nothing that could be used.
_PATTERNS: Final = (
    re.compile(r"\b(og_(?:live|mgmt|test)_|og[it]_)[0-9A-Za-z]{4,}"),
    re.compile(r"\b(sk-|sk_|gsk_|nvapi-|flp_|nv-|xai-|up_|AIza|hf_|r8_|pplx-)[0-9A-Za-z_\-]{8,}"),
    re.compile(r"(?i)\b(bearer\s+)[0-9A-Za-z._~+/=\-]{8,}"),
    re.compile(
        r"(?i)([\"']?(?:api[-_]?key|authorization|password|secret|token|x-api-key)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;}]{4,}"
    ),
    re.compile(r"(?i)(://[^/\s:@]+:)[^/\s@]+(?=@)"),
)


def redact(text: str) -> str:
    """`text` with every secret of a known form replaced by `[redacted]`."""
    for pattern in _PATTERNS:
        text = pattern.sub(r"\1" + _HIDDEN, text)
    return text
