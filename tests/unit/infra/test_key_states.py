from __future__ import annotations

import asyncio

import pytest

from opengateway.domain.errors import CapacityError
from opengateway.infra.journal.shipper import ControlUnreachable
from opengateway.infra.key_states import ControlKeyStates
from opengateway.kit.clock import ManualClock
from opengateway.ports.key_state import CreditState, KeyState


def state(key_id: str) -> KeyState:
    return KeyState(
        key_id, "team_1", "k", "h", None, None, None, 0, 0, 0, 0, None, CreditState(0, 0, 0, 0)
    )


class Control:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = False

    async def ask(self, key_id: str) -> KeyState | None:
        self.asked.append(key_id)
        await asyncio.sleep(0.01)
        if self.away:
            raise ControlUnreachable("gone")
        return state(key_id) if key_id != "key_none" else None


async def test_many_callers_of_one_key_ask_once_a_second() -> None:
    control, clock = Control(), ManualClock()
    states = ControlKeyStates(control.ask, clock)
    await asyncio.gather(*(states.of("key_1") for _ in range(20)), states.of("key_2"))
    await states.of("key_1")
    assert sorted(control.asked) == ["key_1", "key_2"]
    clock.advance(1.0)
    assert (await states.of("key_1")).key_id == "key_1"
    assert len(control.asked) == 3


async def test_a_caller_that_leaves_does_not_end_the_others_question() -> None:
    control = Control()
    states = ControlKeyStates(control.ask, ManualClock())
    leaving = asyncio.create_task(states.of("key_1"))
    staying = asyncio.create_task(states.of("key_1"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).key_id == "key_1"


@pytest.mark.parametrize("key_id", ["key_1", "key_none"])
async def test_without_control_or_key_it_is_503_and_asked_anew(key_id: str) -> None:
    control = Control()
    control.away = True
    states = ControlKeyStates(control.ask, ManualClock())
    for _ in range(2):
        with pytest.raises(CapacityError) as caught:
            await states.of(key_id)
        assert caught.value.status == 503
    control.away = False
    assert (await states.of("key_1")).key_id == "key_1"


async def test_no_more_than_a_bounded_number_of_keys_is_remembered() -> None:
    control = Control()
    states = ControlKeyStates(control.ask, ManualClock())
    await asyncio.gather(*(states.of(f"key_{n}") for n in range(1500)))
    assert len(states._answers) <= 1024
