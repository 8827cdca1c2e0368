"""Whether a host is this machine itself, so that what is sent to it in the clear is seen by nobody else."""

from ipaddress import ip_address


def on_loopback(host: str) -> bool:
    """host: a name or an address as in a URL, without brackets and port. No name is looked up."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
