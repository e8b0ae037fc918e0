"""What a zone says of signing in. Made from the zone file's `auth` and `listen` sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from opengateway.domain.sign_up import SignUp

SECOND_NS: Final = 1_000_000_000
STEP_UP_S: Final = 600
"""How long a proof of who one is serves for what needs one."""


@dataclass(frozen=True, slots=True)
class OidcGrant:
    """Members of `group` at the identity provider have `role` in the team of this name or id."""

    group: str
    team: str
    role: str


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """One identity provider. `issuer` is compared character by character."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    """None for a public client: PKCE alone then binds the code to us."""
    name: str
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    hosts: tuple[str, ...] = ()
    """Hosts beside the issuer's own that its metadata may point to."""
    groups_claim: str = "groups"
    grants: tuple[OidcGrant, ...] = ()


@dataclass(frozen=True, slots=True)
class SignInSettings:
    """Durations in seconds. `public_url` is where browsers find us, without a slash at the end."""

    zone: str
    public_url: str
    password: bool = True
    signup: SignUp = SignUp.INVITE
    domains: tuple[str, ...] = ()
    idle_s: float = 1_800
    absolute_s: float = 43_200
    oidc: OidcSettings | None = None

    @property
    def secure(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def origin(self) -> str:
        """As browsers write it in `Origin`: without the scheme's default port."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}".lower().removesuffix(_DEFAULT[parts.scheme])

    @property
    def host(self) -> str:
        """The relying party's id for passkeys (WebAuthn, 5.1.2): the host without a port."""
        return urlsplit(self.public_url).hostname or "localhost"

    @property
    def session_cookie(self) -> str:
        """`__Host-` binds a cookie to this host over TLS; browsers refuse it over plain http."""
        return "__Host-og_session" if self.secure else "og_session"

    @property
    def flow_cookie(self) -> str:
        """Holds what a sign-in has begun: a challenge, or a trip to the identity provider."""
        return "__Host-og_flow" if self.secure else "og_flow"

    def allows_sign_up(self, email: str) -> bool:
        """Whether somebody may make an account without an invitation."""
        match self.signup:
            case SignUp.OPEN:
                return True
            case SignUp.DOMAINS:
                return email.rpartition("@")[2] in self.domains
            case SignUp.INVITE:
                return False


_DEFAULT: Final[Mapping[str, str]] = {"https": ":443", "http": ":80"}
