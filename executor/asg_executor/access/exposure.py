"""Who can reach the service, and whether a request needs a key for that reason."""

import ipaddress

from asg_executor.settings import Settings

__all__ = ["is_loopback", "key_required"]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def key_required(settings: Settings) -> bool:
    """Whether every request needs a key, but for the few that anybody may send.

    On an address of this machine alone none is needed, unless the settings say so; elsewhere one is, unless they say
    that something else protects the service.
    """
    return settings.require_key or not (is_loopback(settings.host) or settings.allow_remote)
