"""What counts as this machine itself, for what may be sent in the clear."""

import pytest

from shotbuild.host.loopback import on_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.4.5.6", "::1"])
def test_this_machine_is_this_machine(host: str) -> None:
    assert on_loopback(host)


@pytest.mark.parametrize(
    "host", ["127.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil.example", "", "::2"]
)
def test_no_other_host_is_taken_for_it(host: str) -> None:
    assert not on_loopback(host)
