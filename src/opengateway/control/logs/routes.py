"""The log of requests over HTTP: lists, one request, exports, the live tail, usage.

What a team's people ask is scoped to their teams (`OwnTeams`); the platform's people have the same
below `/admin`, over all teams.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from msgspec.structs import asdict
from starlette.responses import StreamingResponse

from opengateway.control.access import Access, access, permits_in_own_teams, permits_platform
from opengateway.control.authority import OwnTeams
from opengateway.control.logs.desk import LogDesk
from opengateway.control.logs.detail import LogDetail, detail_of
from opengateway.control.logs.schemas import (
    AdminLogPage,
    ComparedTerms,
    ExportFormat,
    ExportTerms,
    LatencyView,
    LogPage,
    PageTerms,
    TailTerms,
    UsageTerms,
    UsageView,
)
from opengateway.control.paging import following, request_cursor, request_place
from opengateway.control.replies import JsonReply
from opengateway.control.scope import ControlScope, Scope
from opengateway.domain.errors import InvalidRequest, NotFound
from opengateway.domain.request_log import (
    DAY_NS,
    HOUR_NS,
    Group,
    LogFilter,
    LogRow,
    Place,
    UsageSums,
)

router = APIRouter(tags=["logs"])
admin = APIRouter(tags=["logs"])
internal = APIRouter(tags=["logs"])
PERCENTS: Final = (50.0, 90.0, 95.0, 99.0)
_TEAMS: Final = permits_in_own_teams("logs.read")
_ALL: Final = permits_platform("platform_logs.read")
_MEDIA: Final = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSON: "application/json",
    ExportFormat.JSONL: "application/x-ndjson",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}
_STREAMS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": ": here"}}}
}
_FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": "id,team_id"},
            "application/json": {"schema": {"type": "object"}, "example": {"data": []}},
            "application/x-ndjson": {"schema": {"type": "string"}, "example": "{}"},
            "application/vnd.apache.parquet": {"schema": {"type": "string"}, "example": "PAR1"},
        }
    }
}
_TIMES: Final = {Group.HOUR: "hour_ns", Group.DAY: "day_ns"}
LastEvent = Annotated[str | None, Header(max_length=20, pattern=r"^[0-9]{1,18}$")]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who reads: `team_ids` are what they may see, None is everything."""

    scope: ControlScope
    desk: LogDesk
    team_ids: tuple[str, ...] | None

    @property
    def whole(self) -> bool:
        return self.team_ids is None

    def show(self, row: LogRow) -> dict[str, Any]:
        shown = asdict(row)
        if not self.whole:
            del shown["provider_cost_nanos"]
        return shown


async def _own(request: Request, scope: Scope, teams: OwnTeams) -> _Reader:
    return _Reader(scope, request.app.state.log_desk, teams)


async def _all(request: Request, scope: Scope) -> _Reader:
    return _Reader(scope, request.app.state.log_desk, None)


Own = Annotated[_Reader, Depends(_own)]
All = Annotated[_Reader, Depends(_all)]


@router.get("/logs", openapi_extra=_TEAMS, response_model=LogPage)
async def list_logs(reader: Own, terms: Annotated[PageTerms, Query()]) -> Response:
    """Requests, newest first, by the time they began."""
    return await _page(reader, terms)


@admin.get("/admin/logs", openapi_extra=_ALL, response_model=AdminLogPage)
async def list_all_logs(reader: All, terms: Annotated[PageTerms, Query()]) -> Response:
    """Requests of every team, newest first."""
    return await _page(reader, terms)


@router.get("/logs/export", openapi_extra=_TEAMS, responses=_FILES, response_class=Response)
async def export_logs(reader: Own, terms: Annotated[ExportTerms, Query()]) -> Response:
    """All requests that are wanted, newest first, as a file; streamed."""
    return await _export(reader, terms)


@admin.get("/admin/logs/export", openapi_extra=_ALL, responses=_FILES, response_class=Response)
async def export_all_logs(reader: All, terms: Annotated[ExportTerms, Query()]) -> Response:
    """The same over every team."""
    return await _export(reader, terms)


@router.get("/logs/tail", openapi_extra=_TEAMS, responses=_STREAMS, response_class=Response)
async def tail_logs(
    reader: Own, terms: Annotated[TailTerms, Query()], last_event_id: LastEvent = None
) -> Response:
    """Requests as they end: server-sent events `request`, whose data is a request of the list."""
    return await _tail(reader, terms, last_event_id)


@admin.get("/admin/logs/tail", openapi_extra=_ALL, responses=_STREAMS, response_class=Response)
async def tail_all_logs(
    reader: All, terms: Annotated[TailTerms, Query()], last_event_id: LastEvent = None
) -> Response:
    """The same over every team."""
    return await _tail(reader, terms, last_event_id)


@router.get("/logs/{request_id}", openapi_extra=_TEAMS, response_model=LogDetail)
async def get_log(request_id: str, reader: Own) -> Response:
    """One request in full, by our id or by the provider's."""
    return await _one(reader, request_id)


@admin.get("/admin/logs/{request_id}", openapi_extra=_ALL, response_model=LogDetail)
async def get_any_log(request_id: str, reader: All) -> Response:
    """One request of any team, with what the provider said and charges."""
    return await _one(reader, request_id)


@router.get("/usage", openapi_extra=_TEAMS, response_model=UsageView)
async def get_usage(reader: Own, terms: Annotated[ComparedTerms, Query()]) -> Response:
    """Requests, tokens and spend, told apart by at most three groups. Times are whole hours."""
    return await _usage(reader, terms)


@admin.get("/admin/usage", openapi_extra=_ALL, response_model=UsageView)
async def get_all_usage(reader: All, terms: Annotated[ComparedTerms, Query()]) -> Response:
    """The same over every team, with what providers charge."""
    return await _usage(reader, terms)


@router.get("/usage/latency", openapi_extra=_TEAMS, response_model=LatencyView)
async def get_latency(reader: Own, terms: Annotated[UsageTerms, Query()]) -> Response:
    """Percentiles of the whole time and of the time to the first token."""
    return await _latency(reader, terms)


@admin.get("/admin/usage/latency", openapi_extra=_ALL, response_model=LatencyView)
async def get_all_latency(reader: All, terms: Annotated[UsageTerms, Query()]) -> Response:
    """The same over every team."""
    return await _latency(reader, terms)


async def _page(reader: _Reader, terms: PageTerms) -> Response:
    after = request_place(terms.after)
    wanted = terms.filter(reader.team_ids)
    rows = await reader.scope.event_log.page(wanted, limit=terms.limit, after=after)
    last = following(rows, terms.limit)
    following_page = None
    if last is not None:
        following_page = request_cursor(Place(last.started_at_ns, last.id))
    return JsonReply({"data": [reader.show(row) for row in rows], "next": following_page})


async def _one(reader: _Reader, request_id: str) -> Response:
    record = await reader.scope.event_log.find(request_id, reader.team_ids)
    if record is None:
        raise NoSuchRequest(f"there is no request {request_id!r}", param="request_id")
    return JsonReply(detail_of(record, whole=reader.whole))


@internal.get("/generation", openapi_extra=access(Access.INTERNAL))
async def get_generation(
    scope: Scope,
    team_id: Annotated[str, Query(pattern=r"^[A-Za-z0-9_-]{1,64}$")],
    id: Annotated[str, Query(min_length=1, max_length=256, pattern=r"^[^\x00]+$")],
) -> Response:
    """A team's record by our id or the provider's: the gateway asks for its callers."""
    record = await scope.event_log.find(id, (team_id,))
    if record is None:
        raise NoSuchRequest(f"there is no request {id!r}", param="id")
    return JsonReply(record)


@internal.get("/logs/reconcile", openapi_extra=access(Access.INTERNAL))
async def reconcile(
    request: Request,
    from_ns: Annotated[int, Query(ge=0, le=2**62)],
    until_ns: Annotated[int, Query(ge=0, le=2**62)],
) -> Response:
    """Whether rows, rollups and ledger agree over whole hours, at most a day."""
    if from_ns % HOUR_NS or until_ns % HOUR_NS or not 0 < until_ns - from_ns <= DAY_NS:
        raise InvalidRequest("give whole hours, at most a day of them", param="until_ns")
    desk: LogDesk = request.app.state.log_desk
    return JsonReply(await desk.reconcile_hours(from_ns, until_ns))


class NoSuchRequest(NotFound):
    code = "request_not_found"


async def _export(reader: _Reader, terms: ExportTerms) -> Response:
    reader.desk.check_exports(terms.format)
    wanted = terms.filter(reader.team_ids)
    await reader.scope.session.close()  # the desk has its own, for a moment each
    name = f'attachment; filename="requests.{terms.format.value}"'
    return StreamingResponse(
        reader.desk.export(wanted, terms.format, whole=reader.whole),
        media_type=_MEDIA[terms.format],
        headers={"content-disposition": name, "cache-control": "no-store"},
    )


async def _tail(reader: _Reader, terms: TailTerms, last_event: str | None) -> Response:
    reader.desk.check_tails()
    wanted = terms.filter(reader.team_ids)
    after = None if last_event is None else int(last_event)
    await reader.scope.session.close()
    events: AsyncIterator[bytes] = reader.desk.tail(wanted, after, terms.for_s, reader.show)
    return StreamingResponse(
        events, media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


async def _usage(reader: _Reader, terms: ComparedTerms) -> Response:
    terms.whole_hours()
    wanted, by = terms.filter(reader.team_ids), terms.groups()
    log = reader.scope.event_log
    lines = await log.usage(wanted, by, limit=terms.limit + 1, offset_ns=terms.offset_ns)
    cut = len(lines) > terms.limit
    total = await _total(reader, wanted) if cut else sum((x.sums for x in lines), UsageSums())
    previous = None
    if terms.compare:
        if wanted.from_ns is None or wanted.until_ns is None:
            raise InvalidRequest("'compare' needs 'from_ns' and 'until_ns'", param="compare")
        length = wanted.until_ns - wanted.from_ns
        before = msgspec.structs.replace(
            wanted, from_ns=max(0, wanted.from_ns - length), until_ns=wanted.from_ns
        )
        previous = _sums(reader, await _total(reader, before))
    return JsonReply(
        {
            "data": [
                {**_told(by, line.by), **_sums(reader, line.sums)} for line in lines[: terms.limit]
            ],
            "total": _sums(reader, total),
            "previous": previous,
            "cut": cut,
        }
    )


async def _total(reader: _Reader, wanted: LogFilter) -> UsageSums:
    lines = await reader.scope.event_log.usage(wanted, (), limit=1)
    return lines[0].sums if lines else UsageSums()


def _sums(reader: _Reader, sums: UsageSums) -> dict[str, int]:
    shown = asdict(sums)
    if not reader.whole:
        del shown["provider_cost_nanos"]
    return shown


def _told(by: Sequence[Group], values: Sequence[Any]) -> dict[str, Any]:
    return {_TIMES.get(g, g.value): value for g, value in zip(by, values, strict=True)}


async def _latency(reader: _Reader, terms: UsageTerms) -> Response:
    wanted, by = terms.filter(reader.team_ids), terms.groups()
    lines = await reader.scope.event_log.latencies(
        wanted, by, PERCENTS, limit=terms.limit, offset_ns=terms.offset_ns
    )
    return JsonReply(
        {
            "data": [
                {
                    **_told(by, line.by),
                    "requests": line.requests,
                    "total_ms": _percentiles(line.total_ms),
                    "first_token_ms": _percentiles(line.first_token_ms),
                }
                for line in lines
            ]
        }
    )


def _percentiles(values: Sequence[float | None]) -> dict[str, float | None]:
    return {f"p{percent:g}": value for percent, value in zip(PERCENTS, values, strict=True)}
