"""Every component that exists. A line here is a promise: what is not built is not listed."""

from __future__ import annotations

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
