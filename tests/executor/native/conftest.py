"""With `CHECK_BOUNDS=1` in the environment the native engine checks every access of its kernels: `make bounds`."""

import pytest

from asg_executor.engines.native import native_engine
from asg_executor.engines.native.bounds.checked_engine import CheckedSectionMaker
from executor.native.checked_running import CHECKS_ALL


@pytest.fixture(autouse=True)
def checked_native_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The native engine checks, where all is to be checked."""
    if CHECKS_ALL:
        monkeypatch.setattr(native_engine, "SectionMaker", CheckedSectionMaker)
