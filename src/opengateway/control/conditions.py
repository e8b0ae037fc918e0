"""Optimistic concurrency: a change may say which version it was made for (RFC 9110, 13.1.1)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Response

from opengateway.domain.errors import CallerError

IfMatch = Annotated[
    str | None,
    Header(
        alias="if-match",
        max_length=200,
        description="The `etag` of what you saw. 412 when it has changed since.",
        examples=['"3"'],
    ),
]


class PreconditionFailed(CallerError):
    status = 412
    code = "version_mismatch"
    type = "conflict_error"


def etag(version: int) -> str:
    return f'"{version}"'


def show_version(response: Response, version: int) -> None:
    response.headers["etag"] = etag(version)


def must_match(if_match: str | None, version: int) -> None:
    """Raises `PreconditionFailed` when the caller saw another version. Absent or `*` is any."""
    if if_match is None:
        return
    wanted = [tag.strip().removeprefix("W/") for tag in if_match.split(",")]
    if "*" not in wanted and etag(version) not in wanted:
        raise PreconditionFailed(
            f"it is at version {version} now; look at it again, then decide", param="if-match"
        )
