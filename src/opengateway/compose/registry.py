"""Every component that exists. A line here is a promise: what is not built is not listed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengateway.compose.components import Egress, Factory, SlotName, Stability
from opengateway.compose.stores import ServerOptions, ValkeyOptions
from opengateway.infra.event_log.options import ArchiveOptions
from opengateway.infra.mail.options import SmtpOptions
from opengateway.infra.payments.options import StripeOptions

_REFERENCES: Final = "opengateway.compose.references:References"

REGISTRY: Final = (
    Factory(SlotName.CONTROL_STORE, "sqlite", Egress.NONE, "opengateway.infra.database:Database"),
    Factory(
        SlotName.CONTROL_STORE,
        "postgres",
        Egress.ZONE,
        "opengateway.infra.database:Database",
        config=ServerOptions,
    ),
    # One gateway's own memory: nothing to build, and nothing shared.
    Factory(SlotName.SHARED_STATE, "memory", Egress.NONE, ""),
    Factory(
        SlotName.SHARED_STATE,
        "valkey",
        Egress.ZONE,
        "opengateway.infra.shared_state.valkey:Valkey",
        config=ValkeyOptions,
    ),
    # Rows are written in the transaction of the journal's offset (decision 7), so new ones lie in
    # the control store, whichever that is. `local`: older ones lie in files beside it.
    Factory(
        SlotName.EVENT_LOG,
        "local",
        Egress.NONE,
        "opengateway.infra.event_log.parquet:ParquetArchive",
        config=ArchiveOptions,
    ),
    Factory(
        SlotName.EVENT_LOG,
        "postgres",
        Egress.ZONE,
        "opengateway.infra.event_log.sql:SqlEventLog",
        needs=((SlotName.CONTROL_STORE, "postgres"),),
    ),
    Factory(
        SlotName.EVENT_LOG,
        "clickhouse",
        Egress.ZONE,
        "opengateway.infra.event_log.clickhouse:ClickHouseArchive",
        config=ServerOptions,
        stability=Stability.PREVIEW,
    ),
    Factory(SlotName.BILLING, "ledger", Egress.NONE, "opengateway.infra.purse.leased:LeasedPurse"),
    Factory(SlotName.BILLING, "off", Egress.NONE, "opengateway.infra.purse:UnlimitedPurse"),
    Factory(SlotName.PAYMENTS, "none", Egress.NONE, ""),
    Factory(
        SlotName.PAYMENTS,
        "stripe",
        Egress.INTERNET,
        "opengateway.infra.payments.stripe:StripeProcessor",
        config=StripeOptions,
    ),
    Factory(SlotName.MAIL, "none", Egress.NONE, "opengateway.infra.mail.none:NoMail"),
    Factory(
        SlotName.MAIL,
        "smtp",
        Egress.ZONE,
        "opengateway.infra.mail.smtp:SmtpMailer",
        config=SmtpOptions,
    ),
    # `file`: credentials come from the environment or from files; `env`: from the environment only.
    Factory(SlotName.SECRETS, "file", Egress.NONE, _REFERENCES),
    Factory(SlotName.SECRETS, "env", Egress.NONE, _REFERENCES),
)

MEANS: Final[Mapping[tuple[SlotName, str], str]] = {
    (SlotName.CONTROL_STORE, "sqlite"): "one file below home, for one member",
    (SlotName.CONTROL_STORE, "postgres"): "one store for all members of the zone",
    (SlotName.SHARED_STATE, "memory"): "each gateway counts limits and sees health by itself",
    (SlotName.SHARED_STATE, "valkey"): "gateways count limits and see health together",
    (SlotName.EVENT_LOG, "local"): "new rows in the control store, older ones in files below home",
    (SlotName.EVENT_LOG, "postgres"): "all rows in the control store",
    (SlotName.EVENT_LOG, "clickhouse"): "new rows in the control store, older ones in ClickHouse",
    (SlotName.BILLING, "ledger"): "requests are held for, charged and refused without credit",
    (SlotName.BILLING, "off"): "requests are priced and logged; nothing is held or charged",
    (SlotName.PAYMENTS, "none"): "credit comes by redeem codes and grants",
    (SlotName.PAYMENTS, "stripe"): "teams buy credit at the payment processor",
    (SlotName.MAIL, "none"): "invitations and resets are links to hand over",
    (SlotName.MAIL, "smtp"): "letters go to the zone's mail server",
    (SlotName.SECRETS, "file"): "credentials come from the environment or from files",
    (SlotName.SECRETS, "env"): "credentials come from the environment alone",
}
"""What a choice means, for `doctor`."""

DEFAULTS: Final = {
    SlotName.CONTROL_STORE: "sqlite",
    SlotName.SHARED_STATE: "memory",
    SlotName.EVENT_LOG: "local",
    SlotName.BILLING: "ledger",
    SlotName.PAYMENTS: "none",
    SlotName.MAIL: "none",
    SlotName.SECRETS: "file",
}
"""What fills a slot that the zone file leaves out."""
