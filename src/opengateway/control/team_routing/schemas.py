"""What the routes of a team's routing policy take and give."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, Field

from opengateway.control.bodies import MAX_INT, example, input_example
from opengateway.domain.routing_rules import MaxPrice, RoutingPolicy

Slug = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}(/[a-z0-9][a-z0-9_.-]{0,63})?$"),
]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Nanos = Annotated[int, Field(ge=0, le=MAX_INT)]
_MOST_LISTED = 200
_SHOWN: dict[str, Any] = {
    "only": [],
    "ignore": ["azure/eastus"],
    "countries": ["KR", "JP"],
    "deny_data_collection": True,
    "zdr": False,
    "max_price": {
        "prompt": 5_000_000_000,
        "completion": 20_000_000_000,
        "request": None,
        "image": None,
    },
}


class MaxPriceBody(BaseModel):
    """Nano-dollars: per million tokens, per request, per image. Null is no bound."""

    model_config = input_example(**_SHOWN["max_price"])

    prompt: Nanos | None = None
    completion: Nanos | None = None
    request: Nanos | None = None
    image: Nanos | None = None


class RoutingPolicyBody(BaseModel):
    """The whole ceiling: what is left out bounds nothing. `only` and `ignore` name providers, or one
    region of them; `countries` are where an endpoint must be."""

    model_config = input_example(**_SHOWN)

    only: list[Slug] = Field([], max_length=_MOST_LISTED)
    ignore: list[Slug] = Field([], max_length=_MOST_LISTED)
    countries: list[Country] = Field([], max_length=_MOST_LISTED)
    deny_data_collection: bool = False
    zdr: bool = Field(False, description="Only providers that keep nothing.")
    max_price: MaxPriceBody | None = None

    def policy(self) -> RoutingPolicy:
        most = self.max_price
        bounds = {} if most is None else most.model_dump(exclude_none=True)
        return RoutingPolicy(
            only=tuple(dict.fromkeys(self.only)),
            ignore=tuple(dict.fromkeys(self.ignore)),
            countries=tuple(dict.fromkeys(self.countries)),
            deny_data_collection=self.deny_data_collection,
            zdr=self.zdr,
            max_price=MaxPrice(**bounds) if bounds else None,
        )


class RoutingPolicyView(BaseModel):
    """`served`: how many of the zone's models some endpoint may still serve; null before the zone
    has published its first configuration. `version` is the team's."""

    model_config = example(**_SHOWN, served=187, models=202, version=3)

    only: list[str]
    ignore: list[str]
    countries: list[str]
    deny_data_collection: bool
    zdr: bool
    max_price: MaxPriceBody | None
    served: int | None
    models: int | None
    version: int

    @classmethod
    def of(
        cls, policy: RoutingPolicy, served: tuple[int, int] | None, version: int
    ) -> RoutingPolicyView:
        told = msgspec.to_builtins(policy)
        return cls.model_validate(
            {
                **told,
                "served": None if served is None else served[0],
                "models": None if served is None else served[1],
                "version": version,
            }
        )
