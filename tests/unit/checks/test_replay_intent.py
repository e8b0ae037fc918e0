"""What a profile declares is what it means: each change needs its field, and fits its values."""

from __future__ import annotations

from typing import Any

import pytest

from opengateway.checks.replay_intent import changes_between, declared
from opengateway.domain.catalog import Profile

LIMIT = Profile(rename={"max_completion_tokens": "max_tokens"})


def unexpected(profile: Profile, recorded: dict[str, Any], sent: dict[str, Any]) -> list[str]:
    """The members that differ, and that the profile does not declare so."""
    bent = declared(profile, "m")
    found = [
        member
        for member, change, old, new in changes_between(recorded, sent)
        if not bent.covers(member, change, old, new)
    ]
    return [*found, *(f"{old} as {new}" for old, new in bent.moved(recorded, sent))]


def test_a_member_under_another_name_has_its_value_or_a_lower_limit() -> None:
    recorded = {"max_completion_tokens": 100}
    assert unexpected(LIMIT, recorded, {"max_tokens": 100}) == []
    assert unexpected(LIMIT, recorded, {"max_tokens": 50}) == []
    assert unexpected(LIMIT, recorded, {"max_tokens": 200}) == [
        "max_completion_tokens as max_tokens"
    ]
    assert unexpected(Profile(), recorded, {"max_tokens": 100}) == [
        "max_completion_tokens",
        "max_tokens",
    ]


def test_what_is_left_out_without_a_word_said_nothing() -> None:
    profile = Profile(drop=("logit_bias",))
    assert unexpected(profile, {"logit_bias": None}, {}) == []
    assert unexpected(profile, {"logit_bias": {"1": 2}}, {}) == ["logit_bias"]


@pytest.mark.parametrize(
    ("old", "new", "is_meant"),
    [("developer", "system", True), ("user", "system", False), ("developer", "user", False)],
)
def test_a_role_changes_where_the_vendor_knows_no_developers(
    old: str, new: str, is_meant: bool
) -> None:
    recorded, sent = ({"messages": [{"role": role}]} for role in (old, new))
    profile = Profile(developer_role=False)
    assert (unexpected(profile, recorded, sent) == []) is is_meant
    assert unexpected(Profile(developer_role=True), recorded, sent) == ["messages[].role"]


def test_tools_are_fewer_and_never_others() -> None:
    one, other = {"name": "a"}, {"name": "b"}
    profile = Profile(tool_choice_allowed=False)
    assert unexpected(profile, {"tools": [one, other]}, {"tools": [one]}) == []
    assert unexpected(profile, {"tools": [one, other]}, {"tools": [{"name": "c"}]}) == ["tools"]
    assert unexpected(profile, {"tool_choice": "auto"}, {"tool_choice": "required"}) == [
        "tool_choice"
    ]


def test_turns_are_joined_where_no_role_may_speak_twice() -> None:
    said = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    joined = [{"role": "user", "content": "a\n\nb"}]
    profile = Profile(one_turn_each=True)
    assert unexpected(profile, {"messages": said}, {"messages": joined}) == []
    assert unexpected(profile, {"messages": joined}, {"messages": said}) == ["messages"]
    assert unexpected(Profile(), {"messages": said}, {"messages": joined}) == ["messages"]
