"""Write the golden data directory of this version: `python -m golden_directories NAME`, with `tests` as PYTHONPATH."""

import sys

from golden_directories.kept import write

write(sys.argv[1])
