"""`asg serve` that kills itself before a chosen file operation: `python killed_server.py AT serve …`.

The product has no such hook; its functions of `os` are wrapped from outside.
"""

import os
import signal
import sys
from pathlib import Path

from typing_extensions import override

from asg_schema.cli import main
from fault_harness.faulty_disk import FaultyDisk


class KillingDisk(FaultyDisk):
    """Ends the process, as SIGKILL does, before the chosen operation."""

    @override
    def operation(self, kind: str, path: object) -> None:
        if len(self.operations) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        super().operation(kind, path)


if __name__ == "__main__":
    directory = Path(sys.argv[sys.argv.index("--data-dir") + 1])
    number = int(sys.argv.pop(1))
    with KillingDisk(directory, number, follows=False):
        main()
