"""Announcements: written by the platform's people, read by everybody, on the sign-in page too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import func, or_, select

from opengateway.control.access import Access, access, permits_platform
from opengateway.control.actor import Actor, CurrentActor
from opengateway.control.announcements.models import Announcement
from opengateway.control.bodies import AtNs, example, input_example
from opengateway.control.conditions import IfMatch, must_match, show_version
from opengateway.control.scope import ControlScope, Scope
from opengateway.domain.errors import Conflict, InvalidRequest, NotFound

router = APIRouter(tags=["announcements"])
MAX_KEPT: Final = 200
_WRITE = permits_platform("announcements.write")
_TEXTS: Final = {"en": "Maintenance tonight, 22:00 to 23:00 UTC."}
Words = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]+$")]


class AnnouncementNotFound(NotFound):
    code = "announcement_not_found"


class AnnouncementBody(BaseModel):
    """`texts` by locale: `en` is needed, and stands in for those that are left out. Plain words: no
    markup is read."""

    model_config = input_example(level="warning", texts=_TEXTS)

    level: Literal["info", "warning", "critical"] = "info"
    texts: dict[Literal["en", "ko", "ja"], Words]
    link: Annotated[str, Field(max_length=2048, pattern=r"^(https://|/)[ -~]*$")] | None = None
    starts_at_ns: AtNs = 0
    ends_at_ns: AtNs | None = None


class AnnouncementView(BaseModel):
    model_config = example(
        id="ann_0192f0c1a2b37c4d8e9fa0b1c2d3e4f5",
        level="warning",
        texts=_TEXTS,
        link="/docs/",
        starts_at_ns=0,
        ends_at_ns=None,
        created_at_ns=1_764_000_000_000_000_000,
        version=1,
    )

    id: str
    level: str
    texts: dict[str, str]
    link: str | None
    starts_at_ns: int
    ends_at_ns: int | None
    created_at_ns: int
    version: int

    @classmethod
    def of(cls, row: Announcement) -> AnnouncementView:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class AnnouncementList(BaseModel):
    data: list[AnnouncementView]


@router.get("/announcements", openapi_extra=access(Access.PUBLIC))
async def current_announcements(scope: Scope) -> AnnouncementList:
    """What holds now, newest first."""
    now_ns = scope.clock.now_ns()
    holds = (
        Announcement.starts_at_ns <= now_ns,
        or_(Announcement.ends_at_ns.is_(None), Announcement.ends_at_ns > now_ns),
    )
    return _shown(await _rows(scope, *holds))


@router.get("/admin/announcements", openapi_extra=_WRITE)
async def list_announcements(scope: Scope) -> AnnouncementList:
    """All of them, those that are over or yet to come too."""
    return _shown(await _rows(scope))


@router.post("/admin/announcements", status_code=201, openapi_extra=_WRITE)
async def announce(
    wanted: AnnouncementBody, scope: Scope, actor: CurrentActor, response: Response
) -> AnnouncementView:
    """Tell everybody something, now or from a time on."""
    _check(wanted)
    kept = await scope.session.scalar(select(func.count()).select_from(Announcement)) or 0
    if kept >= MAX_KEPT:
        raise Conflict(f"there are {MAX_KEPT} announcements; delete old ones first")
    row = Announcement(
        id=scope.new_id("ann_"), created_at_ns=scope.clock.now_ns(), **wanted.model_dump()
    )
    scope.session.add(row)
    await scope.session.flush()
    await _note(scope, actor, "announcement.created", row)
    show_version(response, row.version)
    return AnnouncementView.of(row)


@router.put("/admin/announcements/{announcement_id}", openapi_extra=_WRITE)
async def change_announcement(
    announcement_id: str,
    wanted: AnnouncementBody,
    scope: Scope,
    actor: CurrentActor,
    response: Response,
    if_match: IfMatch = None,
) -> AnnouncementView:
    """Put another one in its place."""
    _check(wanted)
    row = await _row(scope, announcement_id, if_match)
    for name, value in wanted.model_dump().items():
        setattr(row, name, value)
    await scope.session.flush()
    await _note(scope, actor, "announcement.changed", row)
    show_version(response, row.version)
    return AnnouncementView.of(row)


@router.delete("/admin/announcements/{announcement_id}", status_code=204, openapi_extra=_WRITE)
async def delete_announcement(
    announcement_id: str, scope: Scope, actor: CurrentActor, if_match: IfMatch = None
) -> None:
    """Take it away."""
    row = await _row(scope, announcement_id, if_match)
    await scope.session.delete(row)
    await scope.session.flush()
    await _note(scope, actor, "announcement.deleted", row)


def _check(wanted: AnnouncementBody) -> None:
    if "en" not in wanted.texts:
        raise InvalidRequest("'texts' needs 'en'", param="texts")
    if wanted.ends_at_ns is not None and wanted.ends_at_ns <= wanted.starts_at_ns:
        raise InvalidRequest("'ends_at_ns' is not after 'starts_at_ns'", param="ends_at_ns")


async def _row(scope: ControlScope, announcement_id: str, if_match: str | None) -> Announcement:
    row = await scope.session.get(Announcement, announcement_id)
    if row is None:
        raise AnnouncementNotFound(
            f"there is no announcement {announcement_id!r}", param="announcement_id"
        )
    must_match(if_match, row.version)
    return row


async def _rows(scope: ControlScope, *holds: Any) -> Sequence[Announcement]:
    statement = select(Announcement).where(*holds).order_by(Announcement.id.desc()).limit(MAX_KEPT)
    return (await scope.session.scalars(statement)).all()


def _shown(rows: Sequence[Announcement]) -> AnnouncementList:
    return AnnouncementList(data=[AnnouncementView.of(row) for row in rows])


async def _note(scope: ControlScope, actor: Actor, action: str, row: Announcement) -> None:
    after = {"level": row.level, "starts_at_ns": row.starts_at_ns, "ends_at_ns": row.ends_at_ns}
    await scope.audit(actor, action, object_id=row.id, after=after)
