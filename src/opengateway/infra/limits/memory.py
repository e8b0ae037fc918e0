"""Limits of one gateway, in its own memory: exact, and gone with it."""

from __future__ import annotations

from itertools import islice

from opengateway.infra.limits.window import MinuteWindow
from opengateway.kit.clock import Clock
from opengateway.ports.limits import Figure, LimitRow, Measure, RowSet, Short, Taken

_LOOKED_AT = 4
"""Windows looked at whenever one is made: those without use leave faster than new ones come."""


class MemoryRateBook:
    """Implements `ports.limits.RateBook`."""

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._windows: dict[str, MinuteWindow] = {}

    def __len__(self) -> int:
        return len(self._windows)

    def take(self, rows: RowSet, least: int, wish: int) -> Taken | None:
        second = int(self._monotonic())
        windows = self._windows
        found = []
        for row in rows.rows:
            window = windows.get(row.scope)
            if window is None:
                window = self._new_window(row.scope, second)
            if window.second != second:
                window.roll(second)
            if (limit := row.rpm) is not None and window.requests >= limit:
                return None
            if (limit := row.concurrency) is not None and window.running >= limit:
                return None
            if (limit := row.tpm) is not None and (room := limit - window.tokens) < wish:
                if room < least:
                    return None
                wish = room
            found.append(window)
        for window in found:
            window.running += 1
            window.requests += 1
            window.tokens += wish
            cell = window.cell
            cell[0] += 1
            cell[1] += wish
        return Taken(rows, wish, second)

    async def secure(self, rows: RowSet, least: int, wish: int) -> Taken | tuple[Short, ...]:
        if (taken := self.take(rows, least, wish)) is not None:
            return taken
        now = self._monotonic()
        return tuple(s for row in rows.rows for s in _shorts(self._window(row), row, least, now))

    def settle(self, taken: Taken, tokens: int) -> None:
        assert taken.open, "a place is given back once"
        taken.open = False
        unused = taken.tokens - tokens
        windows, second = self._windows, int(self._monotonic())
        for row in taken.rows.rows:
            # Never dropped while something runs in it.
            window = windows[row.scope]
            window.running -= 1
            if unused > 0:
                window.take_back(taken.second, 0, unused)
            elif unused < 0:
                window.roll(second)
                window.count(0, -unused)  # it was used by now, at the latest

    def release(self, taken: Taken) -> None:
        assert taken.open, "a place is given back once"
        taken.open = False
        for row in taken.rows.rows:
            window = self._window(row)
            window.running -= 1
            window.take_back(taken.second, 1, taken.tokens)

    def figures(self, rows: RowSet) -> tuple[Figure | None, Figure | None]:
        requests = tokens = None
        windows, second = self._windows, int(self._monotonic())
        for row in rows.rows:
            window = windows.get(row.scope) or self._new_window(row.scope, second)
            if window.second != second:
                window.roll(second)
            if (limit := row.rpm) is not None:
                left = limit - window.requests
                if requests is None or left < requests[1]:
                    requests = limit, left, window
            if (limit := row.tpm) is not None:
                left = limit - window.tokens
                if tokens is None or left < tokens[1]:
                    tokens = limit, left, window
        return _figure(requests, 0), _figure(tokens, 1)

    def _window(self, row: LimitRow) -> MinuteWindow:
        second = int(self._monotonic())
        window = self._windows.get(row.scope) or self._new_window(row.scope, second)
        if window.second != second:
            window.roll(second)
        return window

    def _new_window(self, scope: str, second: int) -> MinuteWindow:
        windows = self._windows
        for old in list(islice(windows, _LOOKED_AT)):
            window = windows.pop(old)
            in_hand = window.second == second  # maybe of the very request that needs a new one
            window.roll(second)
            if in_hand or not window.idle:
                windows[old] = window  # to the end: others are looked at next time
        windows[scope] = window = MinuteWindow()
        return window


def _figure(found: tuple[int, int, MinuteWindow] | None, index: int) -> Figure | None:
    if found is None:
        return None
    limit, left, window = found
    return Figure(limit, max(left, 0), window.reset_s(index))


def _shorts(window: MinuteWindow, row: LimitRow, least: int, now: float) -> list[Short]:
    found = []
    if row.rpm is not None and window.requests >= row.rpm:
        found.append(Short(row, Measure.REQUESTS, window.wait_s(now, 0, row.rpm - 1)))
    if row.tpm is not None and window.tokens + least > row.tpm:
        found.append(Short(row, Measure.TOKENS, window.wait_s(now, 1, row.tpm - least)))
    if row.concurrency is not None and window.running >= row.concurrency:
        found.append(Short(row, Measure.CONCURRENCY, 1.0))
    return found
