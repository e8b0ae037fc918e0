"""The way to Valkey: one deadline for every call, and a breaker (decision 34).

    shared = Valkey(url, clock)
    count = await shared.call("INCRBY", "k", 5)                    # one command
    first, second = await shared.batch([("GET", "a"), ("GET", "b")])  # one round trip, no transaction
    left = await shared.run(TAKE, ["bucket:1"], 20, 3)             # TAKE = Script("... Lua ...")

Every call ends within the deadline (50 ms), or raises `ValkeyAway`; whoever calls then decides by
what it knows itself, and never makes a caller wait or refuses him for it. What was sent may have
been done. An answer that says that the command is wrong raises `ValkeyRefused`: a bug of ours.

Answers are as the wire has them: `bytes`, `int`, lists of these, `None`.

Only loaded where a zone says `shared_state: {use: valkey}`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from opengateway.infra.shared_state.breaker import Breaker
from opengateway.kit.clock import Clock

DEADLINE_S: Final = 0.05
CONNECT_S: Final = 1.0
"""A new connection, with TLS and AUTH, may take longer than a call: it is made beside it."""
CONNECTIONS: Final = 16
_LATE_S: Final = 0.01
_GIVEN_AGAIN: Final = 3

T = TypeVar("T")
Word: TypeAlias = str | bytes | int | float
_AWAY: Final = (MasterDownError, OutOfMemoryError, ReadOnlyError)
"""Answers of a server that cannot serve now, though the command is right."""


class ValkeyAway(Exception):
    """No answer in time, no connection, or the breaker is open. The message says which."""


class ValkeyRefused(Exception):
    """Valkey understood, and says that the command or script is wrong."""


class Script:
    """A Lua script, known to the server by its digest."""

    __slots__ = ("digest", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Valkey:
    """Connections to one server, at most `CONNECTIONS`, each used by one call at a time.

    `breaker.is_open`, `breaker.opened` and `failures` are for metrics and the readiness page.
    """

    def __init__(self, url: str, clock: Clock, *, deadline_s: float = DEADLINE_S) -> None:
        """`url`: redis://, rediss:// or unix://, as redis-py reads it. Raises `ValueError`."""
        self._factory = connections_to(url)
        self._deadline_s = deadline_s
        self._idle: list[AbstractConnection] = []
        self._open = 0  # connections made or being made
        self._freed = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.breaker = Breaker(clock)
        self.failures = 0
        """Calls that got no answer, but for those that an open breaker turned away."""

    async def call(self, *words: Word) -> Any:
        """The answer to one command. Raises `ValkeyAway`, `ValkeyRefused`."""
        (answer,) = await self.batch([words])
        return answer

    async def batch(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """The answers to several commands in one round trip. Raises as `call` does."""
        return await self._within_deadline(commands)

    async def run(self, script: Script, keys: Sequence[str], *arguments: Word) -> Any:
        """What a script returns. Its text is sent only where the server does not know it."""
        rest = (len(keys), *keys, *arguments)
        whole = ("EVAL", script.text, *rest)
        (answer,) = await self._within_deadline([("EVALSHA", script.digest, *rest)], whole)
        return answer

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in self._idle:
            with suppress(RedisError, OSError):
                await connection.disconnect()
        self._idle.clear()

    async def _within_deadline(
        self, commands: Sequence[Sequence[Word]], else_whole: Sequence[Word] | None = None
    ) -> list[Any]:
        if self.breaker.is_open:
            if self.breaker.probe_is_due():
                self._begin(self._probe())  # beside the call: no request pays for it
            raise ValkeyAway("the shared store did not answer lately; it is asked again every 2 s")
        task = self._begin(self._exchanged(commands, else_whole))
        try:
            if not await _done_in_time(task, self._deadline_s):
                raise TimeoutError
            answers = task.result()
        except ResponseError as error:
            if not isinstance(error, _AWAY):
                self.breaker.record(failed=False)
                raise ValkeyRefused(str(error)) from None
            raise self._away(error) from None
        except (RedisError, OSError, TimeoutError) as error:
            raise self._away(error) from None
        finally:
            task.cancel()
        self.breaker.record(failed=False)
        return answers

    def _away(self, error: Exception) -> ValkeyAway:
        self.failures += 1
        self.breaker.record(failed=True)
        return ValkeyAway(f"the shared store gave no answer: {type(error).__name__}")

    async def _probe(self) -> None:
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                await self._exchanged([("PING",)], None)
            self.breaker.close()

    async def _exchanged(
        self, commands: Sequence[Sequence[Word]], else_whole: Sequence[Word] | None
    ) -> list[Any]:
        connection = await self._connection()
        in_step = False
        try:
            answers = await exchange(connection, commands)
            if else_whole is not None and isinstance(answers[0], NoScriptError):
                answers = await exchange(connection, [else_whole])
            in_step = True
        finally:
            # A connection with an answer on its way would give it to the next call.
            self._give_back(connection, in_step=in_step)
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise answer
        return answers

    def _give_back(self, connection: AbstractConnection, *, in_step: bool) -> None:
        if in_step:
            self._idle.append(connection)
        else:
            # The others go too: what broke one has mostly broken all.
            for one in (connection, *self._idle):
                self._open -= 1
                close_now(one)
            self._idle.clear()
        self._freed.set()

    async def _connection(self) -> AbstractConnection:
        while not self._idle:
            if self._open < CONNECTIONS:
                self._open += 1
                # Not cancelled with the call that wants it: the next one has it.
                await asyncio.shield(self._begin(self._connect()))
            else:
                self._freed.clear()
                await self._freed.wait()
        return self._idle.pop()

    async def _connect(self) -> None:
        """Add an idle connection. Raises `RedisError`, `TimeoutError`."""
        connection: Any = self._factory.make_connection()
        try:
            async with asyncio.timeout(CONNECT_S):
                await connection.connect()
        except BaseException:
            self._open -= 1
            self._freed.set()
            close_now(connection)
            raise
        self._idle.append(connection)
        self._freed.set()

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited for it has seen it, or does not want it any more


def connections_to(url: str) -> Any:
    """What makes connections; redis-py leaves it without types."""
    return ConnectionPool.from_url(
        url,
        protocol=2,  # what we ask needs no HELLO; a connection is ready one round trip earlier
        retry=Retry(NoBackoff(), 0),
        socket_timeout=None,  # the deadline is ours, over all of a call
        socket_connect_timeout=CONNECT_S,
    )


async def exchange(connection: AbstractConnection, commands: Sequence[Sequence[Word]]) -> list[Any]:
    """One answer for each command; one that was refused has its `ResponseError` for an answer."""
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    answers: list[Any] = []
    for _ in commands:
        try:
            answers.append(await connection.read_response(disconnect_on_error=False))
        except ResponseError as error:
            answers.append(error)
    return answers


def close_now(connection: AbstractConnection) -> None:
    """At once. `disconnect` waits for the other end, which may be what does not answer."""
    if (writer := connection._writer) is not None:
        writer.transport.abort()
    connection._writer = connection._reader = None


async def _done_in_time(task: asyncio.Task[Any], deadline_s: float) -> bool:
    """Whether it ends in time. Where this loop itself was late, the time is given once more:
    our own delay is not the store's."""
    loop = asyncio.get_running_loop()
    for _ in range(1 + _GIVEN_AGAIN):
        due = loop.time() + deadline_s
        await asyncio.wait((task,), timeout=deadline_s)
        if task.done() or loop.time() - due < _LATE_S:
            break
    return task.done()
