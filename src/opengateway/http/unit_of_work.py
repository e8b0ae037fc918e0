"""One request, one transaction: committed before the first byte of a good answer leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opengateway.infra.database import AsyncSession, Database

Hook = Callable[[], None]
NewScope = Callable[[AsyncSession, Callable[[Hook], None]], Any]
_ONLY_READS = ("GET", "HEAD")


class UnitOfWork:
    """ASGI middleware. Puts a scope in the request's state and settles its session at the edge.

    A session takes a connection at its first statement, so a request that asks the store nothing
    costs nothing. A failed commit raises here, before the answer: the caller is told the truth.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        database: Database,
        new_scope: NewScope,
        writing_gets: AbstractSet[str] = frozenset(),
    ) -> None:
        """`writing_gets`: paths where a GET writes, because another site sends the browser there."""
        self._app = app
        self._writing_gets = writing_gets
        self._database = database
        self._new_scope = new_scope

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        only_reads = scope["method"] in _ONLY_READS and scope["path"] not in self._writing_gets
        new_session = self._database.read if only_reads else self._database.write
        hooks: list[Hook] = []
        async with new_session() as session:

            async def commit_then_send(message: Message) -> None:
                if message["type"] == "http.response.start" and message["status"] < 400:
                    await session.commit()
                    for hook in hooks:
                        hook()
                await send(message)

            scope.setdefault("state", {})["scope"] = self._new_scope(session, hooks.append)
            # Leaving the block rolls back whatever was not committed.
            await self._app(scope, receive, commit_then_send)


@asynccontextmanager
async def unit_of_work(database: Database, new_scope: NewScope) -> AsyncIterator[Any]:
    """The same for work that no request asked for: a scope that is committed at the end."""
    hooks: list[Hook] = []
    async with database.write() as session:
        yield new_scope(session, hooks.append)
        await session.commit()
        for hook in hooks:
            hook()


@asynccontextmanager
async def reading_scope(database: Database, new_scope: NewScope) -> AsyncIterator[Any]:
    """The same for work that only reads: it holds up nobody who writes."""
    async with database.read() as session:
        yield new_scope(session, _never)


def _never(_hook: Hook) -> None:
    """Nothing is committed, so nothing follows a commit."""
