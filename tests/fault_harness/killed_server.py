"""`asg serve` that kills itself before a chosen file operation: `python killed_server.py AT serve …`.

AT is the number of the operation, or a kind, a part of the path and how many of these come before: `write:/logs/:2`.

The product has no such hook; its functions of `os` are wrapped from outside.
"""

import os
import signal
import sys
from pathlib import Path

from typing_extensions import override

from asg_schema.cli import main
from fault_harness.faulty_disk import NEVER, FaultyDisk


class KillingDisk(FaultyDisk):
    """Ends the process, as SIGKILL does, before the chosen operation.

    Args:
        root: the directory whose operations count.
        chosen: which it is.
    """

    def __init__(self, root: Path, chosen: str) -> None:
        named = ":" in chosen
        super().__init__(root, NEVER if named else int(chosen), follows=False)
        self._kind, self._part, left = chosen.split(":") if named else ("", "", "0")
        self._left = int(left)

    @override
    def operation(self, kind: str, path: object) -> None:
        if len(self.operations) == self.at or self._is_named(kind, str(path)):
            os.kill(os.getpid(), signal.SIGKILL)
        super().operation(kind, path)

    def _is_named(self, kind: str, path: str) -> bool:
        if kind != self._kind or self._part not in path:
            return False
        self._left -= 1
        return self._left < 0


if __name__ == "__main__":
    directory = Path(sys.argv[sys.argv.index("--data-dir") + 1])
    with KillingDisk(directory, sys.argv.pop(1)):
        main()
