"""The vendors' servers of tests/servers as the contract suite wants them: what goes wrong by kind of error."""

from collections.abc import Mapping, Sequence

from shotbuild.errors import (
    DailyCap,
    KeyRefused,
    Moderated,
    OutOfFunds,
    PinGone,
    ProviderError,
    ProviderRefused,
    RateLimited,
    VendorFault,
)
from shotbuild.testing.loopback import Heard
from tests.servers.clips import clip
from tests.servers.service import Fault, VendorServer
from tests.servers.vendors import Vendor

REFUSALS: Mapping[type[ProviderError], Fault] = {
    ProviderRefused: Fault.SUBMIT_INVALID,
    KeyRefused: Fault.SUBMIT_AUTH,
    RateLimited: Fault.SUBMIT_LIMITED,
    DailyCap: Fault.SUBMIT_DAILY_CAP,
    OutOfFunds: Fault.SUBMIT_FUNDS,
    Moderated: Fault.SUBMIT_MODERATED,
    PinGone: Fault.SUBMIT_MODEL_GONE,
}
FAILURES: Mapping[type[ProviderError], Fault] = {VendorFault: Fault.POLL_FAULT, Moderated: Fault.POLL_MODERATED}


class Stand:
    """A vendor's server under the names of `shotbuild.testing.loopback.Server`."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.server: VendorServer = vendor.server(clip=clip(str(vendor.seconds)))

    def __enter__(self) -> "Stand":
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def environment(self) -> Mapping[str, str]:
        return self.vendor.environment(self.server)

    @property
    def secrets(self) -> Sequence[str]:
        return (self.server.key,)

    @property
    def paid(self) -> int:
        return self.server.paid

    @property
    def heard(self) -> Sequence[Heard]:
        return [
            Heard(each.method, "?".join([each.path, *(f"{k}={v}" for k, v in each.query.items())]), each.headers, each.raw)
            for each in self.server.asked
        ]

    def refuse(self, kind: type[ProviderError]) -> bool:
        return self._next(REFUSALS.get(kind))

    def fail(self, kind: type[ProviderError]) -> bool:
        return self._next(FAILURES.get(kind))

    def mumble(self) -> bool:
        return self._next(Fault.POLL_UNKNOWN)

    def forget(self) -> bool:
        return self._next(Fault.POLL_GONE)

    def lose(self, *, accepted: bool) -> bool:
        return self._next(Fault.SUBMIT_DROP_AFTER if accepted else Fault.SUBMIT_DROP_BEFORE)

    def _next(self, fault: Fault | None) -> bool:
        if fault is None or fault in self.vendor.never:
            return False
        self.server.faults.append(fault)
        return True
