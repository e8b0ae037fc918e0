"""Whose a seal or a vendor's own block is (`origin` in the canonical form): the maker, not who serves.

A signature of one maker's models is good wherever these are served, and nowhere else.
"""

from __future__ import annotations

from typing import Final

ANTHROPIC: Final = "anthropic"
GOOGLE: Final = "google"
OPENAI: Final = "openai"
XAI: Final = "xai"
AMAZON: Final = "amazon"
COHERE: Final = "cohere"
