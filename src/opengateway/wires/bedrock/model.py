"""Which rule a model has, whatever region its inference profile routes to.

Ids: `anthropic.claude-...-v1:0`, the same with a region's prefix (`us.`, `global.`), or the ARN of an
application's own profile, which hides the maker: for those the zone gives a rule whose prefix is the
ARN (reference: providers, B.5).
"""

from __future__ import annotations

import re
from typing import Final

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.model_rules import ModelRule

_REGION: Final = re.compile(r"(?:us-gov|us|eu|apac|jp|au|ca|sa|mx|il|global)\.")
_NO_RULE: Final = ModelRule(prefix="")


def rule_of(endpoint: Endpoint, provider: Provider) -> ModelRule:
    model = endpoint.upstream_model
    found = _REGION.match(model)
    bare = model[found.end() :] if found else model
    rules = provider.profile.models
    return next((rule for rule in rules if bare.startswith(rule.prefix)), _NO_RULE)
