"""What writes `tests/conformance/*.json`: `python -m conformance_vectors`, with `tests` on the path.

`samples` makes cases of every op from its samples, `edges` from the derivatives that are written out, `refusals` from
the nodes that ops refuse; `requests` and `programs` are written by hand.
"""
