"""What the payment routes take and give. Amounts that are sent are decimal strings of US dollars."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field

from opengateway.control.bodies import example, input_example
from opengateway.control.ledger.schemas import Note, Usd
from opengateway.control.payments.models import Payment, RechargeSettings, Refund


class NewTopUp(BaseModel):
    """`save_method`: keep the method for automatic recharging."""

    model_config = input_example(usd="50.00", save_method=True)

    usd: Usd
    save_method: bool = False


class PageView(BaseModel):
    """Send the person to `url`; they come back to the billing page."""

    model_config = example(
        id="pay_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b", url="https://checkout.example/c/pay/cs_1"
    )

    id: str
    url: str


class PaymentView(BaseModel):
    """`total_cents` is what is paid, `tax_cents` of it tax; `amount_nanos` becomes credit."""

    model_config = example(
        id="pay_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        kind="checkout",
        state="paid",
        currency="usd",
        amount_nanos=50_000_000_000,
        net_cents=5_000,
        tax_cents=500,
        total_cents=5_500,
        refunded_cents=0,
        disputed_cents=0,
        grant_id="crd_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        failure=None,
        created_at_ns=1_764_000_000_000_000_000,
        paid_at_ns=1_764_000_060_000_000_000,
    )

    id: str
    kind: str
    state: str
    currency: str
    amount_nanos: int
    net_cents: int
    tax_cents: int
    total_cents: int
    refunded_cents: int
    disputed_cents: int
    grant_id: str | None
    failure: str | None
    created_at_ns: int
    paid_at_ns: int | None

    @classmethod
    def of(cls, row: Payment) -> Self:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class RechargeView(BaseModel):
    """Charges `amount_nanos` to the saved method when the balance is below `below_nanos`, at most
    `monthly_nanos` in a month of UTC. `failures` in a row; after three it is switched off."""

    model_config = example(
        enabled=True,
        below_nanos=10_000_000_000,
        amount_nanos=50_000_000_000,
        monthly_nanos=500_000_000_000,
        failures=0,
        version=1,
    )

    enabled: bool = False
    below_nanos: int = 0
    amount_nanos: int = 0
    monthly_nanos: int | None = None
    failures: int = 0
    version: int = 0

    @classmethod
    def of(cls, row: RechargeSettings | None) -> Self:
        if row is None:
            return cls()
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class NewRecharge(BaseModel):
    """`monthly_usd` null: no limit."""

    model_config = input_example(
        enabled=True, below_usd="10.00", amount_usd="50.00", monthly_usd="500.00"
    )

    enabled: bool
    below_usd: Usd
    amount_usd: Usd
    monthly_usd: Usd | None = None


class PaymentSettingsView(BaseModel):
    """How a team can pay here. `processor` null: not at all. `method` is a saved method's label,
    such as a card's brand, last four digits and month."""

    model_config = example(
        processor="stripe",
        min_usd="5",
        max_usd="10000",
        tax_name="VAT",
        tax_ppm=100_000,
        display_currency="KRW",
        has_method=True,
        method="visa 4242 12/2030",
        recharge=RechargeView().model_dump(),
    )

    processor: str | None
    min_usd: str
    max_usd: str
    tax_name: str
    tax_ppm: int
    display_currency: str
    has_method: bool
    method: str | None
    recharge: RechargeView


class NewPaymentRefund(BaseModel):
    """`usd`: of the credit; left out: all that is left."""

    model_config = input_example(usd="20.00", note="asked for by mail")

    note: Note
    usd: Usd | None = None


class RefundView(BaseModel):
    """`state`: booked (the processor was not reached yet, and is asked again), sent, failed."""

    model_config = example(
        id="rfd_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        payment_id="pay_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        state="sent",
        cents=2_200,
        amount_nanos=20_000_000_000,
        entry_id="ent_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        created_at_ns=1_764_000_000_000_000_000,
    )

    id: str
    payment_id: str
    state: str
    cents: int
    amount_nanos: int
    entry_id: str
    created_at_ns: int

    @classmethod
    def of(cls, row: Refund) -> Self:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class TakenView(BaseModel):
    """`again`: it was told before."""

    received: bool = True
    again: bool = Field(False)
