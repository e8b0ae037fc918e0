"""What signing in needs of the process: settings, hasher, identity provider. One for all requests."""

from __future__ import annotations

from dataclasses import dataclass, field

from opengateway.control.identity.hashing import Hasher
from opengateway.control.identity.seen import Seen
from opengateway.control.identity.settings import SignInSettings
from opengateway.ports.identity_provider import IdentityProvider


@dataclass(frozen=True, slots=True)
class SignInTools:
    settings: SignInSettings
    identity_provider: IdentityProvider | None = None
    """Where the zone signs in with OpenID Connect."""
    hasher: Hasher = field(default_factory=Hasher)
    seen: Seen = field(default_factory=Seen)
