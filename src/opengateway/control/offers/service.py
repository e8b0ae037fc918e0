"""Models of the desk: drafted, tried, published, replaced; and models that end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy.exc import IntegrityError

from opengateway.catalog.config import MODEL_ID_PATTERN, ModelConfig
from opengateway.catalog.pricing import lacking
from opengateway.control.actor import Actor
from opengateway.control.conditions import must_match
from opengateway.control.offers.models import DeskModel, ModelDeprecation, ModelState
from opengateway.control.offers.repository import OfferRepository
from opengateway.control.prices.publisher import Trial
from opengateway.control.providers.service import ReadOnly, told
from opengateway.control.providers.tools import DeskTools
from opengateway.control.scope import ControlScope
from opengateway.domain.catalog import Model
from opengateway.domain.errors import Conflict, InvalidRequest, NotFound

MAX_MODELS: Final = 5_000
"""Rows, replaced ones included. Published ones are read whenever a snapshot is compiled."""
_MODEL_ID: Final = re.compile(MODEL_ID_PATTERN)


class ModelNotFound(NotFound):
    code = "model_not_found"


class NotADraft(Conflict):
    code = "not_a_draft"


class TooManyModels(Conflict):
    code = "too_many_models"


class ModelService:
    """The caller owns the transaction. Snapshots follow once it is committed."""

    def __init__(self, scope: ControlScope, actor: Actor, tools: DeskTools) -> None:
        self._rows = OfferRepository(scope.session)
        self._scope = scope
        self._actor = actor
        self._tools = tools

    async def get(self, row_id: str) -> DeskModel:
        """Raises `ModelNotFound`."""
        row = await self._rows.model(row_id)
        if row is None:
            raise ModelNotFound(f"there is no model {row_id!r} on the desk", param="desk_model_id")
        return row

    async def draft(self, model_id: str, config: Mapping[str, Any]) -> DeskModel:
        """Raises `InvalidRequest`, `ReadOnly`, `TooManyModels`."""
        if model_id in self._tools.zone.models:
            raise ReadOnly(f"the zone file says what {model_id!r} is; change it there")
        if _MODEL_ID.fullmatch(model_id) is None:
            raise InvalidRequest("'model_id' is 'owner/name' in lower case", param="model_id")
        checked = await self._checked(model_id, config)
        if await self._rows.count(DeskModel) >= MAX_MODELS:
            raise TooManyModels(f"there are {MAX_MODELS} models on the desk")
        row = DeskModel(
            id=self._scope.new_id("mdl_"),
            model_id=model_id,
            state=ModelState.DRAFT.value,
            config=checked,
            created_at_ns=self._scope.clock.now_ns(),
        )
        await self._rows.add(row)
        await self._note("model.drafted", row, None, row.config)
        return row

    async def change(
        self, row_id: str, config: Mapping[str, Any], *, if_match: str | None
    ) -> DeskModel:
        """Another content of a draft. Raises `ModelNotFound`, `NotADraft`, `InvalidRequest`,
        `PreconditionFailed`."""
        row = await self._a_draft(row_id, if_match)
        before, row.config = row.config, await self._checked(row.model_id, config)
        row.smoke = None
        await self._scope.session.flush()
        await self._note("model.draft_changed", row, before, row.config)
        return row

    async def discard(self, row_id: str, *, if_match: str | None) -> None:
        """Raises `ModelNotFound`, `NotADraft`, `PreconditionFailed`."""
        row = await self._a_draft(row_id, if_match)
        await self._rows.remove(row)
        await self._note("model.draft_discarded", row, row.config, None)

    async def compiled(self, row: DeskModel) -> Model:
        """The model as it would be served. Raises `InvalidRequest`."""
        config = msgspec.convert(row.config, ModelConfig)
        snapshot = await self._tools.tried(self._scope, Trial({row.model_id: config}))
        model = None if snapshot is None else snapshot.models.get(row.model_id)
        if model is None:
            raise InvalidRequest(
                f"none of the endpoints of {row.model_id!r} can be called: their providers need"
                " credentials, or are drained",
                param="config",
            )
        return model

    async def publish(self, row_id: str, *, if_match: str | None) -> DeskModel:
        """Serve it from now on. Its prices hold from this moment and are never edited: another
        publication is another row. Raises as `change` does."""
        row = await self._a_draft(row_id, if_match)
        now_ns = self._scope.clock.now_ns()
        before = await self._rows.published(row.model_id)
        if before is not None:
            before.state = ModelState.REPLACED.value
            await self._scope.session.flush()
        row.config = _dated(row.config, now_ns, row.id)
        row.state, row.published_at_ns = ModelState.PUBLISHED.value, now_ns
        await self._tools.applied(self._scope)
        await self._note(
            "model.published", row, None if before is None else before.config, row.config
        )
        return row

    async def withdraw(self, row_id: str, *, if_match: str | None) -> DeskModel:
        """Serve it no more: what catalogue says of the model holds again, if it says something."""
        row = await self.get(row_id)
        must_match(if_match, row.version)
        if row.state != ModelState.PUBLISHED.value:
            raise Conflict(f"{row_id!r} is {row.state}; only what is published is withdrawn")
        row.state = ModelState.WITHDRAWN.value
        await self._tools.applied(self._scope)
        await self._note("model.withdrawn", row, row.config, None)
        return row

    async def keep_smoke(self, row_id: str, result: list[dict[str, Any]]) -> DeskModel:
        """What a try of each endpoint said."""
        row = await self.get(row_id)
        row.smoke = {"at_ns": self._scope.clock.now_ns(), "endpoints": result}
        await self._scope.session.flush()
        return row

    # --- the end of a model --------------------------------------------------------------------

    async def deprecate(
        self, model_id: str, ends_at_ns: int, successor: str | None, note: str
    ) -> ModelDeprecation:
        """Let a model end, any that is served. Raises `ModelNotFound`, `InvalidRequest`."""
        snapshot = await self._tools.tried(self._scope)
        known = {} if snapshot is None else snapshot.models
        row = await self._rows.deprecation(model_id)
        if row is None and model_id not in known:
            raise ModelNotFound(f"no model {model_id!r} is served here", param="model_id")
        if successor is not None and (successor not in known or successor == model_id):
            raise InvalidRequest(
                f"'successor': {successor!r} is not another model that is served here",
                param="successor",
            )
        if ends_at_ns <= self._scope.clock.now_ns():
            raise InvalidRequest("'ends_at_ns' lies in the past", param="ends_at_ns")
        if row is None:
            row = ModelDeprecation(
                model_id=model_id,
                successor=successor,
                ends_at_ns=ends_at_ns,
                note=note,
                created_at_ns=self._scope.clock.now_ns(),
            )
            try:
                await self._rows.add(row)
            except IntegrityError as error:
                raise Conflict(f"{model_id!r} is being deprecated by another") from error
        else:
            row.successor, row.ends_at_ns, row.note = successor, ends_at_ns, note
        await self._tools.applied(self._scope)
        after = {"successor": successor, "ends_at_ns": ends_at_ns}
        await self._scope.audit(
            self._actor, "model.deprecated", object_id=model_id[:128], after=after, reason=note
        )
        return row

    async def take_back(self, model_id: str) -> None:
        """Let it go on. Raises `NotFound`."""
        row = await self._rows.deprecation(model_id)
        if row is None:
            raise NotFound(f"{model_id!r} does not end", code="not_deprecated", param="model")
        await self._rows.remove(row)
        await self._tools.applied(self._scope)
        await self._scope.audit(self._actor, "model.deprecation_ended", object_id=model_id[:128])

    async def _a_draft(self, row_id: str, if_match: str | None) -> DeskModel:
        row = await self.get(row_id)
        must_match(if_match, row.version)
        if row.state != ModelState.DRAFT.value:
            raise NotADraft(f"{row_id!r} is {row.state}; make another draft of {row.model_id!r}")
        return row

    async def _checked(self, model_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The config as it is kept. Raises `InvalidRequest`."""
        try:
            config = msgspec.convert(dict(given), ModelConfig)
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"'config': {error}"[:500], param="config") from None
        if not 1 <= len(config.endpoints) <= 32:
            raise InvalidRequest("'config.endpoints' are 1 to 32", param="config")
        for endpoint in config.endpoints:
            missing = lacking(endpoint.price, config.kind)
            if missing:
                raise InvalidRequest(
                    f"the price of {endpoint.provider!r} needs {' or '.join(missing)}",
                    param="config",
                )
        await self._tools.tried(self._scope, Trial({model_id: config}))
        stored: dict[str, Any] = _bare(msgspec.to_builtins(config))
        return stored

    async def _note(self, action: str, row: DeskModel, before: Any, after: Any) -> None:
        await self._scope.audit(
            self._actor,
            action,
            object_id=row.id,
            before=told(before),
            after={"model_id": row.model_id, "config": told(after)},
        )


def _bare(value: Any) -> Any:
    """Without what was not given."""
    if isinstance(value, dict):
        return {name: _bare(one) for name, one in value.items() if one not in (None, [], ())}
    return [_bare(one) for one in value] if isinstance(value, list | tuple) else value


def _dated(config: Mapping[str, Any], now_ns: int, row_id: str) -> dict[str, Any]:
    """Every price named after this publication: a row's id means one price for ever."""
    day = datetime.fromtimestamp(now_ns // 10**9, UTC).date().isoformat()
    endpoints = [
        {
            **endpoint,
            "price": {**endpoint["price"], "effective_from": day, "source": f"desk {row_id}"},
        }
        for endpoint in config["endpoints"]
    ]
    return {**config, "endpoints": endpoints}
