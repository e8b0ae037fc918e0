"""What's new: the newest versions' changes, as the build put them beside the pages."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, TypeAdapter, ValidationError

from opengateway.control.access import Access, access
from opengateway.control.bodies import example

FILE: Final = "whats-new.json"

router = APIRouter(prefix="/api/v1", tags=["about"])


class Change(BaseModel):
    kind: str
    text: str


class Release(BaseModel):
    """`version` and `date` are null for what runs here and no release has yet."""

    version: str | None
    date: str | None
    entries: list[Change]


class WhatsNew(BaseModel):
    model_config = example(
        data=[
            {
                "version": "0.2.0",
                "date": "2026-12-01",
                "entries": [{"kind": "feature", "text": "Prompts and answers can be kept."}],
            }
        ]
    )

    data: list[Release]


_releases: Final = TypeAdapter(list[Release])


@router.get("/whats-new", openapi_extra=access(Access.PUBLIC))
async def whats_new(request: Request) -> WhatsNew:
    """What changed in the newest versions, the newest first: what is new, providers, models, fixes."""
    return WhatsNew(data=_read(request.app.state.assets / FILE))


@lru_cache(maxsize=4)
def _read(path: Path) -> list[Release]:
    """Nothing where nobody built it, as in a tree that was only checked out."""
    try:
        return _releases.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return []
