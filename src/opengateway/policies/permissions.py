"""Who may do what, as sets, loaded from `permissions.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType

import msgspec

from opengateway.domain.errors import OperatorError


class Role(StrEnum):
    """A column of the table: what somebody is, in a team or on the platform."""

    OWNER = "owner"
    ADMIN = "admin"
    BILLING = "billing"
    MEMBER = "member"
    VIEWER = "viewer"
    MANAGEMENT_KEY = "management_key"
    PLATFORM_ADMIN = "platform_admin"
    PLATFORM_SUPPORT = "platform_support"
    PLATFORM_FINANCE = "platform_finance"


TEAM_ROLES: tuple[Role, ...] = (Role.OWNER, Role.ADMIN, Role.BILLING, Role.MEMBER, Role.VIEWER)
PLATFORM_ROLES: tuple[Role, ...] = (
    Role.PLATFORM_ADMIN,
    Role.PLATFORM_SUPPORT,
    Role.PLATFORM_FINANCE,
)


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    roles: list[Role]
    team: dict[str, str]
    platform: dict[str, str]


class Permissions:
    """The table. `team` and `platform` give, for each permission, the roles that have it."""

    def __init__(
        self, team: Mapping[str, AbstractSet[Role]], platform: Mapping[str, AbstractSet[Role]]
    ) -> None:
        self.team = team
        self.platform = platform

    def allows(self, permission: str, *roles: Role | None) -> bool:
        """Whether any of `roles` has it. Raises `KeyError` for a permission that is in no table."""
        having = self.team.get(permission)
        if having is None:
            having = self.platform[permission]
        return any(role in having for role in roles)


def read_permissions(text: str) -> Permissions:
    """The table of a policy file. Raises `OperatorError` that names the row at fault."""
    try:
        table = msgspec.convert(tomllib.loads(text), _Table)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise OperatorError(f"policies/permissions.toml: {error}") from None
    if sorted(table.roles) != sorted(Role):
        raise OperatorError(f"policies/permissions.toml: 'roles' must be {', '.join(Role)}")
    if twice := table.team.keys() & table.platform.keys():
        raise OperatorError(f"policies/permissions.toml: {min(twice)!r} stands in both tables")
    team = {name: _cells(name, row, table.roles) for name, row in table.team.items()}
    platform = {name: _cells(name, row, table.roles) for name, row in table.platform.items()}
    return Permissions(MappingProxyType(team), MappingProxyType(platform))


def _cells(name: str, row: str, roles: list[Role]) -> AbstractSet[Role]:
    cells = row.split()
    if len(cells) != len(roles) or not set(cells) <= {"x", "-"}:
        raise OperatorError(
            f"policies/permissions.toml: row {name!r} must be {len(roles)} cells, each 'x' or '-'"
        )
    return frozenset(role for role, cell in zip(roles, cells, strict=True) if cell == "x")


def _load() -> Permissions:
    return read_permissions(files(__package__).joinpath("permissions.toml").read_text("utf-8"))


PERMISSIONS: Permissions = _load()
