from __future__ import annotations

import pytest

from contract.rate_book import RateBookContract
from opengateway.infra.limits.memory import MemoryRateBook
from opengateway.kit.clock import SystemClock
from opengateway.ports.limits import RateBook


class TestMemoryRateBook(RateBookContract):
    @pytest.fixture
    def book(self) -> RateBook:
        return MemoryRateBook(SystemClock())
