"""What a person reads when `asg serve` is ready."""

from importlib.metadata import version

from asg_executor.access.exposure import is_loopback
from asg_executor.api.service import Service
from asg_executor.engines.lookup import engine_named

__all__ = ["banner"]


def banner(url: str, service: Service, *, is_temporary: bool) -> str:
    """Where the service is reached, and what it has.

    Args:
        url: where it listens.
        service: the service.
        is_temporary: whether its data directory is removed at the end.

    Returns:
        A line with the URL, and one for each of what else there is to know.
    """
    settings = service.settings
    removed = " (removed at the end)" if is_temporary else ""
    rows = {
        "documentation": f"{url}/docs",
        "data": f"{settings.data_dir}{removed}, {_sessions(service)}",
        "engine": f"{engine_named(settings.engine).name}, {settings.workers} at a time",
        "key": _key(service),
    }
    lines = [f"ASG executor {version('asgraph')} on {url} (Ctrl+C stops it)"]
    return "\n".join(lines + [f"  {name:<13}  {value}" for name, value in rows.items()])


def _key(service: Service) -> str:
    if service.key_required:
        return "every request needs one; asg keys create makes it"
    if not is_loopback(service.settings.host):
        return "none is asked for, though other machines may reach it: something else has to protect it"
    return "none is asked for: only this machine reaches it"


def _sessions(service: Service) -> str:
    held, damaged = len(list(service.sessions)), len(service.sessions.damaged)
    text = f"{held} session{'' if held == 1 else 's'}"
    return f"{text}, and {damaged} that {'is' if damaged == 1 else 'are'} damaged" if damaged else text
