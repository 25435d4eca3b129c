"""Where the data directory is."""

from pathlib import Path

import platformdirs

from asg_executor.settings import Settings

__all__ = ["data_directory"]


def data_directory(settings: Settings) -> Path | None:
    """The data directory that settings name, or else the user's own for the port; None for port 0, which has none."""
    if settings.data_dir is not None:
        return settings.data_dir
    return platformdirs.user_data_path("asg") / f"port-{settings.port}" if settings.port else None
