"""What a zone file may say of `components.event_log`."""

from __future__ import annotations

from typing import Annotated

import msgspec


class ArchiveOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of `local`: how much of this machine questions to the older rows may use."""

    memory_mb: Annotated[int, msgspec.Meta(ge=128, le=65_536)] = 512
    threads: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
