"""Write the examples anew: `python -m recorded_exchanges`, with `tests` as PYTHONPATH."""

from recorded_exchanges.recording import write

write()
